"""Programs: cells as they ran, written as a notebook or as a script that runs them once more.

A slice of a value is one, and so is a notebook as it once was.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from mlops_nb.errors import UsageError
from mlops_nb.records import Json, Record
from mlops_nb.secrets.redaction import removed


@dataclass(frozen=True)
class SliceCell(Record):
    """One execution in a slice; ``raises`` is the error that it must raise again, if it failed."""

    execution: str
    cell: str | None
    execution_count: int | None
    source: str
    raises: str | None = None

    def said(self) -> str:
        """Return what stands above the cell in a script."""
        raises = f", raises {self.raises}" if self.raises else ""
        return f"cell [{self.execution_count}], execution {self.execution}{raises}"


class Program(Protocol):
    """Cells in an order in which they can run."""

    @property
    def cells(self) -> Sequence[SliceCell]:
        """The cells."""

    def heading(self) -> list[str]:
        """Return what a reader is to know first, a sentence a line."""

    def told(self) -> Mapping[str, Json]:
        """Return the same for a machine, as it goes into the metadata of a notebook."""


def without_secrets(count: int | None, source: str) -> list[str]:
    """Return a sentence on the secrets that were taken out of a source that was kept, if any were."""
    if not (secrets := removed(source)):
        return []
    return [f"cell [{count}] is kept without its secrets ({', '.join(secrets)}) - set them before you run it"]


def save(program: Program, path: Path) -> None:
    """Write a program as a notebook (.ipynb) or a script (.py).

    Raises:
        UsageError: the file is of another kind, or is there already.
    """
    if path.suffix not in (".ipynb", ".py"):
        raise UsageError(f"{path} is neither .ipynb nor .py - cells are written as a notebook or a script")
    if path.exists():
        raise UsageError(f"{path} is there already - give another name, nothing is written over")
    path.write_text(as_script(program) if path.suffix == ".py" else as_notebook(program), encoding="utf-8")


def as_script(program: Program) -> str:
    """Return a program as a script that IPython runs cell by cell (``# %%``)."""
    head = "\n".join(f"# {line}" for line in program.heading())
    return "\n\n".join([head, *(f"# %% {cell.said()}\n{cell.source}" for cell in program.cells)]) + "\n"


def as_notebook(program: Program) -> str:
    """Return a program as the JSON text of a notebook; a cell that must raise is tagged ``raises-exception``."""
    cells = [
        {
            "cell_type": "code", "id": cell.execution[:8] + str(number), "execution_count": None, "outputs": [],
            "metadata": {"tags": ["raises-exception"]} if cell.raises else {},
            "source": cell.source.splitlines(keepends=True),
        }
        for number, cell in enumerate(program.cells)
    ]  # fmt: skip
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    metadata = {"kernelspec": kernel, "language_info": {"name": "python"}, "mlops_nb": program.told()}
    return json.dumps({"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}, indent=1) + "\n"
