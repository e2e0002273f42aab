"""One pickle of a whole namespace: what its names share, they share again when it is loaded.

cloudpickle keeps classes and functions of a notebook by value. What it does not do is done here, since a state is more
than a value that is sent away: a function comes back into the namespace and not with a copy of what it uses, closures
share their cells, arrays that lie in one memory lie in one again (but for those of pandas, which counts who looks at
its memory and would not know of the others), and an object that a module hands out is that module's object again. What
lives only in this process is refused with a reason, where a pickle would quietly make something else of it.
"""

from __future__ import annotations

import functools
import importlib
import mmap
import pickle
import sys
import types
from array import array
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, BinaryIO

import cloudpickle

from mlops_nb.capture.values.kinds import kind_of, module_of

Reduced = Any  # what ``reducer_override`` returns
CACHED: Any = functools._lru_cache_wrapper
LENDING = (bytes, bytearray, array)  # what lends its memory and can be kept
CONTAINERS = (list, dict, set)
OWNED = frozenset(
    {"python", "opaque", "tangled", "dict", "list", "set", "deque"}
)  # kinds whose objects may be a module's own, such as ``os.environ``
OF_FUNCTIONS = (
    "__name__", "__qualname__", "__annotations__", "__kwdefaults__", "__defaults__", "__module__", "__doc__",
)  # fmt: skip
#: Where the functions of a pickle that is being loaded belong.
_namespace: dict[str, Any] = {}


class Unsaved(Exception):
    """Why a value cannot be kept."""


class Namespace:
    """Stands in a pickle for the namespace that it is loaded into."""

    def __reduce__(self) -> tuple[Any, ...]:
        return _present, ()


def _present() -> dict[str, Any]:
    return _namespace


def load(data: bytes, namespace: dict[str, Any]) -> Any:
    """Load a pickle whose functions belong to a namespace, which is left as it is."""
    global _namespace
    before, _namespace = _namespace, namespace
    try:
        return pickle.loads(data)  # of the project's own content, by its hash
    finally:
        _namespace = before


@dataclass(frozen=True)
class Place:
    """Where a module has an object of its own, and whether that module is the user's."""

    module: str
    attribute: str
    local: bool


def own_objects(is_local: Callable[[str], bool]) -> dict[int, Place]:
    """Return, by identity, the objects that a module hands out as its own, such as ``os.environ``."""
    found: dict[int, Place] = {}
    for name, module in list(sys.modules.items()):
        if name == "__main__" or type(module) is not types.ModuleType:
            continue
        root, local = name.partition(".")[0], is_local(name)
        for attribute, value in list(vars(module).items()):
            kind = type(value)
            of_it = module_of(kind).partition(".")[0] == root and kind_of(kind) in OWNED
            if of_it or (local and kind in CONTAINERS and not attribute.startswith("__")):
                found.setdefault(id(value), Place(name, attribute, local))
    return found


class Pickler(cloudpickle.Pickler):  # type: ignore[misc]
    """Writes one pickle of values that belong to a namespace."""

    def __init__(self, file: BinaryIO, namespace: dict[str, Any], own: Mapping[int, Place]) -> None:
        super().__init__(file, protocol=5)
        self.namespace = namespace
        self.marker = Namespace()
        self.own = own
        self.whole: dict[int, Any] = {}  # arrays that nobody else may look at, kept so that no identity comes twice
        self.memories: dict[int, int] = {}  # of tensors: by address, the tensor that was there first

    def reducer_override(self, obj: Any) -> Reduced:
        """Say how an object is kept; called for all but the plainest kinds."""
        kind = type(obj)
        what, _, why = kind_of(kind).partition(":")
        if what == "live":
            raise Unsaved(f"it holds {why}")
        if (place := self.own.get(id(obj))) is not None:
            if place.local:
                raise Unsaved(f"it holds {place.attribute} of the module {place.module}, whose state is not kept")
            return getattr, (sys.modules[place.module], place.attribute)
        if kind in REDUCERS:
            return REDUCERS[kind](obj)
        if what in ("array", "tensor", "index"):
            return getattr(self, f"_{what}")(obj)
        if module_of(kind) == "pandas.core.internals.blocks":
            return self._block(obj)
        if module_of(kind) == "pandas.core.internals.managers" and kind.__name__ == "SingleBlockManager":
            return kind, (obj.blocks[0], obj.axes[0])  # of a series: by itself it is kept without its block
        made = super().reducer_override(obj)
        if isinstance(made, tuple) and len(made) == 6 and isinstance(obj, type):
            # without the number by which cloudpickle finds, and would change, the class that is there
            made = (made[0], (*made[1][:-2], None, made[1][-1]), *made[2:])
        return made

    def _dynamic_function_reduce(self, func: types.FunctionType) -> Reduced:
        """Keep a function by value; what it uses is found in its namespace, or in its module."""
        if func.__globals__ is self.namespace:
            place: Any = self.marker
        else:
            name = func.__globals__.get("__name__")
            place = sys.modules.get(name) if isinstance(name, str) else None
            if place is None or vars(place) is not func.__globals__:
                return super()._dynamic_function_reduce(func)
        state = {name: getattr(func, name) for name in OF_FUNCTIONS}
        return _function, (func.__code__, place, func.__closure__), (state, func.__dict__), None, None, _fill_function

    # -- memory that several look at ----------------------------------------------------------------------------

    def _array(self, view: Any) -> Reduced:
        """Keep a view as one, together with the memory that it looks at."""
        import numpy

        base = _owner(view)
        kind: Any = type(view)
        if id(view) in self.whole or kind.__reduce__ is not numpy.ndarray.__reduce__:
            return NotImplemented
        if type(base) in LENDING and len(base):
            memory = numpy.frombuffer(base, "u1")
        elif type(base) is numpy.ndarray and (base.flags.c_contiguous or base.flags.f_contiguous):
            if base.dtype.hasobject and base.dtype != view.dtype:
                raise Unsaved("it looks into an array of objects in a way that cannot be kept")
            memory = base
        else:
            return NotImplemented
        start = _address(view) - _address(memory)
        place = (view.dtype, view.shape, view.strides, start, view.flags.writeable)
        own = getattr(view, "__dict__", None)  # of a subclass
        return _view, (kind, base, *place), own, None, None, _fill_object

    def _block(self, block: Any) -> Reduced:
        """Keep the columns of a frame as memory of their own: pandas counts who looks at it, and a pickle does not."""
        rebuild, (values, *rest) = block.__reduce__()[:2]
        return rebuild, (self._alone(values), *rest)

    def _index(self, index: Any) -> Reduced:
        rebuild, arguments = index.__reduce__()[:2]
        match arguments:
            case (cls, {"data": data, **rest}):
                return rebuild, (cls, {**rest, "data": self._alone(data)})
        return NotImplemented

    def _alone(self, values: Any) -> Any:
        import numpy

        values = values.view() if type(values) is numpy.ndarray else values.copy()
        for part in (values, getattr(values, "_ndarray", None), *getattr(values, "__dict__", {}).values()):
            self.whole[id(part)] = part
        return values

    def _tensor(self, tensor: Any) -> Reduced:
        if tensor.device.type != "cpu":
            raise Unsaved("it holds memory of a GPU")
        address = tensor.data_ptr() and tensor.untyped_storage().data_ptr()
        if address and self.memories.setdefault(address, id(tensor)) != id(tensor):
            raise Unsaved("it looks into the memory of another tensor")
        return NotImplemented


