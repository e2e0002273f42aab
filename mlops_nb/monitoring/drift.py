"""Drift: column by column, does the current data come from where the reference data came from?

Numeric columns (and times, as numbers): the two-sample Kolmogorov-Smirnov statistic, the largest distance of
the two distribution functions, with missing values ranked below every value, so that a change in their share
counts. Categorical columns (text, booleans, categories): Cramér's V of the two-sample chi-square test, missing
being a category and those expected fewer than five times pooled into one. Both lie between 0 (alike) and 1.

A column has drifted when it is significant, p-values adjusted over the columns by Benjamini and Hochberg (1995)
at ``alpha``, *and* its statistic reaches ``effect``, so that large samples do not turn trifles into alarms. The
threshold shown is the statistic at which both hold (of small samples, whose p-values are exact, to within a step).
Both tests assume independent rows; on autocorrelated data p-values are too small, and ``effect`` decides. The
population stability index is shown as the customary label.
"""

from __future__ import annotations

import itertools
import json
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from mlops_nb.capture import columns, nodes, runs
from mlops_nb.data.datasets import Dataset, frame_of
from mlops_nb.errors import UsageError
from mlops_nb.ids import canonical_json
from mlops_nb.project import Project
from mlops_nb.records import Record, moment, to_json
from mlops_nb.verbs import Value, verb

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

BINS = 20  # bins of the picture
DECILES = 10  # bins of the PSI, by quantiles of the reference
SMOOTHING = 1e-4  # share given to an empty bin in the PSI
EXACT_BELOW = 500  # rows; above, the asymptotic null distribution is used
RARE = 5  # expected rows of a category (Cochran 1954)
SHOWN = 12  # categories of the picture
MINIMUM = 5  # rows on each side


@dataclass(frozen=True)
class ColumnDrift(Record):
    """The verdict on one column, and the shares of reference and current rows in each bin of its picture."""

    column: str
    kind: str
    test: str
    statistic: float
    threshold: float
    p_value: float
    psi: float
    drifted: bool
    labels: list[str]
    reference: list[float]
    current: list[float]


@dataclass(frozen=True)
class DriftReport(Record):
    """One comparison of current with reference data."""

    id: str
    name: str
    reference: str
    current: str
    created: datetime | None
    drifted: bool
    alpha: float
    effect: float
    columns: list[ColumnDrift]


@dataclass(frozen=True)
class _Test:
    """A statistic, its p-value and the inverse: the statistic that has a given p-value."""

    kind: str
    test: str
    statistic: float
    p_value: float
    critical: Any
    labels: list[str]
    reference: list[float]
    current: list[float]
    psi: float


def compare(
    reference: pd.DataFrame, current: pd.DataFrame, *, alpha: float = 0.05, effect: float = 0.1
) -> list[ColumnDrift]:
    """Compare two tables over the columns they share, in the order of the reference.

    Raises:
        UsageError: they share no column, one has two of a name, or one has fewer than five rows.
    """
    import numpy as np
    from scipy import stats

    shared = [name for name in reference.columns if name in current.columns]
    if not shared:
        raise UsageError("reference and current have no column in common - compare tables of the same kind")
    for side, frame in (("reference", reference), ("current", current)):
        if len(frame) < MINIMUM:
            raise UsageError(f"the {side} has {len(frame)} rows - a comparison needs at least {MINIMUM}")
        if not frame.columns.is_unique:
            raise UsageError(f"the {side} has two columns of one name - give each a name of its own")
    tests = [_test(reference[name], current[name]) for name in shared]
    p_values = np.array([test.p_value for test in tests])
    adjusted = stats.false_discovery_control(p_values)
    rejected = int((adjusted <= alpha).sum())
    cut = alpha * max(rejected, 1) / len(tests)  # the p-value that Benjamini-Hochberg draws the line at
    found = []
    for name, test, p_value in zip(shared, tests, adjusted, strict=True):
        critical, statistic = float(test.critical(cut)), test.statistic
        critical = min(critical, statistic) if p_value <= alpha else max(critical, math.nextafter(statistic, math.inf))
        threshold = max(critical, effect)
        found.append(
            ColumnDrift(
                column=str(name), kind=test.kind, test=test.test, statistic=statistic, threshold=threshold,
                p_value=float(p_value), psi=test.psi, drifted=statistic >= threshold,
                labels=test.labels, reference=test.reference, current=test.current,
            )
        )  # fmt: skip
    return found


