"""Notebook files read as the JSON they are: importing nbformat costs a second, and nothing here writes."""

from __future__ import annotations

import functools
import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlops_nb.capture import launchers
from mlops_nb.errors import MlopsError, NotFound, UsageError
from mlops_nb.project import Project

RECEIPTS = "receipts"  # the folder of a project in which its steps' notebooks as they ran are kept
INJECTED = "injected-parameters"  # papermill's tag of the cell that it makes of given parameters, and our name for it


@dataclass(frozen=True)
class Cell:
    """A cell of a notebook file."""

    id: str
    kind: str  # code, markdown or raw
    source: str
    tags: frozenset[str]
    count: int | None = None  # the execution count that was saved with it


@dataclass(frozen=True)
class Notebook:
    """A notebook file as it was when it was read."""

    path: Path
    cells: tuple[Cell, ...]
    language: str = "python"

    @property
    def code(self) -> list[Cell]:
        """The code cells in order."""
        return [cell for cell in self.cells if cell.kind == "code"]


def read(path: Path) -> Notebook:
    """Read a notebook.

    Raises:
        NotFound: there is no such file.
        UsageError: it is not a notebook of format 4.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise NotFound(f"no notebook {str(path)!r} - give the path of an existing .ipynb file") from None
    except (ValueError, IsADirectoryError) as error:
        raise UsageError(f"{path} is not a notebook: {error}") from error
    if not isinstance(content, dict) or not isinstance(content.get("cells"), list):
        raise UsageError(f"{path} is not a notebook of format 4: it has no list of cells - open and save it in Jupyter")
    metadata = content.get("metadata", {})
    language = metadata.get("kernelspec", {}).get("language") or metadata.get("language_info", {}).get("name")
    cells = tuple(_cell(number, cell) for number, cell in enumerate(content["cells"]))
    return Notebook(path, cells, str(language or "python").lower())


def _cell(number: int, cell: Mapping[str, Any]) -> Cell:
    source = cell.get("source", "")
    return Cell(
        id=str(cell.get("id", number)),
        kind=str(cell.get("cell_type")),
        source=source if isinstance(source, str) else "".join(source),
        tags=frozenset(cell.get("metadata", {}).get("tags", ())),
        count=cell.get("execution_count"),
    )


def receipt(project: Project, pipeline: str, step: str) -> Path:
    """Return where the notebook of a step as it ran is kept, by the ID of the pipeline's run and the step's name."""
    return project.root / RECEIPTS / pipeline / f"{step}.ipynb"


def parameter_cells(path: Path) -> frozenset[str]:
    """Return the IDs of the cells tagged ``parameters`` in a notebook file as last saved; none if unreadable."""
    try:
        return _parameter_cells(path, path.stat().st_mtime_ns)
    except (OSError, UsageError):
        return frozenset()


@functools.lru_cache(maxsize=8)
def _parameter_cells(path: Path, _saved: int) -> frozenset[str]:
    return frozenset(cell.id for cell in read(path).code if "parameters" in cell.tags)


def injected_at(cells: Sequence[Cell]) -> int:
    """Return the place among cells where papermill puts parameters: after the cell tagged so, or at the top."""
    for tag, after in ((INJECTED, 0), ("parameters", 1)):
        for place, cell in enumerate(cells):
            if tag in cell.tags:
                return place + after
    return 0


def path_of(
    namespace: Mapping[str, Any], environment: Mapping[str, str] = os.environ, ran: Sequence[str] = ()
) -> Path | None:
    """Return the notebook that a kernel runs, as far as anybody says.

    Our own executor says it in ``MLOPS_NOTEBOOK``, VS Code in ``__vsc_ipynb_file__``, Jupyter Server in
    ``JPY_SESSION_NAME``, and the command line of papermill, nbconvert or ``jupyter execute``; a terminal has none.

    Args:
        namespace: the names of the kernel
        environment: its environment variables
        ran: the sources that it has run, which tell notebooks apart where a command line names several
    """
    for name, place in (
        ("MLOPS_NOTEBOOK", environment.get("MLOPS_NOTEBOOK")),
        ("", namespace.get("__vsc_ipynb_file__")),
        ("JPY_SESSION_NAME", environment.get("JPY_SESSION_NAME")),
    ):
        if place and str(place).endswith(".ipynb") and not launchers.is_inherited(name, environment):
            path = Path(str(place))
            return path if path.is_absolute() else Path.cwd() / path.name  # a session's kernel starts beside it
    if "ipykernel" not in sys.modules:
        return None
    named = launchers.launcher().notebooks
    fitting = [path for path in named if len(named) == 1 or _begins(path, ran)]
    return fitting[0] if len(fitting) == 1 else None


def _begins(path: Path, ran: Sequence[str]) -> bool:
    try:
        return [cell.source for cell in read(path).code if cell.source.strip()][: len(ran)] == [*ran]
    except (OSError, MlopsError):
        return False
