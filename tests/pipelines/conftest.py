"""Small notebooks written to real files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

Write = Callable[..., Path]


def write_notebook(path: str | Path, *sources: str, parameters: str = "", markdown: str = "") -> Path:
    """Write a notebook: Markdown, a parameters cell and code cells, each where it is given."""
    cells = [new_markdown_cell(markdown)] if markdown else []
    if parameters:
        cells.append(new_code_cell(parameters, metadata={"tags": ["parameters"]}, id="parameters"))
    cells += [new_code_cell(source, id=f"cell-{number}") for number, source in enumerate(sources, 1)]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(new_notebook(cells=cells, metadata=kernel), path)
    return path


@pytest.fixture
def notebook(workspace: Path) -> Write:
    """Write notebooks into the working folder."""
    return write_notebook
