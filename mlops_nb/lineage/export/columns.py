"""Which columns of the inputs of a run, or of a cell, each column of an output came from.

What the store knows is followed back from the output through what was made in between to the inputs, and keeps what it
is: a column is the same, computed, aggregated, or only decided about rows and values. Where the store can only assume,
and where no cell wrote a thing, every column that can have reached it stands there, and says so: too much rather than
too little, and never an assumption as a fact.
"""

from __future__ import annotations

import functools
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from mlops_nb.lineage.columns import Facts, Step
from mlops_nb.lineage.export.facts import CellFacts, RunFacts, Thing
from mlops_nb.lineage.references import columns_of
from mlops_nb.lineage.tracing.kinds import ALL, IDENTITY, ORDER, WHOLE, chained
from mlops_nb.project import Project
from mlops_nb.store.db import Store

ANY = "*"  # the columns of a thing of which no column is known
UNKNOWN = "assumed: not known which, so every column that can have gone in is given"
UNLISTED = "assumed: the columns of this input were not recorded, any of them may have gone in"
MANY = "assumed: not known which of its columns, and they are too many to list each time"
LIMIT = 10_000  # pairs of columns that are listed where all of one come from all of another; 500 by 500 would be 75 MB

Key = tuple[int, str]  # of a thing
#: By the column that was made, by the column that went in: how.
Pairs = dict[str, dict[str, tuple[str, ...]]]


@dataclass(frozen=True, order=True)
class Origin:
    """A column of an input, how it went into a column of an output, closest first, and the doubt if it is assumed."""

    key: Key
    column: str
    how: tuple[str, ...] = ()
    doubt: str = ""


class Reached(NamedTuple):
    """A column of a node (row ID) that a walk came to."""

    node: int
    column: str
    relation: str
    assumed: bool

    def then(self, step: Step | Reached) -> Reached:
        """Return where a step from here leads; of several, the loosest says how."""
        relation = step.kind if isinstance(step, Step) else step.relation
        return Reached(step.node, step.column, chained(self.relation, relation), self.assumed or step.assumed)


class Within(Facts):
    """What the store says about columns, as far as some cells (row IDs) made them."""

    def __init__(self, store: Store, cells: frozenset[int], columns: dict[int, list[str]]) -> None:
        super().__init__(store)
        self.cells = cells
        self.labels = functools.cache(lambda node: columns.get(node) or columns_of(store, node))
        self.steps = functools.cache(lambda node, column: tuple(self.sources(node, column)))

    def makers(self, node: int) -> list[int]:
        """Return those of the cells that made a node."""
        return [maker for maker in super().makers(node) if maker in self.cells]


class Columns:
    """The origins of columns among the parts of a run, each a cell, a step or the run itself."""

    def __init__(self, store: Store, inputs: Iterable[Thing], parts: Iterable[CellFacts | RunFacts]) -> None:
        self.inputs = {thing.key: thing for thing in inputs}
        self._by_number: dict[int, list[Thing]] = defaultdict(list)
        for thing in self.inputs.values():
            self._by_number[thing.number].append(thing)
        self._makers: dict[Key, list[CellFacts | RunFacts]] = defaultdict(list)
        cells = set()
        for part in parts:
            if isinstance(part, CellFacts):
                cells.add(part.number)
            for touch in part.writes:
                self._makers[touch.thing.key].append(part)
        known = {thing.number: list(thing.columns) for thing in self.inputs.values() if thing.columns}
        self._facts = Within(store, frozenset(cells), known)
        self._whole_of = functools.cache(lambda number: self._reached(number, ALL))

    @classmethod
    def of_run(cls, project: Project, run: RunFacts) -> Columns:
        """Look at a run and everything in it."""
        return cls(project.store, run.inputs, run.parts())

    @classmethod
    def of_cell(cls, project: Project, cell: CellFacts) -> Columns:
        """Look at one cell alone, whose inputs are variables too."""
        return cls(project.store, [touch.thing for touch in cell.reads], [cell])

    def origins(self, thing: Thing, column: str = ALL) -> list[Origin]:
        """Return what a column of a thing that was made came from, or all of it, in order."""
        if not self._facts.makers(thing.number):
            return self.whole(thing)
        surely: dict[tuple[Key, str], set[str]] = defaultdict(set)
        perhaps: set[Origin] = set()
        for reached in self._reached(thing.number, column):
            for source in self._by_number[reached.node]:
                for name in self._names(thing, source, reached.column):
                    if reached.assumed:
                        perhaps.add(Origin(source.key, name, (), _doubt(source, name)))
                    else:
                        surely[source.key, name].add(reached.relation)
        found = [Origin(*place, tuple(sorted(how, key=ORDER.__getitem__))) for place, how in surely.items()]
        return sorted([*found, *(origin for origin in perhaps if (origin.key, origin.column) not in surely)])

    def whole(self, thing: Thing) -> list[Origin]:
        """Return every column of every input that can have gone into a thing."""
        return [
            Origin(source.key, name, (), _doubt(source, name))
            for source in self._sources(thing)
            for name in self._names(thing, source, ALL)
        ]

    def known(self, thing: Thing) -> dict[Key, Pairs]:
        """Return by input which of its columns surely went into which column of a thing."""
        found: dict[Key, Pairs] = defaultdict(lambda: defaultdict(dict))
        for column in thing.columns or (ANY,):
            for origin in self.origins(thing, column):
                if not origin.doubt:
                    found[origin.key][column][origin.column] = origin.how
        return found

    def _reached(self, number: int, column: str) -> set[Reached]:
        """Return the columns of inputs that a column comes from, each with every way and certainty of coming."""
        found: set[Reached] = set()
        seen: set[Reached] = set()
        pending = [Reached(number, column, IDENTITY, False)]
        while pending:
            here = pending.pop()
            for there in map(here.then, self._facts.steps(here.node, here.column)):
                if there in seen:
                    continue
                seen.add(there)
                if there.node in self._by_number:
                    found.add(there)
                elif there.column == ALL != column:  # what all of a table comes from is the same for many columns
                    found.update(map(there.then, self._whole_of(there.node)))
                else:
                    pending.append(there)
        return found

    def _names(self, thing: Thing, source: Thing, column: str) -> list[str]:
        """Return the names of the columns of an input that a label stands for."""
        if column != ALL or not source.columns:
            return [ANY if column == WHOLE else column]
        return list(source.columns) if len(thing.columns or ANY) * len(source.columns) <= LIMIT else [ANY]

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


def derived(pairs: Pairs) -> bool:
    """Whether values went over, and did not only decide about rows or values."""
    return any(way.startswith("DIRECT/") for origins in pairs.values() for ways in origins.values() for way in ways)


def _doubt(source: Thing, name: str) -> str:
    return UNKNOWN if name != ANY else MANY if source.columns else UNLISTED
