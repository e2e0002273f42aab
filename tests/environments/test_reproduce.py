"""What ran in another environment than the one that is here comes out again in its own."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from mlops_nb.capture import environments
from mlops_nb.environments.restored import env_restore
from mlops_nb.errors import NotInstallable
from mlops_nb.reproduction.reproduce import reproduce
from tests.environments.conftest import Registry, make

TRY = "try:\n    from leaf import version\nexcept ImportError:\n    version = 'none'\nversion"
#: Not needed for a kernel that captures a model of scikit-learn.
NOT_NEEDED = ("jupyterlab", "playwright", "polars", "duckdb", "nodejs", "ruff", "mypy", "xgboost", "lightgbm")


def test_a_slice_runs_in_the_environment_of_its_record_and_here_only_on_demand(registry: Registry, project, ran_in):
    registry.add("leaf", "1.0")
    kernel = registry.add_installed("ipykernel", "xxhash", "blake3")
    then = ran_in(make({"leaf": "1.0", **kernel}), TRY)
    found = reproduce(project, "cell:1")
    assert (found.environment, found.verdict) == ("restored", "different")  # the record is of a run without leaf
    assert found.compared[0].detail == "\"'none'\" became \"'1.0'\""
    place = "SELECT hash FROM reproduction JOIN environment ON environment.id = environment ORDER BY reproduction.id"
    assert project.store.value(f"{place} DESC") == then.hash
    here = reproduce(project, "cell:1", here=True)
    assert (here.environment, here.verdict) == ("here", "identical")
    assert project.store.value(f"{place} DESC") == environments.environment().hash


def test_where_the_environment_is_the_recorded_one_nothing_is_built(registry: Registry, project, ran_in):
    ran_in(environments.environment())
    assert reproduce(project, "cell:1").environment == "here"
    assert not (project.home / "environments").exists()


def test_an_environment_that_cannot_be_built_is_no_verdict(registry: Registry, project, ran_in):
    ran_in(make({"leaf": "1.0"}))
    with pytest.raises(NotInstallable, match="of cell:1 has no ipykernel, so no kernel runs in it - run it --here"):
        reproduce(project, "cell:1")
    registry.add("ipykernel", "7.0")
    ran_in(make({"ipykernel": "7.0", "lost": "1.0"}))
    with pytest.raises(NotInstallable, match="the environment of cell:1 cannot be locked: .*lost.*"):
        reproduce(project, "cell:1")
    assert project.store.value("SELECT count(*) FROM reproduction") == 0


@pytest.mark.slow
def test_a_model_comes_out_again_in_a_bare_environment_from_its_version_alone(project, ran_in, workspace, monkeypatch):
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(workspace / "jupyter"))
    train = """
import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier
import mlops_nb as mlops
X = np.random.default_rng(0).normal(size=(200, 3))
y = (X[:, 0] > 0).astype(int)
model = HistGradientBoostingClassifier(max_iter=5, random_state=0).fit(X, y)
mlops.register(model, "trees", example=X).version
"""
    here = environments.environment()
    bare = {name: version for name, version in here.packages.items() if not name.startswith(NOT_NEEDED)}
    then = ran_in(make(bare, origins=here.origins), train)
    with project.store.write() as store:
        number = environments.environment_id(store, then)
        store.execute("UPDATE model_version SET environment = ?", number)
    try:
        found = reproduce(project, "models:/trees/1")
    except NotInstallable as error:
        if re.search("(?i)failed to fetch|connect|dns|timed out", str(error)):
            pytest.skip(f"no registry can be reached: {error}")
        raise
    assert (found.environment, found.verdict, found.rung) == ("restored", "identical", "content")
    made = env_restore(project, "models:/trees/1")
    assert (made.built, made.differences) == (False, [])
    assert not list(Path(made.folder).glob("lib/python*/site-packages/jupyterlab"))


def test_variables_are_set_as_they_were_unless_it_is_to_run_here(project, shell, monkeypatch):
    set_then = {"PYTHONHASHSEED": "7", "OMP_NUM_THREADS": "3"}
    for name, value in set_then.items():
        monkeypatch.setenv(name, value)
    for name in set_then:
        shell.run_cell(f"import os\n{name} = os.environ.get({name!r})\n{name}", store_history=True)
    project.store.flush()
    for name in set_then:
        monkeypatch.delenv(name)
        assert reproduce(project, f"var:{name}").verdict == "identical"
    assert reproduce(project, "var:OMP_NUM_THREADS", here=True).verdict == "different"
