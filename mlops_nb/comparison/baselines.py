"""Baselines: what A and B come to when they run again here, before anything between them is tried.

A side that does not give its recorded metric runs again, and so does one that draws without a seed. Where runs of one
program differ it runs three times, and the mean is what effects are held against. Chance is then the least difference
that is told from none: the width of a 99 % interval of Student's t with the pooled variance of the runs of A and B (W.
S. Gosset, The probable error of a mean, 1908). Few runs make it wide; a seed makes it nothing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from mlops_nb.comparison.programs import Chosen, Programs
from mlops_nb.comparison.trials import Trials, is_by_chance, same
from mlops_nb.reproduction.places import place_of
from mlops_nb.reproduction.stages import obstacles

RUNS = 3  # of a program that comes out otherwise each time
CERTAIN = 0.99


@dataclass
class Baseline:
    """What a side comes to here: once, twice where that is not what was recorded, and thrice where it is by chance."""

    name: str
    recorded: float
    values: list[float] = field(default_factory=list)
    failure: str | None = None

    @property
    def value(self) -> float:
        """What others are held against."""
        return sum(self.values) / len(self.values) if self.varies else self.values[0]

    @property
    def varies(self) -> bool:
        """Whether runs of this program differ."""
        return not same(min(self.values), max(self.values))

    @property
    def again(self) -> bool:
        """Whether the recorded metric came again."""
        return bool(self.values) and same(self.values[0], self.recorded)


def baselines(trials: Trials, recorded: Sequence[float]) -> list[Baseline]:
    """Run A and B again, as often as it takes to know what each comes to here."""
    programs = trials.programs
    scripts = (programs.a, programs.b)
    found = [Baseline(name, then) for name, then in zip("AB", recorded, strict=True)]
    for side, script in zip(found, scripts, strict=True):
        side.failure = "; ".join(obstacles(script)) or None
    if not any(side.failure for side in found):
        for side, script, chosen in zip(found, scripts, (frozenset[int](), programs.everything), strict=True):
            drawn = any(map(is_by_chance, script.slice.uncheckable))
            _repeat(side, trials, chosen, drawn)
    return found


def _repeat(side: Baseline, trials: Trials, chosen: Chosen, drawn: bool) -> None:
    for again in range(RUNS):
        if (again == 1 and side.again and not drawn) or (again == 2 and not side.varies):
            return
        trial = trials.of(chosen, again)
        if trial is None or trial.value is None:
            side.failure = trial.failure if trial else "the budget is spent"
            return
        side.values.append(trial.value)


def chance(sides: Sequence[Baseline], first: int | None = None, second: int | None = None) -> float:
    """Return how far apart two means may be by chance alone.

    Args:
        sides: A and B
        first: the number of runs of the one mean; by default that of A
        second: of the other; by default that of B
    """
    if not any(side.values and side.varies for side in sides):
        return 0.0
    from scipy.special import stdtrit  # 100 ms, and seldom needed

    squares = sum((value - side.value) ** 2 for side in sides for value in side.values)
    freedom = sum(len(side.values) - 1 for side in sides)
    counts = [given or len(side.values) for given, side in zip((first, second), sides, strict=True)]
    variance = squares / freedom * sum(1 / count for count in counts)
    return float(stdtrit(freedom, (1 + CERTAIN) / 2) * math.sqrt(variance))


def refusal(sides: Sequence[Baseline], programs: Programs) -> str | None:
    """Say why nothing can be attributed, if so."""
    if failed := [f"{side.name} cannot be run again: {side.failure}" for side in sides if side.failure]:
        return "; ".join(failed)
    a, b = sides
    least = chance(sides)
    if least and abs(b.value - a.value) <= least:
        return (
            f"A and B are {abs(b.value - a.value):.4g} apart, which is within chance: with so few runs no difference"
            f" below {least:.4g} can be told from none - take chance out with --seed"
        )
    if same(a.value, b.value):
        other = environment_between(programs)
        cause = f"the environment: {other}" if other else "something that was not recorded"
        return f"A and B come to the same here, {a.value:.6g}: what moved it then was {cause}"
    return None


def environment_between(programs: Programs) -> str | None:
    """Say what is another here than when A or B ran, or None."""
    found = {name: place_of(script, here=True).changed() for name, script in (("A", programs.a), ("B", programs.b))}
    return "; ".join(f"since {name} ran, {what}" for name, what in found.items() if what) or None


def notes_on(sides: Sequence[Baseline], trials: Trials) -> list[str]:
    """Say what the numbers are held against, and what is not sure of them."""
    found = []
    for side in sides:
        if side.values and side.varies:
            shown = ", ".join(f"{value:.6g}" for value in side.values)
            found.append(f"{side.name} comes out otherwise each time: {shown}, recorded {side.recorded:.6g}")
        elif side.values and not side.again:
            found.append(f"{side.name} gives {side.value:.6g} here and not {side.recorded:.6g} as recorded")
    if any(side.values and not side.again for side in sides):
        found.append("what is attributed is the difference between the runs here")
        if other := environment_between(trials.programs):
            found.append(f"the part of the environment could not be separated: {other}")
    if trials.seed is not None:
        found.append(f"all runs are under seed {trials.seed}, which the record was not")
    return found
