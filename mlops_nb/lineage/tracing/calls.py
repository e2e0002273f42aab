"""What a call makes: methods, functions of the notebook, and the libraries that are known."""

from __future__ import annotations

import builtins
from typing import TYPE_CHECKING

from mlops_nb.lineage.tracing import frames, methods, models, reshaping
from mlops_nb.lineage.tracing.kinds import (
    AGGREGATION,
    ALL,
    CONDITIONAL,
    FREE,
    IDENTITY,
    SAME,
    TRANSFORMATION,
    Dep,
    Deps,
    as_text,
    assumed,
    direct,
    influence,
    resolved,
    words,
)  # fmt: skip
from mlops_nb.lineage.tracing.values import (
    UNKNOWN,
    Access,
    Arguments,
    Column,
    Function,
    Grouped,
    Keyed,
    Library,
    Lost,
    Memory,
    Method,
    Model,
    Rows,
    Several,
    Table,
    Value,
    Whole,
    aligned,
)  # fmt: skip

if TYPE_CHECKING:
    from mlops_nb.lineage.tracing.expressions import Expressions

#: Functions of Python that reach past their arguments.
DANGEROUS = words(
    "exec eval globals locals vars setattr delattr compile __import__ input breakpoint super getattr open"
)
#: Methods that change a list, a dict, a set or an array.
CHANGERS = words(
    "append extend insert add update setdefault pop popitem remove discard clear sort reverse fill put resize "
    "partition setflags itemset appendleft popleft extendleft rotate"
)
ELEMENTWISE = words(
    "log log2 log10 log1p exp expm1 sqrt square cbrt abs absolute fabs sign floor ceil rint trunc round sin cos "
    "tan arcsin arccos arctan sinh cosh tanh isnan isfinite isinf maximum minimum fmax fmin power add subtract "
    "multiply divide true_divide floor_divide mod remainder logical_and logical_or logical_not logical_xor "
    "greater greater_equal less less_equal equal not_equal negative reciprocal clip nan_to_num hypot arctan2 "
    "degrees radians to_numeric to_datetime to_timedelta isna isnull notna notnull"
)
AGGREGATING = words(
    "mean sum min max std var median percentile quantile nanmean nansum nanmin nanmax nanstd nanmedian average "
    "prod corrcoef cov count_nonzero any all argmax argmin ptp len"
)
IN_PLACE = frozenset({"shuffle", "put", "copyto", "place", "putmask", "fill_diagonal", "put_along_axis", "heappush"})
SAVING = frozenset({"save", "savez", "savez_compressed", "savetxt", "savefig", "imsave", "dump", "ExcelWriter"})
LOADING = frozenset({"load", "loadtxt", "genfromtxt", "fromfile", "memmap", "fromregex", "connect", "HDFStore"})


def call(tracer: Expressions, function: Value, given: Arguments) -> Value:
    """Return what a call returns, and follow what it changes.

    Raises:
        Lost: what it does is not known.
    """
    match function:
        case Method():
            return _method(tracer, function.of, function.name, given)
        case Library():
            return _library(tracer, function.path, given)
        case Function():
            return tracer.call_function(function, given)
        case Whole(opaque=False) if function.literal is UNKNOWN:
            called_back(tracer, function, given)
            return Whole(direct(tracer.all_of(function, *given.all())))
        case Model():
            return tracer.guessed(function, *given.all())
    raise Lost


def called_back(tracer: Expressions, argument: Value, given: Arguments) -> Deps:
    """Return what functions among the arguments bring in, when pandas calls them with something."""
    found = FREE
    for value in given.all():
        items = value.items if isinstance(value, Several) else [value]
        items = list(value.items.values()) if isinstance(value, Keyed) else items
        for item in items:
            parts = item.items if isinstance(item, Several) else [item]
            for part in parts:
                if isinstance(part, Function):
                    found |= tracer.all_of(call(tracer, part, Arguments([_passed(argument)])))
                elif isinstance(part, Method):
                    found |= tracer.all_of(part.of)
                    if isinstance(part.of, Whole) and part.of.opaque:
                        raise Lost
                elif isinstance(part, Whole) and part.opaque:
                    raise Lost
    return direct(found)


