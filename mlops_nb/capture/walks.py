"""Walks: which cell of a notebook a source that runs belongs to, where its front end does not say.

JupyterLab and Notebook send the ID of the cell along. VS Code sends the address of a document of its own; nbclient
(papermill, nbconvert, ``jupyter execute``) and consoles send nothing. An executor runs the code cells in their order,
so what runs is the next cell of that source, and cells that are alike are told apart. Whoever sits at a console may
run anything in any order: there a source is taken for a cell only if no other cell has the same.

The parameters that papermill injects stand in no file; their cell is called :data:`INJECTED`.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from mlops_nb.capture import notebooks
from mlops_nb.capture.notebooks import INJECTED, Cell
from mlops_nb.errors import MlopsError

ADDRESS = "vscode-notebook-cell:"  # how a cell begins that VS Code names


class Walk:
    """Follows what runs through a notebook file."""

    def __init__(self, notebook: Path, in_order: bool, ran: Iterable[str]) -> None:
        """Begin where a kernel stands that has run some sources already."""
        self.notebook = notebook
        self.in_order = in_order
        self.cells: list[Cell] = []
        self.place = 0  # of the cell that comes next, among those that are run
        self._saved = 0
        self._known: dict[str, str] = {}  # the cell behind an address
        self._read()
        if in_order:
            for source in ran:
                self.cell(source)

    def cell(self, source: str, address: str | None = None) -> str | None:
        """Return the ID of the cell that a source is of; what VS Code calls it if the file does not know it yet."""
        if self.in_order:
            return self._next(source)
        self._read()
        alike = [cell.id for cell in self.cells if cell.source == source]
        if address is None:
            return alike[0] if len(alike) == 1 else None
        if len(alike) == 1:
            self._known[address] = alike[0]
        return self._known.get(address, address)

    def _read(self) -> None:
        try:
            saved = self.notebook.stat().st_mtime_ns
            if saved != self._saved:
                code = notebooks.read(self.notebook).code
                self.cells = [cell for cell in code if cell.source.strip() and "skip-execution" not in cell.tags]
                self._saved = saved
        except (OSError, MlopsError):
            pass  # gone, or half written: what it was will do

    def _next(self, source: str) -> str | None:
        for place in range(self.place, len(self.cells)):
            if self.cells[place].source == source:
                self.place = place + 1
                return self.cells[place].id
        if source.startswith("# ") and self.place == notebooks.injected_at(self.cells):
            return INJECTED
        return None
