"""The notebook as it was when one of its cells ran."""

import json

import nbformat
import pytest

from mlops_nb.errors import UsageError
from mlops_nb.lineage.asran import at


@pytest.fixture
def ran(shell, project):
    for source, cell in (("x = 1", "a"), ("print(x)", "b"), ("x = 2", "a"), ("y = x\ny", "c"), ("1 / 0", "d")):
        shell.run_cell(source, store_history=True, cell_id=cell)
    project.store.flush()
    return project


def test_cells_are_shown_as_they_ran_up_to_what_is_asked_for(ran):
    found = at(ran, "var:y")
    assert [(cell.cell, cell.source) for cell in found.cells] == [
        ("a", "x = 1"),
        ("b", "print(x)"),
        ("a", "x = 2"),
        ("c", "y = x\ny"),
    ]
    assert [cell.source for cell in at(ran, "cell:2").cells] == ["x = 1", "print(x)"]
    assert at(ran, found.cells[0].execution).cells == found.cells[:1]


def test_it_is_written_as_a_notebook_with_what_each_cell_showed(ran, tmp_path):
    path = tmp_path / "then.ipynb"
    assert at(ran, "cell:5", to=str(path)).file == str(path)
    content = json.loads(path.read_text())
    nbformat.validate(nbformat.from_dict(content))
    assert content["cells"][1]["outputs"][0]["data"]["text/plain"] == "1\n"
    assert content["cells"][4]["outputs"][0]["ename"] == "ZeroDivisionError"


def test_a_file_that_is_there_is_not_written_over(ran, tmp_path):
    (tmp_path / "then.ipynb").write_text("mine")
    with pytest.raises(UsageError, match="is there already"):
        at(ran, "cell:1", to=str(tmp_path / "then.ipynb"))
    with pytest.raises(UsageError, match="is no .ipynb"):
        at(ran, "cell:1", to=str(tmp_path / "then.py"))
