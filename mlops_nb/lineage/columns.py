"""Columns: which columns a column came from, and which it feeds, across cells, files, datasets and models.

What the recorder wrote is followed from node to node. Where it wrote nothing, a value comes from every column of all
that its cell read, as an assumption: an answer holds too much rather than too little, and says so.
"""

from __future__ import annotations

import functools
import heapq
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from mlops_nb.capture.nodes import COMMON, VERSIONS
from mlops_nb.lineage.references import columns_of, resolve_column
from mlops_nb.lineage.tracing.kinds import (
    ALL,
    EVERYTHING,
    IDENTITY,
    INDEX,
    NOTHING,
    ORDER,
    RESERVED,
    SAME,
    TRANSFORMATION,
    chained,
)  # fmt: skip
from mlops_nb.project import Project
from mlops_nb.records import Record
from mlops_nb.store.db import Store
from mlops_nb.verbs import verb


@dataclass(frozen=True)
class ColumnLink(Record):
    """A column that another comes from or feeds: how, over how many steps, and whether that is an assumption."""

    id: str
    kind: str
    name: str
    column: str
    relation: str
    assumed: bool
    steps: int


class ColumnEdge(NamedTuple):
    """One step that a cell made from a column to a column of another node (row IDs): how, and whether it is assumed."""

    source: int
    column: str
    target: int
    made: str
    relation: str
    assumed: bool


@dataclass(frozen=True)
class ColumnLineage(Record):
    """Where a column comes from and what it feeds."""

    id: str
    name: str
    column: str
    sources: list[ColumnLink]
    targets: list[ColumnLink]


class Step(NamedTuple):
    """One step to a column of another node."""

    node: int
    column: str
    kind: str
    assumed: bool


@verb("columns")
def columns(project: Project, ref: str, *, limit: int = 400) -> ColumnLineage:
    """Show which columns a column came from, and which it feeds.

    Args:
        ref: a column, as column:NAME/COLUMN, where NAME is a variable, dataset, model or file; or all of one
        limit: at most so many columns each way

    Raises:
        NotFound: there is no such thing, or it has no such column.
    """
    node, column = resolve_column(project, ref)
    row = project.store.rows("SELECT public, name FROM node WHERE id = ?", node)[0]
    sources, targets = (
        [link for link in links if link.kind != "import"][:limit]  # a module has no columns
        for links in (column_sources(project, node, column), column_targets(project, node, column))
    )
    return ColumnLineage(row["public"], row["name"], column, sources, targets)


def column_sources(project: Project, node: int, column: str = ALL) -> list[ColumnLink]:
    """Return the columns that a column of a node came from, nearest first; ``*`` means all of the node."""
    facts = Facts(project.store)
    return _walk(facts, node, column, facts.sources, chained)


def column_targets(project: Project, node: int, column: str = ALL) -> list[ColumnLink]:
    """Return the columns that a column of a node feeds, nearest first; ``*`` means all of the node."""
    facts = Facts(project.store)
    return _walk(facts, node, column, facts.targets, lambda before, step: chained(step, before))


def column_reach(project: Project, node: int, column: str) -> set[int]:
    """Return the row IDs of all that a column of a node feeds, and of the cells that made it."""
    facts = Facts(project.store)
    fed = {at for at, _ in _reached(facts, node, column, facts.targets, lambda before, step: chained(step, before))}
    return fed | {maker for at in fed for maker in facts.makers(at)}


def column_edges(project: Project, execution: int) -> list[ColumnEdge]:
    """Return what a cell made from column to column, each written out by name as far as the names are known."""
    facts = Facts(project.store)
    found = []
    for target in facts.made(execution):
        for label in facts.labels(target) or [ALL]:
            for step in facts.sources(target, label):
                names = (facts.labels(step.node) or [ALL]) if step.column == ALL else [step.column]
                found += [
                    ColumnEdge(step.node, name, target, label, step.kind, step.assumed)
                    for name in names
                    if INDEX not in (name, label)
                ]
    return list(dict.fromkeys(found))