def _test(reference: pd.Series[Any], current: pd.Series[Any]) -> _Test:
    from pandas.api import types

    numeric = all(
        (types.is_numeric_dtype(side.dtype) and not types.is_bool_dtype(side.dtype)) or side.dtype.kind in "mM"
        for side in (reference, current)
    )
    return _numeric(reference, current) if numeric else _categorical(reference, current)


def _numbers(column: pd.Series[Any]) -> NDArray[np.float64]:
    """Return a column as floats, missing values as minus infinity."""
    import numpy as np

    missing = column.isna().to_numpy()
    if column.dtype.kind in "mM":  # in one unit, whatever each side is kept in
        column = column.dt.as_unit("us").astype("int64")
    values = column.to_numpy(dtype=np.float64, na_value=np.nan)
    return np.where(missing, -np.inf, values)


def _numeric(reference: pd.Series[Any], current: pd.Series[Any]) -> _Test:
    import numpy as np
    from scipy import stats

    a, b = _numbers(reference), _numbers(current)
    method = "auto" if max(len(a), len(b)) <= EXACT_BELOW else "asymp"
    result = stats.ks_2samp(a, b, method=method)
    n = round(len(a) * len(b) / (len(a) + len(b)))  # the effective size of Kolmogorov's null distribution
    known = np.concatenate([a[np.isfinite(a)], b[np.isfinite(b)]])
    low, high = np.quantile(known, [0.005, 0.995]) if len(known) else (0.0, 1.0)
    edges = np.linspace(low, high if high > low else low + 1, BINS + 1)
    shares = [_shares(side, edges) for side in (a, b)]
    labels = ["missing", *(f"{x:.4g} to {y:.4g}" for x, y in itertools.pairwise(edges))]
    return _Test(
        "numeric", "Kolmogorov-Smirnov", float(result.statistic), float(result.pvalue),
        lambda p: stats.kstwo.isf(p, n), labels, shares[0], shares[1], _psi_numeric(a, b),
    )  # fmt: skip


def _shares(values: NDArray[np.float64], edges: NDArray[np.float64]) -> list[float]:
    import numpy as np

    present = values[np.isfinite(values)]
    counts = np.histogram(np.clip(present, edges[0], edges[-1]), edges)[0]
    return [float(share) for share in np.concatenate([[len(values) - len(present)], counts]) / len(values)]


def _categorical(reference: pd.Series[Any], current: pd.Series[Any]) -> _Test:
    import numpy as np
    from scipy import stats

    counts = [side.astype("object").where(side.notna(), "missing").astype(str).value_counts()
              for side in (reference, current)]  # fmt: skip
    names = sorted({str(name) for side in counts for name in side.index})
    table = np.array([[float(side.get(name, 0)) for name in names] for side in counts])
    total = float(table.sum())
    tested = _pooled(table)
    if tested.shape[1] == 1:
        statistic, p_value, degrees = 0.0, 1.0, 1
    else:
        chi2 = stats.chi2_contingency(tested, correction=False)
        statistic, p_value, degrees = math.sqrt(chi2.statistic / total), float(chi2.pvalue), int(chi2.dof)
    shares = table / table.sum(axis=1, keepdims=True)
    order = np.argsort(-shares.sum(axis=0), kind="stable")[:SHOWN]
    return _Test(
        "categorical", "Cramér's V", statistic, p_value,
        lambda p: math.sqrt(stats.chi2.isf(p, degrees) / total),
        [names[i] for i in order], [float(shares[0][i]) for i in order], [float(shares[1][i]) for i in order],
        _psi(shares[0], shares[1]),
    )  # fmt: skip


def _pooled(table: NDArray[np.float64]) -> NDArray[np.float64]:
    """Pool the categories whose expected count is below five on either side: the test is not valid with them."""
    import numpy as np

    expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / table.sum()
    rare = expected.min(axis=0) < RARE
    if rare.sum() < 2:
        return table
    return np.column_stack([table[:, ~rare], table[:, rare].sum(axis=1)])


def _psi(reference: NDArray[np.float64], current: NDArray[np.float64]) -> float:
    """Return the population stability index of two vectors of shares."""
    import numpy as np

    a, b = (np.where(side > 0, side, SMOOTHING) for side in (reference, current))
    return float(((b - a) * np.log(b / a)).sum())


