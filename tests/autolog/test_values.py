"""Parameters as JSON: real types, and never a call of the user's own code."""

import numpy as np
import pytest

from mlops_nb.autolog.values import number, parameters, plain
from mlops_nb.ids import canonical_json


class Touchy:
    def __repr__(self):
        raise AssertionError("called")

    __str__ = __hash__ = __eq__ = __len__ = __repr__  # type: ignore[assignment]

    def __getattr__(self, name):
        raise AssertionError("called")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None), (True, True), (3, 3), (0.5, 0.5), ("a", "a"), (float("nan"), "nan"), (float("-inf"), "-inf"),
        (np.float64(2.5), 2.5), (np.int32(4), 4), (np.bool_(True), True), (np.float32("nan"), "nan"),
        ((1, "b"), [1, "b"]), ({"a": (1,)}, {"a": [1]}), (np.array([1, 2]), [1, 2]),
        (np.zeros((3, 4)), "ndarray(3, 4)"), (np.log1p, "numpy.log1p"), (len, "builtins.len"), (dict, "builtins.dict"),
        ("x" * 7000, "x" * 5997 + "..."), ([*range(200)], [*range(100)]),
    ],
)  # fmt: skip
def test_a_value_is_json(value, expected):
    assert plain(value) == expected
    canonical_json(plain(value))


def test_no_method_of_the_users_is_called():
    assert plain(Touchy()) == "Touchy()"
    assert number(Touchy()) is None


def test_what_contains_itself_ends():
    ring = []
    ring.append(ring)
    canonical_json(plain(ring))


def test_a_long_key_is_cut():
    (key,) = parameters({"k" * 300: 1})
    assert len(key) == 250


@pytest.mark.parametrize(("value", "expected"), [(1, 1.0), (0.5, 0.5), (np.float32(0.5), 0.5), (np.int64(2), 2.0)])
def test_a_number_is_a_metric(value, expected):
    assert number(value) == expected


@pytest.mark.parametrize("value", ["1", True, None, np.array([1.0]), [1], np.str_("a")])
def test_what_is_not_one_number_is_none(value):
    assert number(value) is None