def _passed(argument: Value) -> Value:
    """Return a value that a function may change without changing the original."""
    match argument:
        case Table():
            return argument.mapped(lambda old: old)
        case Column():
            return Column(argument.deps, argument.rows, argument.name)
    return argument


def _method(tracer: Expressions, of: Value, name: str, given: Arguments) -> Value:
    match of:
        case Table() | Column():
            return methods.call(tracer, of, name, given)
        case Grouped():
            return reshaping.call(tracer, of, name, given)
        case Model():
            return models.call(tracer, of, name, given)
        case Method(of=Column() as column, name=accessor) if accessor in frames.ACCESSORS:
            return _accessor(tracer, column, name, given)
        case Several() if name == "append" and len(given.values) == 1 and not tracer.weak:
            of.items.append(given.values[0])
            return Whole(value=None)
        case Several() | Keyed() | Whole(opaque=False) if name in CHANGERS:
            removed = Whole(tracer.all_of(of))
            removed.memory.held, removed.memory.source = [of], True
            if isinstance(of, Keyed):
                _change_dict(tracer, of, given)
            else:
                tracer.mutate(of, *given.all())
            return removed
        case Keyed():
            return _of_dict(tracer, of, name, given)
        case Several():
            return tracer.guessed(of, *given.all())
        case Whole(opaque=False):
            return _of_whole(tracer, of, name, given)
        case Method() | Access():
            called_back(tracer, of, given)
            return tracer.guessed(of, *given.all())
    raise Lost


def _change_dict(tracer: Expressions, of: Keyed, given: Arguments) -> None:
    for value in given.all():
        if not isinstance(value, Keyed) or tracer.weak:
            raise Lost
        of.items.update(value.items)
    of.items.update(given.named)


def _of_dict(tracer: Expressions, of: Keyed, name: str, given: Arguments) -> Value:
    values = list(of.items.values())
    if name == "values":
        return Several(values)
    if name == "items":
        return Several([Several([Whole(value=key), value], tuple) for key, value in of.items.items()])
    if name == "keys":
        return Whole(value=list(of.items))
    return tracer.element(of) if name in ("get", "copy") else tracer.guessed(of, *given.all())


def _of_whole(tracer: Expressions, of: Whole, name: str, given: Arguments) -> Value:
    """A method of a number, a text, an array, or an object of a library."""
    if name in (
        "write",
        "writelines",
        "execute",
        "executemany",
        "savefig",
        "save",
        "dump",
        "to_csv",
        "tofile",
        "commit",
    ):
        tracer.effects = True
    if "out" in given.named:
        raise Lost
    called_back(tracer, of, given)
    deps = tracer.all_of(of, *given.all())
    tables = any(isinstance(value, Table) for value in given.all())
    if type(of.literal) is str and not given.all() and name in ("lower", "upper", "strip", "title"):
        return Whole(deps, getattr(of.literal, name)())
    return Whole(assumed(deps) if tables else direct(deps), memory=of.memory)


def _accessor(tracer: Expressions, column: Column, name: str, given: Arguments) -> Value:
    """``.str``, ``.dt`` and ``.cat``: value by value."""
    back = called_back(tracer, Whole(), given)
    deps = direct(column.deps) | direct(tracer.all_of(*given.all())) | back
    if name in ("split", "rsplit", "partition", "extract", "extractall", "get_dummies", "rpartition"):
        if (
            given.literal(None, "expand", name in ("partition", "rpartition", "extract")) is True
            or name == "get_dummies"
        ):
            return Table({}, column.rows, deps)
        if name == "extractall":
            return Whole(assumed(deps))
    return Column(deps, column.rows, column.name)


# -- libraries ------------------------------------------------------------------------------------------------


