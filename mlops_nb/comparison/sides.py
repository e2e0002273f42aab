"""A side of a comparison: what was recorded of a run, or of the run that made a model version.

A pipeline's run is made of the runs of its steps, each a part; any other run is one part. A cached step is the run that
it stands for. What led to a metric, or to a model, is walked back as slices are (:mod:`~mlops_nb.lineage.slices`), from
part to part by the files and datasets that one wrote and another read.
"""

from __future__ import annotations

import ast
import contextlib
import json
import math
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

from mlops_nb.capture import dataflow, runs
from mlops_nb.capture.notebooks import INJECTED
from mlops_nb.capture.runs import Run
from mlops_nb.comparison import environments
from mlops_nb.comparison.cells import Source
from mlops_nb.comparison.environments import Surroundings
from mlops_nb.lineage.facts import RunFacts, Step, read_run
from mlops_nb.lineage.slices import Trace
from mlops_nb.project import Project
from mlops_nb.records import Json


@dataclass
class Part:
    """A run among those that a side is made of; ``leading`` are the executions that a result came from."""

    number: int
    step: str | None
    run: Run
    facts: RunFacts
    surroundings: Surroundings
    leading: set[int] = field(default_factory=set)
    names: set[str] = field(default_factory=set)  # of the variables, and parameters of fits, that a result came from

    def named(self, name: str) -> str:
        """Return a name of this part, as it is called beside those of other parts."""
        return f"{self.step}/{name}" if self.step else name

    def cells(self, *, leading_only: bool) -> Iterator[Source]:
        """Yield the cells in the order in which they ran: each as it ran last for a result, else as it ran last."""
        last: dict[str, Step] = {}
        for step in self.facts.steps.values():
            name = step.cell or step.id
            if name not in last or step.number in self.leading or last[name].number not in self.leading:
                last[name] = step
        kept = [step for step in last.values() if step.number in self.leading or not leading_only]
        shown = (step for step in sorted(kept, key=lambda step: step.number) if not is_injected(step))
        for position, step in enumerate(shown, 1):
            yield Source(step.cell, self.step, position, step.source, step.number in self.leading)


def is_injected(step: Step) -> bool:
    """Whether a cell is the one that papermill makes of given parameters, which are compared as such.

    Where nobody says which notebook runs, it is told by its first line, and that it does nothing else.
    """
    if step.cell is not None or not step.source.startswith("# Parameters\n"):
        return step.cell == INJECTED
    with contextlib.suppress(SyntaxError):
        return all(map(dataflow.is_inert, ast.parse(step.source).body))
    return False


@dataclass
class Side:
    """What is known of one of two things that are compared."""

    parts: list[Part]
    model: int | None = None
    trained: dict[str, Json] = field(default_factory=dict)  # the parameters of the fit that made the model
    measured: dict[str, float] = field(default_factory=dict)  # its metrics
    doubts: list[str] = field(default_factory=list)  # what is not certain on the way to a result

    @property
    def parameters(self) -> dict[str, Json]:
        """The parameters of all parts, and those that the model was trained with."""
        found = {part.named(name): value for part in self.parts for name, value in part.run.parameters.items()}
        return found | self.trained

    @property
    def metrics(self) -> dict[str, float]:
        """The metrics of all parts, and those of the training of the model."""
        found = {part.named(name): value for part in self.parts for name, value in part.run.metrics.items()}
        return found | self.measured

    @property
    def gaps(self) -> list[str]:
        """What was not recorded."""
        return [part.named(gap) if part.step else gap for part in self.parts for gap in part.facts.gaps]

    @property
    def names(self) -> set[str]:
        """The parameters that a result came from: of fits on the way to it, and those that variables are named as."""
        return {part.named(name) for part in self.parts for name in part.names} | self.trained.keys()

    def cells(self, *, leading_only: bool = False) -> list[Source]:
        """Return the cells of all parts."""
        return [cell for part in self.parts for cell in part.cells(leading_only=leading_only)]

    def lead_to(self, project: Project, metrics: Collection[str]) -> None:
        """Walk back from the cells that logged metrics, and that made the model."""
        wanted = set() if self.model is None else {self.model}
        for part in reversed(self.parts):
            roots = [
                number
                for name, number in loggers(project, part).items()
                if part.named(name) in metrics and number in part.facts.steps
            ]
            roots += [number for number, things in part.facts.wrote.items() if {t.node for t in things} & wanted]
            trace = Trace(part.facts).back_from(executions=roots)
            part.leading |= trace.executions
            self.doubts += trace.doubts
            part.names |= {part.facts.names[number][1] for number in trace.versions if number in part.facts.names}
            for row in project.store.rows("SELECT execution, parameters FROM fit WHERE run = ?", part.number):
                if row["execution"] in part.leading:
                    part.names |= json.loads(row["parameters"]).keys()
            wanted |= {thing.node for number in trace.executions for thing in part.facts.named.get(number, ())}


