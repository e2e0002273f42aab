"""Histories: what a metric was, from a good run to a bad one, by the record alone."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from mlops_nb.capture import runs
from mlops_nb.capture.runs import Run
from mlops_nb.comparison import sides
from mlops_nb.comparison.sides import Side
from mlops_nb.errors import NotFound, UsageError
from mlops_nb.lineage.references import resolve
from mlops_nb.project import Project
from mlops_nb.records import Record, moment

MANY = 100_000


@dataclass(frozen=True)
class Point(Record):
    """A run, or a model version, with the metric that it had."""

    ref: str
    value: float
    at: datetime | None
    verdict: str = ""


def history(project: Project, metric: str, good: str, bad: str) -> list[Point]:
    """Return the points from good to bad: the two, and of the same notebook, pipeline or model what lies between.

    Raises:
        NotFound: one of them means nothing, or has no such metric.
        UsageError: they are not two runs, or two model versions.
    """
    ends = []
    for ref in (good, bad):
        number = resolve(project, ref)
        kind = project.store.value("SELECT kind FROM node WHERE id = ?", number)
        if kind not in ("run", "model"):
            raise UsageError(
                f"{ref!r} is a {kind}, without metrics - give a run (runs:/ID) or a model (models:/NAME/1)"
            )
        ends.append((kind, number, ref))
    if ends[0][0] != ends[1][0]:
        raise UsageError(f"{good!r} is a {ends[0][0]} and {bad!r} a {ends[1][0]} - give two of one kind")
    find = _models if ends[0][0] == "model" else _runs
    points = [
        point for point in find(project, metric, *(number for _, number, _ in ends)) if math.isfinite(point.value)
    ]
    places = []
    for _, number, ref in ends:
        public = _ref(project, number)
        place = next((place for place, point in enumerate(points) if point.ref == public), None)
        if place is None:
            known = [name for name, value in side_of(project, public).metrics.items() if math.isfinite(value)]
            raise NotFound.naming(f"metric of {ref}", metric, known)
        places.append(place)
    first, last = places
    return points[first : last + 1] if first <= last else points[last : first + 1][::-1]


def turn(points: Sequence[Point]) -> tuple[Point, Point]:
    """Return the neighbours between which it turned bad for the first time after good; points are judged."""
    place = next(place for place, point in enumerate(points) if point.verdict == "bad")
    return points[place - 1], points[place]


def side_of(project: Project, ref: str) -> Side:
    """Return what is known of a run or a model version."""
    number = resolve(project, ref)
    kind = project.store.value("SELECT kind FROM node WHERE id = ?", number)
    return sides.of_model(project, number) if kind == "model" else sides.of_run(project, number)


def _ref(project: Project, number: int) -> str:
    row = project.store.row("SELECT name, version FROM model_version WHERE id = ?", number)
    return f"models:/{row['name']}/{row['version']}" if row else f"runs:/{runs.public_id(project, number)}"


def _models(project: Project, metric: str, good: int, bad: int) -> Iterator[Point]:
    """Yield the versions of a model, or the two that are given of different ones, in the order of time."""
    names = {project.store.value("SELECT name FROM model_version WHERE id = ?", number) for number in (good, bad)}
    only = "" if len(names) == 1 else f" AND id IN ({good}, {bad})"
    for row in project.store.rows(
        f"SELECT id, created_at FROM model_version WHERE name IN (?, ?){only} ORDER BY id", min(names), max(names)
    ):
        value = sides.of_model(project, row["id"]).metrics.get(metric)
        if value is not None:
            yield Point(_ref(project, row["id"]), value, moment(row["created_at"]))


def _runs(project: Project, metric: str, good: int, bad: int) -> Iterator[Point]:
    """Yield the runs of a notebook or a pipeline, or the two that are given of different ones, in the order of time."""
    ends = [runs.get(project, runs.public_id(project, number)) for number in sorted((good, bad), reverse=True)]
    kind, notebook, name = ends[0].kind, ends[0].notebook, ends[0].name
    alike = [
        run for run in runs.runs(project, kind=kind, notebook=notebook, limit=MANY) if notebook or run.name == name
    ]
    if not {end.id for end in ends} <= {run.id for run in alike}:
        alike = ends
    for run in reversed(alike):
        value = _metrics(project, run).get(metric)
        if value is not None:
            yield Point(f"runs:/{run.id}", value, run.started)


def _metrics(project: Project, run: Run) -> dict[str, float]:
    """Return the metrics of a run and of its steps, named as a comparison names them."""
    inside = runs.children(project, run.id) if run.kind == "pipeline" else []
    return run.metrics | {f"{step.name}/{name}": value for step in inside for name, value in step.metrics.items()}