def _library(tracer: Expressions, path: str, given: Arguments) -> Value:
    top, _, name = path.partition(".")
    last = path.rpartition(".")[2]
    if top == "builtins":
        return _builtin(tracer, name, given)
    if top == "mlops_nb":
        return _own(tracer, last, given)
    if "out" in given.named:
        raise Lost
    if top == "sklearn":
        return models.library(tracer, path, given)
    if last in IN_PLACE and given.values:
        tracer.mutate(given.values[0], *given.values[1:])
        return Whole(value=None)
    if top == "pandas":
        found = _pandas(tracer, last, given)
        if found is not None:
            return found
    if last in SAVING or (top in ("pickle", "joblib", "json") and last == "dump"):
        tracer.effects = True
        return Whole(value=None)
    if last in LOADING or last.startswith(("read_", "fetch_", "load")) or top in ("requests", "urllib", "httpx"):
        return Whole(resolved(files(tracer, given), ALL))
    if top == "numpy" and path.startswith("numpy.random"):
        return Whole(tracer.all_of(*given.all()))
    if last in ELEMENTWISE and top in ("numpy", "pandas"):
        return tracer.elementwise(*given.all())
    if last in ("where", "select") and top == "numpy" and len(given.values) > 1:
        condition = influence(tracer.all_of(given.values[0]), CONDITIONAL)
        return Whole(direct(tracer.all_of(*given.all()[1:])) | condition)
    called_back(tracer, Whole(tracer.all_of(*given.all())), given)
    if any(isinstance(value, Table | Grouped | Several | Keyed) for value in given.all()) and last not in AGGREGATING:
        return tracer.guessed(*given.all())
    kind = AGGREGATION if last in AGGREGATING else TRANSFORMATION
    return Whole(direct(tracer.all_of(*given.all()), kind))


def files(tracer: Expressions, given: Arguments) -> Deps:
    """Return what is read from files: each column from that of the same name."""
    if tracer.effects or tracer.written:  # this cell may have written it
        return tracer.everything()
    source = frozenset((Dep(tracer.execution, SAME, IDENTITY),))
    return source | influence(tracer.all_of(*given.all()), CONDITIONAL)


def _pandas(tracer: Expressions, name: str, given: Arguments) -> Value | None:
    if name.startswith("read_"):
        called_back(tracer, Whole(), given)
        deps = files(tracer, given)
        renamed = bool({"names", "index_col", "header", "prefix", "params"} & set(given.named)) or name in (
            "read_sql", "read_sql_query", "read_json", "read_html", "read_xml", "read_excel"
        )  # fmt: skip
        rows = Rows(influence(resolved(deps, ALL), CONDITIONAL))
        if name == "read_html" or {"sheet_name", "chunksize", "iterator"} & set(given.named):
            return Whole(assumed(resolved(deps, ALL)))
        return Table({}, rows, assumed(resolved(deps, ALL)) if renamed else deps)
    match name:
        case "merge":
            return reshaping.merge(tracer, given)
        case "concat":
            return reshaping.concat(tracer, given)
        case "get_dummies":
            return reshaping.dummies(tracer, given)
        case "crosstab":
            return reshaping.crosstab(tracer, given)
        case "DataFrame":
            return _new_table(tracer, given)
        case "Series" | "Index" | "Categorical":
            return _new_column(tracer, given) if name == "Series" else None
        case "NamedAgg":
            return Several(list(given.all()), tuple)
        case "cut" | "qcut" if given.values and isinstance(given.values[0], Column):
            column = given.values[0]
            if given.literal(None, "retbins", False) is not False:
                return None
            return Column(direct(tracer.all_of(*given.values[1:])) | direct(column.deps), column.rows, column.name)
        case "melt" | "pivot_table" | "pivot" if given.values and isinstance(given.values[0], Table):
            rest = Arguments(given.values[1:], given.named, given.spread)
            return (
                reshaping.melt(tracer, given.values[0], rest)
                if name == "melt"
                else reshaping.pivot(tracer, given.values[0], rest)
            )
    return None


def _new_table(tracer: Expressions, given: Arguments) -> Value:
    data = given.get(0, "data")
    if data is None and not given.all():
        return Table()
    if not given.only("data", "columns", "index", "dtype") or isinstance(data, Table):
        return tracer.guessed(*given.all())
    index = tracer.all_of(given.get(1, "index")) if given.get(1, "index") is not None else FREE
    if isinstance(data, Keyed) and "columns" not in given.named:
        columns = {as_text(label): value for label, value in data.items.items()}
        if None in columns:
            return tracer.guessed(*given.all())
        rows, by = aligned(columns.values())
        if index:
            rows = Rows(rows.all() | influence(index, CONDITIONAL))
        lengths = influence(
            tracer.all_of(*(v for v in columns.values() if not isinstance(v, Column | Table))), CONDITIONAL
        )
        rows = rows if not lengths else rows.influenced(lengths)
        return Table(
            {
                label: (value.deps | by if isinstance(value, Column) else direct(tracer.all_of(value)) | influence(
                    rows.all(), CONDITIONAL)) | influence(index, CONDITIONAL)
                for label, value in columns.items() if label is not None
            },
            rows,
        )  # fmt: skip
    deps = tracer.all_of(*given.all())
    return Table({}, Rows(influence(deps, CONDITIONAL)), assumed(deps))


