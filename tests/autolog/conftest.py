"""Cells run in a shell that is recorded, and what was recorded of them."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from typing import Any

import pytest

from mlops_nb.autolog.fits import Fit, fits
from mlops_nb.project import current

IRIS = """
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
X, y = load_iris(return_X_y=True, as_frame=True)
X_train, X_test, y_train, y_test = X[::2], X[1::2], y[::2], y[1::2]
"""


@pytest.fixture
def cell(shell: Any) -> Callable[[str], Any]:
    """Run a cell, which must end well, and return its result."""

    def run(source: str) -> Any:
        result = shell.run_cell(textwrap.dedent(source).strip(), store_history=True)
        assert result.success, result.error_in_exec or result.error_before_exec
        return result.result

    return run


@pytest.fixture
def iris(cell: Callable[[str], Any]) -> Callable[[str], Any]:
    """Run cells where the iris data is at hand."""
    cell(IRIS)
    return cell


def recorded() -> list[Fit]:
    """What was trained so far, in order."""
    return fits(current(), limit=1000)[::-1]


def gaps() -> list[str]:
    """What was missed."""
    return [row["message"] for row in current().store.rows("SELECT message FROM gap")]
