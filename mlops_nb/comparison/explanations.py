"""Explanations: how much of a metric's difference each single change accounts for, found by making it alone.

A and B run again first. Where they do not give their recorded metrics, what is explained is the difference between the
new runs, and that is said; where one of them comes out otherwise each time, its range is chance, and an effect within
it is none. Then each change is made alone to A, the nearest to the metric first, as far as the budget goes. One that
cannot run alone (a call of what another change defines) is made together with those that it touches.

Effects of changes made alone need not add up to the difference: the rest, which is theirs only together, is said and
not shared out. Nothing is fitted or assumed: every number is a run that anybody can repeat.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from mlops_nb.comparison.programs import Chosen, Programs
from mlops_nb.comparison.trials import Trial, Trials, same
from mlops_nb.records import Record
from mlops_nb.reproduction.reproduce import changed_environment
from mlops_nb.reproduction.stages import obstacles

BUDGET = 12  # runs: A and B once more, and some changes
MOVES, NOTHING, CHANCE, CANNOT, UNTRIED = "moves it", "no effect", "within chance", "cannot run alone", "not tried"
ROUNDING = 1e-9
BY_CHANCE = ("seed", "random")  # what doubts about chance speak of


@dataclass(frozen=True)
class Effect(Record):
    """A change made alone to A (or with those it cannot run without): the metric then, and by how much it moved."""

    change: str
    kind: str
    detail: str
    verdict: str
    value: float | None = None
    effect: float | None = None
    note: str | None = None


@dataclass(frozen=True)
class Explanation(Record):
    """What moved a metric from A to B: the effect of each change alone, and the rest, which could not be separated.

    ``before`` and ``after`` are what A and B come to here, ``recorded`` what they came to then. ``chance`` is how far
    the metric moved between runs of the same program. ``refused`` says why nothing is attributed.
    """

    metric: str
    recorded: list[float]
    before: float | None = None
    after: float | None = None
    effects: list[Effect] = field(default_factory=list)
    rest: float | None = None
    chance: float = 0.0
    notes: list[str] = field(default_factory=list)
    refused: str | None = None
    runs: int = 0
    reused: int = 0


@dataclass
class Baseline:
    """What a side comes to here: once, or twice where it is not what was recorded or is made by chance."""

    name: str
    recorded: float
    values: list[float] = field(default_factory=list)
    failure: str | None = None

    @property
    def value(self) -> float:
        """What the others are held against."""
        return self.values[0]

    @property
    def spread(self) -> float:
        """How far apart two runs of the same program are."""
        return 0.0 if same(min(self.values), max(self.values)) else max(self.values) - min(self.values)

    @property
    def again(self) -> bool:
        """Whether the recorded metric came again."""
        return same(self.value, self.recorded)


def baselines(trials: Trials, recorded: Sequence[float]) -> list[Baseline]:
    """Run A and B once more, and twice where they do not give their recorded metric or draw without a seed."""
    programs, found = trials.programs, []
    sides = zip("AB", (frozenset[int](), programs.everything), (programs.a, programs.b), recorded, strict=True)
    for name, chosen, script, then in sides:
        side = Baseline(name, then)
        found.append(side)
        if reasons := obstacles(script):
            side.failure = "; ".join(reasons)
            continue
        drawn = any(word in doubt for doubt in script.slice.uncheckable for word in BY_CHANCE)
        for again in range(2):
            if again and side.again and not drawn:
                break
            trial = trials.of(chosen, again)
            if trial is None:
                side.failure = None if side.values else "the budget is spent"
            elif trial.value is None:
                side.failure = trial.failure
            else:
                side.values.append(trial.value)
            if side.failure:
                break
    return found


def refusal(sides: Sequence[Baseline], programs: Programs) -> str | None:
    """Say why nothing can be attributed, if so."""
    if failed := [f"{side.name} cannot be run again: {side.failure}" for side in sides if side.failure]:
        return "; ".join(failed)
    a, b = sides
    chance = max(side.spread for side in sides)
    if chance and abs(b.value - a.value) <= chance:
        return f"A and B lie within chance: runs of the same program are {chance:.4g} apart - fix it with --seed"
    if same(a.value, b.value):
        other = environment_between(programs)
        cause = f"the environment: {other}" if other else "something that was not recorded"
        return f"A and B come to the same here, {a.value:.6g}: what moved it then was {cause}"
    return None


def environment_between(programs: Programs) -> str | None:
    """Say what is another here than when A or B ran, or None."""
    found = {name: changed_environment(script) for name, script in (("A", programs.a), ("B", programs.b))}
    return "; ".join(f"since {name} ran, {what}" for name, what in found.items() if what) or None


def explain(trials: Trials, metric: str, recorded: Sequence[float]) -> Explanation:
    """Attribute the difference of a metric between A and B to the changes between them.

    Args:
        trials: the runs that can be made
        metric: the metric
        recorded: what A and B came to when they ran
    """
    programs = trials.programs
    sides = baselines(trials, recorded)
    a, b = (side.values[0] if side.values else None for side in sides)
    chance = max((side.spread for side in sides if side.values), default=0.0)

    def explanation(
        effects: Sequence[Effect] = (), rest: float | None = None, refused: str | None = None
    ) -> Explanation:
        notes = _notes(sides, programs, trials) + ([] if refused else _about(effects, rest, programs))
        return Explanation(
            metric, [*recorded], a, b, [*effects], rest, chance, notes, refused, trials.runs, trials.reused
        )

    if refused := refusal(sides, programs):
        return explanation(refused=refused)
    assert a is not None and b is not None
    found = _effects(trials, a, b, chance)
    rest = (b - a) - sum(effect.effect or 0.0 for effect in found)
    small = abs(rest) <= chance or apart(a + rest, a) <= 1e-9 or abs(rest) <= 1e-9 * abs(b - a)
    return explanation(found, 0.0 if small else rest)


def _effects(trials: Trials, a: float, b: float, chance: float) -> list[Effect]:
    programs = trials.programs
    if not programs.changes:
        return []
    found: dict[Chosen, Effect] = {}
    for change in programs.nearest_first:
        alone = frozenset({change})
        if any(change in chosen for chosen in found):
            continue
        trial = Trial(b) if alone == programs.everything else trials.of(alone)
        group = programs.together(change)
        if trial is not None and trial.value is None and len(group) > 1:
            joined = Trial(b) if group == programs.everything else trials.of(group)
            if joined is not None and joined.value is not None:
                found = {chosen: effect for chosen, effect in found.items() if not chosen & group}
                found[group] = _effect(programs, group, joined, a, chance, f"alone: {trial.failure}")
                continue
        found[alone] = _effect(programs, alone, trial, a, chance)
    return list(found.values())


def _effect(
    programs: Programs, chosen: Chosen, trial: Trial | None, a: float, chance: float, note: str | None = None
) -> Effect:
    kind = " and ".join(dict.fromkeys(programs.changes[change].kind for change in sorted(chosen)))
    detail = "; ".join(programs.changes[change].detail for change in sorted(chosen))
    if trial is None or trial.value is None:
        verdict = UNTRIED if trial is None else CANNOT
        return Effect(
            programs.name(chosen), kind, detail, verdict, note=trial.failure if trial else "the budget is spent"
        )
    effect = 0.0 if same(trial.value, a) else trial.value - a
    verdict = NOTHING if not effect else CHANCE if abs(effect) <= chance else MOVES
    return Effect(programs.name(chosen), kind, detail, verdict, trial.value, effect, note)


def _notes(sides: Sequence[Baseline], programs: Programs, trials: Trials) -> list[str]:
    """Say what the numbers are held against, and what is not sure of them."""
    found = []
    for side in sides:
        if side.values and side.spread:
            shown = " and ".join(f"{value:.6g}" for value in side.values)
            found.append(f"{side.name} comes out otherwise each time: {shown}, recorded {side.recorded:.6g}")
        elif side.values and not side.again:
            found.append(f"{side.name} gives {side.value:.6g} here and not {side.recorded:.6g} as recorded")
    if any(side.values and not side.again for side in sides):
        found.append("what is attributed is the difference between the runs here")
        if other := environment_between(programs):
            found.append(f"the part of the environment could not be separated: {other}")
    if trials.seed is not None:
        found.append(f"all runs are under seed {trials.seed}, which the record was not")
    return found


def _about(effects: Sequence[Effect], rest: float | None, programs: Programs) -> list[str]:
    """Say what could not be separated."""
    found = []
    if not programs.changes:
        found.append("nothing in the code, the parameters or the data on the way to it differs")
    if untried := [effect.change for effect in effects if effect.verdict == UNTRIED]:
        found.append(f"not tried: {', '.join(untried)} - give a larger --budget")
    if stuck := [effect.change for effect in effects if effect.verdict == CANNOT]:
        found.append(f"cannot run alone: {', '.join(stuck)}")
    if rest:
        why = "what was not tried is in it" if untried else "what cannot run alone is in it" if stuck else (
            "the changes act on each other"
        )  # fmt: skip
        found.append(f"could not be separated: {rest:+.4g} ({why})")
    return found
