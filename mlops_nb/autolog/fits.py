"""Fits: every call that trained something, with its parameters and metrics, and every candidate of a search."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from mlops_nb.capture import nodes, runs
from mlops_nb.errors import UsageError
from mlops_nb.ids import canonical_json
from mlops_nb.lineage.references import resolve
from mlops_nb.project import Project
from mlops_nb.records import Json, Record, moment
from mlops_nb.verbs import verb

KINDS = ("fit", "search", "cross-validation")


@dataclass(frozen=True)
class Fit(Record):
    """One call that trained something; ``note`` says what of it is not recorded, and why."""

    id: str
    kind: str
    estimator: str
    run: str
    started: datetime | None
    seconds: float | None
    rows: int | None
    features: int | None
    parameters: dict[str, Json]
    metrics: dict[str, float]
    candidates: int
    kept: bool
    note: str | None


@dataclass(frozen=True)
class Candidate(Record):
    """One candidate of a search, or one fold of a cross-validation."""

    position: int
    parameters: dict[str, Json]
    metrics: dict[str, float]


@dataclass
class Training:
    """What a framework says about a call that trained something."""

    estimator: str
    kind: str = "fit"
    started: float = field(default_factory=time.time)
    seconds: float | None = None
    rows: int | None = None
    features: int | None = None
    parameters: dict[str, Json] = field(default_factory=dict)
    metrics: list[tuple[str, float, int | None]] = field(default_factory=list)
    candidates: list[tuple[dict[str, Json], dict[str, float]]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def add(project: Project, number: int, run: int, execution: int | None, training: Training) -> None:
    """Record a fit inside a transaction: a node that its cell made."""
    store = project.store
    nodes.add_node(store, "fit", training.estimator.rpartition(".")[2], number=number)
    store.execute(
        "INSERT INTO fit (id, kind, estimator, run, execution, started_at, seconds, rows, features, parameters, note)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        number, training.kind, training.estimator, run, execution, training.started, training.seconds, training.rows,
        training.features, canonical_json(training.parameters), "; ".join(training.notes) or None,
    )  # fmt: skip
    nodes.add_edge(store, execution or run, number, "wrote")
    runs.observe_parameters(project, run, training.parameters)
    add_metrics(project, run, execution, training.metrics, fit=number)
    store.execute_many(
        "INSERT INTO candidate (fit, position, parameters, metrics) VALUES (?, ?, ?, ?)",
        [(number, position, canonical_json(parameters), canonical_json(_finite(metrics)))
         for position, (parameters, metrics) in enumerate(training.candidates)],
    )  # fmt: skip


def add_metrics(
    project: Project,
    run: int,
    execution: int | None,
    metrics: Sequence[tuple[str, float, int | None]],
    *,
    fit: int | None,
) -> None:
    """Record metrics of a run inside a transaction, each a name, a value and a step."""
    store, now = project.store, time.time()
    store.execute_many(
        "INSERT INTO metric (id, run, execution, name, value, step, at, fit) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        [(store.next_id(), run, execution, name, value, step, now, fit) for name, value, step in metrics],
    )


def _finite(metrics: Mapping[str, float]) -> dict[str, float | None]:
    return {name: value if math.isfinite(value) else None for name, value in metrics.items()}


# -- reading --------------------------------------------------------------------------------------------------

SELECT = """
    SELECT fit.*, node.public, above.public AS run_id, kept_model.content,
        (SELECT count(*) FROM candidate WHERE candidate.fit = fit.id) AS candidates
    FROM fit JOIN node ON node.id = fit.id JOIN node AS above ON above.id = fit.run
        LEFT JOIN kept_model ON kept_model.fit = fit.id
"""


@verb("fits")
def fits(project: Project, *, run: str | None = None, kind: str | None = None, limit: int = 50) -> list[Fit]:
    """List what was trained, newest first, with the parameters and metrics that nobody had to log.

    Args:
        run: only those of this run
        kind: only fit, search or cross-validation
        limit: at most so many
    """
    if kind is not None and kind not in KINDS:
        raise UsageError(f"no kind of fit {kind!r} - there are: {', '.join(KINDS)}")
    number = None if run is None else runs.row_id(project, run)
    rows = project.store.rows(
        f"{SELECT} WHERE (? IS NULL OR fit.run = ?) AND (? IS NULL OR fit.kind = ?) ORDER BY fit.id DESC LIMIT ?",
        number, number, kind, kind, limit,
    )  # fmt: skip
    return [_fit(project, row) for row in rows]


@verb("candidates")
def candidates(project: Project, ref: str) -> list[Candidate]:
    """List every candidate of a search, the best first.

    Args:
        ref: the search, or a cross-validation for its folds: fit:GridSearchCV or an ID that fits shows

    Raises:
        UsageError: the ID is not that of a search or a cross-validation.
    """
    rows = project.store.rows("SELECT * FROM candidate WHERE fit = ? ORDER BY position", resolve(project, ref))
    if not rows:
        raise UsageError(f"{ref!r} has no candidates - see `mlops fits --kind search`")
    found = [
        Candidate(row["position"], json.loads(row["parameters"]), _numbers(json.loads(row["metrics"]))) for row in rows
    ]
    return sorted(found, key=_rank)


def _rank(candidate: Candidate) -> float:
    ranks = [value for name, value in candidate.metrics.items() if name.startswith("rank_test_")]
    return ranks[0] if ranks else candidate.position


def _fit(project: Project, row: Any) -> Fit:
    metrics = project.store.rows("SELECT name, value FROM metric WHERE fit = ? ORDER BY id", row["id"])
    return Fit(
        id=row["public"], kind=row["kind"], estimator=row["estimator"], run=row["run_id"],
        started=moment(row["started_at"]), seconds=row["seconds"], rows=row["rows"], features=row["features"],
        parameters=json.loads(row["parameters"]), metrics=_numbers({m["name"]: m["value"] for m in metrics}),
        candidates=row["candidates"], kept=row["content"] is not None, note=row["note"],
    )  # fmt: skip


def _numbers(metrics: Mapping[str, float | None]) -> dict[str, float]:
    return {name: math.nan if value is None else value for name, value in metrics.items()}
