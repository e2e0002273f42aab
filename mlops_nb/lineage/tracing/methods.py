"""What the methods of tables and columns make of columns."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from mlops_nb.lineage.tracing import frames, reshaping
from mlops_nb.lineage.tracing.kinds import (
    AGGREGATION,
    FILTER,
    FREE,
    IDENTITY,
    SORT,
    TRANSFORMATION,
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
    Function,
    Keyed,
    Library,
    Lost,
    Method,
    Rows,
    Several,
    Table,
    Value,
    Whole,
    labels_of,
)  # fmt: skip

if TYPE_CHECKING:
    from mlops_nb.lineage.tracing.expressions import Expressions

#: Each column by itself, row by row or along the rows; the rows stay.
KEEPING = words(
    "copy astype convert_dtypes infer_objects abs round isna isnull notna notnull cumsum cumprod cummax cummin "
    "diff shift pct_change rank ffill bfill interpolate fillna replace clip where mask isin between map to_period "
    "to_timestamp tz_localize tz_convert set_flags transform set_axis rename_axis"
)
SAME_VALUES = frozenset({"copy", "convert_dtypes", "infer_objects", "set_flags", "set_axis", "rename_axis"})
ARITHMETIC = words(
    "add sub subtract mul multiply div divide truediv floordiv mod pow radd rsub rmul rdiv rtruediv rfloordiv "
    "rmod rpow eq ne lt le gt ge combine_first"
)
AGGREGATES = words(
    "sum mean min max std var sem median count nunique any all prod product skew kurt kurtosis idxmax idxmin"
)
#: Rows are chosen by their place or label.
CHOOSING = words("head tail truncate take sample reindex asfreq between_time at_time squeeze first last")
WRITERS = words("to_csv to_parquet to_pickle to_json to_excel to_feather to_hdf to_sql to_stata to_orc to_xml to_gbq")
#: The value as a whole, in another form.
LEAVING = words(
    "to_numpy to_list tolist to_dict to_records to_string to_html to_markdown items iterrows itertuples unique "
    "keys describe corr cov corrwith memory_usage info equals item hist boxplot autocorr nsmallest_ get pipe_"
)


def call(tracer: Expressions, of: Table | Column, name: str, given: Arguments) -> Value:
    """Follow a method of a table or column."""
    inplace = given.literal(None, "inplace", False)
    if inplace is UNKNOWN:
        raise Lost
    found = _called(tracer, of, name, given)
    if inplace is True:
        frames.replace(tracer, of, found)
        return Whole(value=None)
    return found


def _called(tracer: Expressions, of: Table | Column, name: str, given: Arguments) -> Value:
    handler = (TABLE if isinstance(of, Table) else COLUMN).get(name)
    if handler is not None:
        return handler(tracer, of, given)
    if name in WRITERS:
        return tracer.write(of, given)
    if name in KEEPING:
        return _kept(tracer, of, name, given)
    if name in ARITHMETIC:
        return tracer.elementwise(of, *given.all())
    if name in AGGREGATES:
        return _aggregated(tracer, of, name, given)
    if name in CHOOSING:
        return (
            of.influenced(tracer.all_of(*given.all()), FILTER)
            if not _columns_wise(given)
            else _guess(tracer, of, given)
        )
    if name in LEAVING and not _functions(given):
        found = Whole(direct(tracer.all_of(of, *given.all())))
        found.memory.source = not frames.copies_on_write()
        return found
    if given.literal(None, "inplace", False) or name in ("update", "isetitem"):
        tracer.mutate(of, *given.all())
        return Whole(value=None)
    return _guess(tracer, of, given)


def _guess(tracer: Expressions, of: Value, given: Arguments) -> Value:
    tracer.called_back(of, given)
    return tracer.guessed(of, *given.all())


def _functions(given: Arguments) -> bool:
    return any(isinstance(value, Function | Method) for value in given.all())


def _columns_wise(given: Arguments) -> bool:
    """Whether a call may go along the columns, or choose some."""
    axis = given.literal(None, "axis", 0)
    return axis not in (0, "index", "rows", None) or "columns" in given.named or given.spread


def _kept(tracer: Expressions, of: Table | Column, name: str, given: Arguments) -> Value:
    """Each column by itself; what is passed enters into each."""
    if _columns_wise(given) or (name in ("cumsum", "cumprod", "cummax", "cummin", "rank") and given.values):
        deps = assumed(tracer.all_of(of, *given.all()))
        return of.mapped(lambda old: old | deps) if isinstance(of, Table) else Column(deps, of.rows, of.name)
    if name == "set_axis" or (name == "transform" and isinstance(of, Table)):
        return _guess(tracer, of, given)
    back = tracer.called_back(of if name in ("where", "mask") else Whole(), given)
    others = direct(tracer.all_of(*given.all())) | back
    if name not in ("map", "isin", "replace"):
        others |= frames.misaligned(of, *given.all())
    kind = IDENTITY if name in SAME_VALUES else TRANSFORMATION
    if isinstance(of, Column):
        return Column(direct(of.deps, kind) | others, of.rows, of.name)
    if any(isinstance(value, Table | Keyed) for value in given.all()):  # by label, which is not followed
        others = assumed(others)
    if name in ("astype", "round") and isinstance(given.get(0, "dtype"), Keyed):
        others = FREE
    return of.mapped(lambda old: direct(old, kind) | others)


def _aggregated(tracer: Expressions, of: Table | Column, name: str, given: Arguments) -> Value:
    if isinstance(of, Column):
        labels = of.rows.all() if name.startswith("idx") else FREE
        return Whole(direct(of.deps | labels | tracer.all_of(*given.all()), AGGREGATION))
    axis = given.literal(0, "axis", 0)
    everything = union((*of.columns.values(), *of.prefixes.values())) | (of.all() if of.rest is not None else FREE)
    if axis in (1, "columns"):
        return Column(direct(everything | influence(of.rows.deps, FILTER)), of.rows)
    if axis in (0, "index", None):
        return Column(direct(of.all(), AGGREGATION), Rows(of.names()))
    return tracer.guessed(of, *given.all())


# -- choosing columns and rows --------------------------------------------------------------------------------


def _by(of: Table, labels: list[str] | None) -> Deps:
    """Return what some columns or levels come from; of unknown ones, everything."""
    if labels is None:
        return assumed(of.all())
    found = [of.rows.levels.get(label, of.of(label)) for label in labels]
    return assumed(of.all()) if None in found else union(deps for deps in found if deps is not None)


def _sort_values(tracer: Expressions, of: Table, given: Arguments) -> Value:
    if _columns_wise(given):
        return _guess(tracer, of, given)
    back = tracer.called_back(Whole(), given)
    others = tracer.all_of(*given.all())
    return of.influenced(_by(of, labels_of(given.literal(0, "by"))) | back | others, SORT)


def _subset(kind: str) -> Callable[[Expressions, Table, Arguments], Value]:
    def handler(tracer: Expressions, of: Table, given: Arguments) -> Value:
        if _columns_wise(given) or (kind == "dropna" and given.values):
            return _guess(tracer, of, given)
        position = 0 if kind == "drop_duplicates" else None
        subset = given.get(position, "subset")
        labels = None if subset is None else labels_of(subset.literal)
        by = of.all() if subset is None else _by(of, labels)
        return of.influenced(by | tracer.all_of(*given.all()), FILTER)

    return handler


def _largest(tracer: Expressions, of: Table, given: Arguments) -> Value:
    return of.influenced(_by(of, labels_of(given.literal(1, "columns"))) | tracer.all_of(*given.all()), FILTER)


def _sample(tracer: Expressions, of: Table, given: Arguments) -> Value:
    weights = given.get(3, "weights")
    by = FREE if weights is None else _by(of, labels_of(weights.literal)) | tracer.all_of(weights)
    return _guess(tracer, of, given) if _columns_wise(given) else of.influenced(by, FILTER)


def _drop(tracer: Expressions, of: Table, given: Arguments) -> Value:
    axis = given.literal(1, "axis", 0)
    named = given.named.get("columns")
    if named is None and axis in (1, "columns"):
        named = given.get(0, "labels")
    elif axis is UNKNOWN:
        return _guess(tracer, of, given)
    if named is None:  # rows
        return of.influenced(of.rows.all() | tracer.all_of(*given.all()), FILTER)
    found = (
        of.influenced(tracer.all_of(*given.all()), FILTER)
        if tracer.all_of(*given.all())
        else of.mapped(lambda old: old)
    )
    labels = labels_of(named.literal)
    if labels is None or "index" in given.named:
        found.selection = True
        return found if "index" not in given.named else _guess(tracer, of, given)
    for label in labels:
        found.columns.pop(label, None)
    return found


def _rename(tracer: Expressions, of: Table, given: Arguments) -> Value:
    axis = given.literal(None, "axis", 0)
    mapping = given.named.get("columns")
    if mapping is None and axis in (1, "columns"):
        mapping = given.get(0, "mapper")
    if mapping is None:  # labels of rows
        by = tracer.all_of(*given.all())
        tracer.called_back(of, given)
        return of.mapped(lambda old: old, Rows(of.rows.all() | by))
    change = _renaming(mapping)
    if change is None:
        return _guess(tracer, of, given)
    found = of.mapped(lambda old: old)
    found.columns = {change(label): deps for label, deps in of.columns.items()}
    if of.rest is not None and isinstance(mapping, Keyed):
        for old in mapping.items:
            text = as_text(old)
            deps = None if text is None else of.of(text)
            if text is None or deps is None:
                return _guess(tracer, of, given)
            found.columns[change(text)] = deps
    elif of.rest is not None or of.prefixes or len(found.columns) < len(of.columns):
        return _guess(tracer, of, given)
    return found


def _renaming(mapping: Value) -> Callable[[str], str] | None:
    if isinstance(mapping, Library) and re.fullmatch(
        r"builtins\.str\.(lower|upper|strip|title|capitalize)", mapping.path
    ):
        method = mapping.path.rpartition(".")[2]
        return lambda label: str(getattr(label, method)())
    literal = mapping.literal
    if type(literal) is not dict:
        return None
    texts = {as_text(old): as_text(new) for old, new in literal.items()}
    if None in texts or None in texts.values():
        return None
    return lambda label: texts.get(label) or label


def _affix(tracer: Expressions, of: Table, given: Arguments, build: Callable[[str, str], str]) -> Value:
    text = given.literal(0, "prefix", given.literal(0, "suffix"))
    if type(text) is not str or of.rest is not None or of.prefixes or not given.only("prefix", "suffix"):
        return _guess(tracer, of, given)
    found = of.mapped(lambda old: old)
    found.columns = {build(text, label): deps for label, deps in of.columns.items()}
    return found


def _set_index(tracer: Expressions, of: Table, given: Arguments) -> Value:
    keys = given.get(0, "keys")
    labels = None if keys is None else labels_of(keys.literal)
    if labels is None or keys is None:
        by = direct(tracer.all_of(keys))
        return _guess(tracer, of, given) if not isinstance(keys, Column) else of.mapped(lambda old: old, Rows(by))
    levels = {label: deps for label in labels if (deps := of.of(label)) is not None}
    if len(levels) < len(labels) or given.literal(None, "append", False) is not False:
        return _guess(tracer, of, given)
    found = of.mapped(lambda old: old, Rows(influence(of.rows.deps, FILTER), levels))
    if given.literal(1, "drop", True) is not False:
        found.columns = {label: deps for label, deps in found.columns.items() if label not in levels}
    return found


def _reset_index(tracer: Expressions, of: Table | Column, given: Arguments) -> Value:
    drop = given.literal(1, "drop", False)
    if drop is UNKNOWN or given.get(0, "level") is not None or "names" in given.named:
        return _guess(tracer, of, given)
    rows = Rows(influence(of.rows.deps, FILTER))
    if drop:
        return of.mapped(lambda old: old, rows) if isinstance(of, Table) else Column(of.deps, rows, of.name)
    levels = of.rows.levels or {"index": direct(of.rows.deps, IDENTITY)}
    if isinstance(of, Table):
        found = of.mapped(lambda old: old, rows)
        found.columns = {**levels, **found.columns}
        found.ordered = False
        return found
    name = as_text(given.literal(None, "name", None)) if "name" in given.named else of.name
    return Table({**levels, name or "0": of.deps}, rows) if name else _guess(tracer, of, given)


# -- expressions in text, functions, new columns --------------------------------------------------------------

QUOTED = re.compile(r"`([^`]*)`")


def _in_text(tracer: Expressions, of: Table, text: Any) -> Deps | None:
    """Return what an expression of ``query`` or ``eval`` comes from."""
    if type(text) is not str:
        return None
    quoted: list[str] = []

    def name(match: re.Match[str]) -> str:
        quoted.append(match[1])
        return f"_quoted_{len(quoted) - 1}_"

    try:
        tree = ast.parse(QUOTED.sub(name, text).replace("@", "_local_").strip(), mode="eval")
    except SyntaxError:
        return None
    found = FREE
    functions = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    for node in ast.walk(tree):
        if not isinstance(node, ast.Name) or id(node) in functions:
            continue
        label = quoted[int(node.id[8:-1])] if node.id.startswith("_quoted_") else node.id
        if label.startswith("_local_"):
            found |= tracer.all_of(tracer.load(label.removeprefix("_local_")))
        else:
            deps = of.rows.levels.get(label) or of.of(label)
            found |= of.all() if deps is None else deps
    return found


def _query(tracer: Expressions, of: Table, given: Arguments) -> Value:
    deps = _in_text(tracer, of, given.literal(0, "expr"))
    by = assumed(of.all()) | tracer.everything() if deps is None else deps
    return of.influenced(by | tracer.all_of(*given.all()), FILTER)


def _eval(tracer: Expressions, of: Table, given: Arguments) -> Value:
    text = given.literal(0, "expr")
    if type(text) is not str:
        raise Lost
    match = re.fullmatch(r"\s*([A-Za-z_]\w*)\s*=(?!=)(.*)", text)
    deps = _in_text(tracer, of, match[2] if match else text)
    if deps is None:
        deps = assumed(of.all()) | tracer.everything()
        if "=" in re.sub(r"[=!<>]=", "", text):
            return of.mapped(lambda old: old | deps)
    value = Column(direct(deps | influence(of.rows.deps, FILTER)), of.rows)
    if match is None:
        return value
    found = of.mapped(lambda old: old)
    frames.put(tracer, found, match[1], value.deps)
    return found


def _assign(tracer: Expressions, of: Table, given: Arguments) -> Value:
    found = of.mapped(lambda old: old)
    if given.spread or given.values:
        raise Lost
    for label, value in given.named.items():
        if isinstance(value, Function | Method | Library):
            value = tracer.call(value, Arguments([found]))
        deps = frames.fitting(value, found, tracer)
        found.ordered = found.ordered and label in found.columns
        found.columns[label] = deps
    return found


def _insert(tracer: Expressions, of: Table, given: Arguments) -> Value:
    labels = labels_of(given.literal(1, "column"))
    value = given.get(2, "value")
    if labels is None or value is None or of.unclear:
        raise Lost
    tracer.mutated = True
    frames.put(tracer, of, labels[0], frames.fitting(tracer.under_conditions(value), of, tracer))
    of.ordered = False
    return Whole(value=None)


def _pop(tracer: Expressions, of: Table, given: Arguments) -> Value:
    key = given.get(0, "item")
    if key is None:
        raise Lost
    found = frames.chosen(tracer, of, key)
    tracer.mutated = True
    frames.delete_item(tracer, of, key)
    return found


def _apply(tracer: Expressions, of: Table, given: Arguments) -> Value:
    """Follow ``apply``: a function of a row is one of the columns, row by row."""
    function = given.get(0, "func")
    if function is None:
        raise Lost
    if given.literal(1, "axis", 0) in (1, "columns") and isinstance(function, Function) and len(given.values) <= 2:
        row = of.mapped(lambda old: old)
        found = tracer.call(function, Arguments([row]))
        if isinstance(found, Column | Whole):
            deps = found.deps if isinstance(found, Column) else tracer.all_of(found)
            return Column(direct(deps | influence(of.rows.deps, FILTER)), of.rows)
        return tracer.guessed(of, found)
    return _guess(tracer, of, given)


def _apply_column(tracer: Expressions, of: Column, given: Arguments) -> Value:
    back = tracer.called_back(Whole(of.deps), given)
    return Column(direct(of.deps | tracer.all_of(*given.all())) | back, of.rows, of.name)


def _pipe(tracer: Expressions, of: Table | Column, given: Arguments) -> Value:
    function = given.values[0] if given.values else None
    if function is None or isinstance(function, Several):
        raise Lost
    return tracer.call(function, Arguments([of, *given.values[1:]], given.named, given.spread))


def _value_counts(tracer: Expressions, of: Column, given: Arguments) -> Value:
    rows = Rows(influence(of.deps, FILTER), {of.name: direct(of.deps, IDENTITY)} if of.name else {})
    return Column(direct(of.deps, AGGREGATION), rows, "proportion" if "normalize" in given.named else "count")


def _sorted_column(tracer: Expressions, of: Column, given: Arguments) -> Value:
    return of.influenced(of.deps | tracer.called_back(of, given), SORT)


def _chosen_column(tracer: Expressions, of: Column, given: Arguments) -> Value:
    return of.influenced(of.deps | tracer.all_of(*given.all()), FILTER)


def _renamed_column(tracer: Expressions, of: Column, given: Arguments) -> Value:
    name = given.literal(0, "index")
    if type(name) is not str:
        return _guess(tracer, of, given)
    return Column(of.deps, of.rows, name)


def _to_frame(tracer: Expressions, of: Column, given: Arguments) -> Value:
    name = as_text(given.literal(0, "name")) if given.get(0, "name") is not None else of.name
    return Table({name: of.deps}, of.rows) if name else _guess(tracer, of, given)


def _sort_index(tracer: Expressions, of: Table | Column, given: Arguments) -> Value:
    return _guess(tracer, of, given) if _columns_wise(given) else of.influenced(of.rows.all(), SORT)


Handler = Callable[["Expressions", Any, Arguments], Value]
TABLE: dict[str, Handler] = {
    "sort_values": _sort_values, "drop_duplicates": _subset("drop_duplicates"), "dropna": _subset("dropna"),
    "nlargest": _largest, "nsmallest": _largest, "sample": _sample, "drop": _drop, "rename": _rename,
    "add_prefix": lambda t, of, g: _affix(t, of, g, lambda text, label: text + label),
    "add_suffix": lambda t, of, g: _affix(t, of, g, lambda text, label: label + text),
    "set_index": _set_index, "reset_index": _reset_index, "query": _query, "eval": _eval, "assign": _assign,
    "insert": _insert, "pop": _pop, "apply": _apply, "pipe": _pipe, "sort_index": _sort_index,
    "merge": lambda t, of, g: reshaping.merge(t, Arguments([of, *g.values], g.named, g.spread)),
    "join": reshaping.join, "melt": reshaping.melt, "pivot_table": reshaping.pivot, "pivot": reshaping.pivot,
    "groupby": reshaping.groupby, "resample": reshaping.resample, "rolling": reshaping.window,
    "expanding": reshaping.window, "ewm": reshaping.window, "explode": reshaping.explode,
    "select_dtypes": reshaping.some_columns, "filter": reshaping.some_columns, "describe": reshaping.described,
}  # fmt: skip
COLUMN: dict[str, Handler] = {
    "sort_values": _sorted_column, "drop_duplicates": _chosen_column, "dropna": _chosen_column,
    "nlargest": _chosen_column, "nsmallest": _chosen_column, "reset_index": _reset_index, "apply": _apply_column,
    "pipe": _pipe, "sort_index": _sort_index, "value_counts": _value_counts, "rename": _renamed_column,
    "to_frame": _to_frame, "groupby": reshaping.groupby, "resample": reshaping.resample,
    "rolling": reshaping.window, "expanding": reshaping.window, "ewm": reshaping.window,
    "quantile": lambda t, of, g: _aggregated(t, of, "quantile", g) if type(g.literal(0, "q", 0.5)) is float
    else _guess(t, of, g),
    "explode": _chosen_column,
}  # fmt: skip
