"""The same data has the same fingerprint, however it lies in memory; other data has another."""

from __future__ import annotations

import datetime as dt
import io
import struct

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlops_nb.data.fingerprints import fingerprint, to_table
from mlops_nb.errors import UsageError


def of(**columns: object) -> str:
    return fingerprint(pa.table(columns))


def test_chunks_do_not_matter():
    whole = pa.table({"x": [1, 2, 3, 4], "s": ["a", "b", None, "d"], "b": [True, False, None, True]})
    parts = pa.concat_tables([whole.slice(0, 1), whole.slice(1, 2), whole.slice(3)])
    assert parts["x"].num_chunks == 3
    assert fingerprint(parts) == fingerprint(whole)


def test_a_slice_has_the_fingerprint_of_a_copy_of_it():
    table = pa.table({"s": ["before", "a", "bc", "after"], "x": [0.0, 1.5, 2.5, 9.0], "f": [True, True, False, True]})
    assert fingerprint(table.slice(1, 2)) == of(s=["a", "bc"], x=[1.5, 2.5], f=[True, False])


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string()])
def test_the_string_type_does_not_matter(kind: pa.DataType):
    assert of(s=pa.array(["a", None, "bc"], kind)) == of(s=pa.array(["a", None, "bc"], pa.string()))


def test_the_string_storage_of_pandas_does_not_matter():
    values = ["a", None, "bc"]
    prints = {
        fingerprint(to_table(pd.DataFrame({"s": pd.array(values, dtype=kind)})))
        for kind in ("str", "string[python]", "string[pyarrow]", "object")
    }
    assert len(prints) == 1


def test_the_order_of_categories_does_not_matter():
    one = pd.DataFrame({"c": pd.Categorical(["x", "y"], categories=["x", "y"])})
    two = pd.DataFrame({"c": pd.Categorical(["x", "y"], categories=["y", "z", "x"])})
    assert fingerprint(to_table(one)) == fingerprint(to_table(two))


def test_a_category_is_another_type_than_text():
    text = pd.DataFrame({"c": ["x", "y"]})
    assert fingerprint(to_table(text)) != fingerprint(to_table(text.astype("category")))


def test_a_negative_zero_is_zero():
    assert of(x=[0.0, -0.0]) == of(x=[0.0, 0.0])


def test_every_nan_is_the_same_nan():
    payloads = [struct.unpack("<d", struct.pack("<Q", bits))[0] for bits in (0x7FF8000000000000, 0xFFF8000000000123)]
    assert of(x=pa.array(np.array(payloads))) == of(x=pa.array(np.array([np.nan, np.nan])))


def test_a_fingerprint_leaves_the_data_as_it_was():
    values = np.array([-0.0, 1.0])
    fingerprint(pa.table({"x": pa.array(values)}))
    assert np.signbit(values[0])


def test_what_lies_under_a_null_does_not_matter():
    mask = np.array([False, True])
    assert of(x=pa.array(np.array([1, 2]), mask=mask)) == of(x=pa.array(np.array([1, 99]), mask=mask))


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ({"x": [1, 2]}, {"x": [1, 3]}),
        ({"x": [1, 2]}, {"y": [1, 2]}),
        ({"x": [1, 2]}, {"x": [2, 1]}),
        ({"x": [1, 2]}, {"x": [1.0, 2.0]}),
        ({"x": [1, 2]}, {"x": ["1", "2"]}),
        ({"x": [1, 2]}, {"x": [1, 2, None]}),
        ({"x": [1, None]}, {"x": [None, 1]}),
        ({"x": [0, 1]}, {"x": [False, True]}),
        ({"x": [True, False]}, {"x": [True, True]}),
        ({"x": [1], "y": [2]}, {"y": [2], "x": [1]}),
        ({"x": [1], "y": [2]}, {"x": [2], "y": [1]}),
        ({"x": [""]}, {"x": [None]}),
        ({"x": ["ab", "c"]}, {"x": ["a", "bc"]}),
        ({"x": ["", "a"]}, {"x": ["a", ""]}),
        ({"x": [None, "a"]}, {"x": ["a", None]}),
        ({"x": [b"a"]}, {"x": ["a"]}),
        ({"x": [[1], [2]]}, {"x": [[1, 2], []]}),
        ({"x": [dt.datetime(2020, 1, 1)]}, {"x": [dt.datetime(2020, 1, 2)]}),
        ({"x": [dt.date(2020, 1, 1)]}, {"x": [dt.datetime(2020, 1, 1)]}),
        ({"x": [float("nan")]}, {"x": [None]}),
        ({"x": [float("nan")]}, {"x": [float("inf")]}),
        ({"x": pa.array([], pa.int64())}, {"x": pa.array([], pa.string())}),
        ({}, {"x": pa.array([], pa.null())}),
    ],
)  # fmt: skip
def test_other_data_has_another_fingerprint(one: dict[str, object], two: dict[str, object]):
    assert of(**one) != of(**two)


