"""A thing comes out again or it does not: its slice runs once more, in a kernel of its own, on a copy of its inputs."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from mlops_nb import project as projects
from mlops_nb.capture.runs import public_id, runs, start
from mlops_nb.errors import UsageError
from mlops_nb.lineage.details import show
from mlops_nb.project import Project
from mlops_nb.proof import fsck
from mlops_nb.registry.gates import gate
from mlops_nb.reproduction.reproduce import Reproduction, reproduce
from tests.surfaces.conftest import mlops


def run(shell: Any, *sources: str) -> None:
    """Run cells, and wait until the files they used are hashed."""
    for source in sources:
        assert shell.run_cell(source, store_history=True).success
    projects.current().store.flush()


def by_name(found: Reproduction) -> dict[str, str]:
    return {one.name: one.verdict for one in found.compared}


def test_a_value_comes_out_again_from_its_slice_alone(shell, project):
    run(shell, "a = 20", "noise = 1 / 3\nnoise", "b = a + 1\nb")
    found = reproduce(project, "var:b")
    assert (found.verdict, found.rung, found.slice, found.reason) == ("identical", "bytes", 2, None)
    assert by_name(found) == {"[3] output 1 text/plain": "identical"}
    assert found.exit_code == 0


def test_the_verdict_is_kept_with_the_hashes_that_it_rests_on(shell, project):
    run(shell, "a = 20\na")
    found = reproduce(project, "var:a")
    (row,) = project.store.rows("SELECT * FROM reproduction")
    (compared,) = json.loads(project.content.text(row["compared"]))
    assert (row["verdict"], row["cells"]) == ("identical", 1)
    assert compared["then"] == compared["now"] == found.compared[0].then
    assert fsck(project).ok
    assert show(project, "var:a").facts["reproduced"].startswith("identical, tried 20")


def test_a_cell_is_run_as_it_ran_then_and_not_as_it_says_now(shell, project):
    run(shell, "a = 1", "b = a * 10\nb", "a = 2", "b = a * 100\nb")
    first = project.store.value("SELECT public FROM node WHERE kind = 'variable' AND name = 'b' ORDER BY id")
    found = reproduce(project, first)
    assert found.verdict == "identical"
    assert list(by_name(found)) == ["[2] output 1 text/plain"]


def test_chance_is_told_from_change_and_named(shell, project):
    run(shell, "import random", "draw = random.random()\ndraw")
    found = reproduce(project, "var:draw")
    assert found.verdict == "not reproducible"
    assert found.reason.startswith("cell [2] makes another output 1 text/plain each time it runs")
    assert "without a seed" in found.reason
    assert found.exit_code == 1


def test_a_change_is_not_taken_for_chance_because_something_else_is(shell, project, monkeypatch):
    monkeypatch.setenv("MODE", "then")
    run(shell, "import os, random\ndraw = random.random()\ndraw", "mode = os.environ['MODE'], draw > 2\nmode")
    monkeypatch.setenv("MODE", "now")
    found = reproduce(project, "var:mode")
    assert found.verdict == "different"
    assert found.reason.startswith("first in [2] output 1 text/plain; cell [1] makes another output 1")


def test_what_differs_is_said_with_where_and_how(shell, project, monkeypatch):
    monkeypatch.setenv("MODE", "then")
    run(shell, "import os\nmode = os.environ['MODE']\nmode", "mode.upper()")
    monkeypatch.setenv("MODE", "now")
    found = reproduce(project, "cell:2")
    assert found.verdict == "different"
    assert found.reason.startswith("first in [1] output 1 text/plain")
    assert [one.detail for one in found.compared] == ["\"'then'\" became \"'now'\"", "\"'THEN'\" became \"'NOW'\""]


def test_numbers_may_differ_as_far_as_is_declared_and_no_further(shell, project, monkeypatch):
    monkeypatch.setenv("NUMBER", "1.0000001")
    run(shell, "import os\nnumber = float(os.environ['NUMBER'])\nnumber")
    monkeypatch.setenv("NUMBER", "1.0000002")
    assert reproduce(project, "var:number").verdict == "different"
    near = reproduce(project, "var:number", rtol=1e-6)
    assert (near.verdict, near.rung) == ("equivalent", "tolerance")
    assert near.compared[0].detail == "numbers differ by 1e-07 at most, 1e-06 is allowed"
    with pytest.raises(UsageError, match="rtol=-1 is negative"):
        reproduce(project, "var:number", rtol=-1)


def test_an_input_that_is_gone_is_named_before_anything_runs(shell, project, workspace):
    Path("in.txt").write_text("1")
    run(shell, "text = open('in.txt').read()\nopen('ran', 'w').close()\ntext")
    Path("in.txt").write_text("2")
    Path("ran").unlink()
    changed = reproduce(project, "var:text")
    assert changed.verdict == "not reproducible"
    assert changed.reason.startswith("in.txt has other content now, and no copy of it was kept")
    Path("in.txt").unlink()
    assert reproduce(project, "var:text").reason.startswith("in.txt is not there any more")
    assert not Path("ran").exists()


def test_an_input_of_which_a_copy_was_kept_is_put_back(shell, project, workspace):
    Path("in.txt").write_text("1")
    run(shell, "import mlops_nb\nkept = mlops_nb.log_artifact('in.txt').hash", "text = open('in.txt').read()\ntext")
    Path("in.txt").write_text("2")
    assert reproduce(project, "var:text").verdict == "identical"
    assert Path("in.txt").read_text() == "2"


def test_the_users_files_are_not_touched(shell, project, workspace):
    run(shell, "import pandas as pd", "pd.DataFrame({'x': [1, 2]}).to_csv('out.csv')")
    Path("out.csv").write_text("mine")
    before = sorted(path.name for path in workspace.iterdir())
    found = reproduce(project, "cell:2")
    assert by_name(found) == {"[2] out.csv": "identical"}
    assert Path("out.csv").read_text() == "mine"
    assert sorted(path.name for path in workspace.iterdir()) == before


def test_a_cell_that_writes_outside_of_the_project_is_not_run_again(shell, project, tmp_path_factory):
    outside = tmp_path_factory.mktemp("outside") / "out.csv"
    run(shell, f"import pandas as pd\npd.DataFrame({{'x': [1]}}).to_csv({str(outside)!r})")
    outside.write_text("mine")
    found = reproduce(project, "cell:1")
    assert found.reason.startswith(f"cell [1] writes {outside}, outside of the project")
    assert outside.read_text() == "mine"


def test_a_cell_that_fails_now_is_named_with_its_error(shell, project, monkeypatch):
    monkeypatch.setenv("MODE", "then")
    run(shell, "import os\nmode = os.environ['MODE']\nmode")
    monkeypatch.delenv("MODE")
    found = reproduce(project, "var:mode")
    assert found.verdict == "not reproducible"
    assert "raised KeyError: 'MODE'" in found.reason


def test_where_nothing_was_recorded_nothing_is_claimed(shell, project):
    run(shell, "a = 1")
    found = reproduce(project, "var:a")
    assert found.verdict == "not reproducible"
    assert found.reason == "nothing that its cells made was recorded - show it, log it or write it in a cell"


def test_a_cell_that_failed_then_has_to_fail_again(shell, project):
    shell.run_cell("a = [1]\na.append(2)\n1 / 0", store_history=True)
    run(shell, "a")
    found = reproduce(project, "cell:2")
    assert by_name(found) == {"[1] error": "identical", "[2] output 1 text/plain": "identical"}


def test_a_dataset_is_loaded_in_the_version_it_had(shell, project):
    run(
        shell, "import mlops_nb as mlops, pandas as pd",
        "first = mlops.dataset(pd.DataFrame({'x': [1, 2]}), 'numbers').version",
        "total = int(mlops.load_dataset('numbers').x.sum())\ntotal",
    )  # fmt: skip
    mine = project.store.value("SELECT public FROM node WHERE kind = 'variable' AND name = 'total'")
    run(shell, "second = mlops.dataset(pd.DataFrame({'x': [10]}), 'numbers').version")
    assert reproduce(project, mine).verdict == "identical"


def test_a_model_comes_out_again_as_the_version_it_was(shell, project):
    train = """
