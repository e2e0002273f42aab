"""Attributes and items of tables and columns: read, and changed in place."""

from __future__ import annotations

import ast
import functools
import sys
from typing import TYPE_CHECKING, Any

from mlops_nb.lineage.tracing import reshaping
from mlops_nb.lineage.tracing.kinds import (
    AGGREGATION,
    CONDITIONAL,
    FILTER,
    FREE,
    IDENTITY,
    JOIN,
    Deps,
    as_text,
    assumed,
    direct,
    influence,
)  # fmt: skip
from mlops_nb.lineage.tracing.values import (
    UNKNOWN,
    Access,
    Column,
    Grouped,
    Keyed,
    Library,
    Lost,
    Method,
    Model,
    Rows,
    Several,
    Table,
    Value,
    Whole,
    labels_of,
)  # fmt: skip

if TYPE_CHECKING:
    from mlops_nb.lineage.tracing.expressions import Expressions

ACCESSORS = frozenset({"str", "dt", "cat"})


# -- attributes -----------------------------------------------------------------------------------------------


def attribute(tracer: Expressions, value: Value, name: str) -> Value:
    """Return what ``value.name`` is."""
    match value:
        case Library():
            return Library(f"{value.path}.{name}")
        case Table():
            return _table_attribute(tracer, value, name)
        case Column():
            return _column_attribute(tracer, value, name)
        case Grouped() if name in value.table.columns and name not in _attributes("DataFrame"):
            return reshaping.selected(value, name)
        case Model() if name.endswith("_") or name == "feature_names_in_":
            return Whole(direct(tracer.all_of(value)))
        case Whole() if value.opaque:
            return Method(value, name)
    return Method(value, name)


def _table_attribute(tracer: Expressions, table: Table, name: str) -> Value:
    if name in ("loc", "iloc", "at", "iat"):
        return Access(table, name)
    if name in ("columns", "shape", "size", "empty", "dtypes", "axes", "ndim"):
        known = table.rest is None and not table.prefixes and not table.selection
        value = list(table.columns) if name == "columns" and known and _plain(table) else UNKNOWN
        return Whole(influence(table.rows.all(), CONDITIONAL), value)
    if name == "index":
        return _index(table)
    if name in ("values", "T", "plot", "style"):
        return Whole(direct(table.all()))
    if name in _attributes("DataFrame"):
        return Method(table, name)
    deps = table.of(name)
    if deps is None:
        raise Lost  # an accessor that somebody registered
    return Column(deps, table.rows, name)


def _plain(table: Table) -> bool:
    """Whether the labels as text are the labels: not so for numbers and tuples."""
    return all(label.isidentifier() or " " in label for label in table.columns)


def _index(value: Table | Column) -> Column:
    return Column(direct(value.rows.all(), IDENTITY), value.rows)


def _column_attribute(tracer: Expressions, column: Column, name: str) -> Value:
    if name in ("loc", "iloc", "at", "iat"):
        return Access(column, name)
    if name == "index":
        return _index(column)
    if name in ("values", "array", "plot"):
        return Whole(direct(column.all()))
    if name in ("shape", "size", "empty", "dtype", "name", "ndim"):
        return Whole(influence(column.rows.all(), CONDITIONAL))
    if name in ACCESSORS:
        return Method(column, name)
    if name in ("is_unique", "hasnans", "is_monotonic_increasing", "is_monotonic_decreasing", "nbytes", "T"):
        return Whole(direct(column.deps, AGGREGATION))
    if name not in _attributes("Series") and name not in _attributes("Index"):
        raise Lost
    return Method(column, name)


@functools.cache
def _attributes(kind: str) -> frozenset[str]:
    """Return the names that pandas itself gives to a class; others are columns, or somebody's accessors."""
    found = set()
    for owner in reversed(getattr(sys.modules["pandas"], kind).__mro__):
        for name, value in vars(owner).items():
            module = getattr(getattr(value, "_accessor", value), "__module__", None) or "pandas"
            if str(module).startswith(("pandas", "builtins")):
                found.add(name)
    return frozenset(found)


# -- items ----------------------------------------------------------------------------------------------------


