"""Tables and arrays: column by column, with the numbers that differ and the rows they are in."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from mlops_nb.reproduction.results import Result
from mlops_nb.reproduction.rungs import Match, different, forgiven, near

if TYPE_CHECKING:
    import pandas as pd


def parquet(then: Result, now: Result, rtol: float) -> Match:
    """Compare two tables in Parquet."""
    import pandas as pd

    return _frames(pd.read_parquet(io.BytesIO(then.read())), pd.read_parquet(io.BytesIO(now.read())), rtol)


def csv(then: Result, now: Result, rtol: float) -> Match:
    """Compare two tables in text, whatever separates their columns."""
    import pandas as pd

    before, after = (pd.read_csv(io.BytesIO(side.read()), sep=None, engine="python") for side in (then, now))
    return _frames(before, after, rtol)


def unkept(then: Result, _now: Result, _rtol: float) -> Match:
    """Say of a table that was only measured that it differs: there is no copy to tell in what."""
    then.read()  # raises, with the way on
    return different("other data")


def _frames(before: pd.DataFrame, after: pd.DataFrame, rtol: float) -> Match:
    if list(before.columns) != list(after.columns):
        gone, new = ([str(c) for c in a.columns if c not in set(b.columns)] for a, b in
                     ((before, after), (after, before)))  # fmt: skip
        parts = [f"without {', '.join(gone)}"] * bool(gone) + [f"with {', '.join(new)}"] * bool(new)
        return different(" and ".join(parts) or "the columns stand in another order")
    if len(before) != len(after):
        return different(f"{len(before):,} rows became {len(after):,}")
    worst, columns = 0.0, []
    for place, name in enumerate(before.columns):
        apart, rows = _column_apart(before.iloc[:, place], after.iloc[:, place], rtol)
        worst = max(worst, apart if not rows else 0.0)
        columns += [f"{name} in {rows:,} rows"] * bool(rows)
    if columns:
        return different(f"{_reordered(before, after)}differs: {', '.join(columns)}")
    return (near(worst, rtol) if worst else None) or forgiven("how it is written")


def _column_apart(before: pd.Series[Any], after: pd.Series[Any], rtol: float) -> tuple[float, int]:
    """Return how far two columns are apart where that is allowed, and in how many rows it is not."""
    import numpy as np

    old, new = before.to_numpy(), after.to_numpy()
    same = (old == new) | (before.isna().to_numpy() & after.isna().to_numpy())
    if bool(np.all(same)):
        return 0.0, 0
    if old.dtype.kind not in "iuf" or new.dtype.kind not in "iuf":
        return 0.0, int(np.count_nonzero(~same))
    old, new = old[~same].astype(float), new[~same].astype(float)
    apart = np.abs(old - new) / np.maximum(np.abs(old), np.abs(new))
    far = ~(apart <= rtol)
    return float(apart[~far].max(initial=0.0)), int(np.count_nonzero(far))


def _reordered(before: pd.DataFrame, after: pd.DataFrame) -> str:
    import numpy as np
    import pandas as pd

    try:
        old, new = (np.sort(pd.util.hash_pandas_object(side, index=False).to_numpy()) for side in (before, after))
    except TypeError:  # values that pandas cannot hash
        return ""
    return "the same rows in another order; " if (old == new).all() else ""


def arrays(then: Result, now: Result, rtol: float) -> Match:
    """Compare two files of numpy arrays."""
    import numpy as np

    old, new = (np.load(io.BytesIO(side.read()), allow_pickle=False) for side in (then, now))
    names = getattr(old, "files", None)
    if names != getattr(new, "files", None):
        return different("it holds other arrays")
    worst = 0.0
    for name in names if names is not None else [None]:
        a, b = (old, new) if name is None else (old[name], new[name])
        if a.shape != b.shape or a.dtype != b.dtype:
            return different(f"{a.dtype}{list(a.shape)} became {b.dtype}{list(b.shape)}")
        import pandas as pd

        apart, count = _column_apart(pd.Series(a.ravel()), pd.Series(b.ravel()), rtol)
        if count:
            return different(f"{count:,} of {a.size:,} values differ")
        worst = max(worst, apart)
    return (near(worst, rtol) if worst else None) or forgiven("how it is written")