import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier
import mlops_nb as mlops
X = np.random.default_rng({seed}).normal(size=(200, 3)); y = (X[:, 0] > 0).astype(int)
model = HistGradientBoostingClassifier(max_iter=5, random_state=0).fit(X, y)
mlops.log_metric("accuracy", model.score(X, y))
mlops.register(model, "trees", example=X).version
"""
    run(shell, train.format(seed=0), train.format(seed=1))
    Path("mlops.toml").write_text('[charter.criteria]\nreproduced = ">= 1"\n')
    assert not gate(project, "trees", metrics={"reproduced": 1.0}).passed  # nobody has tried, whatever is claimed
    found = reproduce(project, "models:/trees/2")
    assert gate(project, "trees").passed, (found.reason, [(c.name, c.verdict, c.detail) for c in found.compared])
    assert not gate(project, "models:/trees/1").passed
    assert (found.verdict, found.rung) == ("identical", "content")
    verdicts = by_name(found)
    assert verdicts["[2] trees"] == verdicts["[2] accuracy"] == verdicts["[2] output 1 text/plain"] == "identical"


def test_a_notebook_of_a_pipeline_step_runs_in_its_own_folder(project: Project, workspace):
    (workspace / "work").mkdir()
    cells = ["from pathlib import Path", "text = Path('in.txt').read_text()\ntext", "Path('out.txt').write_text(text)"]
    notebook = {
        "cells": [{"cell_type": "code", "id": f"c{number}", "source": source, "metadata": {}, "outputs": [],
                   "execution_count": None} for number, source in enumerate(cells)],
        "metadata": {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}},
        "nbformat": 4, "nbformat_minor": 5,
    }  # fmt: skip
    (workspace / "work" / "step.ipynb").write_text(json.dumps(notebook))
    (workspace / "work" / "in.txt").write_text("deep")
    assert mlops(workspace, "run", "work/step.ipynb").returncode == 0
    done = mlops(workspace, "reproduce", "file:work/out.txt", "--json")
    shown = json.loads(done.stdout)
    assert done.returncode == 0
    assert {"ref", "verdict", "compared", "slice", "environment", "reason"} <= shown.keys()
    assert (shown["verdict"], shown["environment"]) == ("identical", "here")
    assert {"name", "kind", "verdict", "detail"} <= shown["compared"][0].keys()
    assert "work/out.txt" in {one["name"].partition(" ")[2] for one in shown["compared"]}


def test_the_columns_that_come_out_otherwise_are_named(shell, project, monkeypatch):
    monkeypatch.setenv("SHIFT", "0")
    cell = """
