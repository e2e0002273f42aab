"""Tables out of tables: joined, stacked, grouped, pivoted and unpivoted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlops_nb.lineage.tracing.kinds import (
    AGGREGATION,
    FILTER,
    FREE,
    GROUP_BY,
    JOIN,
    WHOLE,
    Deps,
    as_text,
    assumed,
    direct,
    influence,
    union,
    words,
)  # fmt: skip
from mlops_nb.lineage.tracing.values import (
    UNKNOWN,
    Arguments,
    Column,
    Grouped,
    Keyed,
    Rows,
    Several,
    Table,
    Value,
    Whole,
    joined,
    labels_of,
)  # fmt: skip

if TYPE_CHECKING:
    from mlops_nb.lineage.tracing.expressions import Expressions

AGGREGATES = words(
    "sum mean min max std var sem median count nunique any all prod first last quantile skew size idxmax idxmin"
)
#: The groups' rows stay.
STAYING = words("transform cumsum cumprod cummax cummin cumcount ngroup rank shift diff pct_change ffill bfill")
PICKING = frozenset({"head", "tail", "nth", "sample", "filter"})


def _closed(*tables: Table) -> bool:
    """Whether every column of the tables is known by name."""
    return all(table.rest is None and not table.prefixes and not table.selection for table in tables)


def _keys(table: Table, labels: list[str] | None) -> dict[str, Deps] | None:
    """Return what columns or levels of a table come from, or None if one is not known."""
    if labels is None:
        return None
    found = {label: table.rows.levels.get(label) or table.of(label) for label in labels}
    return None if None in found.values() else {label: deps for label, deps in found.items() if deps is not None}


# -- side by side ---------------------------------------------------------------------------------------------


def merge(tracer: Expressions, given: Arguments) -> Value:
    """Follow ``merge``: both tables' rows are chosen by both keys."""
    left, right = given.get(0, "left"), given.get(1, "right")
    if isinstance(right, Column) and right.name:
        right = Table({right.name: right.deps}, right.rows)
    known = {"left", "right", "on", "left_on", "right_on", "left_index", "right_index", "how", "suffixes", "sort",
             "copy", "validate"}  # fmt: skip
    if not (isinstance(left, Table) and isinstance(right, Table) and _closed(left, right) and given.only(*known)):
        return tracer.guessed(*given.all())
    on = given.get(3, "on")
    here, there = given.get(4, "left_on") or on, given.get(5, "right_on") or on
    by_index = given.literal(6, "left_index", False), given.literal(7, "right_index", False)
    if UNKNOWN in by_index:
        return tracer.guessed(*given.all())
    if here is None and there is None and not any(by_index) and given.literal(2, "how", "inner") != "cross":
        common = [label for label in left.columns if label in right.columns]
        one, other = _keys(left, common), _keys(right, common)
    else:
        one = {} if here is None else _keys(left, labels_of(here.literal))
        other = {} if there is None else _keys(right, labels_of(there.literal))
    suffixes = given.literal(8, "suffixes", ("_x", "_y"))
    if one is None or other is None or type(suffixes) not in (tuple, list) or len(suffixes) != 2:
        return tracer.guessed(*given.all())
    by = union((*one.values(), *other.values(), tracer.all_of(*given.all()[2:])))
    for table, used in zip((left, right), by_index, strict=True):
        by |= influence(table.rows.all(), JOIN) if used else FREE
    return _side_by_side(left, right, {label for label in one if label in other}, suffixes, by)


def _side_by_side(left: Table, right: Table, shared: set[str], suffixes: Any, by: Deps) -> Table:
    how = influence(by or left.rows.deps | right.rows.deps, JOIN)  # a key tells which rows there are too
    columns: dict[str, Deps] = {}
    for label, deps in left.columns.items():
        both = label in right.columns and label not in shared
        columns[f"{label}{suffixes[0] or ''}" if both else label] = deps | how
    for label, deps in right.columns.items():
        if label in shared:
            columns[label] = columns.get(label, FREE) | deps | how
        else:
            columns[f"{label}{suffixes[1] or ''}" if label in left.columns else label] = deps | how
    return Table(columns, Rows(how, joined(left.rows.levels, right.rows.levels)))


