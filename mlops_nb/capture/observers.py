"""Who looks at a cell when it has ended, and at an object that is kept: later layers that make facts of their own.

An observer is called once for each outermost cell, on the cell's own path, so it must be quick: what takes long goes
to ``project.store.defer(job, prepare)``. What it raises is a gap of the run and never reaches the cell.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from mlops_nb.capture.files.opened import Opened
from mlops_nb.capture.usage import Usage
from mlops_nb.capture.variables import Touched
from mlops_nb.project import Project


@dataclass(frozen=True)
class Seen:
    """A cell that has ended, and what it touched; variables are given by name with the row IDs of their nodes."""

    project: Project
    run: int
    execution: int
    tree: ast.AST | None
    namespace: Mapping[str, Any]
    read: Mapping[str, int]
    made: Mapping[str, int]
    opened: list[Opened]
    ok: bool = True  # whether the cell ran to its end
    skipped: bool = False  # whether its author wants nothing kept of what it says
    touched: Touched | None = None  # what it read and made, in full
    spent: Usage | None = None  # what it cost
    listed: tuple[str, ...] = ()  # the folders whose content it asked for
    unsure: tuple[str, ...] = ()  # what it did that could not be seen


Observer = Callable[[Seen], None]

#: Called in order after each outermost cell; modules above this layer add theirs when capture is attached.
OBSERVERS: list[Observer] = []

#: Called with the project, the row ID of what holds an object, such as a model's version or a dataset, and the object.
KEEPERS: list[Callable[[Project, int, Any], None]] = []


def kept(project: Project, number: int, subject: Any) -> None:
    """Tell those who know more of an object that it was kept as a node (row ID), or came from one."""
    for tell in KEEPERS:
        tell(project, number, subject)
