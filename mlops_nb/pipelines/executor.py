"""Running a pipeline: each step in its order, skipped where nothing it depends on has changed."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from mlops_nb import errors
from mlops_nb.capture import notebooks, runs
from mlops_nb.errors import CheckFailed, StoreReadOnly
from mlops_nb.pipelines import cache, planner
from mlops_nb.pipelines.engine import CellError, Engine
from mlops_nb.pipelines.parameters import assign
from mlops_nb.pipelines.pipelines import Plan, Step, step
from mlops_nb.project import Project
from mlops_nb.records import Json, Record
from mlops_nb.verbs import Progress, silent, verb


@dataclass(frozen=True)
class PipelineRun(Record):
    """A run of a pipeline: the steps that were reached, those that were not, and the failure if there was one."""

    id: str
    name: str
    status: str
    seconds: float
    steps: list[Step]
    pending: list[str]
    failure: str | None
    refused: bool

    @property
    def exit_code(self) -> int:
        """0, or 1 where a check or a gate said no, or 3 where something else failed."""
        return 0 if self.failure is None else 1 if self.refused else 3


@verb("run", job=True)
def run(
    project: Project,
    target: str | None = None,
    *,
    parameters: dict[str, Json] | None = None,
    force: bool = False,
    progress: Progress = silent,
) -> PipelineRun:
    """Run a pipeline's notebooks in the order of what they read and write, skipping what has not changed.

    Args:
        target: a pipeline of mlops.toml, a folder or a notebook; by default the only pipeline there is
        parameters: values for parameters that the notebooks declare
        force: run every step, changed or not
        progress: told how far each step is

    Raises:
        NotFound: there is no such pipeline or notebook.
        ParameterError: a parameter is unknown or ill-typed; nothing has started.
        UsageError: the notebooks cannot be put in order.
    """
    plan = Plan.of(project, target)
    given = parameters or {}
    assigned = assign(plan.notebooks, given)
    started = time.monotonic()
    number = runs.start(project, "pipeline", plan.name, parameters=given)
    running = _Running(project, plan, number, runs.public_id(project, number), given, assigned, progress)
    try:
        running.execute(force)
    except BaseException as error:
        runs.finish(project, number, "aborted" if isinstance(error, KeyboardInterrupt) else "failed", str(error))
        raise
    finally:
        running.engine.stop()
    runs.finish(project, number, "failed" if running.failure else "ok", running.failure)
    reached = [done.name for done in running.steps]
    return PipelineRun(
        id=running.public, name=plan.name, status="failed" if running.failure else "ok",
        seconds=time.monotonic() - started, steps=running.steps, failure=running.failure, refused=running.refused,
        pending=[name for name in plan.notebooks if name not in reached],
    )  # fmt: skip


class _Running:
    """What a running pipeline has come to so far."""

    def __init__(
        self,
        project: Project,
        plan: Plan,
        number: int,
        public: str,
        given: Mapping[str, Json],
        assigned: dict[str, dict[str, Json]],
        progress: Progress,
    ) -> None:
        self.project, self.plan, self.number, self.public = project, plan, number, public
        self.given, self.assigned, self.progress = given, assigned, progress
        self.engine = Engine()
        self.steps: list[Step] = []
        self.failure: str | None = None
        self.refused = False

    def execute(self, force: bool) -> None:
        """Take each step in turn until one fails."""
        for name in self.plan.notebooks:
            wanted = cache.key(self.plan.notebooks[name], self.plan.traffic[name], self.assigned[name])
            decision = cache.decide(self.project, self.plan.notebooks[name], wanted, self.plan.traffic[name])
            if decision.original is not None and not force:
                self._skip(name, wanted, decision)
                continue
            reason = "forced" if force and decision.original is not None else decision.reason
            if not self._perform(name, wanted, reason):
                return

    def _skip(self, name: str, wanted: str, decision: cache.Decision) -> None:
        assert decision.original is not None
        number = self._begin(name, wanted, decision.original)
        cache.reuse(self.project, number, decision.original)
        self._done(name, number, decision.reason)

    def _perform(self, name: str, wanted: str, reason: str) -> bool:
        self.engine.start()
        notebook = self.plan.notebooks[name]
        output = self._receipt(name)
        number = self._begin(name, wanted, None)
        environment = {
            "MLOPS_RUN": runs.public_id(self.project, number),
            "MLOPS_HOME": str(self.project.root),
            "MLOPS_NOTEBOOK": str(notebook.path.resolve()),
            "MLOPS_ACTOR": self.project.actor,
        }
        try:
            error = self.engine.execute(
                notebook.path, output, self._injected(name), environment,
                lambda done, total, label: self.progress(name, done, total),
            )  # fmt: skip
        except BaseException as interrupt:
            runs.finish(self.project, number, "aborted", str(interrupt) or "interrupted")
            raise
        if error is not None:
            kind = errors.family().get(error.name)
            self.refused = kind is not None and issubclass(kind, CheckFailed)
            self.failure = _sentence(name, error, self.project.relative(output))
        runs.finish(self.project, number, "failed" if error else "ok", self.failure or reason)
        self._done(name, number, self.failure or reason)
        return error is None

    def _injected(self, name: str) -> dict[str, Json]:
        """Return the given parameters that a step declares; a default stays what the notebook's own cell makes it."""
        return {key: value for key, value in self.given.items() if key in self.assigned[name]}

    def _begin(self, name: str, wanted: str, original: int | None) -> int:
        notebook = self.plan.notebooks[name]
        return runs.start(
            self.project, "step", name, notebook=self.project.relative(notebook.path), parent=self.number,
            parameters=self.assigned[name], cache_key=wanted, original=original,
        )  # fmt: skip

    def _done(self, name: str, number: int, reason: str) -> None:
        record = runs.get(self.project, runs.public_id(self.project, number))
        needs = sorted(planner.needed(name, self.plan.traffic))
        made = step(
            self.plan.notebooks[name], self.project, self.plan.traffic[name], needs, self.assigned[name], record
        )
        self.steps.append(replace(made, reason=reason))
        if record.status != "failed":
            self.progress(name, 1, 1)

    def _receipt(self, name: str) -> Path:
        path = notebooks.receipt(self.project, self.public, name)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreReadOnly(
                f"cannot keep receipts in {path.parent}: {error} - make the project folder writable"
            ) from error
        return path


def _sentence(name: str, error: CellError, receipt: str) -> str:
    """Say what failed, where, and where to look."""
    where = f" in cell {error.cell}" if error.cell else ""
    if "DeadKernel" in error.name:
        return f"{name}: its kernel died{where} ({error.message}) - see {receipt}, then: mlops run"
    return f"{name}: {error.name}{where}: {error.message} - the notebook as far as it ran: {receipt}"
