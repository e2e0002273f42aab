"""Two runs of the same cells, or nearly the same, in real shells."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import mlops_nb
from mlops_nb import project as projects
from mlops_nb.capture import runs
from mlops_nb.comparison.differences import Difference, diff

Cells = dict[str, str] | list[Any]


@pytest.fixture
def run(bare_shell: Any, workspace: Path) -> Iterator[Callable[[Cells], str]]:
    """Run cells, by ID or without IDs, as a run of their own; return its reference. The project is then at hand."""

    def close() -> None:
        if projects._current is not None:
            projects._current.store.close()
        projects.use(None)

    def run(cells: Cells) -> str:
        close()
        bare_shell.reset()
        mlops_nb.load_ipython_extension(bare_shell)
        named = (
            cells.items()
            if isinstance(cells, dict)
            else [cell if isinstance(cell, tuple) else (None, cell) for cell in cells]
        )
        for cell, source in [(None, "import mlops_nb as mlops"), *named]:
            bare_shell.run_cell(source, store_history=True, cell_id=cell).raise_error()
        mlops_nb.unload_ipython_extension(bare_shell)
        projects.use(project := projects.Project(workspace))
        return f"runs:/{runs.runs(project, limit=1)[0].id}"

    yield run
    close()


@pytest.fixture
def compared(run: Callable[[Cells], str]) -> Callable[[Cells, Cells], Difference]:
    """Run two lists of cells and return what differs between the runs."""

    def compared(before: Cells, after: Cells) -> Difference:
        a, b = run(before), run(after)
        return diff(projects.current(), a, b)

    return compared


@pytest.fixture
def notebook(workspace: Path) -> Callable[..., str]:
    """Write a notebook file of code cells, each a source or (ID, source, tags); return its path."""

    def write(name: str, *cells: Any, language: str = "python") -> str:
        written = [
            {"cell_type": "code", "source": cell, "metadata": {}, "outputs": [], "execution_count": None}
            if isinstance(cell, str)
            else {
                "cell_type": "code", "id": cell[0], "source": cell[1], "metadata": {"tags": list(cell[2:])},
                "outputs": [], "execution_count": None,
            }
            for cell in cells
        ]  # fmt: skip
        metadata = {"kernelspec": {"name": "k", "display_name": "k", "language": language}}
        content = {"cells": written, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}
        Path(name).write_text(json.dumps(content))
        return name

    return write