def of_run(project: Project, number: int) -> Side:
    """Return what is known of a run by its row ID."""
    rows = project.store.rows(
        "WITH RECURSIVE part (id) AS (SELECT ? UNION SELECT run.id FROM run JOIN part ON run.parent = part.id)"
        " SELECT id FROM part ORDER BY id",
        number,
    )
    steps = len(rows) > 1
    return Side([_part(project, row["id"], steps and row["id"] != number) for row in rows])


def of_model(project: Project, number: int) -> Side:
    """Return what is known of the run that made a model version, by the row ID of the version."""
    row = project.store.rows("SELECT run, environment FROM model_version WHERE id = ?", number)[0]
    if row["run"] is None:
        return Side([], number)
    fit = project.store.value(
        "SELECT source FROM edge JOIN fit ON fit.id = source WHERE target = ? AND edge.kind = 'wrote'"
        " ORDER BY source DESC LIMIT 1",
        number,
    )
    part = _part(project, row["run"], False)
    part.surroundings = environments.of_run(project, part.number, row["environment"])
    return Side([part], number, *_training(project, fit))


def _training(project: Project, fit: int | None) -> tuple[dict[str, Json], dict[str, float]]:
    """Return the parameters and the metrics of a fit, nothing where none was seen."""
    if fit is None:
        return {}, {}
    parameters = json.loads(project.store.value("SELECT parameters FROM fit WHERE id = ?", fit))
    rows = project.store.rows("SELECT name, value FROM metric WHERE fit = ? ORDER BY id", fit)
    return parameters, {row["name"]: math.nan if row["value"] is None else row["value"] for row in rows}


def _part(project: Project, number: int, is_step: bool) -> Part:
    run = runs.get(project, runs.public_id(project, number))
    original = project.store.value("SELECT coalesce(original, id) FROM run WHERE id = ?", number)
    surroundings = environments.of_run(project, original)
    return Part(original, run.name if is_step else None, run, read_run(project, original), surroundings)


def loggers(project: Project, part: Part) -> dict[str, int]:
    """Return by metric the outermost cell that logged it last, of those that a cell logged."""
    rows = project.store.rows(
        "WITH RECURSIVE logged (name, id, execution) AS ("
        " SELECT metric.name, metric.id, coalesce(metric.execution, fit.execution) FROM metric"
        " LEFT JOIN fit ON fit.id = metric.fit WHERE metric.run = ?"
        " UNION SELECT name, logged.id, parent FROM logged JOIN execution ON execution.id = logged.execution"
        " WHERE parent IS NOT NULL)"
        " SELECT logged.name, execution FROM logged JOIN execution ON execution.id = logged.execution"
        " WHERE execution.parent IS NULL ORDER BY logged.id",
        part.number,
    )
    return {row["name"]: row["execution"] for row in rows}
