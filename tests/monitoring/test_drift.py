"""Drift: statistics that agree with scipy, verdicts that agree with their thresholds, and alarms that are rare."""

from __future__ import annotations

import datetime as dt
import math

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from mlops_nb.data.datasets import dataset
from mlops_nb.errors import NotFound, UsageError
from mlops_nb.monitoring.drift import SMOOTHING, ColumnDrift, compare, drift, of_run, reports
from mlops_nb.project import Project

RNG = np.random.default_rng(5)


def one(reference: object, current: object, **options: float) -> ColumnDrift:
    (found,) = compare(pd.DataFrame({"c": reference}), pd.DataFrame({"c": current}), **options)
    return found


DAYS = pd.date_range("2020-01-01", periods=60)
SAMPLES = {
    "numbers": pd.Series(RNG.normal(size=60)),
    "whole numbers": pd.Series(RNG.integers(0, 5, 60)),
    "numbers with gaps": pd.Series(RNG.normal(size=60)).where(lambda s: s < 1),
    "nullable numbers": pd.Series(pd.array([1, None, 3] * 20, dtype="Int64")),
    "arrow numbers": pd.Series([1, None, 3] * 20, dtype="int64[pyarrow]"),
    "text": pd.Series(RNG.choice(["a", "b", "c"], 60)),
    "text with gaps": pd.Series(["a", None, "b"] * 20),
    "booleans": pd.Series([True, False, True] * 20),
    "nullable booleans": pd.Series(pd.array([True, None, False] * 20, dtype="boolean")),
    "categories": pd.Series(pd.Categorical(["a", "b", "a"] * 20, categories=["z", "b", "a"])),
    "times": pd.Series(DAYS),
    "times with gaps": pd.Series(DAYS).where(RNG.random(60) > 0.3),
    "times with a zone": pd.Series(DAYS.tz_localize("Europe/Berlin")),
    "arrow times": pd.Series(DAYS).astype(pd.ArrowDtype(pa.timestamp("us"))),
    "durations": pd.Series(pd.to_timedelta(range(60), "s")),
    "dates": pd.Series([dt.date(2020, 1, 1 + day % 5) for day in range(60)]),
    "a constant": pd.Series([7.0] * 60),
    "a constant text": pd.Series(["a"] * 60),
    "nothing": pd.Series([None] * 60, dtype=object),
    "no numbers": pd.Series([np.nan] * 60),
    "infinities": pd.Series([1.0, np.inf, -np.inf] * 20),
}


@pytest.mark.parametrize("kind", SAMPLES)
def test_a_sample_does_not_differ_from_itself(kind: str):
    found = one(SAMPLES[kind], SAMPLES[kind].copy())
    assert (found.statistic, found.psi, found.drifted) == (0.0, 0.0, False)


@pytest.mark.parametrize("kind", SAMPLES)
def test_the_order_of_rows_does_not_matter(kind: str):
    current = SAMPLES[kind].iloc[:40]
    shuffled = current.sample(frac=1, random_state=1).reset_index(drop=True)
    assert one(SAMPLES[kind], current) == one(SAMPLES[kind], shuffled)


@pytest.mark.parametrize("kind", SAMPLES)
def test_every_figure_is_finite_and_every_picture_is_whole(kind: str):
    found = one(SAMPLES[kind], SAMPLES[kind].iloc[:7])
    assert all(map(math.isfinite, (found.statistic, found.threshold, found.p_value, found.psi)))
    assert len(found.labels) == len(found.reference) == len(found.current)
    assert sum(found.reference) == pytest.approx(1)
    assert sum(found.current) == pytest.approx(1)


def test_a_bigger_shift_is_a_bigger_statistic_of_numbers():
    reference = pd.Series(RNG.normal(size=400))
    found = [one(reference, reference + shift) for shift in (0, 0.1, 0.3, 0.9, 3)]
    assert all(a.statistic < b.statistic and a.psi < b.psi for a, b in zip(found, found[1:], strict=False))


