"""How a column depends on another, in the words of OpenLineage, and the algebra of such dependencies.

A column is named by its label as text. Some names mean more than one column:

    ``*``        every column of a table, or its whole
    ``=``        the column of the same name
    ``(index)``  which rows there are, in which order, under which labels
    (nothing)    a value that is no table: its whole; of a model, its settings
    (fit)        of a model, what it learned
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

IDENTITY = "DIRECT/IDENTITY"
TRANSFORMATION = "DIRECT/TRANSFORMATION"
AGGREGATION = "DIRECT/AGGREGATION"
FILTER = "INDIRECT/FILTER"
JOIN = "INDIRECT/JOIN"
GROUP_BY = "INDIRECT/GROUP_BY"
SORT = "INDIRECT/SORT"
CONDITIONAL = "INDIRECT/CONDITIONAL"
#: A column that comes from the text of the cell alone.
NOTHING = "NOTHING"

#: From the closest to the loosest; a chain of dependencies is as loose as its loosest link.
ORDER = {kind: n for n, kind in enumerate((IDENTITY, TRANSFORMATION, AGGREGATION, FILTER, JOIN, GROUP_BY, SORT))}
ORDER[CONDITIONAL] = len(ORDER)
FIRST_INDIRECT = ORDER[FILTER]

ALL, SAME, INDEX, WHOLE, FIT = "*", "=", "(index)", "", "(fit)"
#: Of an execution: all that it read, variables too; its ``*`` and columns are those of the files and datasets it read.
EVERYTHING = "(everything)"
RESERVED = frozenset({ALL, SAME, INDEX, WHOLE, FIT, EVERYTHING})


class Dep(NamedTuple):
    """A column that another depends on; ``node`` is a row ID."""

    node: int
    column: str
    kind: str
    assumed: bool = False


Deps = frozenset[Dep]
FREE: Deps = frozenset()


def direct(deps: Deps, kind: str = TRANSFORMATION) -> Deps:
    """Return the dependencies of what is computed from something: at least as loose as ``kind``."""
    least = ORDER[kind]
    return frozenset(dep if ORDER[dep.kind] >= least else dep._replace(kind=kind) for dep in deps)


def influence(deps: Deps, kind: str) -> Deps:
    """Return the dependencies of what something decides about without entering into it."""
    return frozenset(dep if ORDER[dep.kind] >= FIRST_INDIRECT else dep._replace(kind=kind) for dep in deps)


def assumed(deps: Deps) -> Deps:
    """Return dependencies marked as assumed, as computed values."""
    return frozenset(dep._replace(assumed=True) for dep in direct(deps))


def union(parts: Iterable[Deps]) -> Deps:
    """Return all dependencies of several things."""
    return FREE.union(*parts)


def resolved(deps: Deps, label: str) -> Deps:
    """Return dependencies in which the column of the same name is ``label``."""
    return frozenset(dep._replace(column=label) if dep.column == SAME else dep for dep in deps)


def chained(first: str, then: str) -> str:
    """Return the kind of a dependency that goes over two."""
    return max(first, then, key=ORDER.__getitem__) if ORDER[first] < FIRST_INDIRECT else first


def words(text: str) -> frozenset[str]:
    """Return the words of a text as a set: how the names of functions are listed here."""
    return frozenset(text.split())


def as_text(label: object) -> str | None:
    """Return a label as text, or None if it is of a type that is not known to be harmless."""
    kind = type(label)
    if kind is str:
        text = str(label)
        return f"\\{text}" if text in RESERVED or text.startswith("\\") else text
    if kind in (int, float, bool, type(None)):
        return str(label)
    if kind is tuple and all(type(part) in (str, int, float, bool, type(None)) for part in label):  # type: ignore[attr-defined]
        return repr(label)
    if kind.__module__ == "numpy" and hasattr(kind, "item"):
        item = label.item()  # type: ignore[attr-defined]
        return None if type(item) is kind else as_text(item)
    if kind.__module__.partition(".")[0] == "pandas":  # a time, a period, an interval: pandas' own
        return str(label)
    return None
