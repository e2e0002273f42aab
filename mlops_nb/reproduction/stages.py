"""Stages: a folder in which a slice runs again, with what it needs as it was then.

Files are put back by their hash, from the store or from where they still lie unchanged. Datasets and models that the
slice loads are entered in a store of the stage's own, under the names they had. The user's folder is only read.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from mlops_nb.capture.files.opened import same_folder
from mlops_nb.ids import file_digest
from mlops_nb.lineage.facts import Named, RunFacts
from mlops_nb.lineage.programs import as_notebook
from mlops_nb.lineage.slices import Slice, SliceFile, Trace, slice_from
from mlops_nb.project import CHARTER, Project

NOTEBOOK = "slice.ipynb"
#: What a version of a dataset or a model is made of, by its scheme, but for what points into the rest of the store.
TABLES = {
    "dataset": ("dataset", ("id", "name", "version", "fingerprint", "rows", "columns", "content", "created_at")),
    "models": (
        "model_version",
        ("id", "name", "version", "content", "format", "flavor", "signature", "example", "trusted", "intent",
         "created_at"),
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Script:
    """What is to run again: a slice, the facts of its run, and the row IDs of its executions in their order."""

    project: Project
    slice: Slice
    facts: RunFacts
    executions: Sequence[int]
    folder: str  # where it ran, below the project's root

    @classmethod
    def of(cls, project: Project, ref: str, trace: Trace) -> Script:
        """Return what has to run again for what a backward walk started from."""
        numbers = [step.number for step in trace.steps]
        run = project.store.value("SELECT run FROM execution WHERE id = ?", numbers[0])
        notebook = project.store.value("SELECT notebook FROM run WHERE id = ?", run)
        folder = str(PurePosixPath(notebook).parent) if notebook and not PurePosixPath(notebook).is_absolute() else "."
        return cls(project, slice_from(project, ref, trace), trace.facts, numbers, folder)

    def made(self) -> Iterator[Named]:
        """Yield the datasets and models that it makes."""
        for number in self.executions:
            yield from (thing for thing in self.facts.wrote.get(number, ()) if thing.scheme in TABLES)

    def loaded(self) -> Iterator[Named]:
        """Yield the datasets and models that it loads and does not make itself."""
        made: set[str] = set()
        for number in self.executions:
            yield from (
                thing
                for thing in self.facts.named.get(number, ())
                if thing.scheme in TABLES and thing.reference not in made
            )
            made |= {thing.reference for thing in self.facts.wrote.get(number, ())}


def obstacles(script: Script) -> list[str]:
    """Return why a slice cannot run again on a stage; nothing has been run to know it."""
    found = [reason for file in script.slice.files if (reason := _why_not(script.project, file))]
    for number in script.executions:
        outside = [thing.place for thing in script.facts.wrote.get(number, ()) if _is_outside(thing)]
        count = script.facts.steps[number].count
        found += [f"cell [{count}] writes {place}, outside of the project" for place in outside]
    return found


def _is_outside(thing: Named) -> bool:
    return thing.scheme == "file" and os.path.isabs(thing.place)


def _why_not(project: Project, file: SliceFile) -> str | None:
    if file.hash is None:
        return f"{file.path} is needed, and its content then is not known"
    if _is_there(project, file) or (file.stored and not os.path.isabs(file.path)):
        return None
    present = "is not there any more" if not _place(project, file).exists() else "has other content now"
    return f"{file.path} {present}, and no copy of it was kept (mlops.log_artifact keeps one)"


def _place(project: Project, file: SliceFile) -> Path:
    return project.root / file.path  # an absolute path stays what it is


def _is_there(project: Project, file: SliceFile) -> bool:
    """Whether a file, or a folder of files, still has the content that it had."""
    path = _place(project, file)
    if path.is_file():
        return file_digest(path) == file.hash
    manifest = project.store.value(
        "SELECT manifest FROM folder JOIN artifact ON artifact.id = folder.artifact WHERE hash = ?", file.hash
    )
    return manifest is not None and path.is_dir() and same_folder(path, project.content.text(manifest))


def build(script: Script, root: Path) -> Path:
    """Lay out a stage in an empty folder and return the notebook of the slice in it."""
    project = script.project
    for file in script.slice.files:
        if not os.path.isabs(file.path):
            _put(project, file, root / file.path)
    if (project.root / CHARTER).exists():
        shutil.copyfile(project.root / CHARTER, root / CHARTER)
    _enter(script, Project(root))
    folder = root / script.folder
    folder.mkdir(parents=True, exist_ok=True)
    notebook = folder / NOTEBOOK
    notebook.write_text(as_notebook(script.slice), encoding="utf-8")
    return notebook


def _put(project: Project, file: SliceFile, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    source = _place(project, file)
    if _is_there(project, file):
        if source.is_dir():
            shutil.copytree(source, target, dirs_exist_ok=True)
        else:
            shutil.copyfile(source, target)
    else:
        assert file.hash is not None  # `obstacles` has said so otherwise
        target.write_bytes(project.content.get(file.hash))


def _enter(script: Script, stage: Project) -> None:
    """Enter the datasets and models that a slice loads in the stage's store, with the versions that they had.

    Of what it makes, the version before is entered too, so that the new one gets its number.
    """
    source = script.project
    made = {thing.node: thing for thing in script.made()}
    before = [found for thing in made.values() if (found := _version_before(source, thing))]
    with stage.store.write():
        for thing in (*script.loaded(), *before):
            if thing.node not in made:
                _copy(source, stage, thing)
    stage.store.close()


def _version_before(project: Project, thing: Named) -> Named | None:
    table = TABLES[thing.scheme][0]
    number = project.store.value(
        f"SELECT max(id) FROM {table} WHERE name = (SELECT name FROM {table} WHERE id = ?) AND version <"
        f" (SELECT version FROM {table} WHERE id = ?)",
        thing.node, thing.node,
    )  # fmt: skip
    return None if number is None else Named(number, thing.scheme, "")


def _copy(source: Project, stage: Project, thing: Named) -> None:
    """Enter a version of a dataset or model, and the alias under which it was loaded, inside a transaction."""
    store, (table, names) = stage.store, TABLES[thing.scheme]
    row = source.store.row(f"SELECT {', '.join(names)} FROM {table} WHERE id = ?", thing.node)
    node = source.store.row("SELECT public, kind, name, created_at FROM node WHERE id = ?", thing.node)
    if row is None or node is None or store.execute("SELECT 1 FROM node WHERE id = ?", thing.node).fetchone():
        return
    for content in filter(None, (row["content"], row["example"] if "example" in names else None)):
        stage.content.put(source.content.get(content))
    marks = ", ".join("?" * len(names))
    store.execute("INSERT INTO node (id, public, kind, name, created_at) VALUES (?, ?, ?, ?, ?)", thing.node, *node)
    store.execute(f"INSERT INTO {table} ({', '.join(names)}) VALUES ({marks})", *row)
    if alias := thing.place.partition("@")[2]:
        store.execute(
            "INSERT INTO alias_move (id, model, alias, version, reason, actor, at)"
            " VALUES (?, ?, ?, ?, 'as it was then', ?, ?)",
            store.next_id(), row["name"], alias, row["version"], stage.actor, row["created_at"],
        )  # fmt: skip
