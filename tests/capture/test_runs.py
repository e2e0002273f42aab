"""Runs: what belongs together, its parameters and metrics, and how it ended."""

import math

import pytest

import mlops_nb as mlops
from mlops_nb.capture import runs
from mlops_nb.errors import NotFound, UsageError
from mlops_nb.proof import fsck


def only(project):
    (run,) = runs.runs(project)
    return run


# -- scripts --------------------------------------------------------------------------------------------------


def test_a_script_that_logs_is_a_run_that_ends_well(project, run_process):
    run_process("import sys; sys.argv[0] = 'train.py'\nimport mlops_nb as mlops\nmlops.log_metric('auc', 0.75)")
    run = only(project)
    assert (run.kind, run.name, run.status, run.metrics) == ("script", "train.py", "ok", {"auc": 0.75})
    assert run.ended >= run.started


def test_a_script_that_raises_is_a_failed_run(project, run_process):
    run_process("import mlops_nb as mlops\nmlops.log_metric('auc', 0.75)\n1/0", check=False)
    assert only(project).status == "failed"


def test_a_script_that_is_killed_is_an_aborted_run(project, run_process):
    run_process("import mlops_nb as mlops, os\nmlops.log_metric('auc', 0.75)\nos.kill(os.getpid(), 9)", check=False)
    run = only(project)
    assert (run.status, run.reason, run.metrics) == ("aborted", "its process ended before it did", {"auc": 0.75})
    assert fsck(project).ok


def test_a_process_that_was_given_a_run_records_into_it_and_does_not_end_it(project, run_process):
    number = runs.start(project, "step", "given")
    run_process("import mlops_nb as mlops\nmlops.log_metric('auc', 1)", MLOPS_RUN=runs.public_id(project, number))
    run = only(project)
    assert (run.name, run.status, run.metrics) == ("given", "running", {"auc": 1.0})


def test_a_process_that_was_given_a_run_that_is_not_there_is_told(project, run_process):
    failed = run_process("import mlops_nb as mlops\nmlops.log_metric('a', 1)", check=False, MLOPS_RUN="feed")
    assert "NotFound: no run 'feed' in " in failed.stderr


def test_a_failed_first_call_does_not_spoil_the_run(project):
    with pytest.raises(ValueError, match="could not convert"):
        mlops.log_metrics({"a": 1.0, "b": "x"})
    mlops.log_metric("c", 2.0)
    assert only(project).metrics == {"c": 2.0}


# -- metrics --------------------------------------------------------------------------------------------------


def test_a_metric_is_committed_when_the_call_returns(project, run_process):
    mlops.log_metric("auc", 0.5)
    code = "import sqlite3; print(sqlite3.connect('.mlops/lineage.db').execute('SELECT value FROM metric').fetchall())"
    assert run_process(code).stdout == "[(0.5,)]\n"


def test_the_last_value_of_a_metric_is_the_one_that_is_shown_and_all_are_kept(project):
    for step, value in enumerate((0.9, 0.5, 0.4)):
        mlops.log_metric("loss", value, step=step)
    assert only(project).metrics == {"loss": 0.4}
    assert [tuple(row) for row in project.store.rows("SELECT step, value FROM metric ORDER BY id")] == [
        (0, 0.9), (1, 0.5), (2, 0.4)
    ]  # fmt: skip


def test_a_metric_that_is_not_a_number_is_kept_as_such(project):
    mlops.log_metric("loss", float("nan"))
    assert math.isnan(only(project).metrics["loss"])
    assert only(project).to_json()["metrics"] == {"loss": None}


def test_an_infinite_metric_is_kept(project):
    mlops.log_metric("loss", float("inf"))
    assert only(project).metrics == {"loss": math.inf}


def test_a_numpy_scalar_is_a_metric(project):
    import numpy as np

    mlops.log_metric("auc", np.float32(0.5))
    mlops.log_metric("n", np.int64(3))
    assert only(project).metrics == {"auc": 0.5, "n": 3.0}


def test_several_metrics_are_kept_together_or_not_at_all(project):
    mlops.log_metric("before", 1)
    with pytest.raises(TypeError):
        mlops.log_metrics({"a": 1, "b": None})
    mlops.log_metrics({"c": 3, "d": 4}, step=1)
    assert only(project).metrics == {"before": 1.0, "c": 3.0, "d": 4.0}


def test_a_metric_of_a_cell_points_at_the_cell(shell, project):
    shell.run_cell("import mlops_nb as mlops\nmlops.log_metric('auc', 0.5)", store_history=True)
    row = project.store.row("SELECT metric.execution, metric.run, execution.run AS its FROM metric JOIN execution"
                            " ON execution.id = metric.execution")  # fmt: skip
    assert row["run"] == row["its"]


