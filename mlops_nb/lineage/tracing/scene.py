"""What the names of a cell were bound to before it, as far as exact types and labels tell."""

from __future__ import annotations

import ast
import re
import sys
import types
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mlops_nb.lineage.tracing.kinds import (
    ALL,
    EVERYTHING,
    FIT,
    INDEX,
    TRANSFORMATION,
    WHOLE,
    Dep,
    as_text,
    assumed,
    union,
    words,
)  # fmt: skip
from mlops_nb.lineage.tracing.values import (
    UNKNOWN,
    Column,
    Function,
    Library,
    Lost,
    Memory,
    Model,
    Rows,
    Value,
    Whole,
    own,
    source_table,
)  # fmt: skip

#: Libraries whose functions change no object of the notebook but those that ``calls`` knows of.
LIBRARIES = words(
    "pandas numpy scipy sklearn matplotlib seaborn plotly statsmodels math statistics datetime re json time os "
    "sys pathlib random collections itertools functools warnings logging typing string decimal fractions operator "
    "copy textwrap joblib pickle csv io glob hashlib uuid calendar builtins IPython mlops_nb tqdm requests urllib "
    "zipfile gzip"
)
SCALARS = (str, int, float, bool, complex, bytes, type(None))
FOLLOWED = 500  # a table of more columns is followed as one
LISTED = 200
#: What IPython keeps of earlier cells.
HISTORY = re.compile(r"_{1,3}|_\d+|_i+|_i\d+|_oh|_ih|_dh|Out|In")


@dataclass(frozen=True)
class Known:
    """What is known of an object: the kind of value it is, the labels of its columns and of its index."""

    kind: str
    labels: tuple[str, ...] | None = None
    levels: tuple[str, ...] = ()
    name: str | None = None
    literal: Any = UNKNOWN
    identity: int = 0
    code: ast.FunctionDef | None = None

    @property
    def shown(self) -> bool:
        """Whether it has columns."""
        return self.kind in ("table", "column", "model")


def describe(value: Any) -> Known:
    """Return what an object is, by its exact type."""
    kind = type(value)
    module = kind.__module__
    root = module.partition(".")[0] if type(module) is str else ""
    if kind in SCALARS:
        return Known("data", literal=value)
    if issubclass(kind, types.ModuleType):
        name = object.__getattribute__(value, "__dict__").get("__name__")
        return Known("library", name=name) if _known(name) else Known("opaque")
    if root == "pandas":
        return _pandas(value, kind)
    if root == "numpy":
        return _numpy(value, kind)
    if root == "sklearn" and hasattr(kind, "fit"):
        return Known("model", _features(value), literal=_warm(value), identity=id(value))
    if kind in (list, tuple, set, dict):
        return _container(value, kind)
    if kind in (types.FunctionType, types.BuiltinFunctionType) or kind is type or module == "abc":
        owner = value.__module__ or "builtins"
        return Known("library", name=f"{owner}.{value.__name__}") if _known(owner) else Known("function")
    return Known("object" if root in LIBRARIES else "opaque")


def _numpy(value: Any, kind: type) -> Known:
    if kind.__name__ == "ufunc":
        return Known("library", name=f"numpy.{value.__name__}")
    if issubclass(kind, sys.modules["numpy"].generic):
        return Known("data")
    return Known("array" if kind.__name__ == "ndarray" and value.dtype.kind != "O" else "object", identity=id(value))


def _features(model: Any) -> tuple[str, ...] | None:
    """Return the columns that a fitted model uses: a transformer of columns may leave some out."""
    own = vars(model)
    if used := _used(own):
        return used
    names = own.get("feature_names_in_")
    if type(names).__module__ == "numpy":
        return _labels(names.tolist())
    parts = _steps(own)
    return _features(parts[0]) if parts else None


