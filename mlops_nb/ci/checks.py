"""The verb ``ci``: the store is whole, pipelines run, notebooks are clean, results come out again, gates are passed.

A notebook is judged, not run: by what was recorded of it, or, where no record is at hand as in a fresh checkout, by its
source and execution counts. What is to come out again needs the store with its record.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from mlops_nb.ci import junit as reports
from mlops_nb.ci.settings import Settings
from mlops_nb.errors import MlopsError
from mlops_nb.lineage.judged import verdict_of_notebook
from mlops_nb.lineage.references import resolve
from mlops_nb.pipelines.executor import run
from mlops_nb.project import Project
from mlops_nb.proof import fsck
from mlops_nb.records import Record
from mlops_nb.registry import gates
from mlops_nb.reproduction.reproduce import reproduce
from mlops_nb.verbs import Progress, silent, verb

PASSED, FAILED, BROKEN = "passed", "failed", "broken"


@dataclass(frozen=True)
class Check(Record):
    """One question and its answer: passed, failed, or broken where it could not be asked; and why in words."""

    kind: str
    name: str
    verdict: str
    detail: str
    seconds: float


@dataclass(frozen=True)
class Integration(Record):
    """Whether everything passed, and every check."""

    passed: bool
    checks: list[Check]

    @property
    def exit_code(self) -> int:
        """0, or 1 where a check did not pass."""
        return 0 if self.passed else 1


Answer = tuple[bool, str]


@verb("ci", job=True)
def ci(project: Project, *, junit: str | None = None, progress: Progress = silent) -> Integration:
    """Check a project as its [ci] table says: the store, its notebooks, what must come out again, and its gates.

    Ends with exit code 1 when one of them says no.

    Args:
        junit: write the checks to this file too, as JUnit XML
        progress: told how far each run is

    Raises:
        UsageError: the table [ci] of mlops.toml makes no sense, or the report cannot be written.
    """
    checks = [_asked(*question) for question in _questions(project, Settings.of(project), progress)]
    if junit is not None:
        reports.write(Path(junit), checks, passed=PASSED, broken=BROKEN)
    return Integration(all(check.verdict == PASSED for check in checks), checks)


def _asked(kind: str, name: str, ask: Callable[[], Answer]) -> Check:
    began = time.monotonic()
    try:
        passed, detail = ask()
        verdict = PASSED if passed else FAILED
    except MlopsError as error:  # one that cannot be asked must not hide the others
        verdict, detail = BROKEN, str(error)
    return Check(kind, name, verdict, detail, time.monotonic() - began)


def _questions(
    project: Project, settings: Settings, progress: Progress
) -> Iterator[tuple[str, str, Callable[[], Answer]]]:
    yield "store", "fsck", partial(_store, project)
    for target in settings.run:
        yield "pipeline", target, partial(_pipeline, project, target, progress)
    for notebook in settings.notebooks:
        yield "notebook", notebook, partial(_notebook, project, notebook, settings.accept)
    for ref in settings.reproduce:
        yield "reproduce", ref, partial(_reproduce, project, ref, settings.rtol, progress)
    for ref in settings.gates:
        yield "gate", ref, partial(_gate, project, ref)


def _store(project: Project) -> Answer:
    proof = fsck(project)
    return proof.ok, "; ".join(proof.problems) or "whole"


def _pipeline(project: Project, target: str, progress: Progress) -> Answer:
    done = run(project, target, progress=progress)
    cached = sum(step.status == "cached" for step in done.steps)
    return done.failure is None, done.failure or f"{len(done.steps)} steps, {cached} of them cached"


def _notebook(project: Project, notebook: str, accepted: list[str]) -> Answer:
    found = verdict_of_notebook(project, notebook)
    basis = "by its record" if found.recorded else "by its source alone"
    against = [
        f"cell {cell.position}: {reason.what}"
        for cell in found.cells for reason in cell.reasons if reason.verdict == found.verdict
    ]  # fmt: skip
    more = f" and {len(against) - 1} more" if len(against) > 1 else ""
    return found.verdict in accepted, f"{found.verdict}, {basis}{': ' + against[0] + more if against else ''}"


def _reproduce(project: Project, ref: str, rtol: float, progress: Progress) -> Answer:
    found = reproduce(project, ref, rtol=rtol, progress=progress)
    rung = f" by {found.rung}" if found.rung else ""
    return found.again, f"{found.verdict}{rung}{': ' + found.reason if found.reason else ''}"


def _gate(project: Project, ref: str) -> Answer:
    """Hold the metrics of the last gate against the criteria as they are now; nothing is recorded."""
    number = resolve(project, ref)
    judged = gates.held(project, number)
    if judged is None:
        return False, "it has not been through its gate - evaluate it and call mlops.gate"
    missed = [
        f"{one.name} is {'missing' if one.value is None else f'{one.value:.4g}'}, must be {one.limit}"
        for one in judged.criteria if not one.passed
    ]  # fmt: skip
    return judged.passed, "; ".join(missed) or f"{len(judged.criteria)} criteria"
