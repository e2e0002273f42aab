"""Cells, matched and compared by what their code means.

Two sources mean the same where their syntax trees are equal: comments, blank lines, quotes, brackets and line breaks
are no change. Magics are rewritten as IPython does it; what is no Python even then is compared by its lines. A cell
without code (empty, or comments alone) is no cell.

Cells are matched by ID; those that have no ID, or one that the other side does not have, by the order of their meanings
(:class:`difflib.SequenceMatcher`), and what remains between two matches by how much of the text they share.
"""

from __future__ import annotations

import ast
import difflib
import functools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from mlops_nb.capture.cells import SKIPPED
from mlops_nb.capture.sources import parsed
from mlops_nb.records import Record
from mlops_nb.secrets.redaction import removed

ALIKE = 0.5  # share of text in common from which on one cell is taken for the other, edited


@dataclass(frozen=True)
class CellChange(Record):
    """A cell that was added, removed, changed or moved; ``position`` counts from 1, in B, or in A if it was removed.

    ``explains`` says that a metric that changed came from this cell, in A or in B.
    """

    kind: str
    cell: str | None
    step: str | None
    position: int
    before: str | None
    after: str | None
    explains: bool


@dataclass(frozen=True)
class Source:
    """A code cell of one side: its ID, the step it belongs to, its place, and whether a changed metric came from it."""

    cell: str | None
    step: str | None
    position: int
    source: str
    explains: bool = False

    @property
    def name(self) -> str:
        """What messages call it."""
        return f"cell {self.position}{f' of {self.step}' if self.step else ''}"


@functools.lru_cache(maxsize=512)
def meaning(source: str, python: bool = True) -> str:
    """Return what a source means, as a text that is the same for the same meaning; empty if it has no code."""
    if source == SKIPPED:
        return source
    tree = parsed(source) if python else None
    if tree is None:
        return "\n".join(line.rstrip() for line in source.splitlines() if line.strip())
    return ast.dump(tree) if tree.body else ""


def compare(before: Sequence[Source], after: Sequence[Source], python: bool = True) -> list[CellChange]:
    """Return the cells that differ: first those that a changed metric came from, each kind by position."""
    mean = functools.partial(meaning, python=python)
    olds = [cell for cell in before if mean(cell.source)]
    news = [cell for cell in after if mean(cell.source)]
    place = {id(cell): number for side in (olds, news) for number, cell in enumerate(side)}
    pairs = sorted(matched(olds, news, mean), key=lambda pair: place[id(pair[0])])
    displaced = moved(pairs, [place[id(new)] for _, new in pairs])
    found: list[tuple[int, CellChange]] = []
    for old, new in pairs:
        same = mean(old.source) == mean(new.source)
        if not same or old in displaced:
            found.append((place[id(new)], _change("moved" if same else "changed", old, new)))
    paired = {id(cell) for pair in pairs for cell in pair}
    found += [(place[id(old)], _change("removed", old, None)) for old in olds if id(old) not in paired]
    found += [(place[id(new)], _change("added", None, new)) for new in news if id(new) not in paired]
    return [change for _, change in sorted(found, key=lambda item: (not item[1].explains, item[0]))]


def _change(kind: str, old: Source | None, new: Source | None) -> CellChange:
    here = new or old
    assert here is not None
    explains = any(cell.explains for cell in (old, new) if cell)
    return CellChange(
        kind, here.cell, here.step, here.position, old.source if old else None, new.source if new else None, explains
    )


def matched(olds: Sequence[Source], news: Sequence[Source], mean: Callable[[str], str]) -> list[tuple[Source, Source]]:
    """Match cells, by ID first."""
    known: dict[tuple[str | None, str | None], Source] = {
        (cell.step, cell.cell): cell for cell in news if cell.cell is not None
    }
    pairs = [(old, known[old.step, old.cell]) for old in olds if (old.step, old.cell) in known]
    taken = {id(cell) for pair in pairs for cell in pair}
    a, b = ([cell for cell in side if id(cell) not in taken] for side in (olds, news))
    matcher = difflib.SequenceMatcher(
        None, [(c.step, mean(c.source)) for c in a], [(c.step, mean(c.source)) for c in b], autojunk=False
    )
    for what, i, end_i, j, end_j in matcher.get_opcodes():
        between = (a[i:end_i], b[j:end_j])
        pairs += zip(*between, strict=True) if what == "equal" else _alike(*between)
    return pairs


def _alike(olds: Sequence[Source], news: Sequence[Source]) -> Iterator[tuple[Source, Source]]:
    """Match what stands between two matches, in order: each cell with the first that shares most of its text."""
    rest = list(news)
    for old in olds:
        for place, new in enumerate(rest):
            if old.step == new.step and difflib.SequenceMatcher(None, old.source, new.source).ratio() >= ALIKE:
                yield old, new
                del rest[: place + 1]
                break


def moved(pairs: Sequence[tuple[Source, Source]], places: Sequence[int]) -> list[Source]:
    """Return, as they are in A, the cells that do not stand in the order of the rest in B, where they have places."""
    order = sorted(range(len(pairs)), key=places.__getitem__)
    matcher = difflib.SequenceMatcher(None, range(len(pairs)), order, autojunk=False)
    kept = {place for i, _, size in matcher.get_matching_blocks() for place in range(i, i + size)}
    return [pair[0] for place, pair in enumerate(pairs) if place not in kept]


def unsure(before: Sequence[Source], after: Sequence[Source]) -> list[str]:
    """Return what the sources do not tell, since something of them was not kept."""
    found = []
    for side, cells in (("A", before), ("B", after)):
        for cell in cells:
            if cell.source == SKIPPED:
                found.append(f"{cell.name} in {side} asks not to be kept: whether it changed is not known")
            elif secrets := removed(cell.source):
                shown = ", ".join(secrets)
                found.append(f"{cell.name} in {side} is kept without its secrets ({shown}): these are not compared")
    return found
