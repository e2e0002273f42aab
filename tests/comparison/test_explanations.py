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


def test_each_change_gets_what_it_does_alone_and_no_program_runs_twice(run):
    a = run(BASE)
    b = run(BASE | {"settings": "k = 2\nshift = 10", "note": "note = 'b'", "fit": "mean = len(rows) * k - 1 + shift"})
    found = explained(a, b)
    assert effects(found) == {"cell [5]": ("moves it", -1.0), "shift": ("moves it", 10.0)}
    assert (found.before, found.after, found.rest, found.refused) == (6.0, 15.0, 0.0, None)
    again = explained(a, b)
    assert (found.runs, found.reused, again.runs, again.reused) == (4, 0, 0, 4)
    assert again.effects == found.effects


def test_what_changes_do_only_together_is_not_shared_out(run):
    a = run(BASE)
    b = run(BASE | {"settings": "k = 3\nshift = 0", "fit": "mean = len(rows) * k * k + shift"})
    found = explained(a, b)
    assert effects(found) == {"cell [5]": ("moves it", 6.0), "k": ("moves it", 3.0)}
    assert found.rest == 12.0  # 27 - 6 - 9
    assert "could not be separated: +12 (the changes act on each other)" in found.notes


def test_a_change_that_cannot_run_alone_is_made_with_what_it_needs(run):
    a = run(BASE)
    b = run({"read": BASE["read"], "define": "def total(n): return n * 100", **BASE, "fit": "mean = total(len(rows))",
             "note": "note = 'c'"})  # fmt: skip
    found = explained(a, b)
    assert effects(found)["cell [3], cell [6]"] == ("moves it", 294.0)
    (effect,) = [effect for effect in found.effects if effect.effect]
    assert "NameError" in effect.note


def test_data_is_a_change_of_its_own_and_users_files_are_not_touched(run, data):
    kept = BASE | {"keep": "kept = mlops.log_artifact('in.csv').name"}
    a = run(kept)
    data.write_text("id,x\n1,5\n2,6\n3,7\n4,8\n")
    b = run(kept | {"settings": "k = 4\nshift = 0"})
    data.write_text("mine")
    found = explained(a, b)
    assert effects(found) == {"k": ("moves it", 6.0), "in.csv": ("moves it", 4.0)}
    assert found.rest == 4.0
    assert data.read_text() == "mine"


def test_an_input_that_is_gone_refuses_an_attribution(run, data):
    a = run(BASE)
    data.write_text("id,x\n1,5\n")
    found = explained(a, run(BASE))
    assert found.refused.startswith("A cannot be run again: in.csv has other content now, and no copy of it was kept")
    assert (found.effects, found.runs) == ([], 0)


def test_the_budget_bounds_the_runs_and_what_was_not_tried_is_said(run):
    a, b = run(BASE), run(BASE | {"settings": "k = 3\nshift = 5", "fit": "mean = len(rows) * k - 1 + shift"})
    found = explained(a, b, budget=3)
    assert found.runs == 3
    assert effects(found) == {"cell [5]": ("moves it", -1.0), "k": ("not tried", None), "shift": ("not tried", None)}
    assert "not tried: k, shift - give a larger --budget" in found.notes
    with pytest.raises(UsageError, match="budget=1 is too small"):
        explained(a, b, budget=1)


DRAWN = BASE | {"fit": "import random\nmean = len(rows) * k + shift + random.random()"}


def test_a_difference_within_chance_is_refused_and_a_seed_fixes_it(run):
    a, b = run(DRAWN), run(DRAWN | {"settings": "k = 2\nshift = 0.000001"})
    found = explained(a, b)
    assert "which is within chance" in found.refused
    assert found.chance > 0
    fixed = explained(a, b, seed=7)
    assert effects(fixed) == {"shift": ("moves it", pytest.approx(0.000001))}
    assert "all runs are under seed 7, which the record was not" in fixed.notes


def test_an_effect_that_is_larger_than_chance_is_told_from_one_that_is_not(run):
    a, b = run(DRAWN), run(DRAWN | {"settings": "k = 2\nshift = 1000", "note": "note = 'b'"})
    found = explained(a, b)
    assert effects(found)["shift"] == ("moves it", pytest.approx(1000, abs=2))
    assert found.notes[0].startswith("A comes out otherwise each time")


def test_where_both_come_to_the_same_here_the_cause_is_elsewhere(run, monkeypatch):
    cells = {"get": "import os\nk = float(os.environ['K'])", "score": "mlops.log_metric('mae', k)"}
    monkeypatch.setenv("K", "1")
    a = run(cells)
    monkeypatch.setenv("K", "2")
    found = explained(a, run(cells))
    assert found.refused == "A and B come to the same here, 2: what moved it then was something that was not recorded"
    assert "A gives 2 here and not 1 as recorded" in found.notes


def test_there_has_to_be_a_metric_to_explain(run, notebook):
    a, b = run(BASE), run(BASE)
    with pytest.raises(NotFound, match="no metric differs between A and B"):
        explained(a, b)
    c = run(BASE | {"settings": "k = 3\nshift = 0"})
    with pytest.raises(NotFound, match="no metric that differs 'auc' - known: 'mae'"):
        explained(a, c, metric="auc")
    with pytest.raises(UsageError, match="have no metric to explain"):
        explained(notebook("a.ipynb", "x = 1"), notebook("b.ipynb", "x = 2"))
