"""The verb ``reproduce``: run the slice of a thing again, hold every recorded result against the new one, and judge.

It runs in the environment of the record, which is built again where the one that is here is another. What differs is
run once more: where the two new runs differ too, it is chance, and not a change of anything.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from mlops_nb.capture import environments
from mlops_nb.capture.environments import Environment
from mlops_nb.errors import UsageError
from mlops_nb.ids import canonical_json
from mlops_nb.lineage.facts import read_run
from mlops_nb.lineage.references import resolve
from mlops_nb.lineage.slices import Trace, trace_of
from mlops_nb.pipelines.engine import Engine
from mlops_nb.project import Project
from mlops_nb.records import Record, moment
from mlops_nb.reproduction.chance import examine, told
from mlops_nb.reproduction.matching import match
from mlops_nb.reproduction.places import HERE, Place, place_of
from mlops_nb.reproduction.replays import Replay, replayed
from mlops_nb.reproduction.results import Key, Result, results
from mlops_nb.reproduction.rungs import DIFFERENT, EQUIVALENT, IDENTICAL, RUNGS
from mlops_nb.reproduction.seeds import checked, hashed
from mlops_nb.reproduction.stages import Script, obstacles
from mlops_nb.verbs import Progress, silent, verb

NOT_REPRODUCIBLE = "not reproducible"


@dataclass(frozen=True)
class Compared(Record):
    """One recorded result and the new one: their hashes, whether they agree, on which rung, and in words how."""

    name: str
    kind: str
    verdict: str
    detail: str
    rung: str | None
    then: str
    now: str | None


@dataclass(frozen=True)
class Reproduction(Record):
    """Whether a thing came out again, and on which rung all of it did.

    ``slice`` is the number of cells that ran; ``environment`` says whether that was ``here``, or in the environment of
    the record, which was ``restored`` for it. ``fixed`` says of what is made by chance whether it comes out the same
    each time under the seed that was given.
    """

    ref: str
    verdict: str
    rung: str | None
    compared: list[Compared]
    slice: int
    environment: str
    reason: str | None
    created: datetime | None
    fixed: bool | None = None

    @property
    def again(self) -> bool:
        """Whether it came out again."""
        return self.verdict in (IDENTICAL, EQUIVALENT)

    @property
    def exit_code(self) -> int:
        """0, or 1 where it did not come out again."""
        return 0 if self.again else 1


@verb("reproduce", job=True)
def reproduce(
    project: Project,
    ref: str,
    *,
    rtol: float = 0.0,
    here: bool = False,
    seed: int | None = None,
    progress: Progress = silent,
) -> Reproduction:
    """Run the slice of a thing again on a copy of its inputs, and compare all that it recorded with what comes now.

    Args:
        ref: a variable, cell, file, dataset, model, run or ID
        rtol: how far numbers may differ, relative to the larger one
        here: run in the environment that is here, also where the recorded one is another
        seed: what is made by chance runs twice more under this, to see whether a seed fixes it
        progress: told how far each run is

    Raises:
        NotFound: the reference means nothing.
        UsageError: no cell made it, or rtol or the seed is out of range.
        NotInstallable: its environment cannot be built again.
    """
    if rtol < 0:
        raise UsageError(f"rtol={rtol} is negative - give a part of the number, such as 1e-9")
    checked(seed)
    node = resolve(project, ref)
    script = script_of(project, ref, node)
    place = Place(None, environments.environment())
    if found := obstacles(script):
        judged = _judgement(script, {}, NOT_REPRODUCIBLE, "; ".join(found))
    else:
        place = place_of(script, here=here, progress=progress)
        judged = replace(_run(script, rtol, seed, place, progress), environment=place.word)
    _keep(project, node, judged, place.now)
    return judged


def script_of(project: Project, ref: str, node: int) -> Script:
    """Return what has to run again for a thing (row ID)."""
    if project.store.value("SELECT 1 FROM run WHERE id = ?", node) is None:
        return Script.of(project, ref, trace_of(project, node))
    facts = read_run(project, project.store.value("SELECT coalesce(original, id) FROM run WHERE id = ?", node))
    if not facts.steps:
        raise UsageError(f"no cell of {ref} was recorded - a pipeline comes out again step by step, a script does not")
    return Script.of(project, ref, Trace(facts).back_from(executions=[*facts.steps]))


def _run(script: Script, rtol: float, seed: int | None, place: Place, progress: Progress) -> Reproduction:
    then, order = results(script.project, script.executions), hashed(1, place.variables)
    with (
        Engine() as engine,
        replayed(script, lambda done, total: progress("run again", done, total), place, engine, order) as once,
    ):
        if failed := failure(script, once):
            return _judgement(script, {}, NOT_REPRODUCIBLE, failed)
        if not then:
            reason = "nothing that its cells made was recorded - show it, log it or write it in a cell"
            return _judgement(script, {}, NOT_REPRODUCIBLE, reason)
        now = results(once.project, once.executions)
        compared = {key: _compared(script, one, now.get(key), rtol) for key, one in then.items()}
        differing = [key for key, one in compared.items() if one.verdict == DIFFERENT]
        if not differing:
            exact = all(one.verdict == IDENTICAL for one in compared.values())
            return _judgement(script, compared, IDENTICAL if exact else EQUIVALENT, None)
        chance = examine(script, now, rtol, seed, place, engine, progress)
    changed = [key for key in differing if key not in chance.keys]
    if not changed:
        return _judgement(script, compared, NOT_REPRODUCIBLE, told(script, chance), chance.fixed)
    parts = [f"first in {compared[changed[0]].name}"]
    parts += [f"the environment is another: {other}"] if (other := place.changed()) else []
    parts += [told(script, chance)] if chance.keys else []
    return _judgement(script, compared, DIFFERENT, "; ".join(parts), chance.fixed)


def _judgement(
    script: Script, found: Mapping[Key, Compared], verdict: str, reason: str | None, fixed: bool | None = None
) -> Reproduction:
    compared = list(found.values())
    said = [reason] if reason else []
    if doubts := [doubt for doubt in script.slice.uncheckable if doubt not in (reason or "")]:
        said.append(f"not certain: {'; '.join(doubts)}")
    rungs = [RUNGS.index(one.rung) for one in compared if one.rung is not None]
    rung = RUNGS[max(rungs)] if rungs and verdict in (IDENTICAL, EQUIVALENT) else None
    return Reproduction(
        script.slice.ref, verdict, rung, compared, len(script.executions), HERE, "; ".join(said) or None,
        moment(time.time()), fixed,
    )  # fmt: skip


def failure(script: Script, run: Replay) -> str | None:
    """Return how a replay failed to run to its end, or None."""
    for cell, number in zip(script.slice.cells, run.executions, strict=False):
        outcome = run.project.store.row("SELECT status, reason FROM outcome WHERE id = ?", number)
        if cell.raises is None and (outcome is None or outcome["status"] != "ok"):
            how = f"raised {outcome['reason']}" if outcome else "did not come to its end"
            return f"cell [{cell.execution_count}] {how}"
    if len(run.executions) < len(script.executions):
        return run.error.message if run.error else "it ended before all of its cells had run"
    return None


def _compared(script: Script, then: Result, now: Result | None, rtol: float) -> Compared:
    count = script.slice.cells[then.cell].execution_count
    name = f"[{count}] {then.name}"
    if now is None:
        return Compared(name, then.kind, DIFFERENT, "it was not made again", None, then.hash, None)
    found = match(then, now, rtol)
    return Compared(name, then.kind, found.verdict, found.detail, found.rung, then.hash, now.hash)


def _keep(project: Project, node: int, judged: Reproduction, place: Environment) -> None:
    """Record a verdict, bound to the hashes of what was compared."""
    content = project.content.put(canonical_json([replace(one).to_json() for one in judged.compared]).encode())
    with project.store.write() as store:
        store.execute(
            "INSERT INTO reproduction (id, node, verdict, again, cells, environment, reason, compared, at)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            store.next_id(), node, judged.verdict, int(judged.again), judged.slice,
            environments.environment_id(store, place), judged.reason, content, time.time(),
        )  # fmt: skip
