"""What moved a metric: A runs again with one change at a time, and each gets what it does alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mlops_nb import project as projects
from mlops_nb.comparison.differences import diff
from mlops_nb.comparison.explanations import Explanation
from mlops_nb.errors import NotFound, UsageError

BASE = {
    "read": "rows = open('in.csv').read().split()",
    "settings": "k = 2\nshift = 0",
    "note": "note = 'a'",
    "fit": "mean = len(rows) * k + shift",
    "score": "mlops.log_metric('mae', mean)",
}


def explained(a: str, b: str, **options: Any) -> Explanation:
    found = diff(projects.current(), a, b, explain=True, **options).explanation
    assert found is not None
    return found


def effects(found: Explanation) -> dict[str, tuple[str, float | None]]:
    return {effect.change: (effect.verdict, effect.effect) for effect in found.effects}


@pytest.fixture(autouse=True)
def data(workspace: Path) -> Path:
    """A file that the cells read."""
    path = workspace / "in.csv"
    path.write_text("id,x\n1,5\n2,6\n")
    return path


def test_each_change_gets_what_it_does_alone(run):
    a = run(BASE)
    b = run(BASE | {"settings": "k = 2\nshift = 10", "note": "note = 'b'", "fit": "mean = len(rows) * k - 1 + shift"})
    found = explained(a, b)
    assert effects(found) == {"cell [5]": ("moves it", -1.0), "shift": ("moves it", 10.0)}
    assert (found.before, found.after, found.rest, found.refused) == (6.0, 15.0, 0.0, None)
