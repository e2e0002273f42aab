"""Exports: a run written for others to read, in a format that is not ours."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlops_nb import hooks
from mlops_nb.capture.processes import reap
from mlops_nb.errors import MlopsError, NotFound, StoreReadOnly, UsageError
from mlops_nb.lineage.export import crate, openlineage, prov
from mlops_nb.lineage.export.facts import RunFacts, read
from mlops_nb.lineage.export.names import Names
from mlops_nb.lineage.references import resolve
from mlops_nb.project import Project
from mlops_nb.records import Record
from mlops_nb.verbs import verb

FOLDER = "exports"


@dataclass(frozen=True)
class Export(Record):
    """What was written: events, records or entities, in so many files, and what is only named because it is gone."""

    run: str
    format: str
    path: Path
    entries: int
    files: int
    bytes: int
    missing: list[str]


Written = tuple[int, list[str]]


def _openlineage(project: Project, names: Names, run: RunFacts, target: Path) -> Written:
    events = names.plain_json(openlineage.events(project, names, run))
    lines = [json.dumps(event, sort_keys=True, ensure_ascii=False, allow_nan=False) for event in events]
    target.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return len(events), []


def _prov(project: Project, names: Names, run: RunFacts, target: Path) -> Written:
    document = names.plain_json(prov.document(project, run))
    text = json.dumps(document, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False)
    target.write_text(f"{text}\n", encoding="utf-8")
    return sum(len(section) for name, section in document.items() if name != "prefix"), []


def _crate(project: Project, names: Names, run: RunFacts, target: Path) -> Written:
    target.mkdir()
    return crate.write(project, names, run, target)


#: By the name of the format: how its file or folder ends, and what writes it.
FORMATS: dict[str, tuple[str, Callable[[Project, Names, RunFacts, Path], Written]]] = {
    "openlineage": (".openlineage.ndjson", _openlineage),
    "prov": (".prov.json", _prov),
    "crate": (".crate", _crate),
}


@verb("export", job=True)
def export(project: Project, run: str | None = None, *, format: str = "openlineage", to: str | None = None) -> Export:
    """Write a run as OpenLineage events, W3C PROV-JSON or a Provenance Run Crate.

    Args:
        run: the run, as runs:/ID, an ID or the beginning of one; a pipeline's run includes its steps. Without it, the
            run that is going on in this notebook, elsewhere the last one
        format: openlineage (events, one a line), prov (one JSON document) or crate (a folder)
        to: the file or folder to make, or for a file the folder to put it in; by default the project's "exports"

    Raises:
        NotFound: there is no such run, or none at all.
        UsageError: there is no such format, the target exists, or what is named is not a run.
        StoreReadOnly: the target cannot be written.
    """
    if format not in FORMATS:
        raise UsageError(f"no format {format!r} - there are: {', '.join(FORMATS)}")
    suffix, write = FORMATS[format]
    reap(project)
    number = _present(project) if run is None else _run(project, run)
    with hooks.unheard():
        names = Names(project)
        facts = read(project, names, number)
        target = _target(project, to, f"{facts.record.id}{suffix}", format)
        if os.path.lexists(target):
            raise UsageError(f"{target} exists - remove it, or give another place with --to")
        entries, missing = _place(target, lambda part: write(project, names, facts, part))
        files = [path for path in (target, *target.rglob("*")) if path.is_file()]
        size = sum(path.stat().st_size for path in files)
    return Export(facts.record.id, format, target, entries, len(files), size, missing)


def _present(project: Project) -> int:
    """Return the row ID of the run that is going on here, else of the last one that is no part of another."""
    if project.run is not None:
        return project.run
    number: int | None = project.store.value("SELECT max(id) FROM run WHERE parent IS NULL")
    if number is None:
        raise NotFound(f"no run has been recorded in {project.root} - run a cell after %load_ext mlops_nb")
    return number


def _run(project: Project, reference: str) -> int:
    """Return the row ID of a run; what is named without a scheme is a run before it is anything else."""
    try:
        number = resolve(project, reference if ":" in reference else f"runs:{reference}")
    except NotFound as unknown:
        try:
            number = resolve(project, reference)
        except MlopsError:
            raise unknown from None
    kind = project.store.value("SELECT kind FROM node WHERE id = ?", number)
    if kind != "run":
        raise UsageError(f"{reference!r} is a {kind}, not a run - see `mlops runs`")
    return number


def _target(project: Project, to: str | None, name: str, format: str) -> Path:
    """Return what to make; a crate is a folder, so one that is named is the crate itself."""
    if to is None:
        return project.root / FOLDER / name
    inside = format != "crate" and (to.endswith(os.sep) or Path(to).is_dir())
    return Path(to) / name if inside else Path(to)


def _place(target: Path, write: Callable[[Path], Any]) -> Any:
    """Let something be written beside a target and put it there when it is whole; a failure leaves nothing."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".export-") as folder:
            part = Path(folder) / "part"
            result = write(part)
            part.rename(target)
    except OSError as error:
        raise StoreReadOnly(
            f"cannot write {target}: {error.strerror or error} - give a place you may write with --to"
        ) from error
    return result