def _psi_numeric(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    import numpy as np

    present = a[np.isfinite(a)]
    inner = np.unique(np.quantile(present, np.linspace(0, 1, DECILES + 1)[1:-1])) if len(present) else present
    edges = np.concatenate([[-np.inf], [np.nextafter(-np.inf, 0)], inner, [np.inf]])  # the first bin is "missing"
    return _psi(*(np.histogram(side, edges)[0] / len(side) for side in (a, b)))


# -- the verbs ------------------------------------------------------------------------------------------------


@verb("drift", records=True)
def drift(
    project: Project,
    reference: Value,
    current: Value,
    *,
    name: str = "drift",
    alpha: float = 0.05,
    effect: float = 0.1,
) -> DriftReport:
    """Compare current data with reference data, column by column, and record the verdict.

    Args:
        reference: what the model was made of: a DataFrame, the name of a dataset, a .csv or .parquet path
        current: what it sees now: likewise
        name: what to call this comparison, such as the month
        alpha: the share of false alarms among the columns called significant
        effect: the smallest difference that matters, from 0 to 1

    Raises:
        UsageError: one is no table, or they have nothing in common.
        NotFound: one names nothing.
    """
    run = runs.active(project)
    if not (0 < alpha < 1 and 0 <= effect <= 1):
        raise UsageError(f"alpha must lie between 0 and 1 and effect from 0 to 1, not {alpha} and {effect}")
    frames = [frame_of(project, side) for side in (reference, current)]
    found = _without_values(project, compare(*frames, alpha=alpha, effect=effect))
    store = project.store
    with store.write():
        number = nodes.add_node(store, "drift", name)
        store.execute(
            "INSERT INTO drift_report (id, name, run, reference, current, drifted, columns, alpha, effect, created_at)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            number, name, run, _named(reference, frames[0]), _named(current, frames[1]),
            int(any(column.drifted for column in found)), canonical_json(to_json(found)), alpha, effect,
            time.time(),
        )  # fmt: skip
        nodes.was_written(project, number, f"drift:{name}")
    return _report(store.rows(f"{SELECT} WHERE drift_report.id = ?", number)[0])  # type: ignore[arg-type]


def _without_values(project: Project, found: list[ColumnDrift]) -> list[ColumnDrift]:
    """Number the bins of columns whose values must not be kept: the verdict and the shares say nothing of them."""
    hidden = columns.denied(project, [column.column for column in found])
    return [
        replace(column, labels=[f"bin {number + 1}" for number in range(len(column.labels))])
        if column.column in hidden
        else column
        for column in found
    ]


def _named(value: object, frame: pd.DataFrame) -> str:
    label = f"{value.name}/{value.version}" if isinstance(value, Dataset) else value if isinstance(value, str) else ""
    return f"{label} ({len(frame):,} rows)".strip()


SELECT = "SELECT drift_report.*, node.public FROM drift_report JOIN node USING (id)"


def _report(row: Mapping[str, Any]) -> DriftReport:
    return DriftReport(
        id=row["public"], name=row["name"], reference=row["reference"], current=row["current"],
        created=moment(row["created_at"]), drifted=bool(row["drifted"]), alpha=row["alpha"], effect=row["effect"],
        columns=[ColumnDrift(**column) for column in json.loads(row["columns"])],
    )  # fmt: skip


@verb("reports")
def reports(project: Project, name: str | None = None, *, limit: int = 20) -> list[DriftReport]:
    """List drift reports, newest first.

    Args:
        name: only the reports of this name
        limit: at most so many
    """
    rows = project.store.rows(
        f"{SELECT} WHERE ? IS NULL OR drift_report.name = ? ORDER BY drift_report.id DESC LIMIT ?", name, name, limit
    )
    return [_report(row) for row in rows]  # type: ignore[arg-type]


def of_run(project: Project, run: str) -> list[DriftReport]:
    """Return the reports of a run, or of the run that stands for a cached one, in the order they were made."""
    number = project.store.value(
        "SELECT coalesce(run.original, run.id) FROM run JOIN node USING (id) WHERE public = ?", run
    )
    rows = project.store.rows(f"{SELECT} WHERE drift_report.run = ? ORDER BY drift_report.id", number)
    return [_report(row) for row in rows]  # type: ignore[arg-type]