def _owner(view: Any) -> Any:
    """Return what has the memory that a view looks at; None if that is its own."""
    base = view.base.obj if type(view.base) is memoryview else view.base
    if module_of(type(base)).partition(".")[0] == "torch":
        raise Unsaved("it looks into the memory of a tensor")
    inner = base
    while inner is not None:
        if type(inner) is mmap.mmap:
            raise Unsaved("it holds mapped memory")
        inner = inner.obj if type(inner) is memoryview else getattr(inner, "base", None)
    return base


def _address(lying: Any) -> int:
    return int(lying.__array_interface__["data"][0])


def _view(kind: Any, base: Any, dtype: Any, shape: Any, strides: Any, start: int, writes: bool) -> Any:
    import numpy

    if not isinstance(base, numpy.ndarray):
        memory = numpy.frombuffer(base, "u1")
    else:
        memory = (base if base.flags.c_contiguous else base.T).reshape(-1)
    if dtype.hasobject:
        found = numpy.lib.stride_tricks.as_strided(memory[start // dtype.itemsize :], shape, strides)
    else:  # as bytes: not every type can be lent
        found = numpy.ndarray(shape, dtype, memory.view("u1"), start, strides)
    found = found if kind is numpy.ndarray else found.view(kind)
    if not writes:
        found.flags.writeable = False
    return found


def _fill_object(found: Any, own: dict[str, Any]) -> None:
    found.__dict__.update(own)


# -- what stands in a pickle in place of code ---------------------------------------------------------------------


def _function(code: types.CodeType, place: Any, closure: tuple[types.CellType, ...] | None) -> types.FunctionType:
    return types.FunctionType(code, vars(place) if isinstance(place, types.ModuleType) else place, None, None, closure)


def _fill_function(function: types.FunctionType, state: tuple[dict[str, Any], dict[str, Any]]) -> None:
    attributes, own = state
    for name, value in attributes.items():
        setattr(function, name, value)
    function.__dict__.update(own)


def _cell(cell: types.CellType) -> Reduced:
    try:
        return types.CellType, (), (cell.cell_contents,), None, None, _fill_cell
    except ValueError:
        return types.CellType, ()


def _fill_cell(cell: types.CellType, contents: tuple[Any]) -> None:
    (cell.cell_contents,) = contents


def _cached(function: Any) -> Reduced:
    """Keep a function that remembers its results without them, unless its module has it."""
    if function.__module__ != "__main__":
        return NotImplemented
    return _remembering, (function.__wrapped__, function.cache_parameters())


def _remembering(function: Any, parameters: dict[str, Any]) -> Any:
    return functools.lru_cache(**parameters)(function)


def _module(module: types.ModuleType) -> Reduced:
    """Keep a module by its name, with those of its modules that have been imported; one made here by its value."""
    name = module.__name__
    if sys.modules.get(name) is not module:
        raise Unsaved(f"it holds the module {name}, which cannot be imported")
    inside = [other for other in list(sys.modules) if other.startswith(f"{name}.") and "._" not in other]
    return _imported, (name, inside)


def _imported(name: str, inside: list[str]) -> types.ModuleType:
    module = importlib.import_module(name)
    for other in inside:
        with suppress(Exception):  # some can be imported only in their time, and most are there already
            importlib.import_module(other)
    return module


REDUCERS: dict[type, Any] = {types.CellType: _cell, CACHED: _cached, types.ModuleType: _module}