def join(tracer: Expressions, of: Table, given: Arguments) -> Value:
    """Follow ``join``: by the other's index, or a column and the other's index."""
    other = given.get(0, "other")
    if isinstance(other, Column) and other.name:
        other = Table({other.name: other.deps}, other.rows)
    suffixes = given.literal(3, "lsuffix", ""), given.literal(4, "rsuffix", "")
    on = given.get(1, "on")
    key: dict[str, Deps] | None = {} if on is None else _keys(of, labels_of(on.literal))
    if not isinstance(other, Table) or not _closed(of, other) or UNKNOWN in suffixes or key is None:
        return tracer.guessed(of, *given.all())
    by = influence(union((*key.values(), of.rows.all(), other.rows.all())), JOIN)
    return _side_by_side(of, other, set(), suffixes, by)


def concat(tracer: Expressions, given: Arguments) -> Value:
    """Follow ``concat``: below each other, or side by side."""
    objects = given.get(0, "objs")
    axis = given.literal(1, "axis", 0)
    if (
        not isinstance(objects, Several)
        or objects.mixed
        or not given.only("objs", "axis", "ignore_index", "join", "sort")
    ):
        return tracer.guessed(*given.all())
    parts = objects.items
    if all(isinstance(part, Column) for part in parts) and axis in (0, "index"):
        columns = [part for part in parts if isinstance(part, Column)]
        rows = Rows(influence(union(part.rows.all() for part in columns), JOIN))
        return Column(union(part.deps for part in columns) | rows.deps, rows, columns[0].name)
    tables = [_as_table(part) for part in parts]
    if not all(table is not None and _closed(table) for table in tables) or axis not in (0, 1, "index", "columns"):
        return tracer.guessed(*given.all())
    return _stacked([table for table in tables if table is not None], axis in (1, "columns"))


def _as_table(part: Value) -> Table | None:
    if isinstance(part, Column):
        return Table({part.name: part.deps}, part.rows) if part.name else None
    return part if isinstance(part, Table) else None


def _stacked(tables: list[Table], beside: bool) -> Table:
    same = all(table.rows is tables[0].rows for table in tables)
    if beside and same:
        by, rows = FREE, tables[0].rows
    else:
        by = influence(union(table.rows.all() if beside else table.rows.deps for table in tables), JOIN)
        levels: dict[str, Deps] = {}
        for table in tables:
            levels = joined(levels, table.rows.levels)
        rows = Rows(by, levels)
    columns: dict[str, Deps] = {}
    for table in tables:
        columns = joined(columns, {label: deps | by for label, deps in table.columns.items()})
    return Table(columns, rows)


# -- other shapes ---------------------------------------------------------------------------------------------


def melt(tracer: Expressions, of: Table, given: Arguments) -> Value:
    """Follow ``melt``: many columns become one."""
    ids = given.get(0, "id_vars")
    values = given.get(1, "value_vars")
    kept = {} if ids is None else _keys(of, labels_of(ids.literal))
    names = given.literal(2, "var_name", "variable"), given.literal(3, "value_name", "value")
    if kept is None or any(type(name) is not str for name in names) or not _closed(of):
        return tracer.guessed(of, *given.all())
    rest = {label: deps for label, deps in of.columns.items() if label not in kept}
    melted = rest if values is None else _keys(of, labels_of(values.literal))
    if melted is None:
        return tracer.guessed(of, *given.all())
    rows = Rows(influence(of.rows.deps, FILTER))
    columns = {**kept, names[0]: rows.deps, names[1]: direct(union(melted.values())) | rows.deps}
    return Table(columns, rows)


