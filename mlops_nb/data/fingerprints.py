"""A canonical hash of a table: the same for the same data, whatever its memory layout, chunks or string type.

Each column is hashed by its logical content (type, validity, values with one NaN and one zero, string lengths and
bytes) and the hashes are combined with the names in order. The scheme is versioned in its name: ``table2`` is blake3
over blocks that stay in the processor's cache, so that no copy of a column is made; ``table1`` is what was before.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from mlops_nb.data import table1
from mlops_nb.errors import UsageError
from mlops_nb.ids import canonical_json, digest

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    import pyarrow as pa

SCHEME = "table2"
BLOCK = 1 << 16  # rows at a time

#: Called between blocks; what it raises ends the hashing.
Pulse = Callable[[], None]


def to_table(frame: Any) -> pa.Table:
    """Convert a DataFrame to an Arrow table.

    Raises:
        UsageError: two columns have one name, or a column mixes types that no table format can hold.
    """
    import pyarrow as pa

    with _told():
        return pa.Table.from_pandas(frame)


def to_column(values: pd.Series[Any]) -> pa.ChunkedArray:
    """Convert a column to what :func:`to_table` makes of it, in a third of the time.

    Raises:
        UsageError: it mixes types that no table format can hold.
    """
    import pyarrow as pa

    with _told():
        found = pa.array(values, from_pandas=True)
        return found if isinstance(found, pa.ChunkedArray) else pa.chunked_array([found])


@contextlib.contextmanager
def _told() -> Iterator[None]:
    """Say of what Arrow refuses what is to be done."""
    try:
        yield
    except (ValueError, TypeError, NotImplementedError) as error:  # Arrow's own are kinds of these
        detail = " ".join(str(part) for part in error.args)
        raise UsageError(
            f"this frame cannot be stored as a table: {detail} - give each column a name of its own and one type"
        ) from error


def _nothing() -> None:
    """Let the hashing go on."""


def fingerprint(table: pa.Table, scheme: str = SCHEME, pulse: Pulse = _nothing) -> str:
    """Return the canonical hash of a table, as the scheme and 64 hexadecimal digits: ``table2:…``."""
    hashed = table1.column_digest if scheme == "table1" else lambda column: _column_digest(column, pulse)
    columns = [
        [name, _type_name(column.type), _order(column), hashed(column)]
        for name, column in zip(table.column_names, table.columns, strict=True)
    ]
    return f"{scheme}:{digest(canonical_json([table.num_rows, columns]).encode())}"


def frame_fingerprint(frame: pd.DataFrame, pulse: Pulse = _nothing) -> str:
    """Return what :func:`fingerprint` does for the table that a DataFrame is; numbers are hashed where they lie.

    Raises:
        UsageError: it is no table.
    """
    names = to_table(frame.iloc[:0]).column_names
    columns = []
    for place, name in enumerate(names[: frame.shape[1]]):
        values = frame.iloc[:, place]
        kind: Any = values.dtype
        if type(kind).__module__.startswith("numpy") and kind.kind in "iuf" and kind.isnative and kind.itemsize > 2:
            type_ = {"float64": "double", "float32": "float"}.get(str(kind), str(kind))
            columns.append([name, type_, [], _numbers_digest(values.to_numpy(), pulse)])
        else:
            columns.append(_described(name, to_column(values), pulse))
    index = to_table(frame.iloc[:, :0])
    columns += [_described(name, index.column(place), pulse) for place, name in enumerate(names[frame.shape[1] :])]
    return f"{SCHEME}:{digest(canonical_json([len(frame), columns]).encode())}"


def _described(name: str, column: pa.ChunkedArray, pulse: Pulse) -> list[Any]:
    return [name, _type_name(column.type), _order(column), _column_digest(column, pulse)]


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


class _Column:
    """The hash of one column: its values, zero or nothing where there is none, and where those are."""

    def __init__(self) -> None:
        from blake3 import blake3

        self.values, self.validity = blake3(), blake3()
        self.count = self.nulls = 0

    def add(self, rows: int, missing: np.ndarray[Any, Any] | None, *parts: Any) -> None:
        """Take the next block of rows, of which some are missing, as buffers of their values."""
        import numpy as np

        if missing is not None:
            if not self.nulls:
                self.validity.update(bytes(self.count // 8))  # until now, none was missing
            self.nulls += int(np.count_nonzero(missing))
        if self.nulls:
            self.validity.update(bytes(-(-rows // 8)) if missing is None else _bytes(np.packbits(missing)))
        self.count += rows
        for part in parts:
            self.values.update(part)

    def hexdigest(self) -> str:
        """Return the hash of all that was taken."""
        return f"{self.count} {self.validity.hexdigest() if self.nulls else ''} {self.values.hexdigest()}"


def _numbers_digest(values: np.ndarray[Any, Any], pulse: Pulse) -> str:
    """Hash the numbers of a DataFrame's column, in which NaN means that a value is missing."""
    import numpy as np

    hashed = _Column()
    for start in range(0, len(values), BLOCK):
        pulse()
        block = values[start : start + BLOCK]
        if block.dtype.kind != "f":
            hashed.add(len(block), None, _bytes(block))
            continue
        block = block + block.dtype.type(0)  # -0.0 becomes 0.0
        missing = None
        if np.isnan(block.sum()) and (missing := np.isnan(block)).any():
            np.copyto(block, 0, where=missing)
        hashed.add(len(block), None if missing is None or not missing.any() else missing, _bytes(block))
    return hashed.hexdigest()


