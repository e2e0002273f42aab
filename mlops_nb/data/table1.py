"""The first scheme of fingerprints, by which datasets of older stores are known: sha256 over a whole column at a time.

What is in a store under ``table1:`` must stay comparable, so this is never changed.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa


def column_digest(column: pa.ChunkedArray) -> str:
    """Return the hash of a column's logical content under ``table1``."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    hasher = hashlib.sha256()
    for bits in np.packbits(column.is_valid().to_numpy()), np.int64(len(column)).reshape(1):
        hasher.update(_bytes(bits))
    valid = column.drop_null()
    if pa.types.is_string(valid.type) or pa.types.is_large_string(valid.type) or pa.types.is_binary(valid.type):
        whole = valid.cast(pa.large_binary()).combine_chunks()
        whole = whole if isinstance(whole, pa.Array) else pa.concat_arrays(whole.chunks)
        hasher.update(_bytes(pc.binary_length(whole).to_numpy(zero_copy_only=False)))
        if len(whole):
            offsets = np.frombuffer(whole.buffers()[1], np.int64, len(whole) + 1, whole.offset * 8)
            hasher.update(memoryview(whole.buffers()[2] or b"")[offsets[0] : offsets[-1]])
    elif pa.types.is_floating(valid.type):
        values = valid.to_numpy() + 0.0  # -0.0 becomes 0.0
        values[np.isnan(values)] = np.nan
        hasher.update(_bytes(values))
    elif pa.types.is_boolean(valid.type):
        hasher.update(_bytes(np.packbits(valid.to_numpy())))
    elif pa.types.is_integer(valid.type):
        hasher.update(_bytes(valid.to_numpy()))
    elif pa.types.is_temporal(valid.type) and valid.type.bit_width in (32, 64):
        width = pa.int64() if valid.type.bit_width == 64 else pa.int32()
        hasher.update(_bytes(valid.cast(width).to_numpy()))
    else:  # decimals, lists, structs: their values, one by one
        for value in valid.to_pylist():
            hasher.update(repr(value).encode())
            hasher.update(b"\0")
    return hasher.hexdigest()


def _bytes(array: Any) -> memoryview:
    import numpy as np

    return np.ascontiguousarray(array).data.cast("B")