import os, pandas as pd, mlops_nb as mlops
frame = pd.DataFrame({"x": [1.0, 2.0], "y": [3, 4]})
frame["x"] += float(os.environ["SHIFT"])
made = mlops.dataset(frame, "numbers").name
"""
    run(shell, cell)
    monkeypatch.setenv("SHIFT", "1")
    found = reproduce(project, "dataset:numbers")
    (one,) = [one for one in found.compared if one.kind == "dataset"]
    assert one.detail == "differs: x in 2 rows"


def test_automatic_metrics_that_were_recorded_come_again_however_slow_the_machine_is_now(shell, project, monkeypatch):
    import mlops_nb.autolog.recorder as recorder

    monkeypatch.setattr(recorder, "FREE_SECONDS", 1e6)
    data = "X = np.random.default_rng(0).normal(size=(200_000, 2)); y = X[:, 0] > 0"
    fit = "model = GaussianNB()\nfor part in range(8):\n    model.fit(X, y)\nmodel.score(X, y)"
    run(
        shell,
        "import numpy as np\nfrom sklearn.metrics import accuracy_score\nfrom sklearn.naive_bayes import GaussianNB",
    )
    run(shell, data, fit)
    found = reproduce(project, "var:model")
    assert "training_accuracy_score" in " ".join(by_name(found))
    assert found.verdict == "identical", found.reason


def test_a_metric_that_was_computed_before_comes_again_in_a_slice_without_that_cell(shell, project):
    model = "import numpy as np\nfrom sklearn.dummy import DummyClassifier\nfrom sklearn.metrics import accuracy_score"
    run(shell, model, "X, y = np.zeros((4, 1)), np.array([0, 0, 0, 1])\nmodel = DummyClassifier().fit(X, y)")
    run(shell, "first = accuracy_score(y, model.predict(X))", "second = accuracy_score(y, model.predict(X))")
    names = [row["name"] for row in project.store.rows("SELECT name FROM metric ORDER BY id")]
    assert names[-2:] == ["accuracy_score_X", "accuracy_score-2_X"]
    found = reproduce(project, "var:second")
    assert by_name(found)["[4] accuracy_score_X"] == "identical"
    assert (found.verdict, found.slice) == ("identical", 3), found.reason


def test_an_interrupted_run_leaves_nothing_behind(shell, project, monkeypatch):
    run(shell, "a = 1\na")
    monkeypatch.setenv("TMPDIR", os.getcwd())
    import tempfile

    monkeypatch.setattr(tempfile, "tempdir", None)

    def stop(what: str, done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        reproduce(project, "var:a", progress=stop)
    assert not [name for name in os.listdir() if name.startswith("mlops-")]
    assert project.store.value("SELECT count(*) FROM reproduction") == 0


def test_a_run_comes_out_again_with_all_of_its_cells(shell, project):
    run(shell, "a = 1\na", "b = 2\nb")
    found = reproduce(project, f"runs:/{runs(project)[0].id}")
    assert (found.verdict, found.slice, len(found.compared)) == ("identical", 2, 2)


def test_a_run_without_cells_is_refused(project):
    number = start(project, "pipeline", "flights")
    with pytest.raises(UsageError, match="no cell of .* was recorded - a pipeline comes out again step by step"):
        reproduce(project, f"runs:/{public_id(project, number)}")
