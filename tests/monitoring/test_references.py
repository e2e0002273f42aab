"""The figures of scipy on fixed windows of public data, computed once by somebody else's script."""

from __future__ import annotations

import functools
from pathlib import Path

import pandas as pd
import pytest

from mlops_nb.monitoring.drift import compare

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
REFERENCE = DATA / "refs" / "drift_scipy.csv"

pytestmark = pytest.mark.skipif(not REFERENCE.exists(), reason="the reference figures are not beside this checkout")


@functools.cache
def flights() -> pd.DataFrame:
    return pd.read_csv(DATA / "flights" / "flights.csv.zip")


def windows() -> list[tuple[int, object]]:
    """Return the windows that compare one month of flights with the first three, with scipy's figures."""
    if not REFERENCE.exists():
        return []
    rows = pd.read_csv(REFERENCE)
    return [
        (int(row.window[-2:]), row)
        for row in rows[rows["dataset"] == "flights"].itertuples()
        if row.window in ("ref=2013-01..03;cur=2013-04", "ref=2013-01..03;cur=2013-07")
    ]


@pytest.mark.parametrize(("month", "expected"), windows(), ids=lambda value: getattr(value, "feature", value))
def test_the_figures_are_those_of_scipy(month: int, expected: object):
    column = flights()[["month", expected.feature]].dropna()
    reference, current = column[column["month"] <= 3], column[column["month"] == month]
    (found,) = compare(reference[[expected.feature]], current[[expected.feature]])
    if expected.kind == "num":
        assert found.statistic == pytest.approx(expected.ks_stat, abs=1e-9)
        assert found.p_value == pytest.approx(expected.ks_p_asymp, rel=1e-6, abs=1e-300)
    else:
        rows = len(reference) + len(current)
        counts = pd.concat([side[expected.feature].value_counts() for side in (reference, current)], axis=1).fillna(0)
        smaller = min(len(reference), len(current))
        if (counts.sum(axis=1) * smaller / rows).min() >= 5:  # else rare categories are pooled, as scipy's are not
            assert found.statistic == pytest.approx((expected.chi2_stat / rows) ** 0.5, abs=1e-9)
        assert found.psi == pytest.approx(expected.psi_cat_eps1e4, rel=1e-6)
