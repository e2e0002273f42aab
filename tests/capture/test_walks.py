"""Which cell a source belongs to, where the front end does not say."""

import os

import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, writes

from mlops_nb.capture.notebooks import INJECTED
from mlops_nb.capture.walks import Walk

URI = "vscode-notebook-cell:/p/n.ipynb#W1sZmlsZQ%3D%3D"


@pytest.fixture
def page(tmp_path):
    """Write a notebook from ``(id, source, tag)``."""

    def write(*cells):
        made = [new_markdown_cell("# x", id="text")]
        made += [new_code_cell(source, id=cell, metadata={"tags": [*tags]}) for cell, source, *tags in cells]
        (tmp_path / "n.ipynb").write_text(writes(new_notebook(cells=made)))
        return tmp_path / "n.ipynb"

    return write


TWINS = (("a", "x = 1"), ("b", "show(x)"), ("c", "x = 2"), ("d", "show(x)"), ("e", ""), ("f", "x = 1"))


def test_cells_that_are_alike_are_told_apart_by_their_order(page):
    walk = Walk(page(*TWINS), in_order=True, ran=[])
    assert [walk.cell(source) for _, source in TWINS if source] == ["a", "b", "c", "d", "f"]


def test_what_had_run_before_anybody_looked_is_walked_over(page):
    walk = Walk(page(*TWINS), in_order=True, ran=["x = 1", "show(x)", "x = 2"])
    assert [walk.cell("show(x)"), walk.cell("x = 1")] == ["d", "f"]


def test_a_cell_that_an_executor_skips_is_not_taken_for_the_next(page):
    walk = Walk(page(("a", "x", "skip-execution"), ("b", "x")), in_order=True, ran=[])
    assert walk.cell("x") == "b"


def test_a_source_that_is_in_no_cell_is_of_none_and_the_walk_goes_on(page):
    walk = Walk(page(*TWINS), in_order=True, ran=[])
    assert [walk.cell(source) for source in ("x = 1", "y = 1", "show(x)")] == ["a", None, "b"]


@pytest.mark.parametrize(
    ("cells", "before"),
    [
        ([("p", "n = 1", "parameters"), ("a", "x")], ["n = 1"]),
        ([("a", "x")], []),
        ([("i", "# Parameters\nn = 9", "injected-parameters"), ("a", "x")], []),
    ],
)
def test_parameters_that_were_injected_stand_where_papermill_puts_them(page, cells, before):
    walk = Walk(page(*cells), in_order=True, ran=before)
    assert [walk.cell("# Parameters\nn = 5"), walk.cell("x")] == [INJECTED, "a"]


def test_a_comment_somewhere_else_is_not_taken_for_parameters(page):
    walk = Walk(page(("p", "n = 1", "parameters"), ("a", "x")), in_order=True, ran=["n = 1", "x"])
    assert walk.cell("# a comment") is None


def test_at_a_console_only_the_source_of_a_single_cell_is_taken_for_it(page):
    walk = Walk(page(*TWINS), in_order=False, ran=["x = 2"])
    assert [walk.cell(source) for source in ("x = 2", "x = 2", "show(x)", "y")] == ["c", "c", None, None]


def test_a_cell_of_vs_code_is_known_by_its_source_and_stays_known_when_it_is_edited(page):
    walk = Walk(page(*TWINS), in_order=False, ran=[])
    assert [walk.cell("x = 2", URI), walk.cell("x = 2222", URI)] == ["c", "c"]


def test_a_cell_of_vs_code_that_is_not_saved_keeps_its_address_until_it_is(page):
    path = page(("a", "x = 1"))
    walk = Walk(path, in_order=False, ran=[])
    assert walk.cell("new", URI) == URI
    page(("a", "x = 1"), ("n", "new"))
    os.utime(path, ns=(1, 1))
    assert walk.cell("new", URI) == "n"


@pytest.mark.parametrize("in_order", [True, False])
def test_a_notebook_that_cannot_be_read_has_no_cells(tmp_path, in_order):
    (tmp_path / "n.ipynb").write_text("damaged")
    assert Walk(tmp_path / "n.ipynb", in_order, ["x"]).cell("x") is None
    assert Walk(tmp_path / "gone.ipynb", in_order, ["x"]).cell("x") is None
