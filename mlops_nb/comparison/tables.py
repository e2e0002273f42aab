"""Tables: columns added, removed or of another type; rows by key; and how the distribution of each column moved.

Rows are told apart by a key: the one that is named, else the index of the table if it has a name, else the column of
whole numbers, texts or times that has no value twice on either side and shares most values between both, else the
labels that a filtered table has in its index. Where there is none, rows are compared as wholes, as often as each
occurs; then a changed row is one that was removed and one that was added. The statistics of distributions are those of
:mod:`~mlops_nb.monitoring.drift`, of evenly spaced rows of a large table.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mlops_nb.data.datasets import without_denied
from mlops_nb.errors import UsageError
from mlops_nb.monitoring import drift
from mlops_nb.project import Project
from mlops_nb.records import Json, Record, to_json

if TYPE_CHECKING:
    import pandas as pd

SAMPLE = 50_000  # rows that a distribution is told by
SHOWN = 5  # keys of rows that are named


@dataclass(frozen=True)
class DataChange(Record):
    """What differs in data: ``name`` is the thing, ``column`` its column where it is about one.

    The kinds: ``added``, ``removed`` and ``changed`` of a thing, ``column added``, ``column removed``, ``type``,
    ``rows`` (their number), ``rows added``, ``rows removed``, ``rows changed``, ``row order``, ``distribution``,
    ``profile``. Of the last two, before and after are the means of numbers. ``explains`` says that a metric that
    changed came from this thing.
    """

    name: str
    kind: str
    column: str | None
    before: Json
    after: Json
    detail: str
    explains: bool = False


@dataclass(frozen=True)
class Table:
    """A table with its named index among its columns, labels as text, and the types of columns as people know them."""

    frame: pd.DataFrame
    types: Mapping[str, str]
    index: list[str] = field(default_factory=list)
    denied: list[str] = field(default_factory=list)  # the columns that must not be compared

    @classmethod
    def of(cls, project: Project, frame: pd.DataFrame, types: Mapping[str, str] | None = None) -> Table:
        """Make a table of a DataFrame, without the columns that mlops.toml denies.

        Raises:
            UsageError: two columns have one name.
        """
        import pandas as pd

        frame, denied = without_denied(project, frame)
        levels = frame.index.nlevels if isinstance(frame.index, pd.MultiIndex) or frame.index.name is not None else 0
        if levels:
            frame = frame.reset_index(allow_duplicates=True)
        frame = frame.set_axis([str(label) for label in frame.columns], axis=1)
        if not frame.columns.is_unique:
            raise UsageError("two columns have one name - give each a name of its own")
        known = {name: (types or {}).get(name, str(frame[name].dtype)) for name in frame.columns}
        return cls(frame, known, list(frame.columns[:levels]), list(denied))


def compare(name: str, a: Table, b: Table, key: Sequence[str] = ()) -> tuple[list[DataChange], list[str]]:
    """Return what differs between two tables, in the order of the kinds, and what could not be compared.

    Args:
        name: what the changes call the table
        a: the table before
        b: the table after
        key: the columns that tell rows apart; those that fit are found if none are named

    Raises:
        UsageError: the key is not in both, or does not tell rows apart.
    """
    shared = [column for column in a.frame.columns if column in b.types]
    changes = list(schema(name, a.types, b.types))
    if len(a.frame) != len(b.frame):
        changes.append(DataChange(name, "rows", None, len(a.frame), len(b.frame), "number of rows"))
    for side, table in (("A", a), ("B", b)) if key else ():
        _check_key(name, key, side, table)
    found = list(key) or _key(a, b, shared)
    labels = [table.frame.set_index(found).index if found else table.frame.index for table in (a, b)]
    if found or _are_labels(*labels):
        rest = [column for column in shared if column not in found]
        rows, moved = _by_key(name, a.frame[rest].set_axis(labels[0]), b.frame[rest].set_axis(labels[1]), found)
    else:
        rows, moved = _as_wholes(name, a, b, shared)
    changes += rows
    distributions, doubts = _distributions(name, a.frame, b.frame, moved)
    doubts += [
        f"column {column} of {name} in {side} is denied: it is not compared"
        for side, table in (("A", a), ("B", b))
        for column in table.denied
    ]
    return changes + distributions, doubts


def schema(name: str, a: Mapping[str, str], b: Mapping[str, str]) -> Iterator[DataChange]:
    """Yield the columns that were removed, added, or are of another type, given the types by column."""
    for column, kind in a.items():
        if column not in b:
            yield DataChange(name, "column removed", column, kind, None, "")
    for column, kind in b.items():
        if column not in a:
            yield DataChange(name, "column added", column, None, kind, "")
    for column, kind in a.items():
        if b.get(column, kind) != kind:
            yield DataChange(name, "type", column, kind, b[column], "")


# -- rows -----------------------------------------------------------------------------------------------------


def _check_key(name: str, key: Sequence[str], side: str, table: Table) -> None:
    if missing := [column for column in key if column not in table.types]:
        shown = ", ".join(table.types)
        raise UsageError(f"{name} in {side} has no column {missing[0]!r} to be a key - it has: {shown}")
    if unfit := [column for column in key if not _is_plain(table.frame[column])]:
        raise UsageError(f"{name} in {side} has lists in {unfit[0]!r}, which cannot be a key - name other columns")
    if twice := int(table.frame.duplicated(list(key)).sum()):
        raise UsageError(
            f"the key {', '.join(key)} does not tell the rows of {name} in {side} apart: {twice:,} rows repeat one"
            " before them - name more columns, as in --key shop,day"
        )


def _key(a: Table, b: Table, shared: Sequence[str]) -> list[str]:
    """Return the columns that tell rows apart on both sides, none if there are none."""
    plain = all(_is_plain(table.frame[column]) for table in (a, b) for column in table.index)
    if a.index and a.index == b.index and plain and not any(t.frame.duplicated(a.index).any() for t in (a, b)):
        return a.index
    best, most = [], 0
    for column in shared:
        sides = [table.frame[column] for table in (a, b)]
        if any(side.dtype.kind not in "iuMOT" or side.isna().any() or not _is_plain(side) for side in sides):
            continue
        common = int(sides[1].isin(sides[0]).sum()) if all(side.is_unique for side in sides) else 0
        if common > most:
            best, most = [column], common
    return best


def _are_labels(old: pd.Index[Any], new: pd.Index[Any]) -> bool:
    """Whether indexes without a name tell rows apart, and are not just the places of rows."""
    import pandas as pd

    return not (isinstance(old, pd.RangeIndex) and isinstance(new, pd.RangeIndex)) and old.is_unique and new.is_unique


def _is_plain(column: pd.Series[Any]) -> bool:
    """Whether the values of a column, told by the first, are no lists or the like."""
    first = next(iter(column.dropna()), None) if column.dtype.kind == "O" else None
    return not (hasattr(first, "__len__") and not isinstance(first, str | bytes | tuple))


def _by_key(name: str, a: pd.DataFrame, b: pd.DataFrame, key: Sequence[str]) -> tuple[list[DataChange], list[str]]:
    """Compare rows by their indexes; return the changes, and the columns whose values are not those they were."""
    old, new = a.index, b.index
    places = old.get_indexer(new)
    gone = new.get_indexer(old) < 0  # isin would not find a missing key
    said = f"by {', '.join(key) or 'index'}"
    changes = []
    for kind, count, keys in (("added", (places < 0).sum(), new[places < 0]), ("removed", gone.sum(), old[gone])):
        if count:
            old_count, new_count = (None, int(count)) if kind == "added" else (int(count), None)
            changes.append(DataChange(name, f"rows {kind}", None, old_count, new_count, f"{said}: {_some(keys)}"))
    left, right = a.iloc[places[places >= 0]], b.iloc[places >= 0]
    counts, rows = {}, None
    for column in a.columns:
        unlike = _unlike(left[column], right[column])
        rows = unlike if rows is None else rows | unlike
        if unlike.any():
            counts[column] = int(unlike.sum())
    if rows is not None and counts:
        shown = ", ".join(f"{column} in {count:,}" for column, count in counts.items())
        changes.append(DataChange(name, "rows changed", None, None, int(rows.sum()), f"{said}: {shown}"))
    both = places[places >= 0]
    if (both[1:] < both[:-1]).any():
        changes.append(DataChange(name, "row order", None, None, None, "rows that both have stand in another order"))
    whole = bool(gone.any() or (places < 0).any())
    return changes, [column for column in a.columns if whole or column in counts]


def _some(keys: Any) -> str:
    shown = [", ".join(map(str, key)) if isinstance(key, tuple) else str(key) for key in keys[:SHOWN]]
    return "; ".join(shown) + ("; …" if len(keys) > SHOWN else "")


def _unlike(a: pd.Series[Any], b: pd.Series[Any]) -> Any:
    """Return, as booleans by place, where two columns differ; missing is like missing."""
    a, b = a.reset_index(drop=True), b.reset_index(drop=True)
    missing = a.isna().to_numpy(), b.isna().to_numpy()
    try:
        if "category" in (a.dtype, b.dtype):
            a, b = a.astype(object), b.astype(object)
        unlike = (a != b).to_numpy(dtype=bool, na_value=True)
    except (TypeError, ValueError):  # lists, or values of types that do not compare
        unlike = (a.astype(str) != b.astype(str)).to_numpy(dtype=bool)
    return (unlike | (missing[0] != missing[1])) & ~(missing[0] & missing[1])


def _as_wholes(name: str, a: Table, b: Table, shared: Sequence[str]) -> tuple[list[DataChange], list[str]]:
    """Compare rows as wholes, by the columns that both have in one type, as often as each occurs."""
    import pandas as pd

    used = [column for column in shared if a.frame[column].dtype == b.frame[column].dtype]
    if not used:
        return [], list(shared)
    old, new = (_hashes(table.frame[used]) for table in (a, b))
    counts = pd.Series(new).value_counts().sub(pd.Series(old).value_counts(), fill_value=0)
    added, removed = int(counts[counts > 0].sum()), int(-counts[counts < 0].sum())
    said = f"no column tells rows apart: as wholes, by {len(used)} columns"
    changes = []
    if added:
        changes.append(DataChange(name, "rows added", None, None, added, said))
    if removed:
        changes.append(DataChange(name, "rows removed", None, removed, None, said))
    if not added and not removed and (old != new).any():
        changes.append(DataChange(name, "row order", None, None, None, "the same rows stand in another order"))
    rest = [column for column in shared if column not in used]
    return changes, [column for column in shared if added or removed or column in rest]


def _hashes(frame: pd.DataFrame) -> Any:
    import pandas as pd

    try:
        return pd.util.hash_pandas_object(frame, index=False).to_numpy()
    except TypeError:  # lists
        texts = {str(column): frame[column].astype(str) for column in frame if frame[column].dtype.kind == "O"}
        return pd.util.hash_pandas_object(frame.assign(**texts), index=False).to_numpy()


# -- distributions --------------------------------------------------------------------------------------------


def _distributions(
    name: str, a: pd.DataFrame, b: pd.DataFrame, columns: Sequence[str]
) -> tuple[list[DataChange], list[str]]:
    """Return how far each column's distribution moved, the farthest past its threshold first."""
    if not columns:
        return [], []
    if min(len(a), len(b)) < drift.MINIMUM:
        return [], [f"the distributions of {name}: one side has fewer than {drift.MINIMUM} rows"]
    found = drift.compare(_few(a[list(columns)]), _few(b[list(columns)]))
    found = sorted((c for c in found if c.statistic > 0), key=lambda c: c.statistic / c.threshold, reverse=True)
    sampled = f", of {SAMPLE:,} rows" if max(len(a), len(b)) > SAMPLE else ""
    return [
        DataChange(
            name, "distribution", column.column, _mean(a[column.column]), _mean(b[column.column]),
            f"{column.test} {column.statistic:.3g}{' (drifted)' if column.drifted else ''}, PSI {column.psi:.3g}"
            f"{_shift(column)}{sampled}",
        )
        for column in found
    ], []  # fmt: skip


def _few(frame: pd.DataFrame) -> pd.DataFrame:
    import numpy as np

    if len(frame) <= SAMPLE:
        return frame
    return frame.iloc[np.linspace(0, len(frame) - 1, SAMPLE).astype(np.int64)]


def _mean(column: pd.Series[Any]) -> Json:
    mean: Json = to_json(float(column.mean())) if column.dtype.kind in "iuf" else None
    return mean


def _shift(column: drift.ColumnDrift) -> str:
    """Say which category's share changed most."""
    if column.kind != "categorical":
        return ""
    shares = zip(column.labels, column.reference, column.current, strict=True)
    label, old, new = max(shares, key=lambda share: abs(share[2] - share[1]))
    return f", {label!r} {old:.1%} → {new:.1%}"
