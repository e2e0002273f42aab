"""How a heap describes arrays and frames: their memory by its hash and its layout, and who shares it.

The layout counts: a sum over another layout may differ in its last bit.
"""

from __future__ import annotations

import functools
import marshal
from typing import Any

from mlops_nb.cache.heap import Heap, Refused, Token, describes
from mlops_nb.capture.values.kinds import ATOM_IDS
from mlops_nb.capture.values.looks import kinds_of

ENTRIES = 1 << 20  # of an array of objects


@describes("array")
def _array(heap: Heap, value: Any, kind: type) -> list[Token]:
    import numpy as np

    if kind is not np.ndarray:
        raise Refused(f"a {kind.__module__}.{kind.__name__} cannot be kept")
    return ["array", value.flags.owndata, value.flags.writeable, *layout(heap, value, "array")]


def layout(heap: Heap, array: Any, kind: str) -> list[Token]:
    """Describe an array by its type, its shape, its place in memory that it may share, and what is in it."""
    import numpy as np

    owner = array
    while type(owner.base) is np.ndarray:
        owner = owner.base
    if owner is not array:
        heap.kept.append(owner)
    start = _address(owner)
    key = start if owner.base is None else _foreign(heap, owner.base)
    start = heap.starts.setdefault(key, start)
    place = heap.owner(key, kind) if array.size else None
    return [
        described(array.dtype), array.shape, array.strides, place, _address(array) - start, contents(heap, array),
    ]  # fmt: skip


def _foreign(heap: Heap, base: Any) -> int:
    """Return what stands for memory that is none of numpy's."""
    if type(base).__name__ in ("mmap", "memmap"):
        raise Refused("an array lies in a file")
    heap.kept.append(base)
    return -id(base.obj if type(base) is memoryview else base)


@functools.cache
def described(dtype: Any) -> str:
    """Return a type of numpy as text."""
    return repr(dtype)


def _address(array: Any) -> int:
    return int(array.ctypes.data if array.dtype.names else array.__array_interface__["data"][0])


def contents(heap: Heap, array: Any) -> Token:
    """Describe what is in an array, in the order of its indexes."""
    import numpy as np

    if array.dtype.names is not None:  # between its fields lies what nobody has set
        return [contents(heap, array[name]) for name in array.dtype.names]
    if not array.dtype.hasobject:
        return heap.hash(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data) if array.size else b""
    items = array.ravel().tolist()
    if array.dtype != object or len(items) > ENTRIES:
        raise Refused("an array of objects cannot be kept")
    if kinds_of(items) <= ATOM_IDS:
        return heap.hash(marshal.dumps(items, 2))
    if not array.ndim:
        raise Refused("an array of one object cannot be kept")
    return [heap.ref(item) for item in items]


@describes("scalar")
def _scalar(heap: Heap, value: Any, kind: type) -> list[Token]:
    import numpy as np

    if isinstance(value, np.dtype):
        return ["dtype", repr(value)]
    if value.dtype.hasobject or value.dtype.names:
        raise Refused("a record of numpy cannot be kept")
    return ["scalar", value.dtype.str, value.tobytes()]


@describes("frame")
def _frame(heap: Heap, value: Any, kind: type) -> list[Token]:
    import pandas as pd

    if kind not in (pd.DataFrame, pd.Series):
        raise Refused(f"a {kind.__module__}.{kind.__name__} cannot be kept")
    if int(pd.__version__.partition(".")[0]) < 3:
        raise Refused("pandas before 3 lets frames share memory")
    manager = value._mgr
    return [
        kind.__name__,
        [[block.mgr_locs.as_array.tobytes() if kind is pd.DataFrame else b"", values(heap, block.values)]
         for block in manager.blocks],
        [heap.ref(axis) for axis in manager.axes],
        heap.ref(value._name) if kind is pd.Series else None,
        [[heap.ref(key), heap.ref(held)] for key, held in value._attrs.items()],
        value._flags._allows_duplicate_labels,
    ]  # fmt: skip


@describes("index")
def _index(heap: Heap, value: Any, kind: type) -> list[Token]:
    names = [heap.ref(name) for name in value.names]
    if kind.__module__.partition(".")[0] != "pandas":
        raise Refused(f"a {kind.__module__}.{kind.__name__} cannot be kept")
    if kind.__name__ == "RangeIndex":
        return ["range", names, value.start, value.stop, value.step]
    if kind.__name__ == "MultiIndex":
        levels = [heap.ref(level) for level in value._levels]
        return ["multi", names, levels, [layout(heap, codes.view(), "frame") for codes in value._codes]]
    return [kind.__name__, names, values(heap, value._data)]


def values(heap: Heap, held: Any) -> Token:
    """Describe the values of a block or an index."""
    import numpy as np

    kind = type(held)
    if kind is np.ndarray:
        if held.dtype == object and not kinds_of(held.ravel().tolist()) <= ATOM_IDS:
            raise Refused("a column holds objects")
        return layout(heap, held, "frame")
    if (arrow := getattr(held, "_pa_array", None)) is not None:
        return [kind.__name__, str(held.dtype), *_arrow(heap, arrow)]
    inner = [(name, part) for name in ("_ndarray", "_codes", "_data", "_mask", "_left", "_right")
             if (part := getattr(held, name, None)) is not None]  # fmt: skip
    if not inner or kind.__module__.partition(".")[0] != "pandas":
        raise Refused(f"a column of {kind.__module__}.{kind.__name__} cannot be kept")
    categories = getattr(held.dtype, "categories", None)
    return [
        kind.__name__, str(held.dtype), str(getattr(held, "_freq", None)),
        None if categories is None else _index(heap, categories, type(categories)),
        *([name, values(heap, part)] for name, part in inner),
    ]  # fmt: skip


def _arrow(heap: Heap, array: Any) -> list[Token]:
    """Describe a chunked array of Arrow; texts by what they are, wherever their chunks begin."""
    import pyarrow as pa

    if pa.types.is_large_string(array.type) or pa.types.is_string(array.type):
        parts = [part for chunk in array.chunks if len(chunk) for part in _texts(chunk)]
        return [str(array.type), len(array), *(heap.hash(b"".join(parts[kind::3])) for kind in range(3))]
    schema = pa.schema([("", array.type)])
    chunks = [pa.record_batch([chunk], schema=schema) for chunk in array.chunks]
    return [str(array.type), [[len(chunk), heap.hash(memoryview(chunk.serialize()))] for chunk in chunks]]


def _texts(chunk: Any) -> tuple[Any, Any, Any]:
    """Return which texts of a chunk there are, how long each is, and all of them one after the other."""
    import numpy as np

    _, offsets, data = chunk.buffers()
    kind = np.int64 if chunk.type == "large_string" else np.int32
    ends = np.frombuffer(offsets, kind)[chunk.offset : chunk.offset + len(chunk) + 1]
    there = chunk.is_valid().to_numpy(zero_copy_only=False) if chunk.null_count else np.ones(len(chunk), bool)
    held = memoryview(data)[int(ends[0]) : int(ends[-1])] if data is not None else b""
    return there.tobytes(), np.diff(ends).astype(np.int64).tobytes(), held