def _column_digest(column: pa.ChunkedArray, pulse: Pulse) -> str:
    import numpy as np
    import pyarrow as pa

    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    hashed = _Column()
    for start in range(0, len(column), BLOCK):
        pulse()
        block = column.slice(start, BLOCK).combine_chunks()
        if isinstance(block, pa.ChunkedArray):
            block = pa.concat_arrays(block.chunks)
        missing = np.asarray(block.is_null().to_numpy(zero_copy_only=False)) if block.null_count else None
        hashed.add(len(block), missing, *_buffers(block))
    return hashed.hexdigest()


def _buffers(block: pa.Array) -> Iterator[Any]:
    """Yield the values of an array as buffers, in which those that are missing are zero or nothing."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = block.type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_binary(kind):
        whole = block.cast(pa.large_binary()).drop_null()
        yield _bytes(pc.binary_length(whole).to_numpy(zero_copy_only=False))
        if len(whole):
            offsets = np.frombuffer(whole.buffers()[1], np.int64, len(whole) + 1, whole.offset * 8)
            yield memoryview(whole.buffers()[2] or b"")[offsets[0] : offsets[-1]]
    elif pa.types.is_floating(kind):
        values = block.drop_null() if block.null_count and pa.types.is_float16(kind) else _filled(block, 0.0)
        numbers = values.to_numpy(zero_copy_only=False) + kind.to_pandas_dtype()(0)  # -0.0 becomes 0.0
        if np.isnan(numbers.sum()):
            numbers[np.isnan(numbers)] = np.nan
        yield _bytes(numbers)
    elif pa.types.is_boolean(kind):
        yield _bytes(np.packbits(_filled(block, False).to_numpy(zero_copy_only=False)))
    elif pa.types.is_integer(kind):
        yield _bytes(_filled(block, 0).to_numpy(zero_copy_only=False))
    elif pa.types.is_temporal(kind) and kind.bit_width in (32, 64):
        width = pa.int64() if kind.bit_width == 64 else pa.int32()
        yield _bytes(_filled(block.cast(width), 0).to_numpy(zero_copy_only=False))
    else:  # decimals, lists, structs: their values, one by one
        for value in block.drop_null().to_pylist():
            yield repr(value).encode() + b"\0"


def _filled(block: pa.Array, value: Any) -> pa.Array:
    return block.fill_null(value) if block.null_count else block


def _bytes(array: Any) -> memoryview:
    import numpy as np

    return np.ascontiguousarray(array).data.cast("B")