# -- walking --------------------------------------------------------------------------------------------------

Rank = tuple[bool, int, int]  # the surest first, then the closest
Follow = Callable[[int, str], Iterator[Step]]
Chain = Callable[[str, str], str]


def _reached(facts: Facts, node: int, column: str, follow: Follow, chain: Chain) -> dict[tuple[int, str], Rank]:
    """Follow steps from a column; what is reached in several ways has the surest and closest."""
    start = (node, column)
    best: dict[tuple[int, str], Rank] = {}
    pending: list[tuple[Rank, tuple[int, str], str]] = [((False, 0, 0), start, IDENTITY)]
    while pending:
        rank, here, kind = heapq.heappop(pending)
        known = [best[place] for place in (here, (here[0], ALL)) if place in best]
        if any(other <= rank for other in known):
            continue
        best[here] = rank
        for step in follow(*here):
            relation = chain(kind, step.kind)
            there = (rank[0] or step.assumed, ORDER[relation], rank[2] + 1)
            heapq.heappush(pending, (there, (step.node, step.column), relation))
    del best[start]
    return best


def _walk(facts: Facts, node: int, column: str, follow: Follow, chain: Chain) -> list[ColumnLink]:
    """Return what is reached from a column, nearest first."""
    kinds = list(ORDER)
    best = _reached(facts, node, column, follow, chain)
    ordered = sorted(best.items(), key=lambda item: (item[1][2], item[1], -item[0][0], item[0][1]))
    return [
        ColumnLink(facts.public(at), facts.kind(at), facts.name(at), label, kinds[order], assumed, steps)
        for (at, label), (assumed, order, steps) in ordered
    ]


