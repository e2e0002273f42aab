"""Cell executions: the source as it ran, when, how it ended, and what it showed.

A secret in a source is kept as ``[redacted:…]``, which is also how one knows that the source cannot be replayed before
the secret is set again (:func:`~mlops_nb.secrets.redaction.removed`). A cell whose first comment is ``# mlops: skip``
keeps that line alone: that it ran, when and how it ended are known, what it did cannot be checked.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from mlops_nb.capture import columns, nodes
from mlops_nb.capture.outcomes import begun
from mlops_nb.ids import digest, new_id
from mlops_nb.project import Project
from mlops_nb.records import Record, moment
from mlops_nb.secrets.known import learn_environment
from mlops_nb.secrets.redaction import fits, learn_source, redact

TEXT_LIMIT = 64 * 1024  # characters of one text output that are kept
MARGIN = 8 * 1024  # characters at the end of a text cut short in which half a secret might not be recognised
IMAGE_LIMIT = 8 << 20  # bytes of one image that are kept
BINARY = ("image/png", "image/jpeg")
IMAGES = (*BINARY, "image/svg+xml")
KEPT = ("text/plain", "text/html", "text/markdown", "text/latex", "application/json", *IMAGES)
LABEL = 60  # characters of source in the name of a cell
#: What is kept of the source of a cell that says so in its first comment: neither source nor outputs.
SKIPPED = "# mlops: skip"
SKIPPED_HASH = digest(SKIPPED.encode())
SKIP = re.compile(r"(?:[ \t]*(?:%.*|#.*)?\n)*?[ \t]*#[ \t]*mlops:[ \t]*skip\b")

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


def kept_source(source: str, outer: str | None = None) -> str:
    """Return what is kept of a cell's source: it without secrets, or that it is skipped; and know these secrets on.

    Args:
        source: the source as it runs
        outer: what is kept of the cell that runs it, if one does: what a skipped cell runs is skipped with it
    """
    if skips(source) or (outer is not None and skips(outer)):
        return SKIPPED
    learn_environment()
    learn_source(source)
    return redact(source)


def kept_reason(source: str, reason: str) -> str:
    """Return what is kept of why a cell failed: of a skipped one only the type of the error."""
    if skips(source):
        return reason.partition(":")[0]
    learn_environment()
    return redact(reason)


def skips(source: str) -> bool:
    """Return whether a cell asks that neither its source nor its outputs be kept; as stored, whether it did."""
    return SKIP.match(source) is not None


def is_as_kept(source: str, kept: str) -> bool:
    """Return whether a source is the one that was kept, whatever secrets have been removed from that."""
    return fits(source, kept) or (kept == SKIPPED and skips(source))


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
    """Record, inside a transaction, that a cell has started, with its source as :func:`kept_source` gives it."""
    store = project.store
    label = next((line.strip() for line in source.splitlines() if line.strip()), "")[:LABEL]
    nodes.add_node(store, "execution", label, number=number, public=new_id())
    store.execute(
        "INSERT INTO execution (id, run, process, parent, cell, count, source, started_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        number, run, process, parent, cell, count, project.content.put(source.encode(errors="replace")), started,
    )  # fmt: skip
    if source == SKIPPED:
        nodes.add_doubt(store, number, f"cell [{count}] asks not to be kept ({SKIPPED})")
    begun(store, number)


def is_skipped(project: Project, number: int) -> bool:
    """Return whether an execution was recorded without source and outputs."""
    row = project.store.execute("SELECT source FROM execution WHERE id = ?", number).fetchone()
    return row is not None and row[0] == SKIPPED_HASH


def add_outputs(project: Project, number: int, bundles: Sequence[Bundle]) -> None:
    """Record, inside a transaction, what a cell showed; an image also becomes a node of the lineage."""
    if is_skipped(project, number):
        return
    hidden = columns.named(project)
    for position, bundle in enumerate(bundles):
        shows = None if hidden is None else next(filter(None, map(hidden.search, _texts(bundle))), None)
        for mime in KEPT:
            if (value := bundle.get(mime)) is None:
                continue
            if shows and mime not in IMAGES:
                value = f"[redacted:column-{shows[0]}]"
            content, truncated = _put(project, mime, value)
            project.store.execute(
                "INSERT INTO output (execution, position, mime, content, truncated) VALUES (?, ?, ?, ?, ?)",
                number, position, mime, content, int(truncated),
            )  # fmt: skip
            if mime in IMAGES:
                figure = nodes.add_node(project.store, "figure", f"figure {position + 1}")
                nodes.add_edge(project.store, number, figure, "wrote", f"output:{position}")


def _texts(bundle: Bundle) -> list[str]:
    return [value for mime in KEPT if mime not in IMAGES and type(value := bundle.get(mime)) is str]


def _put(project: Project, mime: str, value: Any) -> tuple[str, bool]:
    """Keep one representation of an output; return its address, and whether it was cut short."""
    if mime in BINARY:
        data = value if isinstance(value, bytes) else base64.b64decode(value)
        cut = len(data) > IMAGE_LIMIT
        return project.content.put(b"" if cut else data), cut
    text = value if isinstance(value, str) else str(value)
    if len(text) <= TEXT_LIMIT:
        return project.content.put_text(text), False
    return project.content.put_text(redact(text[: TEXT_LIMIT + MARGIN])[:-MARGIN]), True


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
        binary = row["mime"] in BINARY
        shown.append(
            Output(
                mime=row["mime"],
                text=None if binary else content.decode(errors="replace"),
                data=base64.b64encode(content).decode() if binary else None,
                truncated=bool(row["truncated"]),
            )
        )
    return shown
