"""Parameters: read from the tagged cell, checked before anything starts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mlops_nb.capture.notebooks import Notebook, read
from mlops_nb.errors import ParameterError
from mlops_nb.pipelines.parameters import assign, declared
from tests.pipelines.conftest import Write, write_notebook

CELL = """
count: int = 3  # how many
rate: float = 0.5
name = "x"
on = True
months: list[int] = [1, 2]
names: list = []
options: dict = {}
maybe: int | None = None
open_ = None
pair = (1, 2)
computed = count * 2
first, second = 1, 2
"""


@pytest.fixture
def declaring(workspace: Path) -> Notebook:
    return read(write_notebook("a.ipynb", "x = 1", parameters=CELL))


def test_the_literals_of_the_tagged_cell_are_the_parameters(declaring: Notebook):
    found = declared(declaring)
    assert {name: (p.type, p.default) for name, p in found.items()} == {
        "count": ("int", 3), "rate": ("float", 0.5), "name": ("str", "x"), "on": ("bool", True),
        "months": ("list[int]", [1, 2]), "names": ("list", []), "options": ("dict", {}),
        "maybe": ("int | None", None), "open_": (None, None), "pair": ("tuple", "(1, 2)"),
    }  # fmt: skip
    assert found["count"].help == "how many"
    assert found["count"].cell == "parameters"


def test_a_notebook_without_a_tagged_cell_declares_nothing(notebook: Write):
    assert declared(read(notebook("a.ipynb", "x = 1"))) == {}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("count", 7), ("count", -1), ("rate", 0.1), ("rate", 1), ("name", ""), ("name", "ü'\"\n"), ("on", False),
        ("months", []), ("months", [3]), ("names", ["a", 1]), ("options", {"a": [1]}), ("maybe", None), ("maybe", 4),
        ("open_", "anything"), ("open_", None),
    ],
)  # fmt: skip
def test_a_value_that_fits_is_taken_as_it_is(declaring: Notebook, name: str, value: Any):
    given = assign({"a": declaring}, {name: value})["a"][name]
    assert given == value
    assert type(given) is type(value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("count", 1.5), ("count", "1"), ("count", True), ("count", None), ("rate", "fast"), ("rate", False),
        ("name", 1), ("on", 1), ("on", "yes"), ("months", 3), ("months", ["a"]), ("months", [True]),
        ("months", [1.5]), ("names", "a,b"), ("options", []), ("maybe", "4"), ("maybe", True),
    ],
)  # fmt: skip
def test_a_value_that_does_not_fit_names_notebook_cell_and_default(declaring: Notebook, name: str, value: Any):
    with pytest.raises(
        ParameterError, match=rf"a\.ipynb, cell 'parameters': parameter '{name}' is .*, and .* is not - its default is"
    ):
        assign({"a": declaring}, {name: value})


def test_an_unknown_parameter_is_told_with_those_there_are(declaring: Notebook):
    with pytest.raises(
        ParameterError, match=r"no notebook declares a parameter 'cuont' \(a\.ipynb\) - declared: .*count"
    ):
        assign({"a": declaring}, {"cuont": 1})


def test_without_any_parameter_the_message_says_how_to_declare_one(notebook: Write):
    with pytest.raises(ParameterError, match="declared: none; tag a cell `parameters`"):
        assign({"a": read(notebook("a.ipynb", "x = 1"))}, {"x": 2})


def test_a_parameter_goes_to_every_step_that_declares_it(workspace: Path):
    steps = {name: read(write_notebook(f"{name}.ipynb", parameters="n = 1")) for name in "ab"}
    steps["c"] = read(write_notebook("c.ipynb", "n = 1"))
    assert assign(steps, {"n": 5}) == {"a": {"n": 5}, "b": {"n": 5}, "c": {}}


def test_a_parameters_cell_that_is_no_python_is_told(workspace: Path):
    broken = read(write_notebook("a.ipynb", parameters="x = 1\n%magic"))
    with pytest.raises(
        ParameterError, match=r"the parameters cell 'parameters' of a\.ipynb is not plain Python: .*line 2"
    ):
        declared(broken)
