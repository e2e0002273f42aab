"""Cell executions: the source as it ran, when, how it ended, and what it showed."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from mlops_nb.capture import nodes
from mlops_nb.capture.outcomes import begun
from mlops_nb.ids import new_id
from mlops_nb.project import Project
from mlops_nb.records import Record, moment

TEXT_LIMIT = 64 * 1024  # characters of one text output that are kept
IMAGE_LIMIT = 8 << 20  # bytes of one image that are kept
IMAGES = ("image/png", "image/jpeg", "image/svg+xml")
KEPT = ("text/plain", "text/html", "text/markdown", "text/latex", "application/json", *IMAGES)
LABEL = 60  # characters of source in the name of a cell

Bundle = Mapping[str, Any]


@dataclass(frozen=True)
class Output(Record):
    """One representation of one output of a cell; ``data`` is base64 where it is an image of bytes."""

    mime: str
    text: str | None
    data: str | None
    truncated: bool


@dataclass(frozen=True)
class Execution(Record):
    """One execution of one cell."""

    id: str
    run: str
    cell: str | None
    count: int | None
    status: str
    started: datetime | None
    ended: datetime | None
    error: str | None
    source: str


def begin(
    project: Project,
    number: int,
    *,
    run: int,
    process: int,
    parent: int | None,
    cell: str | None,
    count: int | None,
    source: str,
    started: float,
) -> None:
    """Record, inside a transaction, that a cell has started."""
    label = next((line.strip() for line in source.splitlines() if line.strip()), "")[:LABEL]
    store = project.store
    nodes.add_node(store, "execution", label, number=number, public=new_id())
    store.execute(
        "INSERT INTO execution (id, run, process, parent, cell, count, source, started_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        number, run, process, parent, cell, count, project.content.put(source.encode()), started,
    )  # fmt: skip
    begun(store, number)


def add_outputs(project: Project, number: int, bundles: Sequence[Bundle]) -> None:
    """Record, inside a transaction, what a cell showed; an image also becomes a node of the lineage."""
    for position, bundle in enumerate(bundles):
        for mime in KEPT:
            if (value := bundle.get(mime)) is None:
                continue
            data, truncated = _bytes(mime, value)
            project.store.execute(
                "INSERT INTO output (execution, position, mime, content, truncated) VALUES (?, ?, ?, ?, ?)",
                number, position, mime, project.content.put(data), int(truncated),
            )  # fmt: skip
            if mime in IMAGES:
                figure = nodes.add_node(project.store, "figure", f"figure {position + 1}")
                nodes.add_edge(project.store, number, figure, "wrote", f"output:{position}")


def _bytes(mime: str, value: Any) -> tuple[bytes, bool]:
    if mime in ("image/png", "image/jpeg"):
        data = value if isinstance(value, bytes) else base64.b64decode(value)
        return (data, False) if len(data) <= IMAGE_LIMIT else (b"", True)
    text = value if isinstance(value, str) else str(value)
    return text[:TEXT_LIMIT].encode(errors="replace"), len(text) > TEXT_LIMIT


SELECT = """
    SELECT execution.id AS number, node.public AS id, above.public AS run, execution.cell, execution.count,
        execution.source, execution.started_at, coalesce(outcome.status, 'running') AS status, outcome.ended_at,
        outcome.reason
    FROM execution JOIN node ON node.id = execution.id JOIN node AS above ON above.id = execution.run
        LEFT JOIN outcome ON outcome.id = execution.id
"""


def _execution(project: Project, row: Any) -> Execution:
    return Execution(
        id=row["id"], run=row["run"], cell=row["cell"], count=row["count"], status=row["status"],
        started=moment(row["started_at"]), ended=moment(row["ended_at"]), error=row["reason"],
        source=project.content.text(row["source"]),
    )  # fmt: skip


def of_run(project: Project, run: str) -> list[Execution]:
    """Return the outermost cell executions of a run in order."""
    rows = project.store.rows(f"{SELECT} WHERE above.public = ? AND execution.parent IS NULL ORDER BY number", run)
    return [_execution(project, row) for row in rows]


def load(project: Project, number: int) -> Execution:
    """Return one cell execution by its row ID."""
    return _execution(project, project.store.rows(f"{SELECT} WHERE execution.id = ?", number)[0])


def outputs(project: Project, number: int) -> list[Output]:
    """Return what a cell showed, the richest representation of each output."""
    rows = project.store.rows("SELECT * FROM output WHERE execution = ? ORDER BY position", number)
    best: dict[int, Any] = {}
    for row in rows:
        if row["position"] not in best or KEPT.index(row["mime"]) > KEPT.index(best[row["position"]]["mime"]):
            best[row["position"]] = row
    shown = []
    for row in best.values():
        content = project.content.get(row["content"])
        binary = row["mime"] in ("image/png", "image/jpeg")
        shown.append(
            Output(
                mime=row["mime"],
                text=None if binary else content.decode(errors="replace"),
                data=base64.b64encode(content).decode() if binary else None,
                truncated=bool(row["truncated"]),
            )
        )
    return shown