def item(tracer: Expressions, value: Value, node: ast.expr, key: Value) -> Value:
    """Return what ``value[key]`` is."""
    literal = key.literal
    match value:
        case Table():
            return _sliced(tracer, value, node, key) if isinstance(node, ast.Slice) else chosen(tracer, value, key)
        case Column():
            if isinstance(node, ast.Slice):
                return _sliced(tracer, value, node, key)
            if isinstance(key, Column) or type(literal) is list:
                return filtered(tracer, value, key)
            return Whole(direct(value.deps | influence(tracer.all_of(key) | value.rows.all(), FILTER)))
        case Access():
            return _located(tracer, value, node, key)
        case Grouped():
            labels = labels_of(literal)
            if labels is None:
                return tracer.guessed(value, key)
            return reshaping.selected(value, labels[0] if type(literal) is not list else labels)
        case Several() if type(literal) is int and not value.mixed and -len(value.items) <= literal < len(value.items):
            return value.items[literal]
        case Keyed() if type(literal) in (str, int, float, bool, tuple) and literal in value.items:
            return value.items[literal]
        case Method(of=Column() as column):  # .str[0]
            return Column(direct(column.deps) | direct(tracer.all_of(key)), column.rows, column.name)
        case Library():
            return Whole(direct(tracer.all_of(key)))
        case Whole():
            if type(value.literal) in (list, tuple, dict, str) and type(literal) in (int, str):
                try:
                    return Whole(tracer.all_of(value, key), value.literal[literal])
                except (LookupError, TypeError):
                    return tracer.guessed(value, key)
            return Whole(tracer.all_of(value, key), memory=value.memory, opaque=value.opaque, late=value.late)
    found = tracer.element(value)
    if isinstance(found, Whole):
        found.deps |= tracer.all_of(key)
    return found


def chosen(tracer: Expressions, table: Table, key: Value) -> Value:
    """Return ``table[key]``: a column, some columns, or the rows where a mask holds."""
    literal = key.literal
    if type(literal) in (str, int, float, bool, tuple):
        label = as_text(literal)
        deps = None if label is None else table.of(label)
        if deps is None or label is None:
            return tracer.guessed(table, key)
        return Column(deps | influence(tracer.all_of(key), FILTER), table.rows, label)
    if type(literal) is list and not all(type(part) is bool for part in literal):
        labels = labels_of(literal)
        found = None if labels is None else selected(table, labels)
        return tracer.guessed(table, key) if found is None else found.influenced(tracer.all_of(key), FILTER)
    if isinstance(key, Column):
        return filtered(tracer, table, key)
    if isinstance(key, Table):  # where the mask holds, cell by cell
        return tracer.elementwise(table, key)
    by = influence(tracer.all_of(key), FILTER)
    found = table.mapped(lambda old: old | by, table.rows.influenced(by))
    found.selection = True
    return found


def selected(table: Table, labels: list[str]) -> Table | None:
    """Return some columns of a table."""
    deps = {label: table.of(label) for label in labels}
    columns = {label: each for label, each in deps.items() if each is not None}
    return Table(columns, table.rows, ordered=True) if len(columns) == len(deps) else None


def filtered(tracer: Expressions, value: Table | Column, key: Value) -> Value:
    """Return the rows of a table or column that something chooses."""
    if isinstance(key, Column):
        by = key.deps if key.rows is value.rows else key.all() | influence(value.rows.all(), JOIN)
    else:
        by = tracer.all_of(key)
    return value.influenced(by, FILTER)


def _sliced(tracer: Expressions, value: Table | Column, node: ast.expr, key: Value) -> Table | Column:
    labels = FREE if _by_place(node) else value.rows.all()
    return value.influenced(tracer.all_of(key) | labels, FILTER)


def _located(tracer: Expressions, access: Access, node: ast.expr, key: Value) -> Value:
    """Return ``.loc[rows]``, ``.loc[rows, columns]`` and their like."""
    of = access.of
    if not isinstance(of, Table | Column):
        raise Lost
    if isinstance(of, Table) and isinstance(node, ast.Tuple) and len(node.elts) == 2 and isinstance(key, Several):
        part = _columns_at(tracer, of, access.way, node.elts[1], key.items[1])
        return _rows_at(tracer, part, access.way, node.elts[0], key.items[0])
    found = _rows_at(tracer, of, access.way, node, key)
    return Whole(assumed(tracer.all_of(found))) if isinstance(of, Table) and isinstance(found, Whole) else found


def _rows_at(tracer: Expressions, value: Value, way: str, node: ast.expr, key: Value) -> Value:
    if not isinstance(value, Table | Column):
        return Whole(assumed(tracer.all_of(value, key)))
    labels = FREE if way == "iloc" else influence(value.rows.all(), FILTER)
    if isinstance(node, ast.Slice):
        if ast.unparse(node) == ":":
            return value
        return value.influenced(tracer.all_of(key) | labels, FILTER)
    if isinstance(key, Column):
        return filtered(tracer, value, key)
    if type(key.literal) is list:
        return value.influenced(tracer.all_of(key) | labels, FILTER)
    one = type(key.literal) in (str, int, float, bool)
    deps = direct(value.all()) | influence(tracer.all_of(key), FILTER)
    return Whole(deps if one else assumed(deps))  # a row or a value; or rows, by something unknown