def test_a_bigger_shift_is_a_bigger_statistic_of_categories():
    samples = [["a"] * (50 + extra) + ["b"] * (50 - extra) for extra in (0, 5, 15, 45)]
    found = [one(samples[0], sample) for sample in samples]
    assert all(a.statistic < b.statistic and a.psi < b.psi for a, b in zip(found, found[1:], strict=False))


# -- against scipy --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sizes", [(5, 5), (13, 58), (60, 200), (500, 500)])
def test_numbers_have_the_exact_test_of_scipy(sizes: tuple[int, int]):
    a, b = RNG.normal(size=sizes[0]), RNG.normal(0.3, size=sizes[1])
    expected, found = stats.ks_2samp(a, b), one(a, b)
    assert found.test == "Kolmogorov-Smirnov"
    assert found.statistic == pytest.approx(expected.statistic, abs=1e-9)
    assert found.p_value == pytest.approx(expected.pvalue, abs=1e-9)


def test_large_samples_have_the_asymptotic_test_of_scipy():
    a, b = RNG.normal(size=3000), RNG.normal(0.05, size=2000)
    expected, found = stats.ks_2samp(a, b, method="asymp"), one(a, b)
    assert found.statistic == pytest.approx(expected.statistic, abs=1e-9)
    assert found.p_value == pytest.approx(expected.pvalue, abs=1e-9)


def test_the_threshold_of_large_samples_has_the_p_value_alpha():
    a, b = RNG.normal(size=3000), RNG.normal(size=2000)
    found = one(a, b, alpha=0.01, effect=0.0)
    assert stats.kstwo.sf(found.threshold, 1200) == pytest.approx(0.01)


def test_categories_have_the_v_of_cramer():
    a, b = RNG.choice(list("abcd"), 300), RNG.choice(list("abcd"), 200, p=[0.4, 0.3, 0.2, 0.1])
    table = [[int((side == name).sum()) for name in "abcd"] for side in (a, b)]
    expected, found = stats.chi2_contingency(table, correction=False), one(a, b)
    assert found.test == "Cramér's V"
    assert found.statistic == pytest.approx(math.sqrt(expected.statistic / 500), abs=1e-12)
    assert found.p_value == pytest.approx(expected.pvalue, abs=1e-12)


def test_p_values_are_adjusted_over_the_columns():
    a = pd.DataFrame(RNG.normal(size=(200, 5)))
    b = pd.DataFrame(RNG.normal(size=(200, 5)) + np.array([0, 0, 0.1, 0.2, 0.4]))
    raw = [stats.ks_2samp(a[name], b[name]).pvalue for name in a]
    found = [column.p_value for column in compare(a, b)]
    np.testing.assert_allclose(found, stats.false_discovery_control(raw), atol=1e-12)


def psi(reference: list[float], current: list[float]) -> float:
    pairs = [(max(a, SMOOTHING), max(b, SMOOTHING)) for a, b in zip(reference, current, strict=True)]
    return sum((b - a) * math.log(b / a) for a, b in pairs)


def test_the_psi_of_categories_is_that_of_their_shares():
    found = one(["a"] * 60 + ["b"] * 40, ["a"] * 30 + ["b"] * 50 + ["c"] * 20)
    assert found.psi == pytest.approx(psi([0.6, 0.4, 0.0], [0.3, 0.5, 0.2]))


def test_the_psi_of_numbers_is_that_of_the_deciles_of_the_reference():
    reference, current = RNG.normal(size=1000), RNG.normal(0.5, 2, size=800)
    edges = np.quantile(reference, np.linspace(0, 1, 11)[1:-1])
    shares = [[float(np.mean(np.searchsorted(edges, side, side="right") == bin_)) for bin_ in range(10)]
              for side in (reference, current)]  # fmt: skip
    assert one(reference, current).psi == pytest.approx(psi(*shares))


def test_the_psi_has_a_bin_of_what_is_missing():
    reference, current = [1.0, 1.0, None, None], [1.0, None, None, None]
    assert one(reference * 5, current * 5).psi == pytest.approx(psi([0.5, 0.5], [0.25, 0.75]))


