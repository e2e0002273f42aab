"""Moves: where a notebook is now, and under which paths things ran in it before.

A run keeps the path that its notebook had when it began. Jupyter Server tells when a notebook or a folder is renamed
or moved, and that is kept as a fact of its own; what was moved behind its back is known again by the IDs of its cells.
Row IDs are in the order of time, so a path belonged to a notebook between two of them.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

from mlops_nb.capture import notebooks
from mlops_nb.errors import MlopsError
from mlops_nb.project import FOLDER, Project
from mlops_nb.store.db import LATEST

LOOKED_AT = 2000  # notebooks of a project that are opened to find one again
SHARED = 0.5  # of the cells that ran must be in a notebook that is taken for theirs


@dataclass(frozen=True)
class Era:
    """A time in which a notebook had a path: after one row ID, and up to another."""

    path: str
    after: int
    until: int


@dataclass(frozen=True)
class Moves:
    """The moves of a project's notebooks in the order of time: when, from where, and where to."""

    all: list[tuple[int, str, str]]

    @classmethod
    def of(cls, project: Project) -> Moves:
        """Read the moves of a project."""
        rows = project.store.rows("SELECT id, old, new FROM notebook_move ORDER BY id")
        return cls([(row["id"], row["old"], row["new"]) for row in rows])

    def eras(self, path: str) -> list[Era]:
        """Return the paths that the notebook now at a path has had, newest first."""
        found, until = [], LATEST
        for number, old, new in reversed(self.all):
            if path == new:
                found.append(Era(path, number, until))
                path, until = old, number
            elif path == old:  # before that, another notebook had this path
                return [*found, Era(path, number, until)]
        return [*found, Era(path, 0, until)]

    def present(self, path: str, since: int) -> str:
        """Return where the notebook is now that had a path at the time of a row ID."""
        for number, old, new in self.all:
            if number > since and old == path:
                path = new
        return path


def add_move(project: Project, old: Path, new: Path) -> None:
    """Record that a notebook, or a folder of notebooks, has another path now."""
    before, after = project.relative(old), project.relative(new)
    with project.store.write() as store:
        known = {row[0] for row in store.execute("SELECT DISTINCT notebook FROM run WHERE notebook IS NOT NULL")}
        known |= {row[0] for row in store.execute("SELECT DISTINCT new FROM notebook_move")}
        if old.suffix == ".ipynb":
            known.add(before)
        for path in sorted(known):
            if path == before or path.startswith(f"{before}/"):
                store.execute(
                    "INSERT INTO notebook_move (id, old, new, at) VALUES (?, ?, ?, ?)",
                    store.next_id(), path, after + path[len(before) :], time.time(),
                )  # fmt: skip


def present_path(project: Project, path: str, since: int) -> Path:
    """Return the file of the notebook that had a path at the time of a row ID, wherever it is now.

    The path it had is returned where it is gone and nobody knows where to.
    """
    now = Moves.of(project).present(path, since)
    if not (project.root / now).exists():
        ran = _cells_run(project, now)
        alike = [file for file in _notebooks(project) if ran and _share(ran, file) >= SHARED]
        if len(alike) == 1:  # a copy beside it would be as good an answer, and nobody can tell
            return alike[0]
    return project.root / now


def eras_of(project: Project, notebook: Path) -> list[Era]:
    """Return the paths that a notebook has had, newest first; an unknown one may be known again by its cells."""
    moves, place = Moves.of(project), project.relative(notebook)
    eras = moves.eras(place)
    if not any(_ran_in(project, era) for era in eras):
        gone = [path for path in _places_run(project) if path != place and not (project.root / path).exists()]
        shares = {path: _share(_cells_run(project, path), notebook) for path in gone}
        best = max(shares, key=shares.__getitem__, default=None)
        if best is not None and shares[best] >= SHARED:
            return moves.eras(best)
    return eras


def _ran_in(project: Project, era: Era) -> bool:
    return project.store.row(
        "SELECT 1 FROM run WHERE notebook = ? AND id > ? AND id <= ? LIMIT 1", era.path, era.after, era.until
    ) is not None  # fmt: skip


def _places_run(project: Project) -> list[str]:
    rows = project.store.rows("SELECT DISTINCT notebook FROM run WHERE notebook IS NOT NULL AND kind <> 'step'")
    return [row[0] for row in rows]


def _cells_run(project: Project, place: str) -> set[str]:
    """Return the IDs of the cells that the last run under a path executed."""
    rows = project.store.rows(
        "SELECT DISTINCT cell FROM execution WHERE cell IS NOT NULL AND run ="
        " (SELECT max(run.id) FROM run JOIN execution ON execution.run = run.id WHERE notebook = ?)",
        place,
    )
    return {row[0] for row in rows} - {notebooks.INJECTED}


def _share(ran: set[str], notebook: Path) -> float:
    """Return which part of some cells is in a notebook; cells without an ID of their own are in none."""
    try:
        there = {cell.id for cell in notebooks.read(notebook).code if not cell.id.isdecimal()}
    except (OSError, MlopsError):
        return 0.0
    return len(ran & there) / len(ran) if ran else 0.0


def _notebooks(project: Project) -> list[Path]:
    found: list[Path] = []
    for folder, folders, files in os.walk(project.root):
        folders[:] = [name for name in folders if not name.startswith(".") and name not in (FOLDER, notebooks.RECEIPTS)]
        found += [Path(folder, name) for name in files if name.endswith(".ipynb")]
        if len(found) > LOOKED_AT:
            break
    return found
