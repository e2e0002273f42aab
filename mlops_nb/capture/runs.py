"""Runs: one notebook session, one step, one pipeline or one script, with its parameters and metrics."""

from __future__ import annotations

import atexit
import contextlib
import json
import math
import os
import sqlite3
import sys
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from mlops_nb.capture.moves import Moves, eras_of
from mlops_nb.capture.nodes import add_node
from mlops_nb.capture.outcomes import begun, ended
from mlops_nb.capture.processes import process_id, reap
from mlops_nb.errors import MlopsError, NotFound, UsageError
from mlops_nb.ids import canonical_json
from mlops_nb.project import Project
from mlops_nb.records import Json, Record, moment
from mlops_nb.secrets.redaction import redact, redact_value
from mlops_nb.verbs import Value, verb

KINDS = ("notebook", "step", "pipeline", "script")
#: In the environment of a slice that runs again: nobody waits for it.
REPLAY = "MLOPS_REPLAY"


@dataclass(frozen=True)
class Run(Record):
    """One run and how it ended."""

    id: str
    kind: str
    name: str
    notebook: str | None  # where it is now
    status: str
    started: datetime | None
    ended: datetime | None
    parent: str | None
    reason: str | None
    caller: str | None  # person, papermill, nbconvert, nbclient, scheduler, ci or agent
    parameters: dict[str, Json]
    metrics: dict[str, float]


SELECT = """
    SELECT run.id AS number, node.public AS id, run.kind, run.name, run.notebook, run.started_at, run.cache_key,
        run.original, coalesce(outcome.status, 'running') AS status, outcome.ended_at, outcome.reason,
        above.public AS parent, process.caller
    FROM run JOIN node ON node.id = run.id JOIN process ON process.id = run.process
        LEFT JOIN outcome ON outcome.id = run.id LEFT JOIN node AS above ON above.id = run.parent
"""


def _records(project: Project, rows: Iterable[sqlite3.Row]) -> list[Run]:
    rows, moves = list(rows), Moves.of(project)
    # a cached step shows what the run that it stands for logged
    shown = {row["number"]: row["original"] or row["number"] for row in rows}
    marks = ",".join(str(int(number)) for number in {*shown.values(), *shown})
    parameters: dict[int, dict[str, Json]] = {}
    metrics: dict[int, dict[str, float]] = {}
    for table in ("observed_parameter", "parameter"):  # what was named counts more than what was seen
        for row in project.store.rows(f"SELECT run, name, value FROM {table} WHERE run IN ({marks})"):
            parameters.setdefault(row["run"], {})[row["name"]] = json.loads(row["value"])
    for row in project.store.rows(f"SELECT run, name, value FROM metric WHERE run IN ({marks}) ORDER BY id"):
        metrics.setdefault(row["run"], {})[row["name"]] = math.nan if row["value"] is None else row["value"]
    return [
        Run(
            id=row["id"], kind=row["kind"], name=row["name"], status=row["status"],
            notebook=row["notebook"] and moves.present(row["notebook"], row["number"]),
            started=moment(row["started_at"]), ended=moment(row["ended_at"]), parent=row["parent"],
            reason=row["reason"], caller=row["caller"], metrics=metrics.get(shown[row["number"]], {}),
            parameters=parameters.get(shown[row["number"]], {}) | parameters.get(row["number"], {}),
        )
        for row in rows
    ]  # fmt: skip


@verb("runs")
def runs(
    project: Project,
    *,
    kind: str | None = None,
    status: str | None = None,
    notebook: str | None = None,
    limit: int = 50,
) -> list[Run]:
    """List runs, newest first.

    Args:
        kind: only notebook, step, pipeline or script runs
        status: only running, ok, failed, aborted or cached ones
        notebook: only those of this notebook, as a path in the project, also under the names it had before
        limit: at most so many
    """
    if kind is not None and kind not in KINDS:
        raise UsageError(f"no kind of run {kind!r} - there are: {', '.join(KINDS)}")
    reap(project)
    eras = eras_of(project, project.root / notebook) if notebook is not None else []
    there = " OR ".join(["(run.notebook = ? AND run.id > ? AND run.id <= ?)"] * len(eras)) or "1 = 1"
    rows = project.store.rows(
        f"{SELECT} WHERE (? IS NULL OR run.kind = ?) AND (? IS NULL OR coalesce(outcome.status, 'running') = ?)"
        f" AND ({there}) ORDER BY run.started_at DESC, run.id DESC LIMIT ?",
        kind, kind, status, status, *(part for era in eras for part in (era.path, era.after, era.until)), limit,
    )  # fmt: skip
    return _records(project, rows)


def children(project: Project, parent: str) -> list[Run]:
    """Return the runs inside a run in the order in which they started."""
    return _records(project, project.store.rows(f"{SELECT} WHERE above.public = ? ORDER BY run.id", parent))


def get(project: Project, public: str) -> Run:
    """Return a run by its ID.

    Raises:
        NotFound: there is no such run.
    """
    found = _records(project, project.store.rows(f"{SELECT} WHERE node.public = ?", public))
    if not found:
        raise NotFound.naming("run", public, [run.id for run in runs(project, limit=3)], "see `mlops runs`")
    return found[0]


