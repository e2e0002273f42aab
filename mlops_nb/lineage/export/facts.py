"""The facts of a run, read once for every format: the run, its cells, what they read and made, who and where.

A run is a tree: a pipeline holds its steps. A cached step stands for the run that it repeats and shows that one's
cells, which ran when they ran. Texts have been made plain (see :mod:`names`) before any format sees them.
"""

from __future__ import annotations

import functools
import json
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from mlops_nb.capture import cells, environments, runs
from mlops_nb.capture.cells import Execution
from mlops_nb.capture.environments import Environment
from mlops_nb.capture.nodes import COMMON, OVERWRITTEN
from mlops_nb.capture.runs import Run
from mlops_nb.lineage.export import contents
from mlops_nb.lineage.export.names import Names, place_of
from mlops_nb.lineage.references import SIGNS
from mlops_nb.lineage.tracing.kinds import FIT
from mlops_nb.project import Project
from mlops_nb.records import Json, moment

MARKS = 500  # row IDs in one query
IN_MEMORY = ("variable", "result")
#: What is not data: modules are part of the environment, settings and random state carry no values from cell to cell.
SKIPPED = (COMMON - set(IN_MEMORY)) | {"run", "execution"}
Touched = tuple[list["Touch"], list["Touch"]]  # what was read, what was written


@dataclass(frozen=True)
class Thing:
    """What a run read or made, under the name it had there: a file by its place, all else by its name."""

    number: int
    id: str
    kind: str  # file, dataset, model, variable, result, figure, config, drift
    name: str
    created: datetime | None
    version: str | None = None  # of a name: the content of a file, the number of a dataset or a model
    hash: str | None = None  # sha256 of its bytes, where it has some
    size: int | None = None
    rows: int | None = None
    columns: dict[str, Json] | None = None  # the profile of each by name; None where they are not known
    mime: str | None = None
    about: str = ""
    doubts: tuple[str, ...] = ()  # why nobody can be sure what it is

    @property
    def in_memory(self) -> bool:
        """Whether it is gone when its kernel is."""
        return self.kind in IN_MEMORY

    @property
    def key(self) -> tuple[int, str]:
        """What makes it one thing of an export."""
        return self.number, self.name


@dataclass(frozen=True)
class Touch:
    """A thing as one cell or run touched it; unsure if it may have been changed between reading and hashing."""

    thing: Thing
    unsure: bool


@dataclass(frozen=True)
class Metric:
    """A logged value; None stands for one that is not a number."""

    id: int
    name: str
    value: float | None
    step: int | None
    execution: int | None


@dataclass(frozen=True)
class CellFacts:
    """A cell that ran, and what it touched."""

    number: int
    record: Execution
    reads: tuple[Touch, ...]
    writes: tuple[Touch, ...]
    metrics: tuple[Metric, ...]
    doubts: tuple[str, ...] = ()  # why nobody can be sure what it did

    @property
    def label(self) -> str:
        """The cell as a person names it: its number, and how it begins."""
        first = next((line.strip() for line in self.record.source.splitlines() if line.strip()), "an empty cell")
        return f"[{self.record.count or ' '}] {first[:60]}"


@dataclass(frozen=True)
class RunFacts:
    """A run in full."""

    number: int
    record: Run
    above: Run | None  # the pipeline that it is a step of
    stands_for: str | None  # the run that a cached step repeats
    actor: str
    program: str
    commit: str | None
    environment: Environment | None
    cells: tuple[CellFacts, ...]
    steps: tuple[RunFacts, ...]
    reads: tuple[Touch, ...]  # what was read and written outside of any cell
    writes: tuple[Touch, ...]
    metrics: tuple[Metric, ...]
    gaps: tuple[str, ...]

    @functools.cached_property
    def written(self) -> dict[tuple[int, str], Thing]:
        """Everything that was made in the run or its steps."""
        return {touch.thing.key: touch.thing for part in self.parts() for touch in part.writes}

    @functools.cached_property
    def inputs(self) -> list[Thing]:
        """What was read and not made before in the run: where its data comes from."""
        made: set[tuple[int, str]] = set()
        found: dict[tuple[int, str], Thing] = {}
        for part in self.parts():
            for touch in part.reads:
                if touch.thing.key not in made and not touch.thing.in_memory:
                    found[touch.thing.key] = touch.thing
            if isinstance(part, CellFacts):  # when a run itself wrote something is not known
                made |= {touch.thing.key for touch in part.writes}
        return sorted(found.values(), key=lambda thing: thing.key)

    @functools.cached_property
    def outputs(self) -> list[Thing]:
        """What was made and outlives the kernel."""
        return sorted((t for t in self.written.values() if not t.in_memory), key=lambda thing: thing.key)

    @functools.cached_property
    def everything(self) -> list[Thing]:
        """Whatever the run, its steps and their cells touched."""
        touched = (touch.thing for part in self.parts() for touch in (*part.reads, *part.writes))
        return sorted({thing.key: thing for thing in touched}.values(), key=lambda thing: thing.key)

    def parts(self) -> Iterator[RunFacts | CellFacts]:
        """Yield the run, its cells, and the same of its steps, in the order in which they began."""
        yield self
        yield from self.cells
        for step in self.steps:
            yield from step.parts()


