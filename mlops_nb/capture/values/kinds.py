"""What kind of thing a type makes, found once per type from the type alone: no object is ever asked what it is."""

from __future__ import annotations

import collections
import gc
import io
import logging
import struct
import sys
import threading
import types
import weakref
from typing import Any

WORD = struct.calcsize("P")
HEAP = 1 << 9  # Py_TPFLAGS_HEAPTYPE: made by a class statement, or by an extension at run time
#: Immutable and compared by value.
ATOMS = frozenset({int, float, complex, bool, str, bytes, type(None), type(Ellipsis)})
#: The same by identity: a type may have a metaclass of the user's, whose ``__hash__`` is not to be called.
ATOM_IDS = frozenset(map(id, ATOMS))
#: Immutable for all that matters; what they are is who they are.
STATIC = frozenset(
    {types.BuiltinFunctionType, types.WrapperDescriptorType, types.MethodDescriptorType, types.GetSetDescriptorType}
    | {types.MemberDescriptorType, types.ClassMethodDescriptorType, types.CodeType, type(NotImplemented)}
    | {weakref.ref, types.FrameType, types.TracebackType, types.MethodWrapperType}
)
#: Cannot be looked into: whoever touches one may have changed it.
LIVE = {
    types.GeneratorType: "a generator", types.CoroutineType: "a coroutine", types.AsyncGeneratorType: "a generator",
    io.TextIOWrapper: "an open file", io.BufferedReader: "an open file", io.BufferedWriter: "an open file",
    io.BufferedRandom: "an open file", io.FileIO: "an open file",
    type(threading.Lock()): "a lock", type(threading.RLock()): "a lock", threading.Thread: "a thread",
}  # fmt: skip
#: The same, known by the module and name of the type, so that nothing is imported for it.
LIVE_NAMES = {
    "_socket.socket": "a socket", "socket.socket": "a socket", "sqlite3.Connection": "a database connection",
    "sqlite3.Cursor": "a database cursor", "subprocess.Popen": "a process", "mmap.mmap": "mapped memory",
    "h5py._hl.files.File": "an open file", "threading.Timer": "a thread",
    "tempfile._TemporaryFileWrapper": "an open file",
    "requests.sessions.Session": "a network session", "httpx.Client": "a network session",
    "sqlalchemy.engine.base.Engine": "a database connection", "duckdb.DuckDBPyConnection": "a database connection",
    "_duckdb.DuckDBPyConnection": "a database connection", "itertools._tee": "an iterator",
}  # fmt: skip
#: Modules whose objects refer to each other without end: changed by whoever touches one, but no doubt about that.
TANGLED = frozenset({"matplotlib", "mpl_toolkits", "plotly", "bokeh", "seaborn"})
#: Modules whose things are not looked into: tables that never change once made, and our own, which are no part of what
#: a notebook computes; a look that followed a hook of ours would see the whole session.
FROZEN = frozenset({"pyarrow", "mlops_nb"})

_known: dict[int, tuple[weakref.ref[type], str]] = {}


def of_type(kind: type, name: str) -> int:
    """Return a number that a type keeps about its instances, past any ``__getattribute__`` of its metaclass."""
    found: int = type.__dict__[name].__get__(kind)
    return found


def kind_of(kind: type) -> str:
    """Return what the instances of a type are to the walk over values.

    One of: ``atom static live tangled list dict set deque function class module method logger descriptor frame index
    array scalar tensor polars traits python opaque``; for ``live``, the reason follows after a colon.
    """
    known = _known.get(id(kind))
    if known is not None and known[0]() is kind:
        return known[1]
    found = _kind(kind)
    _known[id(kind)] = (weakref.ref(kind), found)
    return found


def _kind(kind: type) -> str:
    mro = type.__dict__["__mro__"].__get__(kind)
    if type(kind) is type and kind in ATOMS:
        return "atom"
    name = f"{module_of(kind)}.{type.__dict__['__name__'].__get__(kind)}"
    root = name.partition(".")[0]
    for base in mro:
        if (why := LIVE.get(base) if type(base) is type else None) or (why := LIVE_NAMES.get(_full(base))):
            return f"live:{why}"
    if any(base in STATIC for base in mro if type(base) is type) or root in FROZEN:
        return "static"
    if root in TANGLED:
        return "tangled"
    if data := _data_kind(mro):
        return data
    for base, found in SHAPES.items():
        if any(known is base for known in mro):
            return found
    if root == "ctypes" or any(module_of(base) == "_ctypes" for base in mro):
        return "live:memory of a C library"
    return "python" if _is_python(mro) else "opaque"