def row_id(project: Project, public: str) -> int:
    """Return the row ID of a run by its public ID.

    Raises:
        NotFound: there is no such run.
    """
    number = project.store.value("SELECT run.id FROM run JOIN node USING (id) WHERE public = ?", public)
    if number is None:
        raise NotFound(f"no run {public!r} in {project.store.path} - see `mlops runs`")
    return int(number)


def public_id(project: Project, number: int) -> str:
    """Return the public ID of a run, or of any node, by its row ID."""
    return str(project.store.value("SELECT public FROM node WHERE id = ?", number))


# -- beginning and ending -------------------------------------------------------------------------------------


def start(
    project: Project,
    kind: str,
    name: str,
    *,
    notebook: str | None = None,
    parent: int | None = None,
    parameters: Mapping[str, Json] | None = None,
    cache_key: str | None = None,
    original: int | None = None,
    soon: bool = False,
) -> int:
    """Begin a run and return its row ID; ``soon`` leaves it to the store's writer to record it."""
    process, store, started = process_id(project), project.store, time.time()
    number = store.next_id()

    def record() -> None:
        add_node(store, "run", name, number=number)
        store.execute(
            "INSERT INTO run (id, kind, parent, name, notebook, process, started_at, cache_key, original)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            number, kind, parent, name, notebook, process, started, cache_key, original,
        )  # fmt: skip
        begun(store, number)
        for key, value in (parameters or {}).items():
            _add_parameter(project, number, key, value)

    if soon:
        store.defer(record)
    else:
        with store.write():
            record()
    return number


def finish(project: Project, number: int, status: str, reason: str | None = None) -> None:
    """End a run or an execution; the first end is the one that counts."""
    with project.store.write() as store:
        ended(store, number, status, reason, time.time())


def active(project: Project) -> int:
    """Return the run that facts recorded now belong to; outside a notebook a script's run begins here."""
    if project.run is None:
        if given := os.environ.get("MLOPS_RUN"):
            project.run = row_id(project, given)
        else:
            name = Path(sys.argv[0]).name if sys.argv and sys.argv[0] else "python"
            project.run = number = start(project, "script", name)
            atexit.register(_end_script, project, number)
    return project.run


def _end_script(project: Project, number: int) -> None:
    with contextlib.suppress(MlopsError, sqlite3.Error):
        finish(project, number, "failed" if getattr(sys, "last_value", None) else "ok")
        project.store.close()


# -- parameters and metrics -----------------------------------------------------------------------------------


def _add_parameter(project: Project, run: int, name: str, value: Any, replacing: bool = False) -> None:
    try:
        text = _kept(name, value)
    except (TypeError, ValueError):
        text = _kept(name, repr(value))
    conflict = "(run, name) DO UPDATE SET value = excluded.value" if replacing else "DO NOTHING"
    project.store.execute(
        f"INSERT INTO parameter (run, name, value) VALUES (?, ?, ?) ON CONFLICT {conflict}", run, name, text
    )


def _kept(name: str, value: Any) -> str:
    """Return what is kept of a parameter: its JSON text, without the secrets that its name or its look tells."""
    return redact(canonical_json(redact_value(name, value)))


def observe_parameters(project: Project, run: int, values: Mapping[str, Json]) -> None:
    """Record, inside a transaction, parameters that were seen and not named: each shows its newest value."""
    project.store.execute_many(
        "INSERT INTO observed_parameter (run, name, value) VALUES (?, ?, ?)"
        " ON CONFLICT (run, name) DO UPDATE SET value = excluded.value",
        [(run, name, _kept(name, value)) for name, value in values.items()],
    )


def add_parameters(project: Project, run: int, values: Mapping[str, Any], *, replacing: bool = False) -> None:
    """Record parameters of a run; one keeps its first value, unless what was given is ``replacing`` its default."""
    with project.store.write():
        for name, value in values.items():
            _add_parameter(project, run, name, value, replacing)


@verb("log-param", records=True)
def log_param(project: Project, name: str, value: Value) -> None:
    """Record a parameter of the present run; it keeps its first value.

    Args:
        name: the parameter
        value: its value, of any JSON type; another object is kept as its ``repr``

    Raises:
        UsageError: the run has another value under this name.
    """
    run = active(project)
    add_parameters(project, run, {name: value})
    kept = project.store.value("SELECT value FROM parameter WHERE run = ? AND name = ?", run, name)
    with contextlib.suppress(TypeError, ValueError):
        if kept != (wanted := _kept(name, value)):
            raise UsageError(
                f"parameter {name!r} of this run is {kept} and cannot become {wanted} - log it under another name"
            )


@verb("log-metric", records=True)
def log_metric(project: Project, name: str, value: float, *, step: int | None = None) -> None:
    """Record a metric of the present run, committed when the call returns.

    Args:
        name: the metric
        value: its value
        step: the step or epoch it belongs to
    """
    run = active(project)
    store = project.store
    with store.write():
        store.execute(
            "INSERT INTO metric (id, run, execution, name, value, step, at) VALUES (?, ?, ?, ?, ?, ?, ?)",
            store.next_id(), run, project.execution, name, float(value), step, time.time(),
        )  # fmt: skip


def log_metrics(project: Project, metrics: Mapping[str, float], *, step: int | None = None) -> None:
    """Record several metrics in one transaction."""
    active(project)
    with project.store.write():
        for name, value in metrics.items():
            log_metric(project, name, value, step=step)
