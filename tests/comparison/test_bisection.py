"""Which change moved a metric: by the record where that is enough, else by delta debugging."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mlops_nb import project as projects
from mlops_nb.capture.environments import Environment, environment_id
from mlops_nb.comparison.bisection import Bisection, bisect
from mlops_nb.errors import NotFound, UsageError

BASE = {
    "read": "rows = open('in.csv').read().split()",
    "settings": "a = 1\nb = 2\nc = 3\nd = 4",
    "scale": "scale = 1",
    "fit": "mean = len(rows) * scale + a + b + c + d",
    "score": "mlops.log_metric('mae', mean)",
}
MANY = BASE | {
    "settings": "a = 1.5\nb = 2.5\nc = 3.5\nd = 4.5", "scale": "scale = 100", "fit": "mean = len(rows) * scale + d + c + b + a"
}  # fmt: skip


def bisected(good: str, bad: str, metric: str = "mae", **options: Any) -> Bisection:
    return bisect(projects.current(), metric, good=good, bad=bad, **options)


def in_another(run: str, **packages: str) -> None:
    """Let a run have been made with other versions of packages."""
    project = projects.current()
    number = project.store.value("SELECT environment FROM process ORDER BY id DESC LIMIT 1")
    here = project.store.row("SELECT * FROM environment WHERE id = ?", number)
    other = Environment(f"other {packages}", here["python"], here["platform"], json.loads(here["packages"]) | packages)
    with project.store.write() as store:
        process = store.next_id()
        old = store.execute(
            "SELECT process FROM run JOIN node USING (id) WHERE public = ?", run.removeprefix("runs:/")
        ).fetchone()[0]
        columns = "pid, born, host, program, actor, started_at, git_commit, git_diff, caller"
        store.execute(
            f"INSERT INTO process (id, environment, {columns}) SELECT ?, ?, {columns} FROM process WHERE id = ?",
            process, environment_id(store, other), old,
        )  # fmt: skip
        store.execute(
            "UPDATE run SET process = ? WHERE id = (SELECT id FROM node WHERE public = ?)",
            process, run.removeprefix("runs:/"),
        )  # fmt: skip
        store.execute(
            "UPDATE execution SET process = ? WHERE run = (SELECT id FROM node WHERE public = ?)",
            process, run.removeprefix("runs:/"),
        )  # fmt: skip


@pytest.fixture(autouse=True)
def data(workspace: Path) -> Path:
    """A file that the cells read."""
    path = workspace / "in.csv"
    path.write_text("id,x\n1,5\n2,6\n")
    return path


def test_the_one_change_between_the_neighbours_is_found_by_the_record_alone(run):
    good = run(BASE)
    run(BASE | {"settings": "a = 1\nb = 2\nc = 3\nd = 5"})
    broken = run(BASE | {"settings": "a = 1\nb = 2\nc = 3\nd = 50"})
    bad = run(BASE | {"settings": "a = 1\nb = 2\nc = 3\nd = 51"})
    found = bisected(good, bad)
    assert [point.verdict for point in found.history] == ["good", "good", "bad", "bad"]
    assert (found.good.value, found.bad.ref) == (14, broken)
    assert [(change.name, change.before, change.after) for change in found.cause] == [("d", "5", "50")]
    assert (found.runs, found.exit_code) == (0, 0)


def test_a_metric_that_recovered_is_followed_backwards_in_time(run):
    bad, good = run(BASE | {"scale": "scale = 9"}), run(BASE)
    found = bisected(good, bad)
    assert [change.name for change in found.cause] == ["scale"]
    assert (found.good.ref, found.bad.ref) == (good, bad)


def test_among_many_changes_the_one_that_moved_it_is_isolated_by_runs(run):
    found = bisected(run(BASE), run(MANY))
    assert [change.name for change in found.cause] == ["scale"]
    assert found.conclusion.startswith("scale moved it")
    assert {tried.verdict for tried in found.tried} == {"good", "bad"}
    assert found.runs <= 8
    assert found.history[0].verdict == "good"


def test_two_changes_that_move_it_only_together_are_found_together(run):
    good = run(BASE)
    bad = run(BASE | {"settings": "a = 1\nb = 2\nc = 3\nd = 5", "scale": "scale = 10\nmore = 10",
                      "fit": "mean = len(rows) * scale * more + a + b + c + d"})  # fmt: skip
    found = bisected(good, bad)
    assert {change.name for change in found.cause} == {"scale", "more", "cell [5]"}
    assert "moved it together" in found.conclusion
    assert any(tried.verdict == "neither" and "NameError" in tried.failure for tried in found.tried)


def test_packages_are_named_where_nothing_else_differs(run):
    cells = BASE | {"fit": "import numpy as np\nmean = int(np.sum([len(rows), a, b, c, d]))"}
    good = run(cells)
    bad = run(cells)
    project = projects.current()
    with project.store.write() as store:
        store.execute(
            "UPDATE metric SET value = 99 WHERE run = (SELECT id FROM node WHERE public = ?)",
            bad.removeprefix("runs:/"),
        )
    in_another(bad, numpy="9.9")
    found = bisected(good, bad)
    assert found.conclusion.startswith(
        "neither code, nor parameters, nor data on the way to it differ, so the cause lies in the environment: numpy "
    )
    assert [(change.name, change.after) for change in found.environment] == [("numpy", "9.9")]
    assert (found.runs, found.exit_code) == (0, 0)


def test_packages_are_named_where_the_other_changes_do_not_move_it_here(run):
    good, bad = run(BASE), run(BASE | {"settings": "a = 1\nb = 2\nc = 3\nd = 4.01"})
    project = projects.current()
    with project.store.write() as store:
        store.execute(
            "UPDATE metric SET value = 99 WHERE run = (SELECT id FROM node WHERE public = ?)",
            bad.removeprefix("runs:/"),
        )
    in_another(bad, numpy="9.9")
    found = bisected(good, bad)
    assert found.conclusion.startswith(
        "run again here, both come out good, so the cause lies in the environment: numpy"
    )
    assert found.runs == 3


def test_where_nothing_differs_nothing_is_blamed(run, monkeypatch):
    cells = {"get": "import os\nk = float(os.environ['K'])", "score": "mlops.log_metric('mae', k)"}
    monkeypatch.setenv("K", "1")
    good = run(cells)
    monkeypatch.setenv("K", "2")
    found = bisected(good, run(cells))
    assert found.conclusion.endswith("it moved by chance or by something that was not recorded")
    assert found.exit_code == 1


def test_a_threshold_says_what_is_bad(run):
    good = run(BASE)
    middle, bad = run(BASE | {"scale": "scale = 2"}), run(BASE | {"scale": "scale = 9"})
    assert bisected(good, bad).bad.ref == bad
    assert bisected(good, bad, threshold=15.0).bad.ref == middle
    with pytest.raises(UsageError, match=r"threshold=1.0 does not lie between good \(13\) and bad \(37\)"):
        bisected(good, bad, threshold=1.0)


def test_when_the_budget_is_spent_the_changes_that_are_left_are_named(run):
    found = bisected(run(BASE), run(MANY), budget=3)
    assert found.conclusion.startswith("the cause is among ")
    assert found.conclusion.endswith("give a larger --budget to find it")
    assert "scale" in {change.name for change in found.cause}


def test_what_cannot_be_bisected_is_refused_in_words(run):
    a, b = run(BASE), run(BASE)
    with pytest.raises(UsageError, match="mae is 13 in both - give two runs between which it moved"):
        bisected(a, b)
    with pytest.raises(NotFound, match=r"no metric of runs:/\w+ 'auc' - known: 'mae'"):
        bisected(a, b, metric="auc")
    with pytest.raises(UsageError, match="'var:mean' is a variable, without metrics"):
        bisected(a, "var:mean")
