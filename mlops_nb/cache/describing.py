"""How a heap describes containers, code and objects: past every method that a user could have written."""

from __future__ import annotations

import collections
import functools
import gc
import marshal
import sys
import types
from collections.abc import Iterable
from typing import Any

from mlops_nb.cache.heap import Heap, Refused, Token, describes
from mlops_nb.cache.memory import contents, described
from mlops_nb.capture.values.kinds import ATOM_IDS, FROZEN, attributes, kind_of, module_of
from mlops_nb.capture.values.looks import global_names, kinds_of
from mlops_nb.capture.values.shapes import CACHES, CONTAINERS, MANY

#: Containers that hold nothing but what they show.
PLAIN = {list: "list", tuple: "tuple", dict: "dict", collections.OrderedDict: "ordered", collections.Counter: "counter"}
#: Numbers, whose hashes are the same in every process.
NUMBERS = frozenset(map(id, (int, float, bool, complex)))
#: What a class keeps for itself beside what the walk of values leaves out.
OWN = CACHES | {"__static_attributes__", "__firstlineno__", "__annotate_func__", "__classdictcell__"}
ENTRIES = 1 << 20  # of one container
CACHE = type(functools.lru_cache(len))


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


# -- containers -----------------------------------------------------------------------------------------------


@describes("list", "dict")
def _container(heap: Heap, value: Any, kind: type) -> list[Token]:
    if kind is collections.defaultdict:
        shape: list[Token] = ["default", heap.ref(value.default_factory)]
    elif kind in PLAIN:
        shape = [PLAIN[kind]]
    elif issubclass(kind, tuple) and hasattr(kind, "_fields") and "__new__" in vars(kind):
        return ["named", heap.ref(kind), *map(heap.ref, tuple.__iter__(value))]
    else:
        raise Refused(f"a {module_of(kind)}.{kind.__name__} cannot be kept")
    if len(value) > ENTRIES:
        raise Refused(f"a {kind.__name__} of more than {ENTRIES:,} entries cannot be looked at")
    if (whole := _whole(heap, value, kind)) is not None:
        return [*shape, *whole]
    if isinstance(value, dict):
        return [*shape, *(part for key, held in value.items() for part in (_key(heap, key), heap.ref(held)))]
    return [*shape, *map(heap.ref, value)]


def _whole(heap: Heap, value: Any, kind: type) -> list[Token] | None:
    """Take a large container of built-in values at the speed of C; None if it is small or holds anything else."""
    if len(value) < MANY or kind not in (list, tuple, dict):
        return None
    kinds = kinds_of(value) | kinds_of(value.values()) if kind is dict else kinds_of(value)
    if kinds <= ATOM_IDS:
        return [len(value), heap.hash(marshal.dumps(value, 2))]
    if not kinds <= ATOM_IDS | CONTAINERS:
        return None
    order: dict[int, Any] = {}
    level = [value]
    while level:
        level = [held for held in gc.get_referents(*level) if id(type(held)) not in ATOM_IDS]
        before = len(order)
        order.update((id(held), held) for held in level)
        if len(order) != before + len(level) or not kinds_of(level) <= CONTAINERS or len(order) > ENTRIES:
            return None
        if not order.keys().isdisjoint(heap.numbers) or any(type(held) in (set, frozenset) for held in level):
            return None
    if not order.keys().isdisjoint(heap.inner) and any(heap.inner.get(one) != heap.number for one in order):
        raise Refused("two large containers share a part")
    heap.inner.update(dict.fromkeys(order, heap.number))
    heap.kept.append(list(order.values()))
    return [len(value), heap.hash(marshal.dumps(value, 2))]


def _key(heap: Heap, key: Any) -> Token:
    """Describe a key: by its hash, which must not be one that a user wrote."""
    if type(key) is tuple:
        return ("key", *(_key(heap, part) for part in key))
    if id(type(key)) not in ATOM_IDS and kind_of(type(key)) not in ("class", "function", "scalar", "static"):
        raise Refused("a dictionary has objects for keys")
    return heap.ref(key)


@describes("set")
def _set(heap: Heap, value: Any, kind: type) -> list[Token]:
    if kind not in (set, frozenset):
        raise Refused(f"a {module_of(kind)}.{kind.__name__} cannot be kept")
    return [kind.__name__, *(_element(heap, held) for held in value)]


def _element(heap: Heap, value: Any) -> Token:
    if type(value) in (tuple, frozenset):
        heap.by_hash = True
        return (type(value).__name__, *(_element(heap, part) for part in value))
    if id(type(value)) not in ATOM_IDS:
        raise Refused("a set holds objects")
    heap.by_hash |= id(type(value)) not in NUMBERS
    return value


