"""How a heap describes code: functions and classes of the user's by all that they do, a library's by their name."""

from __future__ import annotations

import marshal
import sys
import types
from collections.abc import Iterable
from typing import Any

from mlops_nb.cache.heap import Heap, Refused, Token, describes
from mlops_nb.capture.values.kinds import ATOM_IDS, FROZEN, module_of
from mlops_nb.capture.values.looks import global_names
from mlops_nb.capture.values.shapes import CACHES, is_full

#: What a class keeps for itself beside what the walk of values leaves out.
OWN = CACHES | {"__static_attributes__", "__firstlineno__", "__annotate_func__", "__classdictcell__"}


def name_of(value: Any) -> tuple[str, str]:
    """Return the module and name under which a thing of a library is found again.

    Raises:
        Refused: nothing is found there, or something else.
    """
    module, name = getattr(value, "__module__", None), getattr(value, "__qualname__", "")
    if module is None and isinstance(getattr(value, "__self__", None), types.ModuleType):
        module = value.__self__.__name__
    found: Any = sys.modules.get(str(module))
    for part in str(name).split("."):
        found = getattr(found, part, None)
    if found is not value:
        raise Refused(f"{module}.{name} is not found by its name")
    return str(module), str(name)


@describes("static")
def _static(heap: Heap, value: Any, kind: type) -> list[Token]:
    if (getattr(value, "__module__", None) or module_of(kind)).partition(".")[0] == "mlops_nb":
        raise Refused("it uses mlops_nb")
    if kind is types.BuiltinFunctionType and type(value.__self__) is not types.ModuleType:
        if id(type(value.__self__)) in ATOM_IDS or isinstance(value.__self__, type):
            return ["builtin", heap.ref(value.__self__), value.__name__]
        raise Refused(f"a method of a {type(value.__self__).__name__} cannot be kept")
    if value is NotImplemented:
        return ["NotImplemented"]
    if kind in (types.MemberDescriptorType, types.GetSetDescriptorType):
        return ["slot", value.__name__]
    if kind is types.CodeType:
        return ["code", *code_token(heap, value)]
    return ["static", *name_of(value)]


@describes("function")
def _function(heap: Heap, value: types.FunctionType, kind: type) -> list[Token]:
    module = value.__module__ or ""
    if module.partition(".")[0] in FROZEN:
        raise Refused(f"it uses {module}")
    own = value.__globals__ is heap.namespace
    if not own and not heap.is_local(module):
        return ["function", *name_of(value)]
    heap.codes.append((value.__code__, value.__globals__))
    names = sorted(global_names(value.__code__))
    if own:
        heap.uses.extend(names)
    held: Iterable[Token] = () if own else (
        [name, heap.ref(value.__globals__[name]) if name in value.__globals__ else None] for name in names
    )  # fmt: skip
    return [
        "function", module, value.__name__, value.__qualname__, value.__doc__, code_token(heap, value.__code__),
        [heap.ref(part) for part in value.__defaults__ or ()],
        [[name, heap.ref(part)] for name, part in (value.__kwdefaults__ or {}).items()],
        [heap.ref(cell.cell_contents) if is_full(cell) else "empty" for cell in value.__closure__ or ()],
        [[name, heap.ref(part)] for name, part in value.__dict__.items()],
        [[name, heap.ref(part)] for name, part in value.__annotations__.items()],
        list(held),
    ]  # fmt: skip


def code_token(heap: Heap, code: types.CodeType) -> Token:
    """Describe code by all that it does, and not by where it stands."""
    return (
        code.co_name, code.co_code, getattr(code, "co_exceptiontable", b""), code.co_names, code.co_varnames,
        code.co_freevars, code.co_cellvars, code.co_flags, code.co_argcount, code.co_posonlyargcount,
        code.co_kwonlyargcount, tuple(_constant(heap, constant) for constant in code.co_consts),
    )  # fmt: skip


def _constant(heap: Heap, value: Any) -> Token:
    if type(value) is types.CodeType:
        return code_token(heap, value)
    if type(value) is frozenset:
        return ("frozenset", *sorted(map(repr, value)))
    if type(value) is tuple:
        return ("tuple", *(_constant(heap, part) for part in value))
    return ("slice", repr(value)) if type(value) is slice else heap.ref(value)


