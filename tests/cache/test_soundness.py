"""Never wrong: whatever a notebook does, it shows and leaves the same under the cache as without it."""

import os

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings

from tests.soundness.cases import CASES
from tests.soundness.found import FOUND
from tests.soundness.notebook import parse
from tests.soundness.programs import notebooks, smallest

#: How many notebooks, and how many of the long test that runs where a number is asked for.
FEW, MANY = 10, int(os.environ.get("MLOPS_PROGRAMS", "0"))
SETTINGS = settings(deadline=None, database=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))


def check(caching, notebook):
    plain, cold, warm = caching.three(notebook)
    if plain.trouble is None:  # one that hangs or kills its process is no test of anything else
        assert cold.trouble is None and warm.trouble is None, (notebook, cold.trouble, warm.trouble)
        assert cold.same(plain), f"{notebook}\n\n{cold}\n\n{differences(plain, cold)}"
        assert warm.same(plain), f"{notebook}\n\n{warm}\n\n{differences(plain, warm)}"
    return warm


def differences(one, other):
    return "\n".join(
        f"{part} {key}: {a!r:.300} {b!r:.300}"
        for part in ("shown", "state", "together", "files")
        for key, a, b in pairs(getattr(one, part), getattr(other, part))
        if a != b
    )


def pairs(one, other):
    if isinstance(one, dict):
        return [(key, one.get(key), other.get(key)) for key in sorted(one.keys() | other.keys())]
    return (
        [(n, a, b) for n, (a, b) in enumerate(zip(one, other, strict=False), 1)]
        if isinstance(one, list)
        else [("", one, other)]
    )


def check_program(caching, notebook):
    def fails(notebook):
        try:
            check(caching, notebook)
        except AssertionError:
            return True
        return False

    try:
        return check(caching, notebook)
    except AssertionError:
        check(caching, smallest(notebook, fails))
        raise


@pytest.mark.parametrize("name", CASES)
def test_the_same_with_and_without_the_cache(caching, name):
    check(caching, parse(CASES[name]))


@pytest.mark.parametrize("name", FOUND)
def test_what_was_unsound_once_is_the_same(caching, name):
    check(caching, parse(FOUND[name]))


@seed(4)
@settings(SETTINGS, max_examples=FEW)
@given(notebook=notebooks)
def test_a_random_notebook_is_the_same(caching, notebook):
    check_program(caching, notebook)


@pytest.mark.slow
@pytest.mark.skipif(not MANY, reason="takes minutes: set MLOPS_PROGRAMS=3000")
@settings(SETTINGS, max_examples=MANY or 1)
@given(notebook=notebooks)
def test_very_many_random_notebooks_are_the_same(caching, notebook):
    check_program(caching, notebook)
