"""The verb ``bisect``: which change moved a metric from good to bad.

First the record: among the runs of the same notebook or pipeline between the two, the neighbours between which the
metric turned bad; nothing runs for that. Then the single changes between those neighbours. If there is one, it is the
cause, by elimination. Among several, delta debugging finds it: mixtures of the two programs run on stages, and the
difference between the largest one known good and the smallest one known bad shrinks until nothing can be taken out of
it (the algorithm *dd*, A. Zeller and R. Hildebrandt, Simplifying and isolating failure-inducing input, IEEE
Transactions on Software Engineering 28(2), 2002). A mixture that cannot run is neither good nor bad. What dd isolates
may need others to be made before it; these are isolated in turn, until the set moves the metric by itself.

Where both programs come to the same here, or do not differ at all, the cause is none of their changes: it lies in the
environments they ran in, whose packages are named, or in something that was not recorded.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace

from mlops_nb.capture.sources import imported
from mlops_nb.comparison import environments
from mlops_nb.comparison.baselines import Baseline, baselines, chance, notes_on
from mlops_nb.comparison.changes import between
from mlops_nb.comparison.environments import COMMIT, UNCOMMITTED, EnvironmentChange
from mlops_nb.comparison.histories import Point, history, side_of, turn
from mlops_nb.comparison.programs import Change, Chosen
from mlops_nb.comparison.sides import Side
from mlops_nb.comparison.trials import Trials
from mlops_nb.errors import UsageError
from mlops_nb.project import Project
from mlops_nb.records import Record
from mlops_nb.reproduction.seeds import checked
from mlops_nb.verbs import Progress, silent, verb

BUDGET = 24  # runs: neighbours with a hundred changes need about twenty
GOOD, BAD, NEITHER = "good", "bad", "neither"


@dataclass(frozen=True)
class Tried(Record):
    """A mixture that ran: the changes that were made to the good program, and what it came to."""

    changes: list[str]
    value: float | None
    verdict: str
    failure: str | None = None


@dataclass(frozen=True)
class Bisection(Record):
    """What moved a metric: ``good`` and ``bad`` are the neighbours between which it turned, ``cause`` the changes."""

    metric: str
    good: Point
    bad: Point
    limit: str
    conclusion: str
    cause: list[Change] = field(default_factory=list)
    environment: list[EnvironmentChange] = field(default_factory=list)
    history: list[Point] = field(default_factory=list)
    tried: list[Tried] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    runs: int = 0
    reused: int = 0

    @property
    def exit_code(self) -> int:
        """0 if a cause was found, else 1."""
        return 0 if self.cause or self.environment else 1


@verb("bisect", job=True)
def bisect(
    project: Project,
    metric: str,
    *,
    good: str,
    bad: str,
    threshold: float | None = None,
    budget: int = BUDGET,
    seed: int | None = None,
    progress: Progress = silent,
) -> Bisection:
    """Find the change that moved a metric from a good run to a bad one: a cell, a parameter, data or packages.

    Args:
        metric: the metric
        good: a run (runs:/ID) or a model version in which it was good
        bad: another of the same kind in which it was bad
        threshold: what lies on the bad side of this is bad; by default, what is nearer to bad than to good
        budget: run at most so many mixtures
        seed: run them with all that is made by chance under this seed

    Raises:
        NotFound: one of them means nothing, or has no such metric.
        UsageError: they are of different kinds, or the metric is the same in both, or both lie on one side.
    """
    points = history(project, metric, good, bad)
    is_bad = _judge(metric, points[0].value, points[-1].value, threshold)
    points = [replace(point, verdict=BAD if is_bad(point.value) else GOOD) for point in points]
    before, after = turn(points)
    limit = f"bad beyond {threshold:.6g}" if threshold is not None else f"nearer to {points[-1].value:.6g} is bad"
    found = Bisection(metric, before, after, limit, "", history=points)
    sides = side_of(project, before.ref), side_of(project, after.ref)
    surroundings = _environments(sides)
    programs = between(project, *sides, metric)
    if programs is None:
        return _by_environment(found, surroundings, "no recorded cell logged it, so that nothing can run again")
    if len(programs.changes) < 2 and not (programs.changes and surroundings):
        if programs.changes:
            said = f"{programs.changes[0].name} is all that differs on the way to {metric}, so it is the cause"
            return replace(found, conclusion=said, cause=programs.changes)
        return _by_environment(found, surroundings, "neither code, nor parameters, nor data on the way to it differ")
    with closing(Trials(programs, metric, budget, checked(seed), progress)) as trials:
        return _by_trials(found, trials, surroundings, is_bad)


def _judge(metric: str, good: float, bad: float, threshold: float | None) -> Callable[[float], bool]:
    if good == bad:
        raise UsageError(f"{metric} is {good:.6g} in both - give two runs between which it moved")
    if threshold is None:
        return lambda value: abs(value - bad) < abs(value - good)
    if (good < threshold) == (bad < threshold) and bad != threshold != good:
        raise UsageError(f"threshold={threshold} does not lie between good ({good:.6g}) and bad ({bad:.6g})")
    return (lambda value: value > threshold) if bad > good else (lambda value: value < threshold)


def _environments(sides: tuple[Side, Side]) -> list[EnvironmentChange]:
    """Return how the environments of two sides differ, packages that their cells import first."""
    modules = {module for side in sides for cell in side.cells() for module in imported(cell.source)}
    found = [
        change
        for old, new in zip(sides[0].parts, sides[1].parts, strict=False)
        for change in environments.compare(old.surroundings, new.surroundings, modules)
        if change.name not in (COMMIT, UNCOMMITTED)
    ]
    return list(dict.fromkeys(found))


def _by_environment(found: Bisection, changed: Sequence[EnvironmentChange], why: str) -> Bisection:
    """Conclude, by elimination, that the environment is the cause, if it is another."""
    if not changed:
        said = f"{why}, and the environments are the same: it moved by chance or by something that was not recorded"
        return replace(found, conclusion=said)
    imported = [change for change in changed if change.imported] or changed
    shown = ", ".join(f"{change.name} {change.before or 'none'} → {change.after or 'none'}" for change in imported[:5])
    rest = len(changed) - min(len(imported), 5)
    said = f"{why}, so the cause lies in the environment: {shown}{f' or {rest} others' if rest else ''}"
    return replace(found, conclusion=said, environment=[*changed])


def _by_trials(
    found: Bisection, trials: Trials, surroundings: Sequence[EnvironmentChange], is_bad: Callable[[float], bool]
) -> Bisection:
    programs = trials.programs
    ends = baselines(trials, (found.good.value, found.bad.value))
    if failed := [f"{name} cannot be run again: {end.failure}" for name, end in _named(ends) if end.failure]:
        said = f"{'; '.join(failed)} - the cause is among: {programs.name(programs.everything)}"
        return replace(found, conclusion=said, notes=notes_on([e for e in ends if e.values], trials), runs=trials.runs)
    found = replace(found, notes=notes_on(ends, trials))
    if any(is_bad(value) != is_bad(end.value) for end in ends for value in end.values):
        said = "by chance alone the same program is good once and bad once - fix it with --seed"
        return replace(found, conclusion=said, runs=trials.runs, reused=trials.reused)
    if is_bad(ends[0].value) or not is_bad(ends[1].value):
        why = f"run again here, both come out {BAD if is_bad(ends[0].value) else GOOD}"
        done = _by_environment(found, surroundings, why)
        return replace(done, runs=trials.runs, reused=trials.reused)
    search = _Search(trials, is_bad, chance(ends, 1, 1) / 2)
    cause = search.smallest()
    names = programs.name(cause)
    said = f"{names} moved it{'' if len(cause) == 1 else ' together'}"
    if search.spent:
        said = f"the cause is among {names} - give a larger --budget to find it"
    return replace(
        found, conclusion=said, cause=[programs.changes[change] for change in sorted(cause)], tried=search.tried,
        runs=trials.runs, reused=trials.reused,
    )  # fmt: skip


def _named(ends: Sequence[Baseline]) -> list[tuple[str, Baseline]]:
    return list(zip((GOOD, BAD), ends, strict=True))


class _Search:
    """Delta debugging over the changes of two programs."""

    def __init__(self, trials: Trials, is_bad: Callable[[float], bool], chance: float) -> None:
        self.trials, self.is_bad, self.chance = trials, is_bad, chance
        self.tried: list[Tried] = []
        self.spent = False
        self._known: dict[Chosen, str] = {frozenset(): GOOD, trials.programs.everything: BAD}

    def test(self, chosen: Chosen) -> str:
        """Return whether the good program with some changes is good, bad or neither."""
        if chosen not in self._known:
            trial = self.trials.of(chosen)
            if trial is None:
                self.spent = True
                return NEITHER
            verdict = self._judged(trial.value)
            self._known[chosen] = verdict
            names = [self.trials.programs.changes[change].name for change in sorted(chosen)]
            self.tried.append(Tried(names, trial.value, verdict, trial.failure))
        return self._known[chosen]

    def _judged(self, value: float | None) -> str:
        """Judge a run; one that is nearer to the limit than chance goes is neither."""
        if value is None or self.is_bad(value - self.chance) != self.is_bad(value + self.chance):
            return NEITHER
        return BAD if self.is_bad(value) else GOOD

    def smallest(self) -> Chosen:
        """Return a smallest set of changes that makes the good program bad; where the budget ends, what is left."""
        needed, high = frozenset[int](), self.trials.programs.everything
        while self.test(needed) != BAD and not self.spent:
            low, high = self.isolate(needed, high)
            needed |= high - low
        return high if self.spent else needed

    def isolate(self, low: Chosen, high: Chosen, parts: int = 2) -> tuple[Chosen, Chosen]:
        """Return a good and a bad set of changes whose difference is minimal (Zeller and Hildebrandt, figure 8)."""
        rest = sorted(high - low)
        if len(rest) < 2 or self.spent:
            return low, high
        pieces = [frozenset(rest[part * len(rest) // parts : (part + 1) * len(rest) // parts]) for part in range(parts)]
        for piece in pieces:
            if self.test(low | piece) == BAD:
                return self.isolate(low, low | piece)
            if self.test(high - piece) == GOOD:
                return self.isolate(high - piece, high)
        for piece in pieces:
            if self.test(low | piece) == GOOD:
                return self.isolate(low | piece, high, max(parts - 1, 2))
            if self.test(high - piece) == BAD:
                return self.isolate(low, high - piece, max(parts - 1, 2))
        return self.isolate(low, high, min(2 * parts, len(rest))) if parts < len(rest) else (low, high)
