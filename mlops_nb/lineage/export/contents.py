"""The bytes of things: a copy that the store keeps, or a file that still is what it was."""

from __future__ import annotations

import contextlib
import csv
import shutil
from collections.abc import Iterator
from pathlib import Path

from mlops_nb.errors import MlopsError
from mlops_nb.ids import file_digest
from mlops_nb.project import Project
from mlops_nb.records import Json

DELIMITERS = {".csv": ",", ".tsv": "\t"}


def copy(project: Project, number: int, address: str | None, target: Path) -> bool:
    """Copy the bytes of a node (row ID, sha256) to a new file; False if nothing has these bytes any more.

    What was copied is hashed, not what was there before.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    for source in _candidates(project, number, address):
        shutil.copyfile(source, target)
        if file_digest(target) == address:
            return True
        target.unlink()
    return False


def columns(project: Project, number: int, address: str | None, place: str) -> dict[str, Json] | None:
    """Return the columns of a CSV or Parquet file by name with what its head says of them, or None."""
    suffix = Path(place).suffix.lower()
    if suffix not in (*DELIMITERS, ".parquet"):
        return None
    for source in _candidates(project, number, address):
        if file_digest(source) == address:
            with contextlib.suppress(ValueError, OSError, csv.Error):  # it is called a table and is none
                return _parquet(source) if suffix == ".parquet" else _head(source, DELIMITERS[suffix])
    return None


def _parquet(path: Path) -> dict[str, Json]:
    import pyarrow.parquet as pq

    return {field.name: {"type": str(field.type).removeprefix("large_")} for field in pq.read_schema(path)}


def _head(path: Path, delimiter: str) -> dict[str, Json] | None:
    with path.open(encoding="utf-8-sig", newline="") as handle:
        names = next(csv.reader(handle, delimiter=delimiter), [])
    return {name: {} for name in names if name} or None


def _candidates(project: Project, number: int, address: str | None) -> Iterator[Path]:
    """Yield the files that may hold a node's bytes."""
    if address is None:
        return
    with contextlib.ExitStack() as opened, contextlib.suppress(MlopsError, OSError):
        yield opened.enter_context(project.content.open_path(address))
    for row in project.store.rows("SELECT path FROM location WHERE artifact = ? ORDER BY path", number):
        path = project.root / row["path"]
        if path.is_file():
            yield path
