"""Looking at a value: a change in place is seen, nothing is asked, and what cannot be seen is said."""

import collections
import functools
import gc
import io
import threading
import types
import weakref
from typing import ClassVar

import numpy as np
import pandas as pd
import pytest

from mlops_nb.capture import session, usage
from mlops_nb.capture.values.eyes import Eyes
from mlops_nb.capture.values.looks import EVERYTHING

SPACE = {"__name__": "__main__"}


def local(name):
    return name in ("__main__", __name__)


def look(value, before=None):
    return Eyes(SPACE, local).look(value, before)


class Plain:
    shared: ClassVar = [1]

    def __init__(self):
        self.a = [1]


class Slotted:
    __slots__ = ("a", "b")

    def __init__(self):
        self.a = {}


class Numbers(dict):
    pass


def remember(x, seen=[]):  # noqa: B006
    seen.append(x)


def counter():
    count = 0

    def more():
        nonlocal count
        count += 1

    return more


def frame():
    return pd.DataFrame({"a": [1.0, 2.0], "s": ["x", "y"], "o": pd.Series([[1], {}], dtype=object)})


def large():
    return pd.DataFrame(np.zeros((300_000, 2)), columns=["a", "b"])


#: A value, and what changes it in place.
CHANGES = {
    "list": (lambda: [1], lambda v: v.append(2)),
    "nested list": (lambda: [[1]], lambda v: v[0].append(2)),
    "an equal list put in the place of another": (lambda: [[1]], lambda v: v.__setitem__(0, [1])),
    "many dicts": (lambda: [{"a": n} for n in range(99)], lambda v: v[50].update(a=0)),
    "dict": (dict, lambda v: v.update(a=1)),
    "the order of a dict": (lambda: {"a": 1, "b": 2}, lambda v: v.update(a=v.pop("a"))),
    "the order of an ordered dict": (lambda: collections.OrderedDict(a=1, b=2), lambda v: v.move_to_end("a")),
    "set": (lambda: {1}, lambda v: v.add(2)),
    "bytearray": (lambda: bytearray(b"a"), lambda v: v.append(1)),
    "deque": (lambda: collections.deque([1]), lambda v: v.append(2)),
    "defaultdict": (lambda: collections.defaultdict(list), lambda v: v["a"].append(1)),
    "counter": (collections.Counter, lambda v: v.update("ab")),
    "text in memory": (io.StringIO, lambda v: v.write("a")),
    "a subclass of dict": (Numbers, lambda v: v.update(a=1)),
    "an attribute of a subclass of dict": (Numbers, lambda v: setattr(v, "a", 1)),
    "attribute": (Plain, lambda v: setattr(v, "a", 2)),
    "list in an attribute": (Plain, lambda v: v.a.append(2)),
    "slot": (Slotted, lambda v: setattr(v, "b", 1)),
    "dict in a slot": (Slotted, lambda v: v.a.update(k=1)),
    "tuple of lists": (lambda: ([],), lambda v: v[0].append(1)),
    "mutable default": (lambda: types.FunctionType(remember.__code__, SPACE, "f", ([],)), lambda v: v(1)),
    "closure": (counter, lambda v: v()),
    "attribute of a function": (counter, lambda v: setattr(v, "calls", 1)),
    "partial": (lambda: functools.partial(print, []), lambda v: v.args[0].append(1)),
    "cached function": (lambda: functools.lru_cache(lambda n: n), lambda v: v(1)),
    "namespace": (types.SimpleNamespace, lambda v: setattr(v, "a", 1)),
    "iterator": (lambda: iter([1, 2]), next),
    "array": (lambda: np.zeros(3), lambda v: v.__setitem__(0, 1)),
    "array of objects": (lambda: np.array([[1], None], dtype=object), lambda v: v[0].append(1)),
    "strided array": (lambda: np.zeros((4, 4))[::2, ::2], lambda v: v.__setitem__((0, 0), 1)),
    "the shape of an array": (lambda: np.zeros(4), lambda v: v.resize((2, 2), refcheck=False)),
    "record array": (lambda: np.zeros(2, dtype=[("a", "f8")]), lambda v: v["a"].__setitem__(0, 1)),
    "masked array": (lambda: np.ma.array([1, 2], mask=[0, 0]), lambda v: v.__setitem__(0, np.ma.masked)),
    "generator of random numbers": (lambda: np.random.default_rng(0), lambda v: v.random()),
    "frame": (frame, lambda v: v.__setitem__("b", 1)),
    "cell of a frame": (frame, lambda v: v.loc.__setitem__((0, "a"), 9)),
    "text in a frame": (frame, lambda v: v.loc.__setitem__((0, "s"), "z")),
    "object in a frame": (frame, lambda v: v["o"].iloc[0].append(7)),
    "column names": (frame, lambda v: setattr(v, "columns", list("xyz"))),
    "index": (frame, lambda v: setattr(v, "index", [5, 6])),
    "name of an index": (frame, lambda v: setattr(v.index, "name", "n")),
    "notes of a frame": (frame, lambda v: v.attrs.update(a=1)),
    "array behind a frame": (frame, lambda v: v["a"].array.__setitem__(0, -1)),
    "drop in place": (frame, lambda v: v.drop(columns=["a"], inplace=True)),
    "series": (lambda: pd.Series([1, 2]), lambda v: v.__setitem__(0, 5)),
    "name of a series": (lambda: pd.Series([1]), lambda v: setattr(v, "name", "n")),
    "category": (lambda: pd.Series(["a", "b"], dtype="category"), lambda v: v.__setitem__(0, "b")),
    "date": (lambda: pd.Series(pd.date_range("2020", periods=2)), lambda v: v.__setitem__(0, pd.Timestamp(0))),
    "nullable integer": (lambda: pd.Series([1, None], dtype="Int64"), lambda v: v.__setitem__(0, 2)),
    "large frame": (large, lambda v: v.loc.__setitem__((0, "a"), 1)),
    "new column of a large frame": (large, lambda v: v.__setitem__("c", 1)),
    "row of a large frame": (large, lambda v: v.drop(index=0, inplace=True)),
}