def pivot(tracer: Expressions, of: Table, given: Arguments) -> Value:
    """Follow ``pivot`` and ``pivot_table``, whose columns are named by the data."""
    if given.values or not given.only(
        "values", "index", "columns", "aggfunc", "fill_value", "observed", "margins", "sort"
    ):
        return tracer.guessed(of, *given.all())
    back = tracer.called_back(of, given)
    index, names = given.get(None, "index"), given.get(None, "columns")
    groups = {} if index is None else _keys(of, labels_of(index.literal))
    across = {} if names is None else _keys(of, labels_of(names.literal))
    values = given.get(None, "values")
    cells = _keys(of, labels_of(values.literal)) if values is not None else {WHOLE: of.all()}
    if groups is None or across is None or cells is None:
        return tracer.guessed(of, *given.all())
    by = influence(union((*groups.values(), *across.values())), GROUP_BY) | back
    by |= influence(union(cells.values()), FILTER)  # a row or column without any value is left out
    levels = {label: deps | by for label, deps in groups.items()}
    rows = Rows(by, levels)
    if values is not None and not across:
        return Table({label: direct(deps, AGGREGATION) | by for label, deps in cells.items()}, rows)
    return Table({}, rows, direct(union(cells.values()), AGGREGATION) | by)


def crosstab(tracer: Expressions, given: Arguments) -> Value:
    """Follow ``crosstab``: counts by two columns."""
    deps = influence(tracer.all_of(*given.all()), GROUP_BY)
    back = tracer.called_back(Whole(deps), given)
    first = given.get(0, "index")
    level = {first.name: first.deps | deps} if isinstance(first, Column) and first.name else {}
    values = tracer.all_of(given.get(2, "values")) if given.get(2, "values") is not None else FREE
    return Table({}, Rows(deps, level), deps | back | direct(values, AGGREGATION))


def dummies(tracer: Expressions, given: Arguments) -> Value:
    """Follow ``get_dummies``: a column for each value, named by the column and the value."""
    data, columns = given.get(0, "data"), given.get(None, "columns")
    if isinstance(data, Column):
        return Table({}, data.rows, direct(data.deps))
    labels = None if columns is None else labels_of(columns.literal)
    known = given.only("data", "columns", "drop_first", "dummy_na", "dtype", "sparse", "prefix_sep")
    separator = given.literal(3, "prefix_sep", "_")
    if not isinstance(data, Table) or not _closed(data) or not known or (columns is not None and labels is None):
        return tracer.guessed(*given.all())
    if type(separator) is not str or any(label not in data.columns for label in labels or ()):
        return tracer.guessed(*given.all())
    encoded = labels if labels is not None else list(data.columns)
    kept = {label: deps for label, deps in data.columns.items() if labels is None or label not in encoded}
    return Table(kept, data.rows, None, {f"{label}{separator}": direct(data.columns[label]) for label in encoded})


def explode(tracer: Expressions, of: Table, given: Arguments) -> Value:
    """Follow ``explode``: rows are repeated as one column says."""
    keys = None if given.get(0, "column") is None else _keys(of, labels_of(given.literal(0, "column")))
    by = assumed(of.all()) if keys is None else union(keys.values())
    found = of.influenced(by, FILTER)
    for label in keys or ():
        found.columns[label] = direct(found.of(label) or FREE)
    return found


def some_columns(tracer: Expressions, of: Table, given: Arguments) -> Value:
    """Follow what chooses columns by their names or types."""
    items = given.get(0, "items") if "items" in given.named or given.values else None
    if "axis" in given.named:
        return tracer.guessed(of, *given.all())
    found = of.mapped(lambda old: old)
    found.selection, found.ordered = True, False
    return found if items is None or not tracer.all_of(items) else found.influenced(tracer.all_of(items), FILTER)


def described(tracer: Expressions, of: Table, given: Arguments) -> Value:
    """Follow ``describe``: figures about each column."""
    found = of.mapped(lambda old: direct(old, AGGREGATION), Rows())
    found.selection, found.ordered = True, False
    return found


# -- groups ---------------------------------------------------------------------------------------------------


