"""The rungs on which two results can agree, and what is said of each.

    bytes       the same content
    content     the same but for what means nothing: addresses in memory, the clock, identifiers, compression
    tolerance   numbers as near to each other as was declared
    behaviour   a model that predicts the same for its input example

On the first two they are ``identical``, on the others ``equivalent``; each says in words what it forgave. Anything else
is ``different`` and says where.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

RUNGS = ("bytes", "content", "tolerance", "behaviour")
IDENTICAL, EQUIVALENT, DIFFERENT = "identical", "equivalent", "different"


@dataclass(frozen=True)
class Match:
    """How far two results agree: the verdict, the rung that holds, and in words what was forgiven or differs."""

    verdict: str
    rung: str | None
    detail: str


def forgiven(what: str) -> Match:
    """Return that two results are the same but for something that means nothing."""
    return Match(IDENTICAL, "content", f"the same but for {what}")


def different(how: str) -> Match:
    """Return that two results differ."""
    return Match(DIFFERENT, None, how)


def apart(a: float, b: float) -> float:
    """Return by how much two numbers differ, relative to the larger one."""
    if a == b or (math.isnan(a) and math.isnan(b)):
        return 0.0
    largest = max(abs(a), abs(b))
    return abs(a - b) / largest if math.isfinite(a) and math.isfinite(b) else math.inf


def near(found: float, rtol: float) -> Match | None:
    """Return that numbers which are so far apart, relative to the larger, are near enough; or None."""
    if found > rtol:
        return None
    return Match(EQUIVALENT, "tolerance", f"numbers differ by {found:.2g} at most, {rtol:.2g} is allowed")


def first_difference(before: str, after: str) -> str:
    """Say where two texts differ first."""
    lines = list(zip(before.splitlines(), after.splitlines(), strict=False))
    for number, (old, new) in enumerate(lines, 1):
        if old != new:
            where = f"line {number}: " if len(lines) > 1 else ""
            return f"{where}{_short(old)} became {_short(new)}"
    return f"{len(before.splitlines())} lines became {len(after.splitlines())}"


def _short(line: str) -> str:
    line = line.strip()
    return repr(line if len(line) <= 60 else f"{line[:59]}…")