@pytest.mark.parametrize("name", CHANGES)
@pytest.mark.filterwarnings("ignore")
def test_a_change_in_place_is_seen(name):
    make, change = CHANGES[name]
    value = make()
    before = look(value)
    assert look(value, before).print == before.print is not None
    change(value)
    assert look(value, before).print != before.print


def test_a_class_of_the_users_is_looked_into_also_through_its_instance():
    value = Plain()
    before = look(value)
    Plain.shared.append(2)
    try:
        assert look(value).print != before.print
    finally:
        Plain.shared.pop()


def test_a_large_frame_is_not_read_when_nothing_was_written():
    value = large()
    before = look(value)
    assert before.pins
    assert look(value, before).print == before.print


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda: (n for n in "ab"), "a generator cannot be checked"),
        (lambda: io.FileIO(__file__), "an open file cannot be checked"),
        (threading.Lock, "a lock cannot be checked"),
        (lambda: [threading.Thread()], "a thread cannot be checked"),
        (lambda: {"f": io.BufferedReader(io.FileIO(__file__))}, "an open file cannot be checked"),
    ],
)
def test_what_cannot_be_looked_into_is_said(make, why):
    value = make()
    assert (look(value).print, look(value).doubt) == (None, why)


def test_what_is_too_large_counts_as_changed_and_costs_no_time():
    value = [[n] for n in range(200_000)]
    before = look(value)
    assert (before.print, look(value, before)) == (None, before)


@pytest.mark.parametrize(
    "make",
    [
        "bytearray(600_000_000)", "memoryview(bytearray(600_000_000))", "[bytes(100_000_000)] * 8",
        "{1: 'x' * 300_000_000}",
        "__import__('types').SimpleNamespace(data=bytes(300_000_000))", "np.empty(40_000_000, dtype=object)",
        "pd.Series(np.empty(40_000_000, dtype=object), copy=False)", "__import__('array').array('d', bytes(600_000_000))",
        "pd.Series(np.zeros(100_000_000), copy=False)", "__import__('collections').deque([0]) * 4_000_000", "set(range(3_000_000))", "[0] * 30_000_000",
        "dict.fromkeys(range(3_000_000))", "__import__('io').BytesIO(bytes(600_000_000))",
    ],
)  # fmt: skip
def test_what_is_huge_is_neither_copied_nor_gone_through(make):
    """Most of these take no memory before somebody reads them."""
    value = eval(make)
    meter = usage.begin()
    found = look(value)
    spent = meter.end()
    assert spent.wall < 0.3
    assert spent.memory_peak - meter._resident < 64 << 20
    assert id(value) in found.reach
    assert (found.print is None) == (not found.pins)  # a Series of numbers is told by the address of its block


def test_values_that_share_something_that_can_change_reach_the_same():
    inner, owner = [1], np.zeros(9)
    pairs = [([inner], {"k": inner}), (owner[1:], owner[:3]), (functools.partial(print, inner), (inner,))]
    assert all(look(one).reach & look(other).reach for one, other in pairs)
    assert not look([1]).reach & look([1]).reach


def test_a_function_tells_the_globals_it_uses_also_from_inside_a_container():
    exec("def f():\n    return [k for _ in [lambda: m]]\nclass C:\n    def go(self):\n        return n", SPACE)
    assert {"k", "m"} <= look({"f": SPACE["f"]}).globals
    assert "n" in look(SPACE["C"]()).globals
    exec("def g():\n    exec('x')", SPACE)
    assert EVERYTHING in look(SPACE["g"]).globals


def test_attributes_are_no_globals():
    exec("def f(x):\n    return x.mean()", SPACE)
    assert "mean" not in look(SPACE["f"]).globals


def test_nothing_of_a_users_class_is_called():
    class Hostile:
        def _refuse(self, *args):
            raise AssertionError("called")

        __eq__ = __repr__ = __str__ = __getattr__ = __len__ = __iter__ = __bool__ = __reduce__ = _refuse
        __reduce_ex__ = __getstate__ = __sizeof__ = __class_getitem__ = _refuse

        def __hash__(self):
            return self._refuse()

        @property
        def __class__(self):
            raise AssertionError("asked")

    value = object.__new__(Hostile)
    object.__setattr__(value, "a", [1])
    for holder in (value, [value], (value,), {"k": value}, [value] * 99):
        before = look(holder)
        assert before.doubt is None
        object.__getattribute__(value, "a").append(1)
        assert look(holder).print != before.print


def test_a_value_in_a_circle_is_looked_at_once():
    value = [1]
    value.append(value)
    before = look(value)
    value.append(2)
    assert look(value).print != before.print


def test_a_look_keeps_nothing_of_the_users_alive():
    value = Plain()
    gone = weakref.ref(value)
    kept = look([value])
    del value
    gc.collect()
    assert kept.print is not None
    assert gone() is None


def test_a_look_ends_at_what_is_ours(shell, project):
    """A hook that autolog puts into a library's function leads to the session, and so to everything."""
    shell.run_cell("from sklearn.metrics import *\nfrom sklearn.metrics import accuracy_score", store_history=True)
    known = session.current().variables.known
    assert known["accuracy_score"].look.print is not None
    assert max(len(version.look.reach) for version in known.values()) < 1000
    assert look(session.current()).reach == frozenset()
