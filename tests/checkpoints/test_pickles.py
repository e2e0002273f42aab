"""What values share before they are pickled, they share when they are loaded."""

import io
import random

from hypothesis import given, settings
from hypothesis import strategies as st

from mlops_nb.checkpoints import pickles


class Thing:
    """An object with attributes."""


def tangle(seed):
    """Make names of objects that hold each other, in circles too."""
    chance = random.Random(seed)
    pool = [1, "a"]
    for _ in range(chance.randrange(2, 25)):
        parts = chance.choices(pool, k=3)
        made = chance.choice([list, tuple, lambda parts: dict(zip("xyz", parts, strict=True)), lambda _: Thing()])(
            parts
        )
        pool.append(made)
        target, value = chance.choice(pool), chance.choice(pool)
        if isinstance(target, list):
            target.append(value)
        elif isinstance(target, dict):
            target["later"] = value
        elif isinstance(target, Thing):
            target.held = value
    return {f"name{number}": value for number, value in enumerate(pool)}


def shape(value, seen=None):
    """Return what a value is made of, with a number in place of what came before."""
    seen = {} if seen is None else seen
    if isinstance(value, int | str):
        return value
    if id(value) in seen:
        return ("again", seen[id(value)])
    seen[id(value)] = len(seen)
    parts = value if isinstance(value, list | tuple) else (value if isinstance(value, dict) else vars(value)).items()
    if isinstance(value, list | tuple):
        return (type(value).__name__, *[shape(part, seen) for part in parts])
    return (type(value).__name__, *[(name, shape(part, seen)) for name, part in parts])


@settings(max_examples=200, deadline=None)
@given(st.integers())
def test_objects_that_hold_each_other_come_back_as_they_were(seed):
    values = tangle(seed)
    file = io.BytesIO()
    pickles.Pickler(file, {}, {}).dump(values)
    assert shape(pickles.load(file.getvalue(), {})) == shape(values)


def test_loading_changes_nothing_in_the_namespace():
    space = {"__name__": "__main__", "rate": 2}
    exec("def f(x): return x * rate\nclass A: pass", space)
    file = io.BytesIO()
    pickles.Pickler(file, space, {}).dump({"f": space["f"]})
    there = {"__builtins__": __builtins__, "rate": 5}
    before = dict(there)
    loaded = pickles.load(file.getvalue(), there)
    assert (there, loaded["f"](3)) == (before, 15)