def _new_column(tracer: Expressions, given: Arguments) -> Value:
    data, index = given.get(0, "data"), given.get(1, "index")
    deps = direct(tracer.all_of(data)) if data is not None else FREE
    labels = tracer.all_of(index) if index is not None else FREE
    rows = data.rows if isinstance(data, Column) and index is None else Rows(influence(deps | labels, CONDITIONAL))
    name = given.literal(3, "name", data.name if isinstance(data, Column) else None)
    return Column(deps | influence(labels, CONDITIONAL), rows, as_text(name) if name is not None else None)


def _own(tracer: Expressions, name: str, given: Arguments) -> Value:
    """Verbs of this package."""
    if name in ("dataset", "register"):
        value = given.get(0, "frame" if name == "dataset" else "model")
        if value is None:
            raise Lost
        tracer.written.append(_passed(value))
        return Whole()
    if name == "load_dataset":
        deps = files(tracer, given)
        return Table({}, Rows(influence(resolved(deps, ALL), CONDITIONAL)), deps)
    if name == "load_model":
        return Model(resolved(files(tracer, given), ALL))
    if name in ("log_metric", "log_metrics", "log_param"):
        return Whole(value=None)
    tracer.effects = True
    return tracer.guessed(*given.all())


# -- what Python brings ---------------------------------------------------------------------------------------


def _builtin(tracer: Expressions, name: str, given: Arguments) -> Value:
    kind, _, method = name.partition(".")
    if kind == "open":
        tracer.effects = True
        return Whole(tracer.everything(), opaque=False)
    if kind == "getattr" and len(given.values) == 2 and type(given.values[1].literal) is str:
        return frames.attribute(tracer, given.values[0], given.values[1].literal)
    if kind in DANGEROUS or (not hasattr(builtins, kind) and kind not in ("display", "get_ipython")):
        raise Lost
    called_back(tracer, Whole(tracer.all_of(*given.all())), given)
    first = given.values[0] if given.values else None
    if kind in ("print", "display", "isinstance", "type", "id", "callable", "hasattr", "issubclass"):
        return Whole(direct(tracer.all_of(*given.all())) if kind != "print" else FREE)
    literal = _folded(kind, [value.literal for value in given.values]) if not given.named and not method else UNKNOWN
    if literal is not UNKNOWN:
        return Whole(tracer.all_of(*given.all()), literal)
    if kind in ("list", "tuple") and isinstance(first, Several):
        return Several(list(first.items), list if kind == "list" else tuple, first.mixed)
    if kind == "dict" and not given.values and given.named:
        return Keyed(dict(given.named))
    if kind in (
        "list",
        "tuple",
        "set",
        "dict",
        "iter",
        "reversed",
        "sorted",
        "enumerate",
        "zip",
        "filter",
        "next",
        "map",
    ):
        found = Whole(tracer.all_of(*given.all()))
        found.memory = Memory(held=given.all(), source=True)
        return found
    aggregate = AGGREGATION if kind in ("sum", "min", "max", "len", "any", "all") else TRANSFORMATION
    if kind in ("abs", "round") and isinstance(first, Column | Table):
        return tracer.elementwise(*given.all())
    return Whole(direct(tracer.all_of(*given.all()), aggregate))


def _folded(kind: str, literals: list[object]) -> object:
    """Return what some functions make of literals."""
    if UNKNOWN in literals or kind not in ("list", "tuple", "sorted", "range", "enumerate", "zip", "str", "int", "len"):
        return UNKNOWN
    try:
        found = getattr(builtins, kind)(*literals)
        return list(found)[:200] if kind in ("range", "enumerate", "zip") and len(literals) < 4 else found
    except Exception:
        return UNKNOWN
