"""Where a notebook is now, and what ran in it under the names it had before."""

import shutil

import pytest

import mlops_nb
from mlops_nb import project as projects
from mlops_nb.capture import runs
from mlops_nb.capture.moves import Era, Moves, add_move, present_path
from mlops_nb.data.checks import check
from mlops_nb.lineage.impact import impact
from mlops_nb.store.db import LATEST
from tests.pipelines.conftest import write_notebook

MOVES = Moves([(10, "a", "b"), (20, "b", "c"), (30, "new", "a"), (40, "c", "b")])


@pytest.mark.parametrize(
    ("path", "eras"),
    [
        ("b", [Era("b", 40, LATEST), Era("c", 20, 40), Era("b", 10, 20), Era("a", 0, 10)]),
        ("a", [Era("a", 30, LATEST), Era("new", 0, 30)]),
        ("c", [Era("c", 40, LATEST)]),
        ("new", [Era("new", 30, LATEST)]),
        ("never", [Era("never", 0, LATEST)]),
    ],
)
def test_a_path_belonged_to_a_notebook_between_two_moves(path, eras):
    assert MOVES.eras(path) == eras


@pytest.mark.parametrize(
    ("path", "since", "now"),
    [("a", 5, "b"), ("a", 15, "a"), ("b", 15, "b"), ("c", 35, "b"), ("new", 1, "a"), ("x", 1, "x")],
)
def test_a_path_leads_to_where_the_notebook_is_now(path, since, now):
    assert MOVES.present(path, since) == now


def test_a_notebook_and_one_that_took_its_name_are_two(project):
    first = runs.start(project, "notebook", "a", notebook="a.ipynb")
    add_move(project, project.root / "a.ipynb", project.root / "b.ipynb")
    second = runs.start(project, "notebook", "a", notebook="a.ipynb")
    found = {name: [run.id for run in runs.runs(project, notebook=name)] for name in ("a.ipynb", "b.ipynb")}
    assert found == {"a.ipynb": [runs.public_id(project, second)], "b.ipynb": [runs.public_id(project, first)]}


def test_a_folder_moves_what_ran_in_it_and_nothing_beside_it(project):
    for path in ("old/a.ipynb", "old/deep/b.ipynb", "older/c.ipynb"):
        runs.start(project, "notebook", "n", notebook=path)
    add_move(project, project.root / "old", project.root / "new" / "place")
    assert {run.notebook for run in runs.runs(project)} == {
        "new/place/a.ipynb",
        "new/place/deep/b.ipynb",
        "older/c.ipynb",
    }


# -- moved behind everybody's back ----------------------------------------------------------------------------


@pytest.fixture
def ran(bare_shell, workspace, monkeypatch):
    """A project with a notebook that ran, and is at another place now."""
    path = write_notebook(workspace / "old.ipynb", "x = 1", "y = x", "z = 3")
    monkeypatch.setenv("MLOPS_NOTEBOOK", str(path))
    mlops_nb.load_ipython_extension(bare_shell)
    for number, source in enumerate(("x = 1", "y = x"), 1):
        bare_shell.run_cell(source, store_history=True, cell_id=f"cell-{number}")
    project = projects.current()
    project.store.flush()
    yield project
    mlops_nb.unload_ipython_extension(bare_shell)


def test_a_notebook_that_was_moved_by_hand_is_known_again_by_its_cells(ran, workspace):
    (workspace / "sub").mkdir()
    shutil.move(workspace / "old.ipynb", workspace / "sub" / "new.ipynb")
    found = check(ran, "sub/new.ipynb")
    assert (found.recorded, found.verdict) == (True, "clean")
    assert check(ran, "var:y").verdict == "clean"
    assert len(runs.runs(ran, notebook="sub/new.ipynb")) == 1


def test_a_copy_is_another_notebook_while_the_first_is_there(ran, workspace):
    shutil.copyfile(workspace / "old.ipynb", workspace / "copy.ipynb")
    assert not check(ran, "copy.ipynb").recorded
    assert runs.runs(ran, notebook="copy.ipynb") == []


def test_of_two_copies_nobody_knows_which_is_the_one_that_is_gone(ran, workspace):
    shutil.copyfile(workspace / "old.ipynb", workspace / "copy.ipynb")
    shutil.move(workspace / "old.ipynb", workspace / "new.ipynb")
    assert present_path(ran, "old.ipynb", 0) == ran.root / "old.ipynb"
    assert check(ran, "var:y").verdict == "uncheckable"


def test_a_notebook_with_other_cells_is_not_taken_for_one_that_is_gone(ran, workspace):
    (workspace / "old.ipynb").unlink()
    write_notebook(workspace / "other.ipynb", "x = 1").write_text('{"cells": [{"cell_type": "code", "id": "q"}]}')
    assert not check(ran, "other.ipynb").recorded
    assert check(ran, "var:y").verdict == "uncheckable"


def test_a_receipt_of_a_step_is_not_taken_for_a_notebook_that_is_gone(ran, workspace):
    (workspace / "receipts").mkdir()
    shutil.move(workspace / "old.ipynb", workspace / "receipts" / "old.ipynb")
    assert present_path(ran, "old.ipynb", 0) == ran.root / "old.ipynb"


def test_what_a_cell_would_change_counts_its_executions_under_every_name(ran):
    with ran.store.write():
        run = runs.start(ran, "notebook", "new", notebook="new.ipynb")
    add_move(ran, ran.root / "old.ipynb", ran.root / "new.ipynb")
    with ran.store.write() as store:
        from mlops_nb.capture import cells, nodes, processes

        other = store.next_id()
        cells.begin(
            ran, other, run=run, process=processes.process_id(ran), parent=None, cell="cell-1", count=1,
            source="x = 1", started=0.0,
        )  # fmt: skip
        made = nodes.add_node(store, "dataset", "made-elsewhere")
        nodes.add_edge(store, other, made, "wrote", "dataset:made-elsewhere")
    number = ran.store.value("SELECT public FROM node WHERE id = (SELECT min(id) FROM execution WHERE cell = 'cell-1')")
    assert [node.name for node in impact(ran, number).datasets] == ["made-elsewhere"]
