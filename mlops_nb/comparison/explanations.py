"""Explanations: how much of a metric's difference each single change accounts for, found by making it alone.

A and B run again first (:mod:`~mlops_nb.comparison.baselines`). Where they do not give their recorded metrics, what is
explained is the difference between the new runs, and that is said; an effect within chance is none. Then each change is
made alone to A, the nearest to the metric first, as far as the budget goes. One that cannot run alone (a call of what
another change defines) is made together with those that it touches.

Effects of changes made alone need not add up to the difference: the rest, which is theirs only together, is said and
not shared out. Nothing is fitted or assumed: every number is a run that anybody can repeat.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from mlops_nb.comparison.baselines import baselines, chance, notes_on, refusal
from mlops_nb.comparison.programs import Chosen, Programs
from mlops_nb.comparison.trials import NEAR, Trial, Trials, same
from mlops_nb.records import Record

BUDGET = 12  # runs: A and B once more, and some changes
MOVES, NOTHING, CHANCE, CANNOT, UNTRIED = "moves it", "no effect", "within chance", "cannot run alone", "not tried"


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

    ``before`` and ``after`` are what A and B come to here, ``recorded`` what they came to then. ``chance`` is the
    least effect of a change that is told from none. ``refused`` says why nothing is attributed.
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


def explain(trials: Trials, metric: str, recorded: Sequence[float]) -> Explanation:
    """Attribute the difference of a metric between A and B to the changes between them.

    Args:
        trials: the runs that can be made
        metric: the metric
        recorded: what A and B came to when they ran
    """
    programs = trials.programs
    sides = baselines(trials, recorded)
    a, b = (side.value if side.values else None for side in sides)
    least = chance(sides, second=1)
    found: list[Effect] = []
    rest = None
    refused = refusal(sides, programs)
    if refused is None and a is not None and b is not None:
        found = _effects(trials, a, b, least)
        rest = (b - a) - sum(effect.effect or 0.0 for effect in found)
        rest = 0.0 if abs(rest) <= max(least, NEAR * abs(b - a), NEAR * abs(a)) else rest
    notes = notes_on(sides, trials) + (_about(found, rest, programs) if refused is None else [])
    return Explanation(metric, [*recorded], a, b, found, rest, least, notes, refused, trials.runs, trials.reused)


def _effects(trials: Trials, a: float, b: float, least: float) -> list[Effect]:
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
                found[group] = _effect(programs, group, joined, a, least, f"alone: {trial.failure}")
                continue
        found[alone] = _effect(programs, alone, trial, a, least)
    return list(found.values())


def _effect(
    programs: Programs, chosen: Chosen, trial: Trial | None, a: float, least: float, note: str | None = None
) -> Effect:
    kind = " and ".join(dict.fromkeys(programs.changes[change].kind for change in sorted(chosen)))
    detail = "; ".join(programs.changes[change].detail for change in sorted(chosen))
    if trial is None or trial.value is None:
        verdict = UNTRIED if trial is None else CANNOT
        note = trial.failure if trial else "the budget is spent"
        return Effect(programs.name(chosen), kind, detail, verdict, note=note)
    effect = 0.0 if same(trial.value, a) else trial.value - a
    verdict = NOTHING if not effect else CHANCE if abs(effect) <= least else MOVES
    return Effect(programs.name(chosen), kind, detail, verdict, trial.value, effect, note)


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