# -- reading --------------------------------------------------------------------------------------------------


def read(project: Project, names: Names, number: int) -> RunFacts:
    """Return the facts of a run by its row ID."""
    parent = project.store.value("SELECT parent FROM run WHERE id = ?", number)
    above = runs.get(project, runs.public_id(project, parent)) if parent else None
    return _run(project, names, number, above)


def _run(project: Project, names: Names, number: int, above: Run | None) -> RunFacts:
    store = project.store
    record = runs.get(project, runs.public_id(project, number))
    record = replace(
        record, reason=names.plain(record.reason) if record.reason else None,
        name=names.plain(record.name), notebook=names.plain(place_of(record.notebook)) if record.notebook else None,
        parameters=names.plain_values(record.parameters),
    )  # fmt: skip
    original = store.value("SELECT original FROM run WHERE id = ?", number)
    shown = original or number  # the run whose cells are those of this one
    executions = [
        row["id"] for row in store.rows("SELECT id FROM execution WHERE run = ? AND parent IS NULL ORDER BY id", shown)
    ]
    touches = _touches(project, names, [number, *executions])
    metrics = _metrics(project, shown)
    processes = store.rows(
        "SELECT process.*, 0 AS at FROM process JOIN run ON run.process = process.id WHERE run.id = ? UNION"
        " SELECT process.*, execution.id FROM process JOIN execution ON execution.process = process.id"
        " WHERE execution.run = ? ORDER BY at",
        number, shown,
    )  # fmt: skip
    kernel = processes[-1]  # the one that ran the cells, where there are any
    children = store.rows("SELECT id FROM run WHERE parent = ? ORDER BY id", number)
    gaps = store.rows("SELECT message FROM gap WHERE run = ? ORDER BY id", shown)
    reads, writes = touches[number]
    return RunFacts(
        number=number, record=record, above=above, actor=processes[0]["actor"], program=kernel["program"],
        stands_for=runs.public_id(project, original) if original else None, commit=kernel["git_commit"],
        environment=environments.load(store, kernel["environment"]) if kernel["environment"] else None,
        cells=tuple(_cell(project, names, cell, touches[cell], metrics) for cell in executions),
        steps=tuple(_run(project, names, child["id"], record) for child in children),
        reads=tuple(reads), writes=tuple(writes),
        metrics=tuple(metric for metric in metrics if metric.execution is None),
        gaps=tuple(names.plain(gap["message"]) for gap in gaps),
    )  # fmt: skip


def _cell(project: Project, names: Names, number: int, touched: Touched, metrics: list[Metric]) -> CellFacts:
    record = cells.load(project, number)
    error = names.plain(record.error) if record.error else None
    reads, writes = touched
    return CellFacts(
        number=number, record=replace(record, source=names.plain(record.source), error=error), reads=tuple(reads),
        writes=tuple(writes), metrics=tuple(metric for metric in metrics if metric.execution == number),
        doubts=_doubts(project, names, [number]).get(number, ()),
    )  # fmt: skip


def _doubts(project: Project, names: Names, numbers: Iterable[int]) -> dict[int, tuple[str, ...]]:
    """Return by the row ID of a node why nobody can be sure about it."""
    found: dict[int, tuple[str, ...]] = {}
    for marks in _marks(numbers):
        for row in project.store.rows(f"SELECT node, reason FROM doubt WHERE node IN ({marks}) ORDER BY node, reason"):
            found[row["node"]] = (*found.get(row["node"], ()), names.plain(row["reason"]))
    return found


