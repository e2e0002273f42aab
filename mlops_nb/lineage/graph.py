"""The lineage graph: ancestors and descendants of anything, by one recursive query over integer edges."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from mlops_nb.capture.nodes import COMMON
from mlops_nb.capture.processes import reap
from mlops_nb.lineage.moments import before
from mlops_nb.lineage.references import resolve
from mlops_nb.lineage.shared import sharing
from mlops_nb.project import Project
from mlops_nb.records import Record
from mlops_nb.store.db import LATEST, Store
from mlops_nb.verbs import verb


@dataclass(frozen=True)
class GraphNode(Record):
    """A thing that lineage connects; ``status`` is how it ended, where it is something that runs."""

    id: str
    kind: str
    name: str
    status: str | None = None


@dataclass(frozen=True)
class GraphEdge(Record):
    """A step of the data: what ``source`` gave to ``target``: it was read, it wrote, or it became by a change."""

    source: str
    target: str
    kind: str


@dataclass(frozen=True)
class Graph(Record):
    """Nodes and edges; ``truncated`` says that there are more than were asked for."""

    nodes: list[GraphNode]
    edges: list[GraphEdge]
    truncated: bool


def ancestors(store: Store, node: int, limit: int, before: int = LATEST) -> list[int]:
    """Return the row IDs of what a node comes from, itself included, newest first."""
    return _walk(store, node, "target", "source", limit, before)


def descendants(store: Store, node: int, limit: int, before: int = LATEST) -> list[int]:
    """Return the row IDs of what a node led to, itself included, newest first."""
    return _walk(store, node, "source", "target", limit, before)


def _walk(store: Store, node: int, here: str, there: str, limit: int, before: int) -> list[int]:
    rows = store.rows(
        f"WITH RECURSIVE reached (id) AS (SELECT ? UNION SELECT edge.{there} FROM edge JOIN reached"
        f" ON edge.{here} = reached.id WHERE edge.{there} < ?) SELECT id FROM reached ORDER BY id DESC LIMIT ?",
        node, before, limit,
    )  # fmt: skip
    return [row["id"] for row in rows]


def graph_nodes(store: Store, numbers: Iterable[int]) -> list[GraphNode]:
    """Return nodes by row ID; a cell's name begins with its execution count."""
    marks = ",".join(str(int(number)) for number in numbers)
    rows = store.rows(
        f"""
        SELECT node.public, node.kind, node.name, execution.count, outcome.status
        FROM node LEFT JOIN execution ON execution.id = node.id LEFT JOIN outcome ON outcome.id = node.id
        WHERE node.id IN ({marks}) ORDER BY node.id
        """
    )
    return [
        GraphNode(
            row["public"], row["kind"], f"[{row['count']}] {row['name']}" if row["count"] else row["name"],
            row["status"] or ("running" if row["kind"] in ("execution", "run") else None),
        )
        for row in rows
    ]  # fmt: skip


@verb("lineage")
def lineage(
    project: Project, ref: str | None = None, *, imports: bool = False, limit: int = 2000, as_of: str | None = None
) -> Graph:
    """Show where a thing comes from and what it led to.

    Args:
        ref: a variable, cell, file, dataset, model, run or ID; without it, the newest part of the whole graph
        imports: show imported modules, results, settings and deletions too
        limit: at most so many nodes each way
        as_of: as it was known at the end of this date, or at this date and time

    Raises:
        NotFound: it means nothing, or nothing had been recorded then.
        UsageError: the moment cannot be read.
    """
    reap(project)
    store, end = project.store, before(project, as_of)
    starts: list[int] = []
    if ref is None:
        kinds = ", ".join(f"'{kind}'" for kind in sorted(COMMON | {"run"}))
        rows = store.rows(
            f"SELECT id FROM node WHERE kind NOT IN ({kinds}) AND id < ? ORDER BY id DESC LIMIT ?", end, limit
        )
        numbers = {row["id"] for row in rows}
        truncated = len(rows) == limit
    else:
        start = resolve(project, ref, end)
        starts = [number for number in _inside(store, start) if number < end]
        up = {number for node in starts for number in ancestors(store, node, limit, end)}
        same = [number for node in starts for number in sharing(store, node, end)]
        down = {number for node in [*starts, *same] for number in descendants(store, node, limit, end)}
        numbers, truncated = up | down, max(len(up), len(down)) >= limit
    marks = ",".join(str(number) for number in numbers)
    # a cached run only repeats what its original did: it would bury the picture too
    found = store.rows(f"SELECT node.*, run.original FROM node LEFT JOIN run USING (id) WHERE id IN ({marks})")
    kept = {
        row["id"]: row["public"] for row in found if row["original"] is None and (imports or row["kind"] not in COMMON)
    }
    edges = [
        (edge["source"], edge["target"], edge["kind"])
        for edge in store.rows(
            f"SELECT source, target, kind FROM edge WHERE source IN ({marks}) AND target IN ({marks})"
        )
        if edge["source"] in kept and edge["target"] in kept
    ]
    if ref is not None:  # a cell that only made what is left out, such as imports, would stand there by itself
        joined = {*starts, *(end for source, target, _ in edges for end in (source, target))}
        kept = {number: public for number, public in kept.items() if number in joined}
    return Graph(
        nodes=graph_nodes(store, kept),
        edges=[GraphEdge(kept[source], kept[target], kind) for source, target, kind in edges],
        truncated=truncated,
    )


def _inside(store: Store, node: int) -> list[int]:
    """Return the cells of a run and of the runs in it; of anything else, the node itself."""
    rows = store.rows(
        """
        WITH RECURSIVE part (id) AS (SELECT ? UNION SELECT coalesce(run.original, run.id) FROM run JOIN part
            ON run.parent = part.id)
        SELECT execution.id FROM execution WHERE run IN (SELECT coalesce(run.original, run.id) FROM run
            JOIN part ON run.id = part.id)
        """,
        node,
    )
    return [row["id"] for row in rows] or [node]
