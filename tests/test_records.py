"""Records and identifiers: their one JSON form."""

import dataclasses
import json
import math
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_nb import ids
from mlops_nb.records import Record, Records, moment, to_json

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@dataclasses.dataclass(frozen=True)
class Point(Record):
    x: float
    seen: datetime | None = None


def test_a_record_becomes_its_fields():
    assert Point(1.5, datetime(2013, 1, 2, tzinfo=UTC)).to_json() == {"x": 1.5, "seen": "2013-01-02T00:00:00Z"}


def test_records_become_a_list():
    assert Records([Point(1.0), Point(2.0)]).to_json() == [{"x": 1.0, "seen": None}, {"x": 2.0, "seen": None}]


def test_a_record_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Point(1.0).x = 2.0


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_json_cannot_say_as_a_number_becomes_null(value):
    assert to_json(Point(value)) == {"x": None, "seen": None}


def test_paths_numpy_scalars_and_nested_records_have_a_json_form():
    value = {"p": Path("a/b"), "n": np.int64(3), "f": np.float32(0.5), "b": np.bool_(True), 1: [Point(1.0)]}
    assert to_json(value) == {"p": "a/b", "n": 3, "f": 0.5, "b": True, "1": [{"x": 1.0, "seen": None}]}


def test_an_object_without_a_json_form_is_refused():
    with pytest.raises(TypeError, match="a object has no JSON form"):
        to_json(object())


@given(VALUES)
def test_what_is_json_already_stays_as_it_is(value):
    assert to_json(value) == value


@given(VALUES)
def test_canonical_json_says_the_same_and_is_canonical(value):
    text = ids.canonical_json(value)
    assert json.loads(text) == value
    assert ids.canonical_json(json.loads(text)) == text


@given(st.dictionaries(st.text(), st.integers()))
def test_canonical_json_does_not_depend_on_the_order_of_keys(value):
    assert ids.canonical_json(dict(reversed(value.items()))) == ids.canonical_json(value)


def test_canonical_json_refuses_what_is_not_a_number():
    with pytest.raises(ValueError, match="not JSON compliant"):
        ids.canonical_json([math.nan])


def test_a_moment_is_aware():
    assert moment(0.0) == datetime(1970, 1, 1, tzinfo=UTC)
    assert moment(None) is None


def test_public_ids_are_sixteen_hexadecimal_digits_and_differ():
    made = {ids.new_id() for _ in range(1000)}
    assert len(made) == 1000
    assert all(len(one) == 16 and int(one, 16) >= 0 for one in made)


@given(st.binary(max_size=100))
def test_a_file_and_its_bytes_have_the_same_address(tmp_path_factory, data):
    path = tmp_path_factory.getbasetemp() / "data"
    path.write_bytes(data)
    assert ids.file_digest(path) == ids.digest(data)
