"""Columns whose values must not be kept, by the patterns that ``mlops.toml`` lists.

    [privacy]
    deny_columns = ["ssn", "email*"]

Case does not count. Of a denied column its name and type are kept, and no value: not in profiles, copies, examples or
pictures, nor in an output that names it.
"""

from __future__ import annotations

import csv
import fnmatch
import re
from collections.abc import Iterable
from pathlib import Path

from mlops_nb.errors import UsageError
from mlops_nb.project import CHARTER, Project

_settings: dict[Path, tuple[tuple[int, int] | None, tuple[str, ...]]] = {}  # by charter: its state, its patterns


def patterns(project: Project) -> tuple[str, ...]:
    """Return the patterns of denied columns as they are now, in lower case; the file is read when it has changed.

    Raises:
        UsageError: the setting is not a list of texts.
    """
    path = project.root / CHARTER
    try:
        seen = path.stat()
    except OSError:
        return ()
    state = (seen.st_mtime_ns, seen.st_size)
    if path not in _settings or _settings[path][0] != state:
        listed = project.section("privacy").get("deny_columns", [])
        if not isinstance(listed, list) or not all(isinstance(pattern, str) for pattern in listed):
            raise UsageError(f'[privacy] deny_columns = {listed!r} is no list of names - write ["ssn", "email*"]')
        _settings[path] = (state, tuple(pattern.lower() for pattern in listed))
    return _settings[path][1]


def denied(project: Project, labels: Iterable[object]) -> list[object]:
    """Return those of a table's column labels whose values must not be kept."""
    listed = patterns(project)
    return [label for label in labels if any(_matches(label, pattern) for pattern in listed)] if listed else []


def _matches(label: object, pattern: str) -> bool:
    parts = label if type(label) is tuple else (label,)  # of columns in levels, any level
    return any(fnmatch.fnmatchcase(str(part).lower(), pattern) for part in parts)


def refuse(project: Project, path: Path) -> None:
    """Refuse a file that is a table with a denied column: a copy of a file is kept whole or not at all.

    Raises:
        UsageError: the file has such a column.
    """
    if patterns(project) and (found := denied(project, _header(path))):
        raise UsageError(
            f"{path} has the column {str(found[0])!r}, which [privacy] deny_columns keeps out of the store - keep the"
            " table with mlops.dataset, which leaves it out"
        )


def _header(path: Path) -> list[str]:
    """Return the names of the columns of a .csv, .tsv or .parquet file; of another file, none."""
    if path.suffix in (".csv", ".tsv"):
        with path.open(encoding="utf-8", errors="replace", newline="") as file:
            return next(csv.reader(file, delimiter="\t" if path.suffix == ".tsv" else ","), [])
    if path.suffix == ".parquet":
        import pyarrow.parquet as pq

        return list(pq.read_schema(path).names)
    return []


def named(project: Project) -> re.Pattern[str] | None:
    """Return what finds the name of a denied column in a text, or None if none is denied."""
    listed = patterns(project)
    if not listed:
        return None
    words = (re.escape(pattern).replace(r"\*", r"\w*").replace(r"\?", r"\w") for pattern in listed)
    return re.compile(rf"(?i)(?<!\w)(?:{'|'.join(words)})(?!\w)")