# -- what counts as drift -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reference", "current"),
    [
        (SAMPLES["numbers"], SAMPLES["numbers"].where(RNG.random(60) > 0.6)),
        (SAMPLES["times"], SAMPLES["times"].where(RNG.random(60) > 0.6)),
        (SAMPLES["text"], SAMPLES["text"].where(RNG.random(60) > 0.6)),
        (SAMPLES["booleans"], SAMPLES["nullable booleans"]),
        (SAMPLES["no numbers"], SAMPLES["numbers"]),
        (SAMPLES["numbers"], SAMPLES["no numbers"]),
        (SAMPLES["text"], SAMPLES["nothing"]),
    ],
)
def test_a_change_in_what_is_missing_is_drift(reference: object, current: object):
    found = one(reference, current)
    assert found.drifted
    assert found.psi > 0.25


def test_a_new_category_is_drift():
    found = one(["a", "b"] * 50, ["a", "b", "new"] * 50)
    assert found.drifted
    assert "new" in found.labels


def test_another_constant_is_drift():
    assert one([1] * 50, [2] * 50).drifted
    assert one(["a"] * 50, ["b"] * 50).drifted


def test_numbers_that_became_text_are_drift():
    found = one([1, 2] * 50, ["1", "n/a"] * 50)
    assert found.kind == "categorical"
    assert found.drifted


def test_the_unit_in_which_times_are_kept_does_not_matter():
    assert one(DAYS.as_unit("ns"), DAYS.as_unit("s")).statistic == 0


def test_the_order_of_categories_does_not_matter():
    values = ["a", "b"] * 30
    assert one(pd.Categorical(values), pd.Categorical(values, categories=["z", "b", "a"])).statistic == 0


def test_a_significant_trifle_is_no_drift():
    found = one(RNG.normal(size=20000), RNG.normal(0.06, size=20000))
    assert found.p_value < 0.01
    assert (found.drifted, found.threshold) == (False, 0.1)


def test_columns_that_only_one_side_has_are_left_out():
    a, b = pd.DataFrame({"x": range(9), "y": range(9)}), pd.DataFrame({"z": range(9), "x": range(9)})
    assert [column.column for column in compare(a, b)] == ["x"]


COLUMN = st.one_of(
    st.lists(st.integers(0, 6), min_size=60, max_size=60),
    st.lists(st.floats(-3, 3), min_size=60, max_size=60),
    st.lists(st.sampled_from(["a", "b", None]), min_size=60, max_size=60),
)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(COLUMN, min_size=1, max_size=4), st.integers(5, 30), st.integers(0, 3),
    st.sampled_from([0.0, 0.1, 0.4]), st.sampled_from([0.01, 0.05, 0.3]),
)  # fmt: skip
def test_a_column_has_drifted_exactly_if_its_statistic_reaches_its_threshold(
    columns: list[list[object]], cut: int, shift: int, effect: float, alpha: float
):
    frame = pd.DataFrame({str(number): column for number, column in enumerate(columns)})
    found = compare(frame[:cut], frame[cut + shift :], alpha=alpha, effect=effect)
    for column in found:
        assert column.drifted == (column.statistic >= column.threshold)
        assert column.drifted == (column.p_value <= alpha and column.statistic >= effect)


def test_verdicts_of_many_random_samples_agree_with_their_thresholds():
    rng = np.random.default_rng(0)
    for _ in range(150):
        n, m, k = rng.integers(5, 60), rng.integers(5, 60), rng.integers(1, 5)
        a = pd.DataFrame(rng.normal(size=(n, k))).round(1)
        b = pd.DataFrame(rng.normal(size=(m, k)) + rng.choice([0, 0.5, 1], k)).round(1)
        assert all(c.drifted == (c.statistic >= c.threshold) for c in compare(a, b, effect=0.0))


