"""Datasets: versions by content, exact copies, profiles that agree with pandas."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mlops_nb.data.datasets import QUANTILES, dataset, datasets, frame_of, load_dataset
from mlops_nb.errors import NotFound, StoreCorrupt, UsageError
from mlops_nb.project import Project
from mlops_nb.proof import fsck

SMALL = pd.DataFrame({"x": [1, 2, 3], "s": ["a", "b", None]})


def test_the_same_data_is_the_same_version(project: Project):
    assert dataset(project, SMALL, "d").id == dataset(project, SMALL.copy(), "d").id
    assert len(datasets(project, "d")) == 1


def test_new_data_is_the_next_version(project: Project):
    dataset(project, SMALL, "d")
    assert dataset(project, SMALL.assign(x=0), "d").version == 2


def test_versions_are_counted_by_name(project: Project):
    dataset(project, SMALL, "a")
    assert dataset(project, SMALL, "b").version == 1


def test_datasets_are_listed_newest_first(project: Project):
    for value in (1, 2, 3):
        dataset(project, SMALL.assign(x=value), "d")
    assert [record.version for record in datasets(project)] == [3, 2, 1]


def test_a_version_is_loaded_by_name_and_number(project: Project):
    dataset(project, SMALL, "d")
    dataset(project, SMALL.assign(x=7), "d")
    pd.testing.assert_frame_equal(load_dataset(project, "d/1"), SMALL)


def test_a_name_alone_loads_what_was_registered_last(project: Project):
    dataset(project, SMALL.assign(x=7), "d")
    dataset(project, SMALL, "d")
    pd.testing.assert_frame_equal(load_dataset(project, "d"), SMALL)


def test_a_reference_with_its_scheme_loads_too(project: Project):
    dataset(project, SMALL, "d")
    pd.testing.assert_frame_equal(load_dataset(project, "dataset:d/1"), SMALL)


def test_what_another_process_registered_before_is_not_the_latest(project: Project, run_process):
    code = "import mlops_nb as m, pandas as pd; m.dataset(pd.DataFrame({'x': [2]}), 'd')"
    dataset(project, pd.DataFrame({"x": [1]}), "d")
    run_process(code)
    dataset(project, pd.DataFrame({"x": [3]}), "d")
    assert load_dataset(project, "d")["x"].tolist() == [3]


KINDS = {
    "integers": [1, 2, -3],
    "floats": [1.5, float("nan"), float("inf")],
    "text": ["a", None, "ü\0"],
    "booleans": [True, False, True],
    "nullable": pd.array([1, None, 3], dtype="Int64"),
    "nullable booleans": pd.array([True, None, False], dtype="boolean"),
    "times": pd.to_datetime(["2020-01-01", None, "2021-01-01"]),
    "times with a zone": pd.to_datetime(["2020-01-01", None, "2021-01-01"]).tz_localize("Europe/Berlin"),
    "durations": pd.to_timedelta([1, 2, 3], "s"),
    "dates": [dt.date(2020, 1, 1), None, dt.date(2021, 1, 1)],
    "decimals": [Decimal("1.50"), None, Decimal("2.25")],
    "bytes": [b"a", None, b""],
    "nothing": [None, None, None],
    "periods": pd.period_range("2020-01", periods=3, freq="M"),
    "categories": pd.Categorical(["a", None, "b"]),
    "ordered categories": pd.Categorical(["hi", "lo", "hi"], categories=["lo", "mid", "hi"], ordered=True),
    "categories of numbers": pd.Categorical([3, 1, 3]),
    "ordered categories of numbers": pd.Categorical([3, None, 1], ordered=True),
    "small numbers": np.array([1, 2, 3], dtype="uint8"),
    "half precision": np.array([1, 2, 3], dtype="float16"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_column_comes_back_exactly(project: Project, kind: str):
    frame = pd.DataFrame({"c": KINDS[kind]})
    dataset(project, frame, "d")
    pd.testing.assert_frame_equal(load_dataset(project, "d"), frame)


@pytest.mark.parametrize(
    "index", [pd.Index([3, 1, 2], name="key"), pd.MultiIndex.from_tuples([(1, "a"), (1, "b"), (2, "a")])]
)
def test_an_index_comes_back(project: Project, index: pd.Index):
    frame = SMALL.set_index(index)
    dataset(project, frame, "d")
    pd.testing.assert_frame_equal(load_dataset(project, "d"), frame)


@pytest.mark.parametrize("frame", [pd.DataFrame(), pd.DataFrame({"x": []}), pd.DataFrame({0: [1], 1: ["a"]})])
def test_an_odd_shape_comes_back(project: Project, frame: pd.DataFrame):
    dataset(project, frame, "d")
    pd.testing.assert_frame_equal(load_dataset(project, "d"), frame)


# -- profiles -------------------------------------------------------------------------------------------------


def test_the_profile_of_numbers_agrees_with_pandas(project: Project):
    column = pd.Series(np.random.default_rng(1).normal(size=500)).where(lambda s: s < 2)
    facts = dataset(project, pd.DataFrame({"x": column}), "d").columns["x"]
    assert isinstance(facts, dict)
    assert facts["nulls"] == column.isna().sum()
    assert facts["distinct"] == column.nunique()
    assert [facts[name] for name in ("min", "max", "mean")] == pytest.approx(
        [column.min(), column.max(), column.mean()]
    )
    assert facts["quantiles"] == pytest.approx(column.quantile(list(QUANTILES)).tolist())


def test_the_profile_of_text_counts_values_and_nulls(project: Project):
    facts = dataset(project, pd.DataFrame({"s": ["a", "b", "a", None]}), "d").columns["s"]
    assert facts == {"type": "string", "nulls": 1, "distinct": 2}


def test_the_profile_of_times_has_their_range(project: Project):
    facts = dataset(project, pd.DataFrame({"t": pd.to_datetime(["2020-01-02", "2020-01-01"])}), "d").columns["t"]
    assert (facts["min"], facts["max"]) == ("2020-01-01 00:00:00", "2020-01-02 00:00:00")


def test_times_that_are_all_missing_have_no_range(project: Project):
    facts = dataset(project, pd.DataFrame({"t": pd.to_datetime([None, None])}), "d").columns["t"]
    assert (facts["min"], facts["max"]) == (None, None)


def test_a_category_is_profiled_as_one(project: Project):
    facts = dataset(project, pd.DataFrame({"c": pd.Categorical(["x", "y", "x"])}), "d").columns["c"]
    assert facts == {"type": "category", "nulls": 0, "distinct": 2}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_column_has_a_profile(project: Project, kind: str):
    facts = dataset(project, pd.DataFrame({"c": KINDS[kind]}), "d").columns["c"]
    assert facts["nulls"] == pd.Series(KINDS[kind]).isna().sum()


# -- what is no dataset ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["", "a/b", "a@b", "a:b"])
def test_a_name_that_would_be_a_reference_is_refused(project: Project, name: str):
    with pytest.raises(UsageError, match="a dataset cannot be called"):
        dataset(project, SMALL, name)


def test_an_object_that_is_no_table_is_refused(project: Project):
    with pytest.raises(UsageError, match="a list is not a table"):
        dataset(project, [1, 2], "d")


def test_a_missing_file_is_named(project: Project):
    with pytest.raises(NotFound, match=r"no file 'gone\.csv'"):
        dataset(project, "gone.csv", "d")


def test_a_file_of_another_kind_is_refused(project: Project):
    Path("a.xlsx").write_bytes(b"x")
    with pytest.raises(UsageError, match=r"a\.xlsx is neither \.csv nor \.parquet"):
        frame_of(project, "a.xlsx")


@pytest.mark.parametrize(("name", "content"), [("a.csv", ""), ("a.csv", "a\n1,2,3\n4,5,6,7\n"), ("a.parquet", "x")])
def test_a_file_that_is_no_table_is_refused(project: Project, name: str, content: str):
    Path(name).write_text(content)
    with pytest.raises(UsageError, match=f"{name} cannot be read as a table"):
        frame_of(project, name)


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_a_file_is_registered_by_its_path(project: Project, suffix: str):
    frame = pd.DataFrame({"x": [1, 2]})
    frame.to_csv("a.csv", index=False)
    frame.to_parquet("a.parquet")
    dataset(project, f"a.{suffix}", "d")
    pd.testing.assert_frame_equal(load_dataset(project, "d"), frame)


def test_an_unknown_dataset_is_told_with_those_there_are(project: Project):
    dataset(project, SMALL, "d")
    with pytest.raises(NotFound, match="no dataset 'e' - known: 'd'"):
        load_dataset(project, "e")


def test_an_unknown_version_is_told_with_those_there_are(project: Project):
    dataset(project, SMALL, "d")
    with pytest.raises(NotFound, match="no version of dataset 'd' '2' - known: '1'"):
        load_dataset(project, "d/2")


def test_a_record_stands_for_its_data(project: Project):
    pd.testing.assert_frame_equal(frame_of(project, dataset(project, SMALL, "d")), SMALL)


def test_bytes_that_were_changed_are_not_loaded(project: Project):
    frame = pd.DataFrame({"x": np.random.default_rng(0).normal(size=5000)})
    dataset(project, frame, "d")
    (blob,) = [path for path in project.home.glob("blobs/??/*") if path.is_file()]
    blob.write_bytes(blob.read_bytes()[:-4] + b"EVIL")
    with pytest.raises(StoreCorrupt, match="damaged: its bytes have another hash"):
        load_dataset(project, "d")
    assert not fsck(project).ok


def test_a_dataset_belongs_to_the_run_that_made_it(shell, project: Project):
    shell.run_cell("import pandas as pd, mlops_nb as mlops\nd = mlops.dataset(pd.DataFrame({'x': [1]}), 'd')")
    assert datasets(project)[0].run == project.store.value(
        "SELECT public FROM node JOIN run USING (id) WHERE run.kind = 'notebook'"
    )
