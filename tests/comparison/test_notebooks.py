"""Two notebook files: cells and parameters."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mlops_nb import project as projects
from mlops_nb.capture import runs
from mlops_nb.comparison.differences import diff
from mlops_nb.errors import NotFound, UsageError
from mlops_nb.project import Project


def test_notebooks_are_compared_by_cells_and_parameters(project: Project, notebook):
    a = notebook("a.ipynb", ("p", "k = 1\nfree = 'x'", "parameters"), ("c", "y = k"))
    b = notebook("b.ipynb", ("p", "k = 2\nfree = 'x'", "parameters"), ("c", "y = k  # comment"), ("d", "z = y"))
    found = diff(project, a, b)
    assert [(c.kind, c.cell) for c in found.cells] == [("changed", "p"), ("added", "d")]
    assert [(p.name, p.before, p.after) for p in found.parameters] == [("k", 1, 2)]
    assert (found.data, found.environment, found.metrics, found.unknown) == ([], [], [], [])


def test_the_parameters_that_papermill_put_in_are_those_of_the_notebook(project: Project, notebook):
    a = notebook("a.ipynb", ("p", "k = 1", "parameters"), ("i", "k = 5", "injected-parameters"))
    b = notebook("b.ipynb", ("p", "k = 1", "parameters"))
    found = diff(project, a, b)
    assert [(p.name, p.before, p.after) for p in found.parameters] == [("k", 5, 1)]
    assert found.cells == []


def test_places_of_cells_without_ids_are_no_ids(project: Project, notebook):
    found = diff(project, notebook("a.ipynb", "x = 1", "y = 2"), notebook("b.ipynb", "new = 0", "x = 1", "y = 2"))
    assert [(change.kind, change.position, change.cell) for change in found.cells] == [("added", 1, None)]


def test_a_notebook_may_be_named_from_the_root_of_the_project(project: Project, notebook, monkeypatch):
    notebook("a.ipynb", "x = 1")
    (project.root / "sub").mkdir()
    monkeypatch.chdir(project.root / "sub")
    assert diff(project, "a.ipynb", "a.ipynb").cells == []


def test_a_notebook_of_another_language_is_compared_by_its_lines(project: Project, notebook):
    a, b = (notebook(name, source, language="R") for name, source in (("a.ipynb", "x <- 1"), ("b.ipynb", "x <- 2")))
    assert [change.kind for change in diff(project, a, b).cells] in (["changed"], ["removed", "added"])


def test_a_parameters_cell_that_cannot_be_read_is_said(project: Project, notebook):
    a, b = notebook("a.ipynb", ("p", "k = 1 +", "parameters")), notebook("b.ipynb", ("p", "k = 1", "parameters"))
    (reason,) = diff(project, a, b).unknown
    assert reason.startswith("the parameters of A: the parameters cell 'p' of a.ipynb is not plain Python")


def test_a_notebook_that_is_not_there_is_refused(project: Project):
    with pytest.raises(NotFound, match=r"no notebook .*nix.ipynb' - give the path of an existing .ipynb file"):
        diff(project, "nix.ipynb", "nix.ipynb")


@pytest.mark.parametrize("content", ["no json", "[]", '{"cells": 3}'])
def test_a_notebook_that_is_none_is_refused(project: Project, notebook, content: str):
    Path("broken.ipynb").write_text(content)
    with pytest.raises(UsageError, match="broken.ipynb is not a notebook"):
        diff(project, notebook("a.ipynb", "x = 1"), "broken.ipynb")


def test_two_runs_of_a_notebook_by_papermill_differ_by_the_parameter_that_was_given(
    workspace: Path, notebook, run_process
):
    notebook(
        "n.ipynb", ("l", "%load_ext mlops_nb\nimport mlops_nb as mlops"), ("p", "k = 1", "parameters"),
        ("m", "mlops.log_metric('m', k * 2)"),
    )  # fmt: skip
    content = json.loads(Path("n.ipynb").read_text())
    content["metadata"]["kernelspec"]["name"] = "python3"
    Path("n.ipynb").write_text(json.dumps(content))
    code = "import papermill, sys; papermill.execute_notebook('n.ipynb', 'out.ipynb', {'k': int(sys.argv[1])})"
    for value in (2, 3):
        run_process(code, value)
    projects.use(project := Project(workspace))
    b, a = runs.runs(project)
    found = diff(project, a.id, b.id)
    project.store.close()
    assert [(p.name, p.before, p.after, p.explains) for p in found.parameters] == [("k", 2, 3, True)]
    assert [(m.before, m.after) for m in found.metrics] == [(4.0, 6.0)]
    assert found.cells == []
