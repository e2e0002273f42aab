"""The single changes between two programs, and any mixture of them; nothing runs again for that."""

from __future__ import annotations

import pytest

from mlops_nb import project as projects
from mlops_nb.comparison.baselines import Baseline, chance
from mlops_nb.comparison.changes import between
from mlops_nb.comparison.histories import side_of
from mlops_nb.comparison.programs import Programs


def programs(a: str, b: str, metric: str = "mae") -> Programs:
    project = projects.current()
    found = between(project, side_of(project, a), side_of(project, b), metric)
    assert found is not None
    return found


def sources(found: Programs, *names: str) -> list[str]:
    """Return the cells of A with the changes of these names, without what they import."""
    chosen = frozenset(place for place, change in enumerate(found.changes) if change.name in names)
    return [cell.source for cell in found.mixture(chosen).slice.cells if not cell.source.startswith("import")]


BASE = {
    "rows": "rows = [1, 2, 3]",
    "k": "k = 2",
    "fit": "mean = sum(rows) * k",
    "score": "mlops.log_metric('mae', mean)",
}


def test_a_cell_off_the_way_is_no_change(run):
    a, b = run(BASE | {"note": "note = 'a'"}), run(BASE | {"note": "note = 'b'"})
    assert programs(a, b).changes == []


def test_a_cell_that_a_had_and_did_not_use_is_there_for_an_edit_that_does(run):
    extra = {"rows": BASE["rows"], "shift": "shift = 5", **BASE}
    found = programs(run(extra), run(extra | {"fit": "mean = sum(rows) * k + shift"}))
    assert [change.kind for change in found.changes] == ["cell"]
    assert sources(found) == ["rows = [1, 2, 3]", "shift = 5", "k = 2", BASE["fit"], BASE["score"]]


def test_an_added_cell_stands_where_b_has_it(run):
    b = {"rows": BASE["rows"], "more": "rows.append(4)", **BASE}
    found = programs(run(BASE), run(b))
    assert [change.detail for change in found.changes] == ["added: rows.append(4)"]
    both = programs(run(BASE), run(b | {"k": "k = 3"}))
    assert sources(both, "cell [3]") == ["rows = [1, 2, 3]", "rows.append(4)", "k = 2", BASE["fit"], BASE["score"]]
    assert sources(both, "k") == ["rows = [1, 2, 3]", "k = 3", BASE["fit"], BASE["score"]]


def test_a_moved_cell_is_one_change_and_moves_alone(run):
    steps = {"one": "x = [1]", "two": "x.append(2)", "three": "x.append(x[-1] * 3)"}
    score = {"score": "mlops.log_metric('mae', sum(x))"}
    moved = {"one": "x = [1]", "three": "x.append(x[-1] * 3)", "two": "x.append(2)"}
    found = programs(run(steps | score), run(moved | {"score": "mlops.log_metric('mae', sum(x) + 1)"}))
    assert sorted(change.detail.partition(":")[0] for change in found.changes)[-1] == "moved"
    (place,) = [place for place, change in enumerate(found.changes) if change.before == change.after]
    assert [cell.source for cell in found.mixture(frozenset({place})).slice.cells][-4:] == [
        *moved.values(), "mlops.log_metric('mae', sum(x))",
    ]  # fmt: skip


def test_each_value_of_a_cell_that_only_sets_values_is_a_change(run):
    a = run(BASE | {"k": "k = 2\nname = 'a'\nmean = 0", "fit": "mean = sum(rows) * k + len(name)"})
    b = run(BASE | {"k": "# other\nk = 3\nname = 'ab'\nmean = 0", "fit": "mean = sum(rows) * k + len(name)"})
    found = programs(a, b)
    assert [(change.kind, change.name, change.detail) for change in found.changes] == [
        ("parameter", "k", "2 → 3"), ("parameter", "name", "'a' → 'ab'"),
    ]  # fmt: skip
    assert sources(found, "name")[1] == "k = 2\nname = 'ab'\nmean = 0"


def test_a_cell_that_ran_twice_on_the_way_is_in_the_program_twice(run):
    cells = [
        ("x", "x = [1]"),
        ("more", "x.append(2)"),
        ("more", "x.append(2)"),
        ("s", "mlops.log_metric('mae', sum(x))"),
    ]
    found = programs(run(cells), run([*cells[:1], ("more", "x.append(5)"), ("more", "x.append(2)"), cells[3]]))
    assert [change.detail for change in found.changes] == ["x.append(2) → x.append(5)"]
    assert sources(found) == ["x = [1]", "x.append(2)", "x.append(2)", "mlops.log_metric('mae', sum(x))"]


def test_two_models_out_of_one_run_differ_by_what_each_came_from(run):
    cells = {
        "i": "from sklearn.linear_model import Ridge", "a": "alpha = 1",
        "t": "model = Ridge(alpha=alpha).fit([[0], [1], [2], [3]], [0, 1, 0, 1])",
        "k": "version = mlops.register(model, 'line', example=[[0]]).version",
    }  # fmt: skip
    run([*cells.items(), ("a", "alpha = 3"), ("t", cells["t"]), ("k", cells["k"])])
    found = programs("models:/line/1", "models:/line/2", "training_score")
    assert [(change.name, change.detail) for change in found.changes] == [("alpha", "1 → 3")]


def test_chance_is_seldom_taken_for_an_effect():
    import numpy as np

    rng, wrong = np.random.default_rng(0), 0
    for _ in range(2000):
        a, b, one = rng.normal(size=3), rng.normal(size=3), rng.normal()
        sides = [Baseline("A", 0.0, a.tolist()), Baseline("B", 0.0, b.tolist())]
        wrong += abs(one - a.mean()) > chance(sides, second=1)
    assert 0.004 < wrong / 2000 < 0.018  # 1 % nominal


@pytest.mark.parametrize(("values", "expected"), [([1.0], 0.0), ([1.0, 1.0], 0.0)])
def test_without_chance_the_least_effect_is_an_effect(values, expected):
    assert chance([Baseline("A", 1.0, values), Baseline("B", 2.0, values)]) == expected