def _metrics(project: Project, run: int) -> list[Metric]:
    rows = project.store.rows("SELECT id, name, value, step, execution FROM metric WHERE run = ? ORDER BY id", run)
    finite = [None if row["value"] is None or not math.isfinite(row["value"]) else row["value"] for row in rows]
    return [
        Metric(row["id"], row["name"], value, row["step"], row["execution"])
        for row, value in zip(rows, finite, strict=True)
    ]


def _touches(project: Project, names: Names, parts: list[int]) -> dict[int, Touched]:
    """Return by the row ID of a cell or run what it read and what it wrote."""
    edges = []
    for marks in _marks(parts):
        edges += project.store.rows(
            f"SELECT target AS part, source AS node, 0 AS way, reference FROM edge WHERE target IN ({marks})"
            f" UNION ALL SELECT source, target, 1, reference FROM edge WHERE source IN ({marks})"
        )
    touched = {edge["node"] for edge in edges}
    rows, doubts = _rows(project, touched), _doubts(project, names, touched)
    found: dict[int, Touched] = {part: ([], []) for part in parts}
    things: dict[tuple[int, str], Thing] = {}
    for edge in sorted(edges, key=lambda edge: (edge["part"], edge["way"], edge["node"], edge["reference"])):
        node = rows[edge["node"]]
        if node["kind"] in SKIPPED:
            continue
        scheme, _, place = edge["reference"].partition(":")
        thing = replace(_thing(project, names, node, place), doubts=doubts.get(edge["node"], ()))
        touch = Touch(things.setdefault(thing.key, thing), scheme == OVERWRITTEN)
        found[edge["part"]][edge["way"]].append(touch)
    return found


def _marks(numbers: Iterable[int]) -> Iterator[str]:
    ordered = sorted(numbers)
    for start in range(0, len(ordered), MARKS):
        yield ",".join(str(number) for number in ordered[start : start + MARKS])


def _rows(project: Project, numbers: set[int]) -> dict[int, Any]:
    found: dict[int, Any] = {}
    for marks in _marks(numbers):
        rows = project.store.rows(
            f"""
            SELECT node.id, node.public, node.kind, node.name, node.created_at, artifact.hash, artifact.size,
                coalesce(dataset.version, model_version.version) AS version, dataset.rows,
                dataset.columns, coalesce(dataset.content, model_version.content, output.content) AS content,
                model_version.flavor, model_version.intent, output.mime, column_list.columns AS labels
            FROM node LEFT JOIN artifact USING (id) LEFT JOIN dataset USING (id) LEFT JOIN model_version USING (id)
                LEFT JOIN table_columns ON table_columns.id = node.id
                LEFT JOIN column_list ON column_list.hash = table_columns.columns
                LEFT JOIN edge ON edge.target = node.id AND node.kind = 'figure'
                LEFT JOIN output ON output.execution = edge.source AND edge.reference = 'output:' || output.position
                    AND output.mime LIKE 'image/%'
            WHERE node.id IN ({marks}) ORDER BY output.mime
            """
        )
        found |= {row["id"]: row for row in rows}
    return found


def _thing(project: Project, names: Names, row: Any, place: str) -> Thing:
    """Return a node as a thing under the name that it was touched by."""
    kind, version = row["kind"], row["version"]
    name = place_of(place or row["name"]) if kind == "file" else row["name"]
    known = contents.columns(project, row["id"], row["hash"], name) if kind == "file" else _labels(row["labels"])
    return Thing(
        number=row["id"], id=row["public"], kind=kind, name=names.plain(name), created=moment(row["created_at"]),
        version=row["hash"] if version is None else str(version), hash=row["hash"] or row["content"],
        size=row["size"], rows=row["rows"],
        columns=json.loads(row["columns"]) if row["columns"] else known,
        mime=row["mime"], about=names.plain(". ".join(filter(None, (row["flavor"], row["intent"])))),
    )  # fmt: skip


def _labels(listed: str | None) -> dict[str, Json] | None:
    """Return the columns of a table in memory; those of a model are what it takes, not what it is."""
    names = json.loads(listed) if listed else []
    return None if FIT in names else {name: {} for name in names if name not in SIGNS} or None
