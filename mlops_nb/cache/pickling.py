"""What a cell made as one pickle: what it found is referred to by its number, what it made is written out.

Everything is in one pickle, so what shared a part shares it again. A part that the cell found is the one that lies in
the other kernel, not a copy of it: a class stays the class of the objects that are there.
"""

from __future__ import annotations

import io
import pickle
from typing import Any

from mlops_nb.cache.heap import Heap, Refused
from mlops_nb.capture.values.kinds import kind_of, module_of

#: Methods with which a user's class takes part in being pickled: code of the user's would run.
CUSTOM: tuple[str, ...] = (
    "__reduce__",
    "__reduce_ex__",
    "__getstate__",
    "__setstate__",
    "__getnewargs__",
    "__getnewargs_ex__",
)
CUSTOM += ("__new__", "__del__", "__setattr__", "__getattr__", "__getattribute__")


class _Pickler(pickle.Pickler):
    """Writes what a cell made."""

    def __init__(self, sink: io.BytesIO, found: Heap) -> None:
        super().__init__(sink, 5)
        self.found = found

    def persistent_id(self, value: Any) -> int | None:
        return self.found.numbers[id(value)] if self.found.knows(value) else None

    def reducer_override(self, value: Any) -> Any:
        kind = type(value)
        if (name := kind_of(kind)) == "array":
            return _array(value)
        if name in ("function", "class", "module"):
            return self._code(value, name)
        check_class(self.found, kind)
        return NotImplemented

    def _code(self, value: Any, name: str) -> Any:
        if name == "module":
            if self.found.is_local(value.__name__):
                raise Refused(f"it imports {value.__name__}")
            return _module, (value.__name__,)
        if self.found.is_local(value.__module__ or ""):
            raise Refused(f"it makes a {name} of its own: {value.__qualname__}")
        return NotImplemented


def check_class(found: Heap, kind: type) -> None:
    """Make sure that an object of a class can be pickled without code of the user's.

    Raises:
        Refused: it cannot, or the class is the user's and was made by the cell itself.
    """
    if not found.is_local(module_of(kind)):
        return
    if not found.knows(kind):
        raise Refused(f"it makes a class of its own: {kind.__qualname__}")
    for base in type.__dict__["__mro__"].__get__(kind):
        own = type.__dict__["__dict__"].__get__(base)
        if found.is_local(module_of(base)) and any(name in own for name in CUSTOM):
            raise Refused(f"{base.__qualname__} has a way of its own of being made or pickled")


class _Unpickler(pickle.Unpickler):
    """Reads it where the same was found."""

    def __init__(self, source: io.BytesIO, found: Heap) -> None:
        super().__init__(source)
        self.found = found

    def persistent_load(self, number: int) -> Any:
        value = self.found.object(number)
        if value is None:
            raise Refused("a value that it refers to is gone")
        return value


def dumps(value: Any, found: Heap) -> bytes:
    """Return the pickle of what a cell made.

    Raises:
        Refused: something in it cannot be pickled.
    """
    sink = io.BytesIO()
    try:
        _Pickler(sink, found).dump(value)
    except Refused:
        raise
    except Exception as error:
        raise Refused(f"what it made cannot be pickled ({type(error).__name__}: {str(error)[:80]})") from error
    return sink.getvalue()


def loads(data: bytes, found: Heap) -> Any:
    """Return what a cell made, with what was found in place of its numbers.

    Raises:
        Refused: something in it cannot be loaded.
    """
    try:
        return _Unpickler(io.BytesIO(data), found).load()
    except Refused:
        raise
    except Exception as error:
        raise Refused(f"what was kept cannot be loaded ({type(error).__name__}: {str(error)[:80]})") from error


# -- arrays keep their layout ---------------------------------------------------------------------------------


def _array(value: Any) -> Any:
    import numpy as np

    if type(value) is not np.ndarray or value.dtype.hasobject:
        return NotImplemented
    first, extent = _span(value)
    if extent > 4 * value.nbytes + 4096:
        raise Refused("an array is a small part of a large one")
    compact = np.ascontiguousarray(value).reshape(-1).view(np.uint8) if value.size else np.empty(0, np.uint8)
    facts = (value.dtype, value.shape, value.strides, first, extent, value.flags.owndata, value.flags.writeable)
    return _laid_out, (pickle.PickleBuffer(compact.data), *facts)


def _span(array: Any) -> tuple[int, int]:
    """Return how far before its last byte an array begins, and over how many bytes it extends."""
    steps = [(length - 1) * stride for length, stride in zip(array.shape, array.strides, strict=True) if length]
    back = -sum(step for step in steps if step < 0)
    return back, back + sum(step for step in steps if step > 0) + array.itemsize


def _laid_out(
    data: Any, dtype: Any, shape: Any, strides: Any, first: int, extent: int, owns: bool, writeable: bool
) -> Any:
    import numpy as np

    compact = np.frombuffer(data, dtype).reshape(shape)
    if owns and compact.strides == strides:
        made = compact.copy()
    else:
        made = np.ndarray(shape, dtype, np.empty(extent, np.uint8), first, strides)
        made[...] = compact
        made = made.copy(order="K") if owns else made
    made.flags.writeable = writeable
    return made


def _module(name: str) -> Any:
    import importlib

    return importlib.import_module(name)