def _columns_at(tracer: Expressions, table: Table, way: str, node: ast.expr, key: Value) -> Value:
    literal = key.literal
    if isinstance(node, ast.Slice):
        if ast.unparse(node) == ":":
            return table
    elif way in ("loc", "at") and literal is not UNKNOWN:
        return chosen(tracer, table, key)
    if way in ("iloc", "iat") and table.ordered and table.rest is None and not table.selection:
        places = list(table.columns)
        try:
            there = places[_bounds(node)] if isinstance(node, ast.Slice) else _at(places, literal)
        except (LookupError, ValueError, TypeError):
            there = None
        if isinstance(there, str):
            return Column(table.columns[there], table.rows, there)
        if isinstance(there, list):
            return selected(table, there) or tracer.guessed(table)
    by = influence(tracer.all_of(key), FILTER)
    found = table.mapped(lambda old: old | by, table.rows.influenced(by))
    found.selection = True
    return found


def _bounds(node: ast.Slice) -> slice:
    parts = [None if part is None else ast.literal_eval(part) for part in (node.lower, node.upper, node.step)]
    if not all(part is None or type(part) is int for part in parts):
        raise ValueError
    return slice(*parts)


def _by_place(node: ast.expr) -> bool:
    """Whether a slice counts rows, so that their labels do not matter."""
    try:
        return isinstance(node, ast.Slice) and _bounds(node) is not None
    except ValueError:
        return False


def _at(places: list[str], literal: Any) -> str | list[str] | None:
    if type(literal) is int:
        return places[literal]
    return [places[place] for place in literal] if type(literal) is list else None


# -- changes in place -----------------------------------------------------------------------------------------


def copies_on_write() -> bool:
    """Whether a change of one pandas object never shows in another."""
    return int(sys.modules["pandas"].__version__.partition(".")[0]) >= 3


def fitting(value: Value, table: Table, tracer: Expressions) -> Deps:
    """Return what a column comes from that a value is stored into: the rows are those of the table."""
    if isinstance(value, Column | Table):
        deps = value.deps if isinstance(value, Column) else value.all()
        if value.rows is table.rows:
            return deps
        return deps | influence(value.rows.all() | table.rows.all(), JOIN)
    return tracer.all_of(value) | influence(table.rows.deps, FILTER)


def misaligned(of: Table | Column, *values: Value) -> Deps:
    """Return what it depends on which rows of other tables or columns belong to which of one."""
    if all(value.rows is of.rows for value in values if isinstance(value, Table | Column)):
        return FREE
    return influence(of.rows.all(), JOIN)


def set_item(tracer: Expressions, base: Value, key: Value, value: Value) -> None:
    """Follow ``base[key] = value``.

    Raises:
        Lost: what else may have changed is not known.
    """
    literal = key.literal
    match base:
        case Table(unclear=False):
            _set_columns(tracer, base, key, value)
        case Access(of=Table(unclear=False) as table):
            _set_located(tracer, table, base.way, key, value)
        case Access(of=Column() as column) | (Column() as column):
            if not copies_on_write():
                raise Lost
            tracer.mutate(column, value, Whole(influence(tracer.all_of(key), CONDITIONAL)))
        case Keyed() if type(literal) in (str, int, float, bool, tuple) and not tracer.weak:
            base.items[literal] = value
        case Keyed():
            if type(literal) not in (str, int, float, bool, tuple):
                raise Lost
            old = base.items.get(literal)
            base.items[literal] = value if old is None else tracer.either(old, value)
        case Several() if type(literal) is int and not tracer.weak and -len(base.items) <= literal < len(base.items):
            base.items[literal] = value
        case Library():
            pass  # plt.rcParams["…"] = …
        case Access() | Grouped() | Method():
            raise Lost
        case _:
            tracer.mutate(base, value, Whole(influence(tracer.all_of(key), CONDITIONAL)))


def _set_columns(tracer: Expressions, table: Table, key: Value, value: Value) -> None:
    labels = None if isinstance(key, Column | Table) else labels_of(key.literal)
    if labels is None or (type(key.literal) is list and all(type(part) is bool for part in key.literal)):
        _set_everywhere(tracer, table, tracer.all_of(key), value)
        return
    deps = fitting(value, table, tracer) | influence(tracer.all_of(key), CONDITIONAL)
    if len(labels) > 1 and isinstance(value, Table):
        deps = assumed(deps)
    for label in labels:
        put(tracer, table, label, deps)