@pytest.mark.parametrize("kind", ["numeric", "categorical", "both"])
def test_false_alarms_are_as_rare_as_alpha_says(kind: str):
    rng, alarms, trials = np.random.default_rng(11), 0, 400

    def sample() -> pd.DataFrame:
        numbers, letters = {"n": rng.normal(size=60)}, {"c": rng.choice(list("abc"), 60)}
        return pd.DataFrame(numbers if kind == "numeric" else letters if kind == "categorical" else numbers | letters)

    for _ in range(trials):
        alarms += any(column.drifted for column in compare(sample(), sample(), alpha=0.05, effect=0.0))
    assert 0 < alarms / trials <= 0.065


# -- what cannot be compared ----------------------------------------------------------------------------------


def test_tables_without_a_common_column_are_refused():
    with pytest.raises(UsageError, match="no column in common"):
        compare(pd.DataFrame({"a": range(9)}), pd.DataFrame({"b": range(9)}))


@pytest.mark.parametrize(("sizes", "side"), [((4, 9), "reference has 4 rows"), ((9, 0), "current has 0 rows")])
def test_fewer_than_five_rows_are_refused(sizes: tuple[int, int], side: str):
    with pytest.raises(UsageError, match=f"the {side} - a comparison needs at least 5"):
        compare(*(pd.DataFrame({"a": range(size)}) for size in sizes))


def test_two_columns_of_one_name_are_refused():
    twice = pd.DataFrame(np.ones((9, 2)), columns=["a", "a"])
    with pytest.raises(UsageError, match="the reference has two columns of one name"):
        compare(twice, twice)


# -- the verb -------------------------------------------------------------------------------------------------


@pytest.fixture
def sides(project: Project) -> tuple[pd.DataFrame, pd.DataFrame]:
    rng = np.random.default_rng(2)
    return pd.DataFrame({"x": rng.normal(size=200)}), pd.DataFrame({"x": rng.normal(2, size=100)})


def test_a_report_is_kept_as_it_was_given(project: Project, sides):
    given = drift(project, *sides, name="may")
    assert reports(project) == [given]
    assert given.drifted
    assert (given.reference, given.current) == ("(200 rows)", "(100 rows)")


def test_datasets_are_compared_by_name(project: Project, sides):
    dataset(project, sides[0], "then")
    now = dataset(project, sides[1], "now")
    report = drift(project, "then", now)
    assert (report.reference, report.current) == ("then (200 rows)", "now/1 (100 rows)")


def test_reports_are_listed_newest_first_by_name_and_number(project: Project, sides):
    for name in ("a", "b", "a"):
        drift(project, *sides, name=name)
    assert [report.name for report in reports(project)] == ["a", "b", "a"]
    assert len(reports(project, "a")) == 2
    assert len(reports(project, limit=1)) == 1


def test_the_reports_of_a_run_are_in_the_order_they_were_made(shell, project: Project, sides):
    shell.user_ns["then"], shell.user_ns["now"] = sides
    shell.run_cell("import mlops_nb as mlops\nfor month in 'abc': mlops.drift(then, now, name=month)")
    run = project.store.value("SELECT public FROM node JOIN run USING (id)")
    assert [report.name for report in of_run(project, run)] == ["a", "b", "c"]


@pytest.mark.parametrize("options", [{"alpha": 0}, {"alpha": 1}, {"alpha": math.nan}, {"effect": -0.1}, {"effect": 2}])
def test_limits_that_make_no_sense_are_refused(project: Project, sides, options: dict[str, float]):
    with pytest.raises(UsageError, match="alpha must lie between 0 and 1 and effect from 0 to 1"):
        drift(project, *sides, **options)
    assert reports(project) == []


def test_a_name_that_means_nothing_is_told(project: Project, sides):
    with pytest.raises(NotFound, match="no dataset 'gone'"):
        drift(project, "gone", sides[1])


def test_an_object_that_is_no_table_is_told(project: Project, sides):
    with pytest.raises(UsageError, match="a int is not a table"):
        drift(project, sides[0], 3)