def _used(own: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the columns that a ColumnTransformer is told to use, if it drops all others."""
    if own.get("remainder") != "drop" or type(own.get("transformers")) is not list:
        return ()
    columns = [part[2] for part in own["transformers"] if type(part) is tuple and len(part) == 3]
    flat = [label for part in columns if type(part) in (list, str) for label in ([part] if type(part) is str else part)]
    if not all(type(part) in (list, str) for part in columns) or not all(type(label) is str for label in flat):
        return ()
    return _labels(list(dict.fromkeys(flat))) or ()


def _steps(own: Mapping[str, Any]) -> list[Any]:
    """Return the steps of a pipeline that are scikit-learn's own."""
    steps = own.get("steps")
    parts = [part[1] for part in steps if type(part) is tuple and len(part) == 2] if type(steps) is list else []
    return [part for part in parts if type(part).__module__.startswith("sklearn.")]


def _warm(model: Any) -> bool:
    """Whether fitting a model again builds on what it has learned."""
    settings = [vars(part).get("warm_start") for part in (model, *_steps(vars(model)))]
    return any(setting is not None and setting is not False for setting in settings)


def _known(module: object) -> bool:
    return isinstance(module, str) and module.partition(".")[0] in LIBRARIES


def _pandas(value: Any, kind: type) -> Known:
    pandas = sys.modules["pandas"]
    if kind is pandas.DataFrame:
        levels = _levels(value.index)
        return Known("table", _labels(value.columns.tolist()), levels, identity=id(value))
    if kind is pandas.Series:
        return Known("column", None, _levels(value.index), as_text(value.name), identity=id(value))
    return Known("object")


def _levels(index: Any) -> tuple[str, ...]:
    return tuple(text for name in index.names if name is not None and (text := as_text(name)) is not None)


def _labels(labels: list[Any]) -> tuple[str, ...] | None:
    """Return labels as text; None if they cannot be told apart so."""
    texts = [as_text(label) for label in labels]
    found = tuple(text for text in texts if text is not None)
    return found if len(set(found)) == len(texts) else None


def _container(value: Any, kind: type) -> Known:
    """A container of nothing but numbers and text cannot hold what another name holds."""
    if len(value) > LISTED:
        return Known("opaque")
    items = [*value.keys(), *value.values()] if kind is dict else list(value)
    if not all(type(item) in SCALARS for item in items):
        return Known("opaque")
    return Known("data", literal=kind(value) if kind is not set else UNKNOWN)


class Scene:
    """Where the interpreter takes the values of names from that the cell did not bind itself."""

    def __init__(
        self,
        execution: int,
        read: Mapping[str, int],
        made: Mapping[str, int],
        before: Mapping[str, Known],
        namespace: Mapping[str, Any],
    ) -> None:
        self.execution = execution
        self.read = read
        self.made = made
        self.before = before
        self.namespace = namespace
        self.shared: dict[int, Value] = {}

    def __call__(self, name: str) -> Value | None:
        """Return what a name was bound to before the cell; None if Python itself brings it.

        Raises:
            Lost: nobody knows.
        """
        known = self.before.get(name)
        if known is None and HISTORY.fullmatch(name):  # the namespace has the results of after the cell
            return self._untracked(Known("opaque"))
        if known is None:
            if name not in self.namespace:
                if name in self.read or name in self.made:
                    raise Lost
                return None
            known = describe(self.namespace[name])
            if known.kind == "library" and known.name:
                return Library(known.name)
            if name in self.made or name == "get_ipython":
                raise Lost
        if known.kind == "library" and known.name:
            return Library(known.name)
        if known.identity and known.identity in self.shared:
            return self.shared[known.identity]
        node = self.read.get(name)
        value = self._untracked(known) if node is None else self._value(node, known)
        if known.identity:
            self.shared[known.identity] = value
        return value

    def _untracked(self, known: Known) -> Value:
        """What was bound while nobody watched."""
        if known.kind == "data" and known.literal is not UNKNOWN:
            return Whole(value=known.literal)
        everything = frozenset((Dep(self.execution, EVERYTHING, TRANSFORMATION, True),))
        return Whole(everything, memory=Memory(source=True), opaque=known.kind in ("opaque", "function"))

    def _value(self, node: int, known: Known) -> Value:
        whole = own(node, WHOLE)
        match known.kind:
            case "table" if known.labels is None:
                found = source_table(node, None, ())
                found.rest = assumed(own(node, ALL))
                return found
            case "table":
                labels = known.labels if known.labels is not None and len(known.labels) <= FOLLOWED else None
                return source_table(node, labels, known.levels)
            case "column":
                rows = Rows(own(node, INDEX), {name: own(node, name) for name in known.levels})
                return Column(whole, rows, known.name)
            case "model":
                features = {label: own(node, label) for label in known.labels or ()}
                return Model(whole, own(node, FIT), features, warm=known.literal is True, source=True)
            case "function":
                return Function(known.code, _defaults(node, known.code))
            case "data":
                return Whole(whole, known.literal)
        memory = Memory(source=True, holder=known.kind != "array")
        return Whole(whole, memory=memory, opaque=known.kind == "opaque")


def _defaults(node: int, code: ast.FunctionDef | None) -> frozenset[Dep]:
    if code is None:
        return union(())
    values = [*code.args.defaults, *(value for value in code.args.kw_defaults if value is not None)]
    return union(()) if all(isinstance(value, ast.Constant) for value in values) else own(node, WHOLE)
