"""Tables: columns, rows by key or as wholes, distributions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mlops_nb.comparison import tables
from mlops_nb.comparison.differences import diff
from mlops_nb.data.datasets import dataset
from mlops_nb.errors import UsageError
from mlops_nb.project import Project

RNG = np.random.default_rng(5)
BASE = pd.DataFrame({"id": range(100, 140), "x": RNG.normal(size=40), "c": RNG.choice(["a", "b"], 40)})


@pytest.fixture
def told(project: Project):
    """Keep two tables as versions of a dataset; return (kind, column, before, after) of each change."""

    def told(before: pd.DataFrame, after: pd.DataFrame, key: list[str] | None = None):
        first, second = dataset(project, before, "d"), dataset(project, after, "d")
        found = diff(project, first.id, f"dataset:d/{second.version}", key=key)
        return {(c.kind, c.column): (c.before, c.after, c.detail) for c in found.data if c.name == "dataset:d"}

    return told


def test_columns_added_removed_and_of_another_type_are_told(told):
    found = told(BASE, BASE.drop(columns="c").assign(x=BASE["x"].astype(str), z=1))
    assert found["column removed", "c"][:2] == ("string", None)
    assert found["column added", "z"][:2] == (None, "int64")
    assert found["type", "x"][:2] == ("double", "string")


def test_rows_are_told_apart_by_the_column_that_can(told):
    after = pd.concat([BASE.drop(index=[3, 4]), pd.DataFrame({"id": [900], "x": [0.0], "c": ["a"]})], ignore_index=True)
    after.loc[0, "c"] = "z"
    found = told(BASE, after)
    assert found["rows", None] == (40, 39, "number of rows")
    assert found["rows added", None] == (None, 1, "by id: 900")
    assert found["rows removed", None] == (2, None, "by id: 103; 104")
    assert found["rows changed", None] == (None, 1, "by id: c in 1")


def test_the_index_is_the_key_where_it_has_a_name(told):
    before = BASE.assign(other=range(40)).set_index("id")
    found = told(before, before.iloc[1:].assign(other=range(1, 40)))
    assert found["rows removed", None] == (1, None, "by id: 100")


def test_the_labels_of_a_filtered_table_are_its_key_where_nothing_else_is(told):
    table = BASE[["c"]].assign(n=RNG.integers(0, 2, 40))
    assert told(table, table[table.index != 7])["rows removed", None] == (1, None, "by index: 7")


def test_the_key_that_is_named_is_the_key(told):
    before = pd.DataFrame({"shop": list("aabb"), "day": [1, 2, 1, 2], "n": [5, 6, 7, 8]})
    found = told(before, before.assign(n=[5, 6, 7, 9]), ["shop", "day"])
    assert found["rows changed", None] == (None, 1, "by shop, day: n in 1")
    assert told(before, before.iloc[:3], ["shop", "day"])["rows removed", None][2] == "by shop, day: b, 2"


def test_a_key_that_is_no_column_is_refused(told):
    with pytest.raises(UsageError, match=r"dataset:d in A has no column 'nix' to be a key - it has: id, x, c"):
        told(BASE, BASE.assign(x=0), ["nix"])


def test_a_key_that_does_not_tell_rows_apart_is_refused(told):
    with pytest.raises(UsageError, match=r"the key c does not tell the rows of dataset:d in A apart: 38 rows repeat"):
        told(BASE, BASE.assign(x=0), ["c"])


def test_lists_are_no_key(told):
    table = pd.DataFrame({"l": [[1], [2]], "x": [1, 1]})
    with pytest.raises(UsageError, match=r"dataset:d in A has lists in 'l', which cannot be a key"):
        told(table, table.assign(x=2), ["l"])


def test_rows_without_a_key_are_compared_as_wholes_as_often_as_each_occurs(told):
    before = pd.DataFrame({"c": ["a", "a", "b", "b", "c"], "l": [[1]] * 5})
    found = told(before, pd.DataFrame({"c": ["a", "b", "b", "c", "d"], "l": [[1]] * 5}))
    assert found["rows added", None][:2] == (None, 1)
    assert found["rows removed", None][:2] == (1, None)
    assert "as wholes, by 2 columns" in found["rows added", None][2]


@pytest.mark.parametrize("columns", [["id", "x", "c"], ["c", "x"]])
def test_another_order_of_the_same_rows_is_told(told, columns: list[str]):
    before = BASE[columns].assign(x=BASE["x"].round(0))
    assert set(told(before, before.iloc[::-1].reset_index(drop=True))) == {("row order", None)}


def test_a_missing_value_is_like_a_missing_value_and_unlike_any_other(told):
    before = BASE.assign(n=pd.array([1, None] * 20, dtype="Int64"), k=pd.Categorical(["u", None] * 20))
    after = before.copy()
    after.loc[1, "n"] = 9
    after.loc[0, "k"] = None
    assert told(before, after)["rows changed", None] == (None, 2, "by id: n in 1, k in 1")


def test_how_a_distribution_moved_is_told_farthest_first(project: Project):
    dataset(project, BASE.assign(y=BASE["x"]), "d")
    dataset(project, BASE.assign(x=BASE["x"] + 0.1, y=BASE["x"] + 4, c="b"), "d")
    moved = [c for c in diff(project, "dataset:d/1", "dataset:d/2").data if c.kind == "distribution"]
    assert [c.column for c in moved][-1] == "x"
    assert {c.column for c in moved if "(drifted)" in c.detail} == {"y", "c"}
    y = next(c for c in moved if c.column == "y")
    assert (y.before, y.after) == (pytest.approx(BASE["x"].mean()), pytest.approx(BASE["x"].mean() + 4))
    assert next(c.detail for c in moved if c.column == "c").endswith("→ 100.0%")


def test_too_few_rows_for_a_distribution_are_said(project: Project):
    dataset(project, BASE.iloc[:3], "d")
    dataset(project, BASE.iloc[:4], "d")
    assert diff(project, "dataset:d/1", "dataset:d/2").unknown == [
        "the distributions of dataset:d: one side has fewer than 5 rows"
    ]


def test_of_a_large_table_evenly_spaced_rows_tell_the_distribution(project: Project, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(tables, "SAMPLE", 20)
    a, b = (tables.Table.of(project, frame) for frame in (BASE, BASE.assign(x=BASE["x"] + 1)))
    assert tables.compare("t", a, b)[0][-1].detail.endswith(", of 20 rows")


def test_two_datasets_of_different_names_can_be_compared(project: Project):
    dataset(project, BASE, "train")
    dataset(project, BASE.iloc[:30], "test")
    assert {change.name for change in diff(project, "train", "test").data} == {"rows"}


def test_the_same_version_does_not_differ(project: Project):
    dataset(project, BASE, "d")
    found = diff(project, "dataset:d/1", "dataset:d")
    assert (found.data, found.unknown) == ([], [])


def test_denied_columns_are_not_compared_and_it_is_said(project: Project):
    dataset(project, BASE.assign(ssn=range(40)), "d")
    Path("mlops.toml").write_text('[privacy]\ndeny_columns = ["ssn"]\n')
    dataset(project, BASE.assign(ssn=range(1, 41), x=0.0), "d")
    found = diff(project, "dataset:d/1", "dataset:d/2")
    assert "ssn" not in str(found.data)
    assert found.unknown == [f"column ssn of dataset:d in {side} is denied: it is not compared" for side in "AB"]


def test_a_table_with_two_columns_of_one_name_is_refused(project: Project):
    with pytest.raises(UsageError, match="two columns have one name"):
        tables.Table.of(project, pd.DataFrame([[1, 2]], columns=["x", "x"]))


def test_a_missing_key_is_a_key(project: Project):
    table = pd.DataFrame({"id": pd.array([None, 1], dtype="Int64"), "x": [1, 2]}).set_index("id")
    changes, _ = tables.compare("t", *(tables.Table.of(project, side) for side in (table, table.assign(x=3))))
    assert [(change.kind, change.detail) for change in changes] == [("rows changed", "by id: x in 2")]
