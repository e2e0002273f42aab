"""The notebook as it was when an execution ran."""

import json

import pytest

from mlops_nb.errors import NotFound, UsageError
from mlops_nb.lineage.pasts import at
from mlops_nb.surfaces.html import to_html
from mlops_nb.surfaces.text import to_text


@pytest.fixture
def ran(shell, project):
    """Run cells, given as sources or as (cell ID, source)."""

    def run(*cells):
        for cell in cells:
            name, source = cell if isinstance(cell, tuple) else (None, cell)
            shell.run_cell(source, store_history=True, cell_id=name)

    return run


def saved(path, *cells):
    """Save a notebook of (cell ID, source)."""
    code = [
        {"cell_type": "code", "id": cell, "source": source, "metadata": {}, "outputs": [], "execution_count": None}
        for cell, source in cells
    ]
    path.write_text(json.dumps({"cells": code, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}))


@pytest.fixture
def in_notebook(bare_shell, workspace, monkeypatch):
    """Run cells of a notebook file, and hand out its path."""
    import mlops_nb
    from mlops_nb.capture import session

    path = workspace / "work.ipynb"
    monkeypatch.setenv("JPY_SESSION_NAME", str(path))
    saved(path)
    mlops_nb.load_ipython_extension(bare_shell)

    def run(*cells):
        for cell, source in cells:
            bare_shell.run_cell(source, store_history=True, cell_id=cell)
        session.current().project.store.flush()
        return path

    yield run
    mlops_nb.unload_ipython_extension(bare_shell)


def test_each_cell_has_the_source_of_its_last_execution_by_then(ran, project):
    ran(("a", "x = 1"), ("b", "y = x"), ("a", "x = 2"), ("b", "y = x + 1"), ("c", "z = 3"))
    assert [cell.source for cell in at(project, "cell:2").cells] == ["x = 1", "y = x"]
    assert [cell.source for cell in at(project, "cell:3").cells] == ["x = 2", "y = x"]
    assert [cell.source for cell in at(project, "var:y").cells] == ["x = 2", "y = x + 1"]


def test_an_execution_is_found_by_its_id_too(ran, project):
    ran("x = 1", "x = 2")
    first = project.store.value("SELECT public FROM node WHERE kind = 'execution' ORDER BY id LIMIT 1")
    found = at(project, first)
    assert ([cell.source for cell in found.cells], found.execution, found.execution_count) == (["x = 1"], first, 1)


def test_cells_without_an_id_stand_in_the_order_in_which_they_ran(ran, project):
    ran("x = 1", "x = 1", "y = 2")
    assert [cell.source for cell in at(project, "cell:3").cells] == ["x = 1", "x = 1", "y = 2"]


def test_cells_stand_in_the_order_of_the_notebook_with_deleted_ones_behind_what_ran_before(in_notebook, project):
    path = in_notebook(("b", "y = 1"), ("gone", "t = 1"), ("a", "x = 1"), ("c", "z = 1"))
    saved(path, ("a", "x = 1"), ("b", "y = 2"), ("new", "n = 0"), ("c", "z = 1"))
    found = at(project, "cell:4")
    assert [(cell.cell, cell.since) for cell in found.cells] == [
        ("a", None), ("b", "edited"), ("gone", "deleted"), ("c", None),
    ]  # fmt: skip
    assert found.heading()[1:] == ["Cells [1] were edited since.", "Cells [2] were deleted since."]
    assert "edited since" in to_text(found)
    assert "deleted since" in to_html(found)


def test_a_notebook_that_is_gone_is_said_to_be(in_notebook, project):
    in_notebook(("a", "x = 1")).unlink()
    found = at(project, "var:x")
    assert (found.cells[0].since, found.missing) == (
        None,
        ["work.ipynb is gone or cannot be read: what was edited or deleted since is not known"],
    )


def test_secrets_are_said_to_be_missing_and_so_are_cells_that_asked_not_to_be_kept(ran, project):
    ran("password = 'hunter2-and-more'", "# mlops: skip\nx = 1", "y = 2")
    found = at(project, "var:y")
    assert "hunter2" not in to_text(found)
    assert "cell [1] is kept without its secrets (password)" in found.missing[0]
    assert "cell [2] asked not to be kept" in found.missing[1]


def test_it_is_written_as_a_notebook_or_a_script_and_never_over_a_file(ran, project, workspace):
    ran(("a", "x = 1"), ("b", "1 / 0"), ("a", "x = 2"))
    at(project, "cell:2", to="then.ipynb")
    notebook = json.loads((workspace / "then.ipynb").read_text())
    assert ["".join(cell["source"]) for cell in notebook["cells"]] == ["x = 1", "1 / 0"]
    assert notebook["cells"][1]["metadata"] == {"tags": ["raises-exception"]}
    at(project, "cell:1", to="then.py")
    assert (workspace / "then.py").read_text().endswith("\nx = 1\n")
    with pytest.raises(UsageError, match=r"then\.py is there already"):
        at(project, "cell:2", to="then.py")
    with pytest.raises(UsageError, match=r"neither \.ipynb nor \.py"):
        at(project, "cell:2", to="then.txt")


def test_what_no_cell_made_has_no_past(ran, project):
    ran("x = 1")
    run = project.store.value("SELECT public FROM node WHERE kind = 'run'")
    with pytest.raises(UsageError, match="no recorded cell made this run"):
        at(project, run)
    with pytest.raises(NotFound, match="no cell '7'"):
        at(project, "cell:7")
