"""Nodes and edges: everything that lineage connects has a node; edges point the way the data flows."""

from __future__ import annotations

import time

from mlops_nb.ids import new_id
from mlops_nb.project import Project
from mlops_nb.store.db import Store

#: Kinds of nodes that are versions of what a name, or a hidden variable of the notebook, was bound to.
VERSIONS = frozenset({"variable", "import", "result", "ambient", "absence"})
#: Those that every cell has to do with: they would bury a picture.
COMMON = frozenset({"import", "result", "ambient", "absence"})
#: Why a write may be none of the cell's: it is seen by watching folders, and that does not always tell who did it.
FOREIGN = "another process may have done this"
#: The scheme of a reference to a file that was changed after it was read: what was read is not known any more.
OVERWRITTEN = "overwritten"


def add_node(store: Store, kind: str, name: str, *, number: int | None = None, public: str | None = None) -> int:
    """Insert a node inside a transaction and return its row ID."""
    number = number or store.next_id()
    store.execute(
        "INSERT INTO node (id, public, kind, name, created_at) VALUES (?, ?, ?, ?, ?)",
        number, public or new_id(), kind, name, time.time(),
    )  # fmt: skip
    return number


def add_edge(store: Store, source: int, target: int, kind: str, reference: str = "") -> None:
    """Insert an edge inside a transaction; the same edge again is the same, only later.

    Args:
        store: the store
        source: where the data comes from
        target: where it goes
        kind: ``read``, ``wrote``, ``removed`` or ``holds``; ``became`` from what a value was to what a change in place
            made it
        reference: what the code called it, such as ``dataset:flights`` or ``file:data/x.csv``
    """
    store.execute(
        "INSERT INTO edge (source, target, kind, reference, recorded) VALUES (?, ?, ?, ?, ?)"
        " ON CONFLICT (source, target, kind, reference) DO UPDATE SET recorded = excluded.recorded",
        source, target, kind, reference, store.next_id() if reference else None,
    )  # fmt: skip


def add_doubt(store: Store, node: int, reason: str, reference: str = "") -> None:
    """Record, inside a transaction, why nobody can be sure about a node, or about one thing that a cell used.

    What is in doubt is never taken for clean.
    """
    store.execute(
        "INSERT INTO doubt (node, reference, reason) VALUES (?, ?, ?) ON CONFLICT DO NOTHING", node, reference, reason
    )


def was_read(project: Project, node: int, reference: str) -> None:
    """Record that the cell running now, or else the run, read a node under a reference."""
    _touch(project, node, reference, "read")


def was_written(project: Project, node: int, reference: str) -> None:
    """Record that the cell running now, or else the run, wrote a node under a reference."""
    _touch(project, node, reference, "wrote")


def _touch(project: Project, node: int, reference: str, kind: str) -> None:
    here = project.execution or project.run
    if here is None:
        return
    with project.store.write() as store:
        source, target = (node, here) if kind == "read" else (here, node)
        add_edge(store, source, target, kind, reference)
