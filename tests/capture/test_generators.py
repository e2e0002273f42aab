"""Each draw shows, and nothing else does."""

from __future__ import annotations

import random

import numpy as np
import pytest

from mlops_nb.capture import generators

#: Who draws, from which of the two modules, and how often: a seed that is set again sets the same state.
DRAWS = {
    "random": (generators.of_python, random, random.random, 3),
    "a normal number of random, and the one that is kept": (
        generators.of_python, random, lambda: random.gauss(0, 1), 3,
    ),
    "a shuffle": (generators.of_python, random, lambda: random.shuffle([1, 2, 3]), 3),
    "a seed of random": (generators.of_python, random, lambda: random.seed(7), 1),
    "numpy": (generators.of_numpy, np, np.random.random, 3),
    "a normal number of numpy, and the one that is kept": (generators.of_numpy, np, np.random.standard_normal, 3),
    "a choice": (generators.of_numpy, np, lambda: np.random.choice(5), 3),
    "a seed of numpy": (generators.of_numpy, np, lambda: np.random.seed(7), 1),
}  # fmt: skip


@pytest.mark.parametrize(("state", "module", "draw", "times"), DRAWS.values(), ids=DRAWS)
def test_each_draw_shows_and_a_look_does_not(state, module, draw, times):
    seen = [state(module)]
    for _ in range(times):
        assert state(module) == seen[-1]
        draw()
        seen.append(state(module))
    assert len(set(seen)) == len(seen)


def test_numpys_functions_are_followed_to_another_generator():
    before = np.random.get_bit_generator()
    try:
        np.random.set_bit_generator(np.random.PCG64(1))
        seen = [generators.of_numpy(np)]
        assert generators.of_numpy(np) == seen[0]
        for _ in range(3):
            np.random.standard_normal()
            seen.append(generators.of_numpy(np))
        assert len(set(seen)) == len(seen)
    finally:
        np.random.set_bit_generator(before)


def test_the_memory_of_both_is_trusted_here():
    assert generators._lies_in_python(random)
    assert generators._lies_in_numpy(np)
