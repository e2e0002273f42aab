"""Random generators: whether the one of ``random`` or of ``numpy.random`` was drawn from, by the memory it lies in.

To ask a Mersenne Twister for its state makes Python build 624 numbers, after every cell. All of the state lies inside
the object, so its bytes are hashed instead, in a tenth of the time. That it is so is tried once, on generators of our
own: where it is not, or where the generator is another, its state is asked for.
"""

from __future__ import annotations

import ctypes
import functools
import sys
from collections.abc import Hashable
from typing import Any

HEADER = object.__basicsize__  # how often an object is referred to, and its type


def of_python(random: Any) -> Hashable:
    """Return what changes with each draw from the module ``random``."""
    generator = random._inst
    if type(generator) is random.Random and _lies_in_python(random):
        return _python_state(generator)
    return hash(random.getstate())


def of_numpy(numpy: Any) -> Hashable:
    """Return what changes with each draw from the functions of ``numpy.random``."""
    generator = numpy.random.mtrand._rand
    if type(generator._bit_generator).__name__ == "MT19937" and _lies_in_numpy(numpy):
        return _numpy_state(generator)
    found = generator.get_state(legacy=False)
    return repr(found["state"]), found.get("has_gauss"), found.get("gauss")


def _python_state(generator: Any) -> Hashable:
    return _memory(generator, type(generator).__base__), generator.gauss_next


def _numpy_state(generator: Any) -> Hashable:
    source = generator._bit_generator
    return _memory(generator, type(generator)), _memory(source, type(source))  # every other normal number is kept


def _memory(thing: Any, kind: Any) -> int:
    return hash(ctypes.string_at(id(thing) + HEADER, kind.__basicsize__ - HEADER))


@functools.cache
def _lies_in_python(random: Any) -> bool:
    if sys.implementation.name != "cpython":
        return False
    tried = random.Random(1)
    return _moves(lambda: _python_state(tried), (tried.random, lambda: tried.gauss(0, 1), lambda: tried.gauss(0, 1)))


@functools.cache
def _lies_in_numpy(numpy: Any) -> bool:
    if sys.implementation.name != "cpython":
        return False
    tried = numpy.random.RandomState(1)
    draws = (tried.random_sample, tried.standard_normal, tried.standard_normal, tried.standard_normal)
    return _moves(lambda: _numpy_state(tried), draws)


def _moves(state: Any, draws: Any) -> bool:
    """Whether a state is the same as long as nothing is drawn, and another after each draw."""
    seen = [state()]
    for draw in draws:
        if state() != seen[-1]:
            return False
        draw()
        seen.append(state())
    return len(set(seen)) == len(seen)