@describes("class")
def _class(heap: Heap, value: type, kind: type) -> list[Token]:
    module = module_of(value)
    if module.partition(".")[0] == "mlops_nb":
        raise Refused("it uses mlops_nb")
    if not heap.is_local(module):
        return ["class", *name_of(value)]
    if heap.is_local(module_of(kind)):
        raise Refused(f"{value.__name__} has a metaclass of its own")
    heap.classes.append(value)
    own = type.__dict__["__dict__"].__get__(value)
    return [
        "class", module, value.__qualname__, heap.ref(kind),
        [heap.ref(base) for base in type.__dict__["__bases__"].__get__(value)],
        [[name, heap.ref(held)] for name, held in own.items() if name not in OWN],
    ]  # fmt: skip


@describes("module")
def _module(heap: Heap, value: types.ModuleType, kind: type) -> list[Token]:
    own = types.ModuleType.__getattribute__(value, "__dict__")
    name = str(own.get("__name__") or "")
    if own is heap.namespace:
        raise Refused("it may use any name")
    if name.partition(".")[0] in ("mlops_nb", *REMEMBERING):
        raise Refused(f"it uses {name.partition('.')[0]}")
    if not heap.is_local(name) and sys.modules.get(name) is value:
        heap.modules.append(value)
        return ["module", name, _shape(heap, value, own)]
    held = [[key, heap.ref(part)] for key, part in list(own.items()) if not key.startswith("__")]
    return ["module", name, held]


#: Libraries that keep what is done with them for themselves, draw, or work elsewhere.
REMEMBERING = frozenset(
    {"mlflow", "wandb", "ray", "dask", "pyspark", "tensorflow", "streamlit", "matplotlib", "seaborn", "plotly", "bokeh"}
    | {"ipywidgets", "IPython", "joblib", "multiprocessing", "threading", "asyncio", "concurrent", "subprocess"}
    | {"ctypes", "gc", "weakref", "atexit", "signal", "socket", "requests", "httpx", "urllib3", "tempfile", "shutil"}
    | {"logging", "warnings", "time", "uuid", "secrets", "inspect", "builtins", "importlib", "copyreg", "locale"}
)
#: Of ``sys``: what comes and goes, or is told among the settings.
PASSING = frozenset(
    {"stdin", "stdout", "stderr", "last_type", "last_value", "last_traceback", "last_exc", "displayhook"}
)
_MODULE = types.ModuleType
_shapes: dict[int, tuple[list[Any], Token]] = {}  # of modules of libraries, with what each held then


def _shape(heap: Heap, module: types.ModuleType, own: dict[str, Any]) -> Token:
    """Describe what a module of a library shows, so that a part which somebody has put there is seen."""
    held = list(own.values())
    known = _shapes.get(id(module))
    if known is None or len(known[0]) != len(held) or any(map(_differs, known[0], held)):
        lazy = "__getattr__" in own  # it brings its parts when they are asked for
        parts = [
            [name, _named(part)]
            for name, part in sorted(own.items())
            if name[:1] != "_" and not (module is sys and name in PASSING) and not (lazy and type(part) is _MODULE)
        ]
        known = _shapes[id(module)] = held, marshal.dumps(parts, 2)
    return known[1]


def _differs(one: Any, other: Any) -> bool:
    return one is not other


def _named(part: Any) -> Token:
    kind = type(part)
    if id(kind) in ATOM_IDS and part is not ...:
        return part
    module, name = getattr(part, "__module__", None), getattr(part, "__qualname__", None)
    return (kind.__name__, module if type(module) is str else "", name if type(name) is str else "")


@describes("method")
def _method(heap: Heap, value: types.MethodType, kind: type) -> list[Token]:
    return ["method", heap.ref(value.__func__), heap.ref(value.__self__)]


@describes("descriptor")
def _descriptor(heap: Heap, value: Any, kind: type) -> list[Token]:
    if kind is property:
        return ["property", *map(heap.ref, (value.fget, value.fset, value.fdel))]
    if kind in (staticmethod, classmethod):
        return [kind.__name__, heap.ref(value.__func__)]
    raise Refused(f"a {module_of(kind)}.{kind.__name__} cannot be kept")