def groupby(tracer: Expressions, of: Table | Column, given: Arguments) -> Value:
    """Follow ``groupby``."""
    by = given.get(0, "by")
    table = of if isinstance(of, Table) else Table({of.name or WHOLE: of.deps}, of.rows)
    single = None if isinstance(of, Table) else of.name or WHOLE
    flat = given.literal(None, "as_index", True)
    keys: list[tuple[str | None, Deps]] | None = None
    if "axis" not in given.named and flat is not UNKNOWN and not given.spread:
        keys = _group_keys(tracer, table, by, given.get(1, "level"))
    if keys is None:
        tracer.called_back(of, given)
        keys = [(None, assumed(tracer.all_of(of, *given.all())))]
    deps = influence(union(deps for _, deps in keys), GROUP_BY)  # what chose the rows is in every column too
    return Grouped(table, keys, deps, single, flat is False, chosen=single is not None)


def _group_keys(
    tracer: Expressions, table: Table, by: Value | None, level: Value | None
) -> list[tuple[str | None, Deps]] | None:
    if by is None:
        return None if level is None else [(None, direct(table.rows.all()))]
    if isinstance(by, Column):
        deps = by.deps if by.rows is table.rows else by.deps | influence(by.rows.all() | table.rows.all(), JOIN)
        return [(by.name, deps)]
    if isinstance(by, Several) and by.literal is UNKNOWN:
        found = [_group_keys(tracer, table, item, None) for item in by.items]
        return None if None in found else [key for keys in found if keys is not None for key in keys]
    labels = _keys(table, labels_of(by.literal))
    extra = influence(tracer.all_of(by), GROUP_BY)
    return None if labels is None else [(label, deps | extra) for label, deps in labels.items()]


def resample(tracer: Expressions, of: Table | Column, given: Arguments) -> Value:
    """Follow ``resample``: groups by a time, of the index or of a column."""
    table = of if isinstance(of, Table) else Table({of.name or WHOLE: of.deps}, of.rows)
    on = given.get(None, "on")
    keys = {"": direct(table.rows.all())} if on is None else _keys(table, labels_of(on.literal))
    deps = assumed(table.all()) if keys is None else union(keys.values())
    single = None if isinstance(of, Table) else of.name or WHOLE
    name = next(iter(keys)) if keys and on is not None else None
    return Grouped(table, [(name, deps)], influence(deps, GROUP_BY), single)


def window(tracer: Expressions, of: Table | Column, given: Arguments) -> Value:
    """Follow ``rolling``, ``expanding`` and ``ewm``: figures about the rows around each."""
    table = of if isinstance(of, Table) else Table({of.name or WHOLE: of.deps}, of.rows)
    on = given.get(None, "on")
    by = influence(tracer.all_of(*given.all()) | table.rows.all(), FILTER)
    if on is not None:
        keys = _keys(table, labels_of(on.literal))
        by |= influence(table.all() if keys is None else union(keys.values()), FILTER)
    return Grouped(table, [], by, None if isinstance(of, Table) else of.name or WHOLE, window=True)


def selected(groups: Grouped, labels: str | list[str]) -> Value:
    """Return some columns of groups."""
    wanted = [labels] if isinstance(labels, str) else labels
    columns = {label: deps for label in wanted if (deps := groups.table.of(label)) is not None}
    if len(columns) < len(wanted):
        return Whole(assumed(groups.table.all() | groups.by))
    table = Table(columns, groups.table.rows, ordered=True)
    single = labels if isinstance(labels, str) else None
    return Grouped(table, groups.keys, groups.by, single, groups.flat, groups.window, chosen=True)


def call(tracer: Expressions, of: Grouped, name: str, given: Arguments) -> Value:
    """Follow a method of groups."""
    back = tracer.called_back(of.table, given) | influence(tracer.all_of(*given.all()), GROUP_BY)
    by = of.by | back
    keyless = _without_keys(of)
    if of.window and (name in AGGREGATES or (name in ("agg", "aggregate", "apply") and _one_way(given))):
        return _finished(of, keyless.mapped(lambda old: direct(old, AGGREGATION) | by))
    if of.window:
        return tracer.guessed(Whole(of.table.all() | by))
    if name in STAYING:
        if name in ("cumcount", "ngroup"):
            return Column(by | influence(of.table.rows.deps, FILTER), of.table.rows)
        return _finished(of, keyless.mapped(lambda old: direct(old) | by))
    if name in PICKING:
        deps = assumed(of.table.all() | by) if name in ("filter", "sample") else by
        return _finished(of, of.table.influenced(deps, FILTER))
    if name == "size":
        level = {key: deps | by for key, deps in of.keys if key}
        return Table({**level, "size": by}, Rows(by)) if of.flat else Column(by, Rows(by, level))
    if name in AGGREGATES or (name in ("agg", "aggregate") and _one_way(given)):
        return _by_group(of, keyless.mapped(lambda old: direct(old, AGGREGATION) | by), by)
    if name in ("agg", "aggregate") and not given.spread:
        return _aggregated(tracer, of, given, by)
    return tracer.guessed(Whole(of.table.all() | by), *given.all())