SHAPES: dict[type, str] = {
    list: "list", tuple: "list", dict: "dict", set: "set", frozenset: "set", collections.deque: "deque",
    types.FunctionType: "function", type: "class", types.ModuleType: "module", types.MethodType: "method",
    staticmethod: "descriptor", classmethod: "descriptor", property: "descriptor", logging.Logger: "logger",
}  # fmt: skip


def _data_kind(mro: tuple[type, ...]) -> str:
    """Recognise the types of pandas, numpy and torch, if they have been imported."""
    for module, names in DATA.items():
        if (loaded := sys.modules.get(module)) is not None:
            for name, found in names:
                wanted = vars(loaded).get(name)
                if wanted is not None and any(base is wanted for base in mro):
                    return found
    return ""


DATA: dict[str, tuple[tuple[str, str], ...]] = {
    "numpy": (("ndarray", "array"), ("generic", "scalar"), ("dtype", "scalar")),
    "pandas": (("DataFrame", "frame"), ("Series", "frame"), ("Index", "index")),
    "torch": (("Tensor", "tensor"),),
    "polars": (("LazyFrame", "static"), ("Expr", "static"), ("DataFrame", "polars"), ("Series", "polars")),
    "traitlets": (("HasTraits", "traits"),),
}


def module_of(kind: type) -> str:
    """Return the name of the module that a type says it is of."""
    found = type.__getattribute__(kind, "__module__")
    return found if type(found) is str else ""


def _full(kind: type) -> str:
    return f"{module_of(kind)}.{type.__dict__['__qualname__'].__get__(kind)}"


def _is_python(mro: tuple[type, ...]) -> bool:
    """Whether all that an instance holds is in its ``__dict__``, its slots, and an immutable built-in base.

    A class statement adds to its base a word for each slot, and one each for ``__dict__`` and weak references; a type
    that adds more, or another way, holds something that only its C code can reach.
    """
    for base in mro:
        if not of_type(base, "__flags__") & HEAP:
            if base is not object and base not in ATOMS and not issubclass(base, BaseException):
                return False
            continue
        own = type.__dict__["__dict__"].__get__(base)
        above = type.__dict__["__base__"].__get__(base)
        slots = sum(type(held) is types.MemberDescriptorType for held in own.values()) if "__slots__" in own else 0
        words = slots + ("__dict__" in own) + ("__weakref__" in own)
        if of_type(base, "__basicsize__") - of_type(above, "__basicsize__") > WORD * words:
            return False
    return True


def attributes(value: Any, kind: type) -> list[tuple[str, Any]]:
    """Return what an instance holds in its ``__dict__`` and its slots, past any ``__getattr__`` of its class."""
    found: list[tuple[str, Any]] = []
    if of_type(kind, "__dictoffset__"):
        found.extend(_own_dict(value, kind))
    for base in type.__dict__["__mro__"].__get__(kind):
        slots = type.__dict__["__dict__"].__get__(base)
        if "__slots__" in slots:
            for name, descriptor in slots.items():
                if type(descriptor) is types.MemberDescriptorType:
                    try:
                        found.append((name, descriptor.__get__(value)))
                    except AttributeError:
                        continue
    return found


def _own_dict(value: Any, kind: type) -> list[tuple[str, Any]]:
    """Return what is in an instance's ``__dict__``, also where its class gives that name another meaning."""
    for base in type.__dict__["__mro__"].__get__(kind):
        descriptor = type.__dict__["__dict__"].__get__(base).get("__dict__")
        if type(descriptor) is types.GetSetDescriptorType:
            return list(descriptor.__get__(value).items())
        if descriptor is not None:  # the real one is out of reach; what it holds is not
            break
    return [("", held) for held in gc.get_referents(value) if held is not kind]
