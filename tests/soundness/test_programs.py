"""Random notebooks: the slice of the last cell alone shows what the last cell showed."""

import os

import pytest
from hypothesis import HealthCheck, given, note, seed, settings

from tests.soundness.programs import notebooks

FEW, MANY = 60, int(os.environ.get("MLOPS_PROGRAMS", "3000"))
SETTINGS = settings(deadline=None, database=None, print_blob=True, suppress_health_check=list(HealthCheck))


def judged(server, notebook):
    """Judge a notebook, which must be one that can be."""
    judgement = server.judge(notebook)
    note(str(judgement))
    assert not judgement.troubled
    return judgement


@settings(SETTINGS, max_examples=FEW, derandomize=True)
@given(notebook=notebooks)
def test_a_slice_shows_the_same_by_itself(server, notebook):
    judgement = judged(server, notebook)
    assert judgement.transparent
    assert judgement.sound


@pytest.mark.slow
@settings(SETTINGS, max_examples=MANY)
@given(notebook=notebooks)
def test_three_thousand_slices_show_the_same_by_themselves(server, notebook):
    judgement = judged(server, notebook)
    assert judgement.transparent
    assert judgement.sound


@settings(SETTINGS, max_examples=20, derandomize=True)
@given(notebook=notebooks)
def test_the_machinery_a_notebook_shows_the_same_when_it_runs_again(server, notebook):
    """What is judged by is sound itself: without capture, nothing that a notebook shows is left to chance."""
    assert server.replay(notebook).shown == server.replay(notebook).shown


def test_few_cells_of_a_slice_could_be_dropped(server, record_property):
    kept, needless = [], []

    @seed(1)
    @settings(SETTINGS, max_examples=25)
    @given(notebook=notebooks)
    def collect(notebook):
        judgement = server.judge(notebook)
        if judgement.sound and judgement.observed.slice:
            kept.append(len(judgement.observed.slice) / len(notebook.cells))
            needless.append(len(server.surplus(notebook, judgement.observed.slice)) / len(judgement.observed.slice))

    collect()
    record_property("cells kept", sum(kept) / len(kept))
    record_property("cells to spare", sum(needless) / len(needless))
    assert sum(needless) / len(needless) < 0.5
