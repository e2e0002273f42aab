"""Notebook files, read as the JSON they are."""

import json
from pathlib import Path

import nbformat
import pytest

from mlops_nb.capture import notebooks
from mlops_nb.errors import NotFound, UsageError


@pytest.fixture
def saved(tmp_path):
    def save(*cells):
        notebook = nbformat.v4.new_notebook(cells=list(cells))
        nbformat.write(notebook, tmp_path / "n.ipynb")
        return tmp_path / "n.ipynb"

    return save


def test_a_notebook_is_read_as_nbformat_wrote_it(saved):
    path = saved(
        nbformat.v4.new_markdown_cell("# Title", id="m1"),
        nbformat.v4.new_code_cell("x = 1\ny = 2", id="c1", metadata={"tags": ["parameters"]}),
    )
    notebook = notebooks.read(path)
    assert [(cell.id, cell.kind, cell.source) for cell in notebook.cells] == [
        ("m1", "markdown", "# Title"),
        ("c1", "code", "x = 1\ny = 2"),
    ]
    assert [cell.tags for cell in notebook.code] == [frozenset({"parameters"})]


def test_cells_without_an_id_are_numbered(tmp_path):
    path = tmp_path / "old.ipynb"
    path.write_text(json.dumps({"cells": [{"cell_type": "code", "source": ["a\n", "b"]}], "nbformat": 4}))
    (cell,) = notebooks.read(path).cells
    assert (cell.id, cell.source) == ("0", "a\nb")


def test_a_notebook_that_is_not_there_is_told(tmp_path):
    with pytest.raises(NotFound, match=r"no notebook '.*missing.ipynb' - give the path of an existing .ipynb file"):
        notebooks.read(tmp_path / "missing.ipynb")


@pytest.mark.parametrize("content", ["", "not json", "[1]", "{}", '{"cells": 3}', '{"worksheets": []}', "\xff"])
def test_a_file_that_is_no_notebook_is_told(tmp_path, content):
    path = tmp_path / "n.ipynb"
    path.write_bytes(content.encode("latin-1"))
    with pytest.raises(UsageError, match=r"n.ipynb is not a notebook"):
        notebooks.read(path)


def test_a_folder_is_no_notebook(tmp_path):
    with pytest.raises(UsageError, match="is not a notebook"):
        notebooks.read(tmp_path)


def test_the_parameter_cells_are_those_of_the_file_as_it_was_saved_last(saved):
    path = saved(nbformat.v4.new_code_cell("x = 1", id="c1", metadata={"tags": ["parameters"]}))
    assert notebooks.parameter_cells(path) == {"c1"}
    saved(nbformat.v4.new_code_cell("x = 1", id="c2", metadata={"tags": ["parameters"]}))
    assert notebooks.parameter_cells(path) == {"c2"}


def test_a_notebook_that_cannot_be_read_has_no_parameter_cells(tmp_path):
    (tmp_path / "n.ipynb").write_text("damaged")
    assert notebooks.parameter_cells(tmp_path / "n.ipynb") == frozenset()
    assert notebooks.parameter_cells(tmp_path / "missing.ipynb") == frozenset()


@pytest.mark.parametrize(
    ("namespace", "environment", "path"),
    [
        ({}, {"MLOPS_NOTEBOOK": "/p/a.ipynb", "JPY_SESSION_NAME": "/p/b.ipynb"}, Path("/p/a.ipynb")),
        ({"__vsc_ipynb_file__": "/p/v.ipynb"}, {"JPY_SESSION_NAME": "/p/b.ipynb"}, Path("/p/v.ipynb")),
        ({}, {"JPY_SESSION_NAME": "/p/b.ipynb"}, Path("/p/b.ipynb")),
        ({}, {"JPY_SESSION_NAME": "Console 1"}, None),
        ({}, {}, None),
    ],
)
def test_the_notebook_of_a_kernel_is_the_one_its_front_end_names(namespace, environment, path):
    assert notebooks.path_of(namespace, environment) == path