# -- parameters -----------------------------------------------------------------------------------------------


def test_a_parameter_keeps_its_value(project):
    for name, value in {"a": 1, "b": "x", "c": None, "d": [1, {"e": 2.5}], "f": True}.items():
        mlops.log_param(name, value)
    assert only(project).parameters == {"a": 1, "b": "x", "c": None, "d": [1, {"e": 2.5}], "f": True}


def test_a_parameter_that_is_no_json_is_kept_as_its_repr(project):
    mlops.log_param("range", range(3))
    mlops.log_param("nan", float("nan"))
    assert only(project).parameters == {"range": "range(0, 3)", "nan": "nan"}


def test_the_same_parameter_may_be_logged_again(project):
    mlops.log_param("depth", 3)
    mlops.log_param("depth", 3)
    assert only(project).parameters == {"depth": 3}


def test_a_parameter_cannot_become_another(project):
    mlops.log_param("depth", 3)
    with pytest.raises(UsageError, match=r"'depth' of this run is 3 and cannot become 4 - log it under another name"):
        mlops.log_param("depth", 4)
    assert only(project).parameters == {"depth": 3}


def test_the_literals_of_a_parameters_cell_are_the_parameters_of_the_run(shell, project):
    shell.run_cell(
        "# Parameters of the training\nmonths = [1, 2]\nrate: float = 0.1\nother = len(months)", store_history=True
    )
    shell.run_cell("depth = 3", store_history=True)
    assert only(project).parameters == {"months": [1, 2], "rate": 0.1}


def test_the_tagged_cell_of_the_notebook_holds_the_parameters_of_the_run(start_kernel, workspace, recorded):
    import nbformat

    notebook = nbformat.v4.new_notebook()
    notebook.cells = [nbformat.v4.new_code_cell("depth = 3", metadata={"tags": ["parameters"]}, id="tagged01")]
    nbformat.write(notebook, workspace / "train.ipynb")
    kernel = start_kernel(JPY_SESSION_NAME=str(workspace / "train.ipynb"))
    kernel.run("%load_ext mlops_nb")
    kernel.run("size = 9", cell_id="other001")
    kernel.run("depth = 4", cell_id="tagged01")
    assert only(recorded(kernel)).parameters == {"depth": 4}


# -- finding --------------------------------------------------------------------------------------------------


@pytest.fixture
def three(project):
    for kind, name, status in (("step", "a", "ok"), ("script", "b", "failed"), ("step", "c", "failed")):
        number = runs.start(project, kind, name, notebook=f"{name}.ipynb", parameters={"n": name})
        runs.finish(project, number, status, "because")
    return project


def names(found):
    return [run.name for run in found]


def test_runs_are_listed_newest_first(three):
    assert names(runs.runs(three)) == ["c", "b", "a"]


@pytest.mark.parametrize(
    ("choice", "found"),
    [
        ({"kind": "step"}, ["c", "a"]),
        ({"status": "failed"}, ["c", "b"]),
        ({"kind": "step", "status": "failed"}, ["c"]),
        ({"notebook": "b.ipynb"}, ["b"]),
        ({"status": "running"}, []),
        ({"limit": 1}, ["c"]),
    ],
)
def test_runs_can_be_chosen(three, choice, found):
    assert names(runs.runs(three, **choice)) == found


def test_a_kind_of_run_that_there_is_not_is_told(three):
    with pytest.raises(UsageError, match="no kind of run 'steps' - there are: notebook, step, pipeline, script"):
        runs.runs(three, kind="steps")


def test_a_run_is_shown_with_what_scripts_are_promised(three):
    (run,) = runs.runs(three, limit=1).to_json()
    assert {"id", "kind", "notebook", "status", "started", "ended", "parameters", "metrics"} <= set(run)
    assert (run["parameters"], run["status"], run["reason"]) == ({"n": "c"}, "failed", "because")


def test_a_run_that_is_not_there_is_told(three):
    with pytest.raises(NotFound, match=r"no run 'feed' - known: .*see `mlops runs`"):
        runs.get(three, "feed")


def test_the_first_end_of_a_run_is_the_one_that_counts(project):
    number = runs.start(project, "step", "a")
    runs.finish(project, number, "failed", "first")
    runs.finish(project, number, "ok")
    assert (only(project).status, only(project).reason) == ("failed", "first")


def test_the_runs_inside_a_run_are_its_children(project):
    parent = runs.start(project, "pipeline", "all")
    for name in "ab":
        runs.start(project, "step", name, parent=parent)
    assert names(runs.children(project, runs.public_id(project, parent))) == ["a", "b"]
