"""Cells: matched by ID, then by meaning; compared by what the code means."""

from __future__ import annotations

import pytest

from mlops_nb.capture.cells import SKIPPED
from mlops_nb.comparison.cells import Source, compare, meaning, unsure


def cells(*sources: str | tuple[str | None, str]) -> list[Source]:
    """Make the cells of one side."""
    named = [source if isinstance(source, tuple) else (None, source) for source in sources]
    return [Source(cell, None, place, source) for place, (cell, source) in enumerate(named, 1)]


def told(before: list[Source], after: list[Source]) -> list[tuple[str, int]]:
    """Return the kinds of the changes and their positions."""
    return [(change.kind, change.position) for change in compare(before, after)]


@pytest.mark.parametrize(
    "other",
    ["x = f('a', 1)  # why", "# first\n\nx = f(\n    'a',\n    1,\n)", 'x = (f("a", 1))', "x  =  f('a',1);"],
)
def test_what_is_only_written_differently_is_no_change(other: str):
    assert meaning("x = f('a', 1)") == meaning(other)


@pytest.mark.parametrize("other", ["x = f('a', 2)", "x = f('a', 1.0)", "y = f('a', 1)", "f('a', 1)", ""])
def test_what_means_something_else_is_a_change(other: str):
    assert meaning("x = f('a', 1)") != meaning(other)


def test_magics_are_compared_as_ipython_rewrites_them():
    assert meaning("%matplotlib inline\nx = 1") == meaning("%matplotlib inline\n\nx = 1  # one")
    assert meaning("!ls a") != meaning("!ls b")


def test_what_is_no_python_is_compared_by_its_lines():
    assert meaning("this is not", python=True) == meaning("this is not  \n\n")
    assert meaning("x <- 1", python=False) != meaning("x <- 2", python=False)


def test_a_source_that_python_warns_about_or_cannot_take_does_not_warn_or_fail(recwarn: pytest.WarningsRecorder):
    assert meaning("p = '\\d'")
    assert meaning("x = '\0'")
    assert not recwarn


def test_cells_are_matched_by_their_ids_however_much_they_changed():
    (change,) = compare(cells(("a", "x = 1"), ("b", "y = 2")), cells(("a", "print('wholly', 'other')"), ("b", "y = 2")))
    assert (change.kind, change.cell, change.before, change.after) == (
        "changed", "a", "x = 1", "print('wholly', 'other')",
    )  # fmt: skip


def test_cells_without_ids_are_matched_by_what_they_mean():
    before = cells("a = 1", "b = 2", "c = 3")
    assert told(before, cells("new = 0", "a = 1 # same", "b = 2", "c = 3")) == [("added", 1)]
    assert told(before, cells("a = 1", "c = 3")) == [("removed", 2)]


def test_cells_whose_ids_are_others_are_matched_by_what_they_mean():
    assert told(cells(("a", "x = 1"), ("b", "y = 2")), cells(("q", "x = 1"), ("r", "y = 2"))) == []


def test_an_edited_cell_without_id_is_one_change_and_not_two():
    before, after = (
        cells("a = 1", "total = sum(values) / 2", "c = 3"),
        cells("a = 1", "total = sum(values) / 3", "c = 3"),
    )
    assert told(before, after) == [("changed", 2)]


def test_a_cell_that_shares_little_with_another_is_not_taken_for_it():
    before, after = cells("a = 1", "total = sum(values) / 2"), cells("a = 1", "import pathlib, re, os")
    assert told(before, after) == [("removed", 2), ("added", 2)]


def test_a_cell_that_ran_in_another_place_was_moved():
    before = cells(("a", "x = 1"), ("b", "y = 2"), ("c", "z = 3"))
    assert told(before, cells(("c", "z = 3"), ("a", "x = 1"), ("b", "y = 2"))) == [("moved", 1)]


def test_cells_without_code_are_none():
    assert told(cells("x = 1"), cells("# a comment", "", "x = 1")) == []


def test_what_explains_a_metric_stands_first():
    before = cells("a = 1", "b = 2")
    after = [Source(None, None, 1, "a = 5"), Source(None, None, 2, "b = 6", explains=True)]
    assert [(change.position, change.explains) for change in compare(before, after)] == [(2, True), (1, False)]


def test_cells_of_one_step_are_not_taken_for_those_of_another():
    (removed, added) = compare([Source("a", "first", 1, "x = 1")], [Source("a", "second", 1, "x = 1")])
    assert {removed.kind, added.kind} == {"removed", "added"}


def test_what_was_not_kept_of_a_cell_is_said():
    before, after = cells(SKIPPED, "x = 1"), cells("x = 1", "token = '[redacted:token]'")
    assert unsure(before, after) == [
        "cell 1 in A asks not to be kept: whether it changed is not known",
        "cell 2 in B is kept without its secrets (token): these are not compared",
    ]
