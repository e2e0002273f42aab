"""Two model versions: by the runs that made them, their fits, signatures and environments."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from mlops_nb import project as projects
from mlops_nb.comparison.differences import Difference, diff
from mlops_nb.registry.versions import register

X = pd.DataFrame({"a": np.arange(20.0), "b": np.arange(20.0) % 3})
Y = np.arange(20) > 9
DATA = (
    "import numpy as np, pandas as pd\nX = pd.DataFrame({'a': np.arange(20.0), 'b': np.arange(20.0) % 3})\nY = X.a > 9"
)
FIT = "from sklearn.linear_model import LogisticRegression\nmodel = LogisticRegression(C=%s).fit(X, Y)"
CELLS = {
    "data": DATA, "note": "note = 1", "fit": FIT % 1, "score": "mlops.log_metric('loss', -model.coef_.sum())",
    "register": "version = mlops.register(model, 'm', example=X)",
}  # fmt: skip


def between(a: str, b: str) -> Difference:
    """Return what differs, in the project that is at hand."""
    return diff(projects.current(), a, b)


def test_models_of_two_runs_differ_by_cells_parameters_and_metrics(run: Any):
    run(CELLS)
    run(CELLS | {"fit": FIT % 0.01, "note": "note = 2"})
    found = between("models:/m/1", "models:/m/2")
    assert [(change.cell, change.explains) for change in found.cells] == [("fit", True), ("note", False)]
    assert [(p.name, p.before, p.after, p.explains) for p in found.parameters] == [("C", 1.0, 0.01, True)]
    assert "loss" in [metric.name for metric in found.metrics]


def test_models_of_one_run_differ_by_what_each_was_made_of(run: Any):
    run([*CELLS.items(), ("fit", FIT % 0.01), ("register", CELLS["register"])])
    found = between("models:/m/1", "models:/m/2")
    assert [(change.cell, change.kind) for change in found.cells] == [("fit", "changed")]
    assert [(p.name, p.before, p.after) for p in found.parameters] == [("C", 1.0, 0.01)]
    assert "training_log_loss" in [metric.name for metric in found.metrics]


def test_an_alias_is_a_model_too(run: Any):
    from mlops_nb.registry.aliases import promote

    run(CELLS)
    run(CELLS)
    project = projects.current()
    (project.root / "mlops.toml").write_text("")
    promote(project, "m", 1, reason="first")
    assert between("models:/m@champion", "models:/m/latest").cells == []


def test_the_signature_is_compared(project: Any):
    register(project, LogisticRegression().fit(X, Y), "m", example=X)
    register(project, LogisticRegression().fit(X[["a"]].astype(int), Y), "m", example=X[["a"]].astype(int))
    changes = [(c.name, c.kind, c.column, c.before, c.after, c.detail) for c in between("m/1", "m/2").data]
    assert changes == [
        ("signature", "type", "a", "double", "long", "input"),
        ("signature", "column removed", "b", "double", None, "input"),
    ]


def test_a_model_without_a_signature_is_compared_by_the_rest(project: Any):
    register(project, LogisticRegression().fit(X, Y), "m", example=X)
    register(project, LogisticRegression().fit(X, Y), "m")
    assert {change.kind for change in between("m/1", "m/2").data} == {"column removed"}


def test_the_environments_of_models_are_those_in_which_they_were_registered(project: Any):
    from mlops_nb.capture.environments import Environment, environment, environment_id

    here = environment()
    for _ in range(2):
        register(project, LogisticRegression().fit(X, Y), "m")
    with project.store.write() as store:
        other = environment_id(store, Environment("o", here.python, here.platform, here.packages | {"numpy": "0.1"}))
        store.execute("UPDATE model_version SET environment = ? WHERE version = 1", other)
    (change,) = between("m/1", "m/2").environment
    assert (change.name, change.before, change.after) == ("numpy", "0.1", here.packages["numpy"])


@pytest.mark.parametrize("missing", ["run", "environment"])
def test_what_is_not_known_of_a_model_is_not_claimed(project: Any, missing: str):
    for _ in range(2):
        register(project, LogisticRegression().fit(X, Y), "m")
    with project.store.write() as store:
        store.execute(f"UPDATE model_version SET {missing} = NULL WHERE version = 1")
    found = between("m/1", "m/2")
    assert (found.cells, found.environment) == ([], [])
    assert missing == "environment" or found.unknown == ["the run that made A was not recorded"]
