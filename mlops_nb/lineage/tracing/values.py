"""What a value is to the interpreter: a table, a column, a model, several values, or something else.

Values are mutable where Python's are, and are shared where names share an object: that is how aliases are followed.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from mlops_nb.lineage.tracing.kinds import (
    ALL,
    CONDITIONAL,
    FREE,
    IDENTITY,
    INDEX,
    JOIN,
    SAME,
    Dep,
    Deps,
    as_text,
    influence,
    resolved,
    union,
)  # fmt: skip

#: What has no literal value.
UNKNOWN: Any = object()


class Lost(Exception):
    """What a cell does cannot be followed: any object may have changed."""


class Value:
    """Anything that an expression can be."""

    @property
    def literal(self) -> Any:
        """The value itself, where the text of the code tells it."""
        return UNKNOWN


@dataclass(eq=False)
class Rows:
    """Which rows there are: two values with the same rows are aligned; ``levels`` are the named parts of the index."""

    deps: Deps = FREE
    levels: dict[str, Deps] = field(default_factory=dict)

    def all(self) -> Deps:
        """Everything that the rows and their labels come from."""
        return union((self.deps, *self.levels.values()))

    def influenced(self, deps: Deps) -> Rows:
        """Return other rows, chosen by something."""
        return Rows(self.deps | deps, {name: old | deps for name, old in self.levels.items()})


@dataclass(eq=False)
class Table(Value):
    """A DataFrame. ``rest`` is what every column comes from that is not among ``columns``; None: there is none.

    ``prefixes`` are columns whose names only the data tell, by how they begin. A ``selection`` has no other columns
    than a table before it, and perhaps fewer; ``ordered`` says that ``columns`` are in order. ``unclear``: it may be
    the same object as another, so that a change of it cannot be followed.
    """

    columns: dict[str, Deps] = field(default_factory=dict)
    rows: Rows = field(default_factory=Rows)
    rest: Deps | None = None
    prefixes: dict[str, Deps] = field(default_factory=dict)
    ordered: bool = False
    selection: bool = False
    unclear: bool = False

    def of(self, label: str) -> Deps | None:
        """Return what a column comes from; None if there can be no such column."""
        if (known := self.columns.get(label)) is not None:
            return known
        if found := [deps for prefix, deps in self.prefixes.items() if label.startswith(prefix)]:
            return union(found)
        return None if self.rest is None else resolved(self.rest, label)

    def all(self) -> Deps:
        """Everything that any column comes from."""
        rest = resolved(self.rest, ALL) if self.rest else FREE
        return union((*self.columns.values(), *self.prefixes.values(), rest, self.rows.all()))

    def names(self) -> Deps:
        """What the labels of the columns come from, where the data tell them; else what those of the rows do."""
        rest = FREE if self.rest is None else frozenset(dep for dep in self.rest if dep.column != SAME)
        return influence(union((*self.prefixes.values(), rest, self.rows.deps)), CONDITIONAL)

    def mapped(self, change: Callable[[Deps], Deps], rows: Rows | None = None) -> Table:
        """Return a table with each column changed by itself."""
        return Table(
            {label: change(deps) for label, deps in self.columns.items()}, rows or self.rows,
            None if self.rest is None else change(self.rest),
            {prefix: change(deps) for prefix, deps in self.prefixes.items()}, self.ordered,
        )  # fmt: skip

    def influenced(self, deps: Deps, kind: str) -> Table:
        """Return a table whose rows were chosen or ordered by something."""
        by = influence(deps, kind)
        return self.mapped(lambda old: old | by, self.rows.influenced(by))

    def become(self, other: Table) -> None:
        """Be another table from now on, under every name."""
        self.columns, self.rows, self.rest = dict(other.columns), other.rows, other.rest
        self.prefixes, self.ordered, self.selection = dict(other.prefixes), other.ordered, False


@dataclass(eq=False)
class Column(Value):
    """A Series, or an Index that is used as one."""

    deps: Deps = FREE
    rows: Rows = field(default_factory=Rows)
    name: str | None = None
    unclear: bool = False

    def all(self) -> Deps:
        """Everything that its values and labels come from."""
        return self.deps | self.rows.all()

    def influenced(self, deps: Deps, kind: str) -> Column:
        """Return a column whose rows were chosen or ordered by something."""
        by = influence(deps, kind)
        return Column(self.deps | by, self.rows.influenced(by), self.name)

    def become(self, other: Column) -> None:
        """Be another column from now on, under every name."""
        self.deps, self.rows, self.name = other.deps, other.rows, other.name


@dataclass(eq=False)
class Memory:
    """What was put into an object after it was made; views of an array share one."""

    deps: Deps = FREE
    held: list[Value] = field(default_factory=list)
    source: bool = False  # it may be, or be a part of, an object that another name holds
    holder: bool = True  # it may hold tables


@dataclass(eq=False)
class Whole(Value):
    """A value that is not followed any closer: a number, text, an array, any object."""

    deps: Deps = FREE
    value: Any = UNKNOWN
    memory: Memory = field(default_factory=Memory)
    opaque: bool = False  # an object whose methods may do anything
    late: bool = False  # its literal value was read after the cell

    @property
    def literal(self) -> Any:
        """The value itself, where the text of the code tells it."""
        return self.value


@dataclass(eq=False)
class Several(Value):
    """A list or tuple written out."""

    items: list[Value]
    kind: type = list
    mixed: bool = False  # it was changed in a way that left the order unknown

    @property
    def literal(self) -> Any:
        """The list or tuple, if every item is literal."""
        found = [item.literal for item in self.items]
        return UNKNOWN if self.mixed or any(item is UNKNOWN for item in found) else self.kind(found)


@dataclass(eq=False)
class Keyed(Value):
    """A dict with literal keys."""

    items: dict[Any, Value]

    @property
    def literal(self) -> Any:
        """The dict, if every value is literal."""
        found = {key: item.literal for key, item in self.items.items()}
        return UNKNOWN if any(item is UNKNOWN for item in found.values()) else found


@dataclass(eq=False)
class Grouped(Value):
    """``groupby`` (or ``resample``, ``rolling``) before it is aggregated; a key without a name has the name None."""

    table: Table
    keys: list[tuple[str | None, Deps]]
    by: Deps
    single: str | None = None  # it was a Series, or one column of the groups: its name
    flat: bool = False  # as_index=False
    window: bool = False  # keeps its rows
    chosen: bool = False  # its columns were named, and the keys among them stay


@dataclass(eq=False)
class Model(Value):
    """A scikit-learn object: what set it up, the columns it was fitted with, and what else it learned from."""

    settings: Deps = FREE
    deps: Deps = FREE
    features: dict[str, Deps] = field(default_factory=dict)
    parts: list[Value] = field(default_factory=list)
    warm: bool = False  # fitting it again builds on what it learned
    source: bool = False  # made by an earlier cell, so that it may be a part of another


@dataclass(eq=False)
class Access(Value):
    """``loc``, ``iloc``, ``at`` or ``iat`` of a table or column."""

    of: Value
    way: str


@dataclass(eq=False)
class Method(Value):
    """A method of a value, not yet called."""

    of: Value
    name: str


@dataclass(eq=False)
class Library(Value):
    """A module, function or class of a library that is known not to touch the notebook's objects."""

    path: str


