"""What a change would reach: everything that was made, directly or not, from a cell, a column, a file or a value."""

from __future__ import annotations

from dataclasses import dataclass

from mlops_nb.capture.moves import Moves
from mlops_nb.lineage.columns import column_reach
from mlops_nb.lineage.graph import GraphNode, descendants, graph_nodes
from mlops_nb.lineage.references import resolve_column
from mlops_nb.lineage.shared import sharing
from mlops_nb.lineage.tracing.kinds import ALL
from mlops_nb.project import Project
from mlops_nb.records import Record
from mlops_nb.verbs import verb


@dataclass(frozen=True)
class Impact(Record):
    """What would be affected by a change of a thing, by kind, newest first."""

    ref: str
    models: list[GraphNode]
    datasets: list[GraphNode]
    files: list[GraphNode]
    figures: list[GraphNode]
    reports: list[GraphNode]
    variables: list[GraphNode]
    cells: list[GraphNode]
    truncated: bool


KINDS = {
    "models": "model",
    "datasets": "dataset",
    "files": "file",
    "figures": "figure",
    "reports": "drift",
    "variables": "variable",
    "cells": "execution",
}


@verb("impact")
def impact(project: Project, ref: str, *, limit: int = 2000) -> Impact:
    """Show what would be affected by changing a cell, a file, a dataset or a value.

    Args:
        ref: a cell, file, dataset, variable, model, ID, or a column, as column:NAME/COLUMN
        limit: look at so many things at most
    """
    store = project.store
    number, column = resolve_column(project, ref)
    if column == ALL:
        starts = [number, *_same_cell(project, number)]
        same = sharing(store, number)
        reached = {found for start in [*starts, *same] for found in descendants(store, start, limit)} - {*starts}
    else:
        reached = column_reach(project, number, column)
    nodes = graph_nodes(store, reached)[::-1]
    by_kind = {field: [node for node in nodes if node.kind == kind] for field, kind in KINDS.items()}
    by_kind["variables"] = list({node.name: node for node in reversed(by_kind["variables"])}.values())[::-1]
    return Impact(ref=ref, truncated=len(reached) >= limit, **by_kind)


def _same_cell(project: Project, number: int) -> list[int]:
    """Return the other executions of the same cell of the same notebook, as each of them would be another."""
    rows = project.store.rows(
        "SELECT other.id, run.id AS run, run.notebook FROM execution JOIN execution AS other"
        " ON other.cell = execution.cell JOIN run ON run.id = other.run WHERE execution.id = ?",
        number,
    )
    moves = Moves.of(project)
    notebook = {row["id"]: row["notebook"] and moves.present(row["notebook"], row["run"]) for row in rows}
    mine = [row["run"] for row in rows if row["id"] == number]
    return [
        row["id"] for row in rows
        if row["id"] != number and (row["run"] in mine or notebook[row["id"]] == notebook[number] is not None)
    ]  # fmt: skip
