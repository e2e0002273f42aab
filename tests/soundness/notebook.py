"""Notebooks as text: cells between ``# %%`` lines, in the order in which they were executed.

What follows the ``%%`` says what a slice of the last cell must do with the execution (``need``, ``drop``, ``either``),
and which cell it is an execution of, where one cell is executed more than once (``need id=a``). ``# %% file NAME``
begins a file that is there before the first cell.
"""

from __future__ import annotations

from dataclasses import dataclass, field

MARK = "# %%"


@dataclass(frozen=True)
class Cell:
    """One execution: a source, the ID of its cell, and whether a slice of the last execution has it."""

    source: str
    id: str
    mark: str = "either"


@dataclass(frozen=True)
class Notebook:
    """Executions in order, and the files that are there when the first begins."""

    cells: list[Cell]
    files: dict[str, str] = field(default_factory=dict)

    def marked(self, mark: str) -> list[int]:
        """Return the indexes of the executions with a mark."""
        return [index for index, cell in enumerate(self.cells) if cell.mark == mark]

    def __str__(self) -> str:
        """Return the notebook as it is written in this format."""
        files = [f"{MARK} file {name}\n{text}" for name, text in self.files.items()]
        return "\n".join(files + [f"{MARK} {cell.mark} id={cell.id}\n{cell.source}" for cell in self.cells])


def parse(text: str) -> Notebook:
    """Read a notebook from its text."""
    cells: list[Cell] = []
    files: dict[str, str] = {}
    for part in f"\n{text.strip()}".split(f"\n{MARK}")[1:]:
        head, _, source = part.partition("\n")
        kind, _, rest = head.strip().partition(" ")
        if kind == "file":
            files[rest] = source + "\n"
        else:
            cells.append(Cell(source, rest.removeprefix("id=") or f"cell-{len(cells)}", kind or "either"))
    return Notebook(cells, files)