def _one_way(given: Arguments) -> bool:
    """Whether every column is aggregated in one and the same way."""
    value = given.get(0, "func")
    return not given.named and len(given.values) == 1 and not isinstance(value, Several | Keyed | Table | Column)


def _without_keys(of: Grouped) -> Table:
    keys = {key for key, _ in of.keys}
    columns = {label: deps for label, deps in of.table.columns.items() if of.chosen or label not in keys}
    return Table(columns, of.table.rows, of.table.rest, of.table.prefixes)


def _finished(of: Grouped, table: Table) -> Value:
    """Return a table as the column it is, where only one was grouped."""
    if of.single is None:
        table.selection = True  # columns that cannot be aggregated are left out
        return table
    return Column(table.columns[of.single], table.rows, of.single)


def _by_group(of: Grouped, table: Table, by: Deps) -> Value:
    levels = {key: deps | by for key, deps in of.keys if key}
    unnamed = union(deps for key, deps in of.keys if not key)
    if of.flat:
        return Table({**levels, **table.columns}, Rows(by | unnamed), table.rest, selection=True)
    table.rows = Rows(by | unnamed, levels)
    return _finished(of, table)


def _aggregated(tracer: Expressions, of: Grouped, given: Arguments, by: Deps) -> Value:
    """Follow ``agg`` with a way for each column, several ways, or new names."""
    columns: dict[str, Deps] = {}
    function = given.get(0, "func")
    if isinstance(function, Keyed):
        for label, how in function.items.items():
            deps = of.table.of(as_text(label) or WHOLE)
            if deps is None:
                return tracer.guessed(Whole(of.table.all() | by))
            for text in _ways(as_text(label), how) if isinstance(how, Several) else [as_text(label)]:
                columns[text or WHOLE] = direct(deps, AGGREGATION) | by
        if any(isinstance(how, Several) for how in function.items.values()):
            return tracer.guessed(Whole(of.table.all() | by)) if of.flat else _levelled(of, columns, by)
    elif isinstance(function, Several) and of.single is not None:
        columns = {as_text(way.literal) or WHOLE: direct(of.table.columns[of.single], AGGREGATION) | by
                   for way in function.items}  # fmt: skip
    elif function is None and of.single is None:
        for label, how in given.named.items():
            source = how.items[0].literal if isinstance(how, Several) and how.items else UNKNOWN
            text = None if source is UNKNOWN else as_text(source)
            deps = None if text is None else of.table.of(text)
            if deps is None:
                return tracer.guessed(Whole(of.table.all() | by))
            columns[label] = direct(deps, AGGREGATION) | by
    elif function is None and of.single is not None:
        columns = {label: direct(of.table.columns[of.single], AGGREGATION) | by for label in given.named}
    else:
        return tracer.guessed(Whole(of.table.all() | by))
    return _levelled(of, columns, by)


def _ways(label: str | None, how: Several) -> list[str]:
    return [repr((label, way.literal)) for way in how.items if type(way.literal) is str]


def _levelled(of: Grouped, columns: dict[str, Deps], by: Deps) -> Table:
    levels = {key: deps | by for key, deps in of.keys if key}
    unnamed = union(deps for key, deps in of.keys if not key)
    if of.flat:
        return Table({**levels, **columns}, Rows(by | unnamed))
    return Table(columns, Rows(by | unnamed, levels))