class Facts:
    """What the store says about columns, each asked once."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._node = functools.cache(self._read_node)
        self.rows = functools.cache(self._read_rows)
        self.labels = functools.cache(functools.partial(columns_of, store))
        self.read = functools.cache(lambda execution: self._neighbours(execution, "read"))
        self.made = functools.cache(lambda execution: self._neighbours(execution, "wrote"))

    # -- asking -----------------------------------------------------------------------------------------------

    def _read_node(self, number: int) -> sqlite3.Row:
        return self.store.rows("SELECT public, kind, name FROM node WHERE id = ?", number)[0]

    def public(self, node: int) -> str:
        """Return the public ID of a node."""
        return str(self._node(node)["public"])

    def kind(self, node: int) -> str:
        """Return the kind of a node."""
        return str(self._node(node)["kind"])

    def name(self, node: int) -> str:
        """Return the name of a node."""
        return str(self._node(node)["name"])

    def _read_rows(self, target: int) -> list[sqlite3.Row]:
        return self.store.rows("SELECT * FROM column_edge WHERE target = ?", target)

    def _neighbours(self, execution: int, way: str) -> list[int]:
        """Return what a cell read, or made, without what every cell has to do with."""
        here, there = ("target", "source") if way == "read" else ("source", "target")
        rows = self.store.rows(
            f"SELECT node.id, node.kind FROM edge JOIN node ON node.id = {there} WHERE {here} = ? AND edge.kind = ?",
            execution, way,
        )  # fmt: skip
        return [row["id"] for row in rows if row["kind"] not in COMMON or row["kind"] == "result"]

    def makers(self, node: int) -> list[int]:
        """Return the cells that made a node."""
        return [
            row["source"]
            for row in self.store.rows("SELECT source FROM edge WHERE target = ? AND kind = 'wrote'", node)
            if self.kind(row["source"]) == "execution"
        ]

    # -- back -------------------------------------------------------------------------------------------------

    def sources(self, node: int, column: str) -> Iterator[Step]:
        """Yield what a column comes from, one step back."""
        if rows := self.rows(node):
            yield from self._chosen(rows, node, column)
        elif self.kind(node) in VERSIONS:
            for row in self.store.rows("SELECT source FROM edge WHERE target = ? AND kind = 'became'", node):
                yield Step(row["source"], ALL, TRANSFORMATION, True)
            for execution in self.makers(node):
                yield from self._everything(execution)
        else:  # a file, a dataset, a model: what its cell says of what it wrote
            for execution in self.makers(node):
                written = self.rows(execution)
                yield from self._chosen(written, execution, column) if written else self._everything(execution)

    def _everything(self, execution: int) -> Iterator[Step]:
        for node in self.read(execution):
            yield Step(node, ALL, TRANSFORMATION, True)

    def _chosen(self, rows: list[sqlite3.Row], node: int, column: str) -> Iterator[Step]:
        """Yield what the rows of a node say of one of its columns; of a column that they do not know, all."""
        named = {row["target_column"] for row in rows}
        labels = self.labels(node)
        if column in named and column != ALL:
            rows = [row for row in rows if row["target_column"] in (column, ALL)]
        elif column != ALL and (SAME in named or named == {ALL} or column in (labels or ())):
            rows = [row for row in rows if row["target_column"] in (SAME, ALL)]
        for row in rows:
            if row["source_column"] == SAME and column == ALL and labels is not None:
                for label in labels:
                    if label not in named:
                        yield from self._expanded(row, label)
            elif row["kind"] != NOTHING:
                yield from self._expanded(row, column)

    def _expanded(self, row: sqlite3.Row, column: str) -> Iterator[Step]:
        """Yield the source of a row; for a cell, what it read."""
        source, there, assumed = row["source"], row["source_column"], bool(row["assumed"])
        if there == SAME:
            labels = self.labels(source)
            known = labels is None or column in (*labels, ALL, INDEX)
            there, assumed = (column, assumed) if known else (ALL, True)
        if self.kind(source) != "execution":
            yield Step(source, there, row["kind"], assumed)
        elif there == EVERYTHING:
            yield from self._everything(source)
        else:
            holding = [node for node in self.read(source) if self.kind(node) not in VERSIONS]
            holding = [node for node in holding if self._may_have(node, there)] or holding
            for node in holding:  # of several nobody knows which it was
                yield Step(node, there, row["kind"], assumed or len(holding) > 1)

    def _may_have(self, node: int, column: str) -> bool:
        labels = self.labels(node)
        return labels is None or column in RESERVED or column in labels

    # -- on ---------------------------------------------------------------------------------------------------

    def targets(self, node: int, column: str) -> Iterator[Step]:
        """Yield what a column feeds, one step on: of all that may have used the node, what says so itself."""
        candidates = {row[0] for row in self.store.rows("SELECT target FROM column_edge WHERE source = ?", node)}
        for row in self.store.rows("SELECT target, kind FROM edge WHERE source = ?", node):
            if row["kind"] == "became":
                candidates.add(row["target"])
            elif row["kind"] == "read" and self.kind(row["target"]) == "execution":
                candidates.update(self.made(row["target"]))
        for target in candidates:
            if self.kind(target) != "execution":  # what that one wrote is among what it made
                yield from self._fed(node, column, target)

    def _fed(self, node: int, column: str, target: int) -> Iterator[Step]:
        """Yield the columns of one node that a column of another feeds."""
        rows = self.rows(target)
        if not rows and self.kind(target) not in VERSIONS:
            rows = [row for maker in self.makers(target) for row in self.rows(maker)]
        named = {row["target_column"] for row in rows}
        known = self.labels(target)
        labels = {*(known or ()), *(named - {SAME, ALL})}
        if not labels or (SAME in named and known is None):
            labels.add(column)
        for label in sorted(labels):
            for step in self.sources(target, label):
                if step.node == node and (step.column == column or ALL in (step.column, column)):
                    yield Step(target, label, step.kind, step.assumed)
