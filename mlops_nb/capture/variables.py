"""Variables: each binding of a name is a node of its own, made by one cell and read by others."""

from __future__ import annotations

import itertools
import types
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from mlops_nb import ids
from mlops_nb.capture import dataflow, nodes
from mlops_nb.capture.dataflow import Names
from mlops_nb.store.db import Store

#: Names that IPython keeps for itself.
OWN = frozenset(
    {"In", "Out", "_", "__", "___", "_i", "_ii", "_iii", "_ih", "_oh", "_dh", "exit", "quit", "get_ipython"}
)


@dataclass(frozen=True)
class NameMark:
    """What a namespace was before a cell: the identity of what each variable is bound to, and its newest name."""

    bound: dict[str, int]
    newest: str | None


@dataclass(frozen=True)
class Touched:
    """The variables that a cell read (row IDs), and those it made or changed (row ID, name, kind)."""

    read: list[int]
    made: list[tuple[int, str, str]]


class Variables:
    """The present binding of each name of a notebook."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.versions: dict[str, int] = {}

    def forget(self) -> None:
        """Know no variable any more: what they became meanwhile was not seen."""
        self.versions.clear()

    def mark(self, namespace: dict[str, Any]) -> NameMark:
        """Remember a namespace, at a cost that does not grow with what IPython keeps in it."""
        bound = {name: id(namespace[name]) for name in self.versions if name in namespace}
        return NameMark(bound, next(reversed(namespace), None))

    def touched(self, names: Names, namespace: dict[str, Any], before: NameMark) -> Touched:
        """Return which variables a cell read and made, from its names and from what the namespace became."""
        called = {name for name in names.calls if name in namespace}
        changes = names.changes | {n for n in called if not issubclass(type(namespace[n]), types.ModuleType)}
        reads = dataflow.closure(names.reads | changes, namespace)
        read = [self.versions[name] for name in reads if name in self.versions]
        for name in names.deletes:
            self.versions.pop(name, None)
        written = {name for name in names.binds | changes if name in namespace}
        written |= {name for name, old in before.bound.items() if name in namespace and id(namespace[name]) != old}
        written |= {name for name in _newer(namespace, before.newest) if not name.startswith("_")}
        changed = {id(namespace[name]) for name in changes if name in namespace}
        if changed:  # an alias of a changed object has changed too
            written |= {name for name in self.versions if id(namespace.get(name)) in changed}
        made = []
        for name in sorted(written - OWN):
            self.versions[name] = number = self.store.next_id()
            made.append((number, name, "import" if name in names.imports else "variable"))
        return Touched(read, made)

    def record(self, execution: int, touched: Touched) -> None:
        """Record, inside a transaction, what a cell read and made."""
        for number in touched.read:
            nodes.add_edge(self.store, number, execution, "read")
        for number, name, kind in touched.made:
            nodes.add_node(self.store, kind, name, number=number, public=ids.new_id())
            nodes.add_edge(self.store, execution, number, "wrote")


def _newer(namespace: dict[str, Any], newest: str | None) -> list[str]:
    """Return the names that a namespace has got since one was its newest: a dict keeps the order of coming."""

    def until_known(names: Iterator[str]) -> list[str]:
        return list(itertools.takewhile(lambda name: name != newest, names))

    if newest not in namespace:
        return []  # it was deleted meanwhile; what the code itself binds is known anyway
    try:
        return until_known(reversed(namespace))
    except RuntimeError:  # another thread binds names at this moment
        return until_known(reversed(list(namespace)))
