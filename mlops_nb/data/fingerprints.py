"""A canonical hash of a table: the same for the same data, whatever its memory layout, chunks or string type.

Each column is hashed by its logical content (type, validity, values with one NaN and one zero, string lengths and
bytes) and the hashes are combined with the names in order. The scheme is versioned in its name, ``table1``.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from mlops_nb.errors import UsageError
from mlops_nb.ids import canonical_json, digest

if TYPE_CHECKING:
    import pyarrow as pa

SCHEME = "table1"


def to_table(frame: Any) -> pa.Table:
    """Convert a DataFrame to an Arrow table.

    Raises:
        UsageError: two columns have one name, or a column mixes types that no table format can hold.
    """
    import pyarrow as pa

    try:
        return pa.Table.from_pandas(frame)
    except (ValueError, TypeError, NotImplementedError) as error:  # Arrow's own are kinds of these
        detail = " ".join(str(part) for part in error.args)
        raise UsageError(
            f"this frame cannot be stored as a table: {detail} - give each column a name of its own and one type"
        ) from error


def fingerprint(table: pa.Table) -> str:
    """Return the canonical hash of a table, as ``table1:`` and 64 hexadecimal digits."""
    columns = [
        [name, _type_name(column.type), _order(column), _column_digest(column)]
        for name, column in zip(table.column_names, table.columns, strict=True)
    ]
    return f"{SCHEME}:{digest(canonical_json([table.num_rows, columns]).encode())}"


def _order(column: pa.ChunkedArray) -> list[str]:
    """Return the categories of an ordered category in their order; of anything else, nothing."""
    import pyarrow as pa

    if not (pa.types.is_dictionary(column.type) and column.type.ordered):
        return []
    chunks = column.unify_dictionaries().chunks
    return [str(value) for value in chunks[0].dictionary.to_pylist()] if chunks else []


def _type_name(kind: pa.DataType) -> str:
    import pyarrow as pa

    if pa.types.is_dictionary(kind):
        return f"category of {_type_name(kind.value_type)}"
    return str(kind).removeprefix("large_")


def _column_digest(column: pa.ChunkedArray) -> str:
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
