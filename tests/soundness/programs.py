"""A hypothesis strategy for notebooks: cells of random statements, run again, edited, and run out of order.

Each notebook is written by one random generator, because choices drawn one by one come in clumps: of the 340
statements, 300 notebooks had 220 that way, and have nearly all this way. What fails is made small by dropping cells and
lines (``smallest``), not by drawing other choices.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator
from dataclasses import replace

from hypothesis import strategies as st

from tests.soundness.grammar import FILES, GRAMMAR, PLAIN, PRELUDE, SHOWN
from tests.soundness.notebook import Cell, Notebook

NAMES = "abcdef"
HOLE = re.compile(r"<(new |del |)([a-z]+)(\d?)>")
THEMES = {theme: [part for part in text.strip("\n").split("\n\n") if part] for theme, text in GRAMMAR.items()}
#: The kinds of names that a statement uses.
NEEDS = {
    part: {hole[1] for hole in HOLE.findall(part) if hole[0] != "new "} for parts in THEMES.values() for part in parts
}
WRAPPED = (
    "{}",
    "if True:\n    {}",
    "for _ in range(2):\n    {}",
    "try:\n    {}\nexcept Exception:\n    pass",
    "try:\n    {}\nfinally:\n    pass",
)


class Draft:
    """A notebook while it is written: what its names are bound to if all goes well."""

    def __init__(self, chance: random.Random):
        self.chance = chance
        self.kinds: dict[str, str] = {}
        self.cells = [Cell(source, f"prelude-{number}") for number, source in enumerate(PRELUDE)]
        self.results: list[int] = []
        self.themes = chance.sample(sorted(THEMES), chance.randint(1, 4)) + ["lists"]

    def happens(self, probability: float) -> bool:
        """Draw whether something happens."""
        return self.chance.random() < probability

    # -- statements -------------------------------------------------------------------------------------------

    def available(self, kind: str) -> list[str]:
        """Return what can fill a hole."""
        if kind == "any":
            return list(self.kinds)
        if kind == "plain":
            return [name for name, known in self.kinds.items() if known in PLAIN]
        if kind == "name":
            return list(NAMES)
        if kind == "file":
            return ["one.txt", "two.txt"]
        if kind == "count":
            return [str(number) for number in self.results]
        if kind == "int":
            return [str(number) for number in range(1, 6)]
        if kind == "value":
            return ["1", "'s'", *self.available("plain")]
        return [name for name, known in self.kinds.items() if known == kind]

    def fill(self, part: str) -> str:
        """Fill the holes of a statement; names are bound and unbound once it is complete."""
        filled: dict[str, str] = {}

        def hole(match: re.Match[str]) -> str:
            mode, kind, _ = match.groups()
            if match[0] not in filled or kind in ("int", "value"):
                filled[match[0]] = self.chance.choice(NAMES if mode == "new " else self.available(kind))
            return filled[match[0]]

        source = HOLE.sub(hole, part)
        for text, name in filled.items():
            mode, kind, _ = HOLE.fullmatch(text).groups()  # type: ignore[union-attr]
            if mode == "new ":
                self.kinds[name] = kind
            elif mode == "del ":
                self.kinds.pop(name, None)
        return source

    def statement(self) -> str:
        """Draw a statement that can be made now, preferably one that uses what is there."""
        possible = [part for part in THEMES[self.chance.choice(self.themes)] if all(map(self.available, NEEDS[part]))]
        using = [part for part in possible if NEEDS[part] - {"int", "value", "name"}]
        if using and self.happens(0.7):
            possible = using
        source = self.fill(self.chance.choice(possible or THEMES["numbers"][:1]))
        if "\n" in source or source[0] in "%!@" or "= !" in source or not self.happens(0.15):
            return source
        return str(self.chance.choice(WRAPPED).format(source))

    # -- cells ------------------------------------------------------------------------------------------------

    def source(self) -> str:
        """Draw a cell: some statements, and perhaps an error, a magic or a result."""
        statements = [self.statement() for _ in range(self.chance.randint(1, 3))]
        if self.happens(0.04):
            statements.insert(self.chance.randint(0, len(statements)), "1 / 0")
        elif self.happens(0.1) and self.available("plain"):
            statements.append(self.chance.choice(self.available("plain")))
            self.results.append(len(self.cells) + 1)
        elif self.happens(0.06):
            statements.insert(0, self.chance.choice(["%%time", "%%capture caught"]))
        return "\n".join(statements)

    def cell(self) -> Cell:
        """Draw an execution: of a new cell, or of an earlier one as it was or edited."""
        earlier = self.cells[len(PRELUDE) :]
        if earlier and self.happens(0.15):
            return self.chance.choice(earlier)  # type: ignore[no-any-return]
        if earlier and self.happens(0.1):
            return Cell(self.source(), self.chance.choice(earlier).id)
        return Cell(self.source(), f"cell-{len(self.cells)}")

    def last(self) -> Cell:
        """Draw the cell that shows something."""
        shown = sorted({kind for kind in self.kinds.values() if kind in SHOWN})
        chosen = self.chance.choices(shown, k=self.chance.randint(1, 3)) if shown else []
        holes = [self.fill(SHOWN[kind]) for kind in chosen]
        return Cell(f"print({', '.join(holes)})", "last")


def write(chance: random.Random) -> Notebook:
    """Write a notebook whose last cell prints something."""
    draft = Draft(chance)
    for _ in range(chance.randint(3, 12)):
        draft.cells.append(draft.cell())
    draft.cells.append(draft.last())
    return Notebook(draft.cells, dict(FILES))


notebooks = st.randoms(use_true_random=True).map(write)


def smallest(notebook: Notebook, fails: Callable[[Notebook], bool]) -> Notebook:
    """Drop cells, lines and files of a notebook that fails for as long as it fails."""
    while True:
        for shorter in _shorter(notebook):
            if fails(shorter):
                notebook = shorter
                break
        else:
            return notebook


def _shorter(notebook: Notebook) -> Iterator[Notebook]:
    """Return notebooks with a cell, a line or a file less; the last cell stays."""
    cells = notebook.cells
    for index in range(len(cells) - 1):
        yield replace(notebook, cells=cells[:index] + cells[index + 1 :])
    for index, cell in enumerate(cells[:-1]):
        lines = cell.source.split("\n")
        for number in range(len(lines) if len(lines) > 1 else 0):
            shorter = replace(cell, source="\n".join(lines[:number] + lines[number + 1 :]))
            yield replace(notebook, cells=cells[:index] + [shorter] + cells[index + 1 :])
    for name in notebook.files:
        yield replace(notebook, files={other: notebook.files[other] for other in notebook.files if other != name})