def test_a_width_of_integers_is_a_type():
    assert of(x=pa.array([1], pa.int32())) != of(x=pa.array([1], pa.int64()))


def test_the_same_instant_in_another_time_zone_is_other_data():
    moment = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
    here, there = (pa.array([moment], pa.timestamp("us", zone)) for zone in ("UTC", "Europe/Berlin"))
    assert of(x=here) != of(x=there)


def test_a_fingerprint_names_its_scheme():
    scheme, _, digest = of(x=[1]).partition(":")
    assert scheme == "table2"
    assert len(digest) == 64


FRAMES = st.integers(0, 6).flatmap(
    lambda rows: st.fixed_dictionaries(
        {
            "i": st.lists(st.integers(-(2**62), 2**62), min_size=rows, max_size=rows),
            "f": st.lists(st.one_of(st.none(), st.floats(width=64)), min_size=rows, max_size=rows),
            "s": st.lists(st.one_of(st.none(), st.text(st.characters(codec="utf-8"), max_size=5)), min_size=rows, max_size=rows),
            "b": st.lists(st.one_of(st.none(), st.booleans()), min_size=rows, max_size=rows),
            "t": st.lists(st.datetimes(dt.datetime(1800, 1, 1), dt.datetime(2200, 1, 1)), min_size=rows, max_size=rows),
        }
    )
)  # fmt: skip
SCHEMA = pa.schema(
    [("i", pa.int64()), ("f", pa.float64()), ("s", pa.string()), ("b", pa.bool_()), ("t", pa.timestamp("us"))]
)


@settings(max_examples=60, deadline=None)
@given(FRAMES)
def test_a_round_trip_through_parquet_keeps_the_fingerprint(columns: dict[str, list[object]]):
    table = pa.table(columns, schema=SCHEMA)
    file = io.BytesIO()
    pq.write_table(table, file)
    file.seek(0)
    assert fingerprint(pq.read_table(file)) == fingerprint(table)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.one_of(st.none(), st.text(max_size=3)), max_size=4), st.lists(st.one_of(st.none(), st.text(max_size=3)), max_size=4))  # fmt: skip
def test_two_columns_of_text_have_one_fingerprint_only_if_they_are_equal(one: list[str | None], two: list[str | None]):
    prints = [of(s=pa.array([None if v is None else v.encode(errors="replace").decode() for v in side], pa.string()))
              for side in (one, two)]  # fmt: skip
    same = [None if v is None else v.encode(errors="replace") for v in one] == [
        None if v is None else v.encode(errors="replace") for v in two
    ]
    assert (prints[0] == prints[1]) == same


def test_a_column_of_mixed_types_is_refused():
    with pytest.raises(UsageError, match="cannot be stored as a table: .*give each column a name of its own and one"):
        to_table(pd.DataFrame({"a": [1, "a"]}))


def test_two_columns_of_one_name_are_refused():
    with pytest.raises(UsageError, match="Duplicate column names"):
        to_table(pd.DataFrame([[1, 2]], columns=["a", "a"]))


def test_the_order_of_ordered_categories_counts():
    forth, back = (
        pd.DataFrame({"size": pd.Categorical(["s", "l"], categories=order, ordered=True)})
        for order in (["s", "l"], ["l", "s"])
    )
    assert fingerprint(to_table(forth)) != fingerprint(to_table(back))