@dataclass(eq=False)
class Function(Value):
    """A function of the notebook; ``code`` is its syntax, where that is known."""

    code: ast.FunctionDef | ast.Lambda | None
    deps: Deps = FREE
    scopes: list[dict[str, Value]] = field(default_factory=list)
    defaults: dict[str, Value] = field(default_factory=dict)


@dataclass
class Arguments:
    """The arguments of a call; ``spread`` says that there may be more than one sees."""

    values: list[Value] = field(default_factory=list)
    named: dict[str, Value] = field(default_factory=dict)
    spread: bool = False

    def get(self, position: int | None, name: str) -> Value | None:
        """Return an argument by position or name."""
        if position is not None and len(self.values) > position:
            return self.values[position]
        return self.named.get(name)

    def literal(self, position: int | None, name: str, default: Any = None) -> Any:
        """Return the literal value of an argument, the default if it is not given, or UNKNOWN."""
        value = self.get(position, name)
        return default if value is None else value.literal

    def only(self, *names: str) -> bool:
        """Whether no other arguments are given by name."""
        return not self.spread and set(self.named) <= set(names)

    def all(self) -> list[Value]:
        """Every argument."""
        return [*self.values, *self.named.values()]


def labels_of(value: Any) -> list[str] | None:
    """Return the labels that a literal means: one, or a list of them."""
    if value is UNKNOWN or value is None:
        return None
    found = [as_text(label) for label in value] if type(value) is list else [as_text(value)]
    return None if None in found else [label for label in found if label is not None]


def source_table(node: int, labels: Iterable[str] | None, levels: Iterable[str]) -> Table:
    """Return the table that a variable is before the cell."""
    rows = Rows(own(node, INDEX), {name: own(node, name) for name in levels})
    if labels is None:
        return Table({}, rows, own(node, SAME))
    return Table({label: own(node, label) for label in labels}, rows, ordered=True)


def own(node: int, column: str) -> Deps:
    """Return the dependency of a thing on itself."""
    return frozenset((Dep(node, column, IDENTITY),))


def aligned(values: Iterable[Value]) -> tuple[Rows, Deps]:
    """Return the rows of what is computed from tables and columns, and what aligning them depends on."""
    rows = list({id(value.rows): value.rows for value in values if isinstance(value, Table | Column)}.values())
    if len(rows) == 1:
        return rows[0], FREE
    by = influence(union(each.all() for each in rows), JOIN)
    return Rows(by), by


def joined(one: Mapping[str, Deps], other: Mapping[str, Deps]) -> dict[str, Deps]:
    """Return by label what either of two mappings holds."""
    return {label: one.get(label, FREE) | other.get(label, FREE) for label in {**one, **other}}


def either_table(one: Table, other: Table, rows: Rows) -> Table:
    """Return a table whose columns are those of two by label."""
    rest = None if one.rest is None and other.rest is None else (one.rest or FREE) | (other.rest or FREE)
    columns = {label: (one.of(label) or FREE) | (other.of(label) or FREE) for label in {**one.columns, **other.columns}}
    return Table(columns, rows, rest, joined(one.prefixes, other.prefixes))
