"""How a walk takes arrays, frames and tensors: by their memory, without copying it.

Large numeric frames are told by the addresses of their blocks: a pin (a shallow copy) makes pandas copy a block before
it writes to it, so that a write shows as another address.
"""

from __future__ import annotations

import functools
import marshal
import sys
from typing import Any

from xxhash import xxh3_128

from mlops_nb.capture.values.kinds import ATOM_IDS
from mlops_nb.capture.values.looks import HASHED, TooLarge, Walk, handles, kinds_of
from mlops_nb.capture.values.shapes import rest, take_opaque

SMALL = 1 << 20  # bytes of a frame that are hashed whatever the addresses say


@handles("array")
def _array(walk: Walk, value: Any, kind: type) -> None:
    import numpy as np

    plain = value if kind is np.ndarray else np.ndarray.view(value, np.ndarray)
    walk.mark(value, kind)
    walk.tokens.append((_described(plain.dtype), plain.shape, plain.strides))
    owner = value
    while type(owner.base) is not type(None) and issubclass(type(owner.base), np.ndarray):
        owner = owner.base
        walk.reach.add(id(owner))
    if owner.base is not None:
        walk.reach.add(id(owner.base))
        if type(owner.base) is memoryview:
            walk.reach.add(id(owner.base.obj))
    walk.reach.add(-_address(owner))
    if plain.dtype.hasobject:
        if plain.dtype != object:
            walk.unseen(value)
            return
        walk.count(plain.size)
        walk.push(plain.ravel().tolist())
    elif plain.size:
        if plain.nbytes > HASHED:
            raise TooLarge
        walk.hash(np.ascontiguousarray(plain).reshape(-1).view(np.uint8).data)
    if kind is not np.ndarray:
        rest(walk, value, kind)


@functools.cache
def _described(dtype: Any) -> str:
    return str(dtype)  # 25 µs for one with fields, and a model of trees holds hundreds of arrays of it


def _address(array: Any) -> int:
    """Return where the memory of an array begins."""
    if array.dtype.names is None:
        return int(array.__array_interface__["data"][0])
    return int(array.ctypes.data)  # the interface of one with fields describes each of them


@handles("scalar")
def _scalar(walk: Walk, value: Any, kind: type) -> None:
    walk.tokens.append(id(kind))
    walk.tokens.append(value.tobytes() if hasattr(kind, "tobytes") and not value.dtype.hasobject else str(value))


@handles("frame")
def _frame(walk: Walk, value: Any, kind: type) -> None:
    """A DataFrame or a Series: by its blocks, its axes, its names and its notes."""
    walk.mark(value, kind)
    manager = value._mgr
    walk.tokens.append(tuple(_places(block.mgr_locs) for block in manager.blocks))
    large = 0
    for block in manager.blocks:
        large += _values(walk, block.values)
    for axis in manager.axes:
        _index(walk, axis, type(axis))
    if kind.__name__ == "Series":
        walk.stack.append(value._name)
    walk.stack.append(value._attrs)
    walk.tokens.append(value._flags._allows_duplicate_labels)
    if large:
        walk.pins.append(type(value).copy(value, deep=False))
        if not _copies_on_write():
            raise TooLarge


def _places(places: Any) -> Any:
    """Return which columns a block holds; of a Series it is every row, so that they must not be listed."""
    if places.is_slice_like:
        run = places.as_slice
        return run.start, run.stop, run.step
    return places.as_array.tobytes()


@handles("index")
def _index(walk: Walk, value: Any, kind: type) -> None:
    walk.tokens.append(id(kind))
    walk.push(value.names)
    if kind.__name__ == "RangeIndex":
        walk.tokens.append((value.start, value.stop, value.step))
    elif kind.__name__ == "MultiIndex":
        walk.push((*value._levels, *value._codes))
    else:
        walk.pins.extend([value] * (_values(walk, value._data) > 0))


def _values(walk: Walk, values: Any) -> int:
    """Take the values of a block or an index; return how many bytes are told by their address alone."""
    import numpy as np

    kind = type(values)
    walk.tokens.append(kind.__name__)
    if kind is np.ndarray:
        if values.dtype == object:
            _objects(walk, values)
            return 0
        walk.tokens.append((_described(values.dtype), values.shape, values.strides))
        address = _address(values)
        walk.reach.add(-address)
        if values.nbytes <= SMALL:
            walk.tokens.append(xxh3_128(np.ascontiguousarray(values).reshape(-1).view(np.uint8).data).digest())
            return 0
        walk.tokens.append(address)
        return int(values.nbytes)
    if (arrow := getattr(values, "_pa_array", None)) is not None:
        if arrow.nbytes <= SMALL:
            _arrow(walk, arrow)
            return 0
        walk.tokens.append(id(arrow))
        return int(arrow.nbytes)
    inner = [held for name in ("_ndarray", "_codes", "_data", "_mask", "_left", "_right")
             if (held := getattr(values, name, None)) is not None]  # fmt: skip
    if not inner:
        take_opaque(walk, values, kind)
        return 0
    walk.tokens.append(str(values.dtype))
    if (categories := getattr(values.dtype, "categories", None)) is not None:
        _index(walk, categories, type(categories))
    return sum(_values(walk, held) for held in inner)


def _arrow(walk: Walk, array: Any) -> None:
    for chunk in getattr(array, "chunks", (array,)):
        walk.tokens.append((str(chunk.type), len(chunk), chunk.offset))
        for buffer in chunk.buffers():
            walk.tokens.append(None if buffer is None else xxh3_128(buffer).digest())


def _objects(walk: Walk, values: Any) -> None:
    """Take an array of objects: text and numbers at once, anything else one by one."""
    walk.count(values.size)
    items = values.ravel().tolist()
    if kinds_of(items) <= ATOM_IDS:
        walk.hash(marshal.dumps(items, 2))
    else:
        walk.kept.append(items)
        walk.push(items)


@handles("tensor")
def _tensor(walk: Walk, value: Any, kind: type) -> None:
    walk.mark(value, kind)
    walk.tokens.append((value.data_ptr(), value._version, str(value.dtype), tuple(value.shape)))
    walk.reach.add(-value.untyped_storage().data_ptr())
    if value.device.type != "cpu":
        walk.unseen(value, "memory of a GPU cannot be checked")
    elif not value.is_sparse:
        walk.hash(memoryview(value.detach().contiguous().view(-1).view(sys.modules["torch"].uint8).numpy()))


@handles("polars")
def _polars(walk: Walk, value: Any, kind: type) -> None:
    walk.mark(value, kind)
    frame = value.to_frame() if kind.__name__ == "Series" else value
    walk.tokens.append((tuple(frame.columns), tuple(map(str, frame.dtypes)), frame.shape))
    if frame.estimated_size() > HASHED:
        raise TooLarge
    for column in frame.get_columns():
        walk.tokens.append(_polars_digest(column))


def _polars_digest(column: Any) -> bytes:
    hasher = xxh3_128()
    for chunk in column.to_arrow().buffers():
        if chunk is not None:
            hasher.update(chunk)
    return hasher.digest()


@functools.cache
def _copies_on_write() -> bool:
    import pandas as pd

    return int(pd.__version__.partition(".")[0]) >= 3
