"""Each draw shows, and nothing else does."""

from __future__ import annotations

import random

import numpy as np
import pytest

from mlops_nb.capture import generators

PYTHON = {
    "random": random.random,
    "a normal number, and the one that is kept": lambda: random.gauss(0, 1),
    "a shuffle": lambda: random.shuffle([1, 2, 3]),
    "a seed": lambda: random.seed(7),
}
NUMPY = {
    "random": np.random.random,
    "a normal number, and the one that is kept": np.random.standard_normal,
    "a choice": lambda: np.random.choice(5),
    "a seed": lambda: np.random.seed(7),
}


@pytest.mark.parametrize("draw", PYTHON.values(), ids=PYTHON)
def test_each_draw_from_random_shows(draw):
    seen = [generators.of_python(random)]
    for _ in range(3 if draw is not PYTHON["a seed"] else 1):
        assert generators.of_python(random) == seen[-1]
        draw()
        seen.append(generators.of_python(random))
    assert len(set(seen)) == len(seen)


@pytest.mark.parametrize("draw", NUMPY.values(), ids=NUMPY)
def test_each_draw_from_numpy_shows(draw):
    seen = [generators.of_numpy(np)]
    for _ in range(3 if draw is not NUMPY["a seed"] else 1):
        assert generators.of_numpy(np) == seen[-1]
        draw()
        seen.append(generators.of_numpy(np))
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