def put(tracer: Expressions, table: Table, label: str, deps: Deps) -> None:
    """Set a column of a table; where the statement may not have run, the old one stays beside it."""
    if label not in table.columns:
        table.ordered = table.ordered and table.rest is None and not tracer.weak
    old = table.of(label) if tracer.weak else None
    table.columns[label] = deps | (old or FREE)
    table.selection = False


def _set_everywhere(tracer: Expressions, table: Table, by: Deps, value: Value) -> None:
    """Set some cells of every column."""
    deps = assumed(tracer.all_of(value)) | influence(by, CONDITIONAL) | misaligned(table, value)
    table.become(table.mapped(lambda old: direct(old) | deps, table.rows.influenced(influence(by, CONDITIONAL))))


def _set_located(tracer: Expressions, table: Table, way: str, key: Value, value: Value) -> None:
    """Follow ``.loc[rows, columns] = value``: what was there stays beside the new."""
    if not copies_on_write():
        raise Lost
    rows, columns = key.items if isinstance(key, Several) and len(key.items) == 2 else (key, Whole())
    labels = labels_of(columns.literal) if way in ("loc", "at") else None
    by = rows.deps if isinstance(rows, Column) else tracer.all_of(rows)
    if isinstance(rows, Column):
        if rows.rows is not table.rows:
            by |= rows.rows.all() | table.rows.all()
    elif way in ("loc", "at"):
        by |= table.rows.all()
        grown = influence(by, CONDITIONAL)  # a label that is not there yet makes a row
        table.become(table.mapped(lambda old: old | grown, table.rows.influenced(grown)))
    if labels is None:
        _set_everywhere(tracer, table, by | tracer.all_of(columns), value)
        return
    deps = direct(fitting(value, table, tracer)) | influence(by | tracer.all_of(columns), CONDITIONAL)
    for label in labels:
        put(tracer, table, label, direct(table.of(label) or FREE) | deps)


def set_attribute(tracer: Expressions, base: Value, name: str, value: Value) -> None:
    """Follow ``base.name = value``.

    Raises:
        Lost: what else may have changed is not known.
    """
    match base:
        case Library():
            return  # pd.options.display.width = …
        case Table(unclear=False) if name == "columns" and not tracer.weak:
            labels = labels_of(value.literal)
            if labels is None or not table_is_plain(base) or len(labels) != len(base.columns):
                base.become(Table({}, base.rows, assumed(base.all() | tracer.all_of(value))))
            else:
                base.columns = dict(zip(labels, base.columns.values(), strict=True))
        case Table(unclear=False) | Column(unclear=False) if name == "index":
            base.rows = Rows(influence(base.rows.all(), FILTER) | direct(tracer.all_of(value)))
        case Table(unclear=False) if name in base.columns and name not in _attributes("DataFrame"):
            put(tracer, base, name, fitting(value, base, tracer))
        case Column(unclear=False) if name == "name":
            base.name = as_text(value.literal)
        case Table() | Column() if name in ("attrs", "flags"):
            return
        case Model():
            tracer.mutate(base, value)
        case _:
            raise Lost


def table_is_plain(table: Table) -> bool:
    """Whether a table's columns are known in their order."""
    return table.ordered and table.rest is None and not table.prefixes and not table.selection


def delete_item(tracer: Expressions, base: Value, key: Value) -> None:
    """Follow ``del base[key]``.

    Raises:
        Lost: what was deleted is not known.
    """
    labels = labels_of(key.literal)
    match base:
        case Table(unclear=False) if labels is not None and not tracer.weak:
            for label in labels:
                base.columns.pop(label, None)
        case Keyed() if not tracer.weak:
            base.items.pop(key.literal, None)
        case _:
            tracer.mutate(base, key)


def replace(tracer: Expressions, old: Value, new: Value) -> None:
    """Let an object become another, as ``inplace=True`` does, under all its names.

    Raises:
        Lost: what else may have changed is not known.
    """
    tracer.mutated = True
    if not copies_on_write() and isinstance(old, Column):
        raise Lost
    if isinstance(old, Table) and isinstance(new, Table) and not old.unclear:
        old.become(tracer.either(old, tracer.under_conditions(new)) if tracer.weak else new)  # type: ignore[arg-type]
    elif isinstance(old, Column) and isinstance(new, Column) and not old.unclear and not tracer.weak:
        old.become(new)
    else:
        tracer.mutate(old, new)
