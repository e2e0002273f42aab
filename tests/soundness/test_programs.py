"""Random notebooks: the slice of the last cell alone shows what the last cell showed."""

import os

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings

from tests.soundness.found import FOUND
from tests.soundness.notebook import parse
from tests.soundness.programs import notebooks, smallest

#: How many notebooks, and how many of the long test that runs where a number is asked for.
FEW, MANY = 40, int(os.environ.get("MLOPS_PROGRAMS", "0"))
SETTINGS = settings(deadline=None, database=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))


def check(server, notebook):
    """Check that capture changed nothing and that the slice is sound; a failure shows the smallest notebook like it."""

    def fails(notebook):
        judgement = server.judge(notebook)
        return judgement.fair and not (judgement.transparent and judgement.sound)

    if fails(notebook):
        judgement = server.judge(smallest(notebook, fails))
        assert judgement.transparent, judgement
        assert judgement.sound, judgement


@pytest.mark.parametrize("name", FOUND)
def test_what_was_unsound_once_is_sound(server, name):
    judgement = server.judge(parse(FOUND[name]))
    assert judgement.fair and judgement.transparent and judgement.sound, judgement


@seed(1)
@settings(SETTINGS, max_examples=FEW)
@given(notebook=notebooks)
def test_a_slice_shows_the_same_by_itself(server, notebook):
    check(server, notebook)


@pytest.mark.slow
@pytest.mark.skipif(not MANY, reason="takes minutes: set MLOPS_PROGRAMS=3000")
@settings(SETTINGS, max_examples=MANY or 1)
@given(notebook=notebooks)
def test_very_many_slices_show_the_same_by_themselves(server, notebook):
    check(server, notebook)


@seed(2)
@settings(SETTINGS, max_examples=20)
@given(notebook=notebooks)
def test_a_notebook_shows_the_same_when_it_runs_again(server, notebook):
    """What is judged by is sound itself: without capture, nothing that a notebook shows is left to chance."""
    assert server.replay(notebook).shown == server.replay(notebook).shown


def test_few_cells_of_a_slice_could_be_dropped(server, record_property):
    kept, spare = [], []

    @seed(3)
    @settings(SETTINGS, max_examples=15)
    @given(notebook=notebooks)
    def collect(notebook):
        judgement = server.judge(notebook)
        if judgement.sound and judgement.observed.slice:
            kept.append(len(judgement.observed.slice) / len(notebook.cells))
            spare.append(len(server.surplus(notebook, judgement.observed.slice)) / len(judgement.observed.slice))

    collect()
    record_property("share of cells kept", round(sum(kept) / len(kept), 3))
    record_property("share of those to spare", round(sum(spare) / len(spare), 3))
    assert sum(spare) < 0.35 * len(spare)
