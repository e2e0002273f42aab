"""Which columns of the inputs of a run each column of an output came from.

What is known is an edge between two columns. Where no edge is known for a column, every column of every input that
can have reached it stands there, and says so: too much rather than too little, and never silently nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from mlops_nb.lineage.export.facts import CellFacts, RunFacts, Thing
from mlops_nb.project import Project

ANY = "*"  # the columns of a thing of which no column is known
UNKNOWN = "not known which: every column that can have gone in is given"
UNLISTED = "the columns of this input were not recorded: any of them may have gone in"
MANY = "not known which of its columns: any may have gone in, and they are too many to list each time"
LIMIT = 10_000  # pairs of columns of which nothing is known that are listed for one thing; 500 by 500 would be 75 MB


@dataclass(frozen=True)
class ColumnEdge:
    """A column of one node (row ID) that went into a column of another, and how: IDENTITY, TRANSFORMATION, …"""

    source: int
    column: str
    target: int
    made: str
    how: str = "TRANSFORMATION"


@dataclass(frozen=True, order=True)
class Origin:
    """A column of an input, how it went into a column of an output, and why that is not known, if it is not."""

    key: tuple[int, str]
    column: str
    how: str
    doubt: str = ""


def column_edges(project: Project, execution: int) -> list[ColumnEdge]:
    """Return what is known of the columns that a cell (row ID) made: the one place that knows where it is kept."""
    return []


class Columns:
    """The origins of columns among the parts of a run, each a cell or a step."""

    def __init__(self, inputs: Iterable[Thing], parts: Iterable[CellFacts], edges: Iterable[ColumnEdge]) -> None:
        self.inputs = {thing.key: thing for thing in inputs}
        self._by_number: dict[int, list[Thing]] = defaultdict(list)
        for thing in self.inputs.values():
            self._by_number[thing.number].append(thing)
        self._makers: dict[tuple[int, str], list[CellFacts]] = defaultdict(list)
        for part in parts:
            for touch in part.writes:
                self._makers[touch.thing.key].append(part)
        self._edges: dict[tuple[int, str], list[ColumnEdge]] = defaultdict(list)
        for edge in edges:
            self._edges[edge.target, edge.made].append(edge)

    @classmethod
    def of_run(cls, project: Project, run: RunFacts) -> Columns:
        """Look at a run and everything in it."""
        parts = [part for part in run.parts() if isinstance(part, CellFacts)]
        return cls(run.inputs, parts, (edge for part in parts for edge in column_edges(project, part.number)))

    @classmethod
    def of_cell(cls, project: Project, cell: CellFacts) -> Columns:
        """Look at one cell alone, whose inputs are variables too."""
        return cls([touch.thing for touch in cell.reads], [cell], column_edges(project, cell.number))

    def origins(self, thing: Thing, column: str) -> list[Origin]:
        """Return what a column of a thing that was made came from, in order."""
        return sorted(set(self._known(thing.number, column, "IDENTITY", frozenset()) or self.whole(thing)))

    def whole(self, thing: Thing) -> list[Origin]:
        """Return every column of every input that can have gone into a thing."""
        sources = list(self._sources(thing))
        if len(thing.columns or ANY) * sum(len(source.columns or ANY) for source in sources) > LIMIT:
            return [Origin(source.key, ANY, "TRANSFORMATION", MANY) for source in sources]
        return [
            Origin(source.key, column, "TRANSFORMATION", UNKNOWN if source.columns else UNLISTED)
            for source in sources
            for column in (source.columns or (ANY,))
        ]

    def _known(self, number: int, column: str, how: str, seen: frozenset[tuple[int, str]]) -> list[Origin]:
        """Follow known edges back to the inputs; empty if one of them leads to where nothing is known."""
        found: list[Origin] = []
        if (number, column) in seen:
            return found
        for edge in self._edges.get((number, column), ()):
            mixed = edge.how if how == "IDENTITY" else how if edge.how == "IDENTITY" else "TRANSFORMATION"
            if sources := self._by_number.get(edge.source):
                found += [Origin(source.key, edge.column, mixed) for source in sources]
            elif further := self._known(edge.source, edge.column, mixed, seen | {(number, column)}):
                found += further
            else:
                return []
        return found

    def _sources(self, thing: Thing) -> Iterator[Thing]:
        """Yield the inputs from which a thing can be reached, in order."""
        reached, pending = {thing.key}, [thing.key]
        while pending:
            for part in self._makers.get(pending.pop(), ()):
                for touch in part.reads:
                    if touch.thing.key not in reached:
                        reached.add(touch.thing.key)
                        pending.append(touch.thing.key)
        yield from (self.inputs[key] for key in sorted(reached) if key in self.inputs and key != thing.key)
