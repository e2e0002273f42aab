"""Parameters and metrics, by name."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from mlops_nb.records import Json, Record


@dataclass(frozen=True)
class ParameterChange(Record):
    """A parameter that was added, removed or changed; ``explains`` where a changed metric came from its name."""

    kind: str
    name: str
    before: Json
    after: Json
    explains: bool


@dataclass(frozen=True)
class MetricChange(Record):
    """A metric that was added, removed or changed; a value that is not a number, and one not logged, is None."""

    kind: str
    name: str
    before: float | None
    after: float | None
    difference: float | None


def kind_of(name: str, before: Mapping[str, object], after: Mapping[str, object]) -> str:
    """Return whether a name was added, removed or changed."""
    return "added" if name not in before else "removed" if name not in after else "changed"


def compare_parameters(
    before: Mapping[str, Json], after: Mapping[str, Json], leading: Collection[str] = ()
) -> list[ParameterChange]:
    """Return the parameters that differ: first those whose names a changed metric came from, else as they were logged.

    Args:
        before: the parameters of A
        after: the parameters of B
        leading: the names that a changed metric came from
    """
    found = [
        ParameterChange(kind_of(name, before, after), name, before.get(name), after.get(name), name in leading)
        for name in dict.fromkeys([*before, *after])
        if name not in before or name not in after or not _same(before[name], after[name])
    ]
    return sorted(found, key=lambda change: not change.explains)


def _same(a: Json, b: Json) -> bool:
    """Whether two values are one: True is not 1, and 1 is not 1.0, which code may treat otherwise."""
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(_same(a[key], b[key]) for key in a)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(_same, a, b))
    return type(a) is type(b) and a == b


def compare_metrics(before: Mapping[str, float], after: Mapping[str, float]) -> list[MetricChange]:
    """Return the metrics that differ, by their last values: those that changed most for their size first."""
    found = []
    for name in dict.fromkeys([*before, *after]):
        a, b = before.get(name), after.get(name)
        if a is not None and b is not None and (a == b or (math.isnan(a) and math.isnan(b))):
            continue
        difference = None if a is None or b is None or not math.isfinite(b - a) else b - a
        found.append(MetricChange(kind_of(name, before, after), name, _number(a), _number(b), difference))
    return sorted(found, key=_share, reverse=True)


def _number(value: float | None) -> float | None:
    return None if value is None or math.isnan(value) else value


def _share(change: MetricChange) -> float:
    if change.difference is None or change.before is None or change.after is None:
        return -1.0
    return abs(change.difference) / max(abs(change.before), abs(change.after))