@describes("deque")
def _deque(heap: Heap, value: Any, kind: type) -> list[Token]:
    if kind is not collections.deque:
        raise Refused(f"a {module_of(kind)}.{kind.__name__} cannot be kept")
    return ["deque", value.maxlen, *map(heap.ref, value)]


# -- code -----------------------------------------------------------------------------------------------------


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
        [heap.ref(cell.cell_contents) if _is_full(cell) else "empty" for cell in value.__closure__ or ()],
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


def _is_full(cell: Any) -> bool:
    try:
        cell.cell_contents  # noqa: B018  # an empty one raises
    except ValueError:
        return False
    return True


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
_shapes: dict[int, tuple[list[Any], Token]] = {}  # of modules of libraries, with what each held then


def _shape(heap: Heap, module: types.ModuleType, own: dict[str, Any]) -> Token:
    """Describe what a module of a library shows, so that a part which somebody has put there is seen."""
    held = list(own.values())
    known = _shapes.get(id(module))
    if known is None or len(known[0]) != len(held) or any(map(_differs, known[0], held)):
        lazy = "__getattr__" in own  # it brings its parts when they are asked for
        parts = [[name, _named(part)] for name, part in sorted(own.items())
                 if name[:1] != "_" and not (module is sys and name in PASSING) and not (lazy and type(part) is types.ModuleType)]  # fmt: skip
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


# -- objects --------------------------------------------------------------------------------------------------


@describes("python")
def _python(heap: Heap, value: Any, kind: type) -> list[Token]:
    if module_of(kind).partition(".")[0] in REMEMBERING:
        raise Refused(f"a {module_of(kind)}.{kind.__name__} cannot be kept")
    if issubclass(kind, BaseException):
        raise Refused("an exception cannot be kept")
    base = [heap.ref(made) for made in (_atom(value, kind),) if made is not None]
    return ["object", heap.ref(kind), base, [[name, heap.ref(held)] for name, held in attributes(value, kind)]]


def _atom(value: Any, kind: type) -> Any:
    """Return what an instance of a user's kind of number or text is as a plain one."""
    for base in (float, complex, str, bytes):
        if issubclass(kind, base):
            return getattr(base, "__getnewargs__")(value)[0]  # noqa: B009
    if issubclass(kind, int):
        return int.__index__(value)
    return None


@describes("opaque")
def _opaque(heap: Heap, value: Any, kind: type) -> list[Token]:
    """Describe what only an extension can read, by how it would be pickled; its parts are taken by value."""
    module = module_of(kind)
    if heap.is_local(module) or kind is CACHE or module.partition(".")[0] in REMEMBERING:
        raise Refused(f"a {module}.{kind.__name__} cannot be kept")
    if kind is types.CellType:
        return ["cell", heap.ref(value.cell_contents) if _is_full(value) else "empty"]
    if kind is types.MappingProxyType:
        return ["proxy", *map(heap.ref, gc.get_referents(value))]
    if module == "itertools" or hasattr(kind, "__next__"):
        raise Refused(f"a {kind.__name__} cannot be kept")
    if kind is bytearray:
        return ["bytearray", heap.owner(-id(value), "array"), len(value), heap.hash(bytes(value))]
    if module == "array":
        heap.owner(-id(value), "array")
    return ["opaque", heap.ref(kind), _reduced(heap, value, kind)]


def _reduced(heap: Heap, value: Any, kind: type) -> Token:
    try:
        parts = value.__reduce_ex__(5)
    except Exception as error:
        raise Refused(f"a {module_of(kind)}.{kind.__name__} cannot be pickled") from error
    heap.kept.append(parts)
    if type(parts) is str:
        return ("global", parts)
    if len(parts) > 3 and (parts[3] is not None or (len(parts) > 4 and parts[4] is not None)):
        raise Refused(f"a {module_of(kind)}.{kind.__name__} cannot be kept")
    return tuple(_value(heap, part) for part in parts[:3])


def _value(heap: Heap, part: Any) -> Token:
    """Describe a part of a pickle: what was made for it by what it holds, anything else by reference."""
    kind = type(part)
    if kind in (tuple, list):
        return (kind.__name__, *(_value(heap, held) for held in part))
    if kind is dict:
        return ("dict", *((_value(heap, key), _value(heap, held)) for key, held in part.items()))
    if kind_of(kind) == "array" and not part.dtype.hasobject:
        return ("array", described(part.dtype), part.shape, contents(heap, part))
    return heap.ref(part)
