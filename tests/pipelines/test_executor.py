"""Running pipelines: real notebooks in real kernels, skipped only where nothing they depend on has changed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import nbformat
import psutil
import pytest

from mlops_nb.capture import cells
from mlops_nb.capture.runs import children, runs
from mlops_nb.data.datasets import datasets, load_dataset
from mlops_nb.errors import NotFound, ParameterError, StoreReadOnly, UsageError
from mlops_nb.lineage.references import resolve
from mlops_nb.pipelines.executor import run
from mlops_nb.pipelines.pipelines import Plan, pipelines
from mlops_nb.project import Project, using
from mlops_nb.proof import fsck
from mlops_nb.registry.versions import models
from tests.conftest import environment
from tests.pipelines.conftest import write_notebook

MLOPS = [sys.executable, "-m", "mlops_nb"]

MAKE = """
import helper, pandas as pd, mlops_nb as mlops
rows = [int(line) for line in open("numbers.txt")]
mlops.dataset(pd.DataFrame({"x": [helper.double(row) for row in rows][:count]}), "numbers")
"""
TRAIN = """
import mlops_nb as mlops
from sklearn.dummy import DummyRegressor
numbers = mlops.load_dataset("numbers")
mlops.log_metric("mean", numbers["x"].mean())
version = mlops.register(DummyRegressor().fit(numbers[["x"]], numbers["x"]), "mean")
"""
JUDGE = """
import mlops_nb as mlops
verdict = mlops.gate("mean", metrics={"mean": float(mlops.load_model("mean").predict([[0]])[0])})
mlops.promote("mean", verdict.version, reason="good enough")
"""
REPORT = """
open("report.txt", "w").write("done")
print("written")
"""


def lay_out(folder: Path) -> None:
    (folder / "mlops.toml").write_text('[charter.criteria]\nmean = ">= 0"\n[other]\nx = 1\n')
    (folder / "helper.py").write_text("def double(x):\n    return 2 * x\n")
    (folder / "numbers.txt").write_text("1\n2\n3\n4\n")
    write_notebook(folder / "1-report.ipynb", REPORT)
    write_notebook(folder / "4-make.ipynb", "%load_ext mlops_nb", MAKE, parameters="count = 4", markdown="# Make")
    write_notebook(
        folder / "3-train.ipynb", TRAIN, "%matplotlib inline\nimport matplotlib.pyplot as plt\nplt.plot([1])"
    )
    write_notebook(folder / "2-judge.ipynb", JUDGE)


def statuses(done: dict[str, Any]) -> dict[str, str]:
    return {step["name"]: step["status"] for step in done["steps"]}


def reasons(done: dict[str, Any]) -> dict[str, str]:
    return {step["name"]: step["reason"] for step in done["steps"]}


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """One pipeline through its life: each key is a change, its value the run that followed it, as JSON."""
    folder = tmp_path_factory.mktemp("pipeline")
    lay_out(folder)
    before, kept = Path.cwd(), {n: v for n, v in os.environ.items() if n.startswith("MLOPS_")}
    for name in kept:
        del os.environ[name]
    os.chdir(folder)
    project = Project(folder)
    done: dict[str, Any] = {"project": project}

    def step(name: str, *options: str) -> None:
        ended = subprocess.run([*MLOPS, "run", "--json", *options], capture_output=True, text=True, check=True)
        done[name] = json.loads(ended.stdout)

    with using(project):
        bytes_before = {path.name: path.read_bytes() for path in folder.glob("*.ipynb")}
        step("first")
        done["untouched"] = bytes_before == {path.name: path.read_bytes() for path in folder.glob("*.ipynb")}
        step("again")
        write_notebook("4-make.ipynb", "%load_ext mlops_nb", MAKE, parameters="count = 4", markdown="# Other words")
        step("Markdown")
        write_notebook("4-make.ipynb", "%load_ext mlops_nb", MAKE + "\n1 + 1", parameters="count = 4")
        step("code, same data")
        Path("helper.py").write_text("def double(x):\n    return x + x\n")
        step("helper")
        Path("mlops.toml").write_text('[charter.criteria]\nmean = ">= 0"\n[other]\nx = 2\n')
        step("other section")
        Path("mlops.toml").write_text('[charter.criteria]\nmean = ">= 1"\n[other]\nx = 2\n')
        step("section")
        Path("report.txt").unlink()
        step("output removed")
        step("parameter", "-p", "count=2")
        done["latest of parameter"] = load_dataset(project, "numbers")["x"].tolist()
        done["champion of parameter"] = models(project)[0].aliases
        step("back")
        done["latest of back"] = load_dataset(project, "numbers")["x"].tolist()
        done["aliases of back"] = {v.version: v.aliases for v in models(project)}
        done["model of back"] = resolve(project, "models:/mean/latest")
        Path("numbers.txt").write_text("1\n2\n3\n5\n")
        step("input")
        step("forced", "1-report.ipynb", "--force")
        yield done
    project.store.close()
    os.chdir(before)
    os.environ.update(kept)


ALL = {"1-report": "cached", "4-make": "cached", "3-train": "cached", "2-judge": "cached"}


def test_steps_run_in_the_order_of_what_they_read_and_write(history):
    assert list(statuses(history["first"])) == ["1-report", "4-make", "3-train", "2-judge"]


def test_every_step_of_a_first_run_runs(history):
    assert statuses(history["first"]) == dict.fromkeys(ALL, "ran")
    assert set(reasons(history["first"]).values()) == {"first run"}
    assert history["first"]["status"] == "ok"


def test_no_byte_of_the_users_notebooks_is_changed(history):
    assert history["untouched"] is True


def test_an_unchanged_pipeline_is_skipped_and_says_why(history):
    assert statuses(history["again"]) == ALL
    ran = {step["name"]: step["run"] for step in history["first"]["steps"]}
    for name, reason in reasons(history["again"]).items():
        assert reason == f"code, parameters, inputs and environment are those of run {ran[name]}"


def test_a_skipped_pipeline_is_quick(history):
    assert history["again"]["seconds"] < 2


def test_words_run_nothing_again(history):
    assert statuses(history["Markdown"]) == ALL


def test_a_code_edit_that_leaves_its_data_equal_runs_that_step_alone(history):
    assert statuses(history["code, same data"]) == ALL | {"4-make": "ran"}
    assert reasons(history["code, same data"])["4-make"] == "code changed"


def test_an_edited_helper_runs_those_who_import_it(history):
    assert statuses(history["helper"]) == ALL | {"4-make": "ran"}


def test_a_table_of_mlops_toml_runs_those_who_read_it(history):
    assert statuses(history["other section"]) == ALL
    assert statuses(history["section"]) == ALL | {"2-judge": "ran"}
    assert reasons(history["section"])["2-judge"].startswith("config:charter.criteria changed")


def test_a_removed_output_is_made_again(history):
    assert statuses(history["output removed"]) == ALL | {"1-report": "ran"}
    assert reasons(history["output removed"])["1-report"] == "its output report.txt changed or is gone"


def test_a_changed_parameter_runs_what_depends_on_it(history):
    assert statuses(history["parameter"]) == dict.fromkeys(ALL, "ran") | {"1-report": "cached"}
    assert reasons(history["parameter"])["4-make"] == "parameters changed"
    assert reasons(history["parameter"])["3-train"] == "dataset:numbers changed"
    assert history["latest of parameter"] == [2, 4]
    assert history["champion of parameter"] == ["champion"]


def test_an_old_parameter_brings_old_data_and_model_back(history):
    assert statuses(history["back"]) == ALL | {"2-judge": "ran"}
    assert history["latest of back"] == [2, 4, 6, 8]
    assert history["aliases of back"] == {1: ["champion"], 2: []}


def test_the_step_that_moved_an_alias_runs_again_to_move_it_back(history):
    assert reasons(history["back"])["2-judge"] == "alias 'champion' of 'mean' has moved to version 2"


def test_a_changed_input_file_runs_its_readers(history):
    assert statuses(history["input"]) == dict.fromkeys(ALL, "ran") | {"1-report": "cached"}


def test_a_forced_step_runs(history):
    assert statuses(history["forced"]) == {"1-report": "ran"}
    assert reasons(history["forced"]) == {"1-report": "forced"}


def test_a_cached_step_shows_the_metrics_of_the_run_it_stands_for(history):
    project, again = history["project"], history["again"]
    train = next(run for run in children(project, again["id"]) if run.name == "3-train")
    assert (train.status, train.metrics) == ("cached", {"mean": 5.0})


def test_receipts_are_kept_with_their_outputs(history):
    receipt = nbformat.read(f"receipts/{history['first']['id']}/1-report.ipynb", 4)
    (cell,) = [cell for cell in receipt.cells if cell.cell_type == "code"]
    assert cell.outputs[0]["text"] == "written\n"
    assert not Path("receipts", history["again"]["id"]).exists()


def test_loading_the_extension_in_a_step_shows_nothing(history):
    receipt = nbformat.read(f"receipts/{history['first']['id']}/4-make.ipynb", 4)
    (cell,) = [cell for cell in receipt.cells if cell.source == "%load_ext mlops_nb"]
    assert cell.outputs == []


def test_a_notebook_that_does_not_load_the_extension_is_captured_all_the_same(history):
    project = history["project"]
    report = next(step for step in history["first"]["steps"] if step["name"] == "1-report")
    (execution,) = cells.of_run(project, report["run"])
    assert execution.source == REPORT
    assert resolve(project, "file:report.txt")


def test_pictures_of_a_step_are_kept(history):
    assert history["project"].store.value("SELECT count(*) FROM output WHERE mime = 'image/png'") > 0


def test_the_pipeline_is_listed_with_its_last_run(history):
    (listed,) = pipelines(history["project"])
    assert [step.name for step in listed.steps] == ["1-report", "4-make", "3-train", "2-judge"]
    assert {step.name: step.produces for step in listed.steps}["3-train"] == ["models:/mean"]
    assert {step.name: step.needs for step in listed.steps}["2-judge"] == ["3-train"]
    assert listed.problem is None


def test_the_store_is_whole_after_all_of_it(history):
    assert fsck(history["project"]).problems == []


# -- what reaches the kernel ----------------------------------------------------------------------------------

VALUES = {"n": 7, "r": 0.1, "s": "ü'\"\\\n", "b": False, "l": [1, 2.5, "x", None], "d": {"a": [True]}, "o": None}


def test_exact_values_reach_the_kernel_and_the_record_and_every_cell_is_told(project: Project):
    write_notebook(
        "a.ipynb", "import json\njson.dump([n, r, s, b, l, d, o], open('got.json', 'w'))",
        parameters="n: int = 1\nr: float = 1\ns = ''\nb = True\nl: list = []\nd: dict = {}\no: int | None = 5",
    )  # fmt: skip
    told: list[tuple[str, int, int]] = []
    done = run(project, parameters=VALUES, progress=lambda *what: told.append(what))
    assert json.loads(Path("got.json").read_text()) == list(VALUES.values())
    assert runs(project, kind="step")[0].parameters == VALUES
    assert done.steps[0].parameters == VALUES
    assert told == [("a", 0, 3), ("a", 1, 3), ("a", 2, 3), ("a", 1, 1)]


@pytest.mark.parametrize(
    ("given", "message"), [({"m": 1}, "no notebook declares a parameter 'm'"), ({"n": "x"}, "parameter 'n' is int")]
)
def test_a_refused_parameter_starts_nothing(project: Project, given: dict[str, object], message: str):
    write_notebook("a.ipynb", "open('ran', 'w')", parameters="n = 1")
    with pytest.raises(ParameterError, match=message):
        run(project, parameters=given)
    assert runs(project) == []
    assert not Path("receipts").exists()
    assert not Path("ran").exists()


# -- what cannot be planned -----------------------------------------------------------------------------------


def test_an_empty_folder_has_nothing_to_run(project: Project):
    with pytest.raises(NotFound, match="no notebooks in .* - put one there, or name them in mlops.toml"):
        run(project)


def test_a_missing_notebook_is_told_with_the_pipelines_there_are(project: Project):
    write_notebook("a.ipynb")
    with pytest.raises(NotFound, match=r"no pipeline or notebook 'gone\.ipynb' - known: "):
        run(project, "gone.ipynb")


def test_a_notebook_that_mlops_toml_names_and_is_not_there_is_told(project: Project):
    Path("mlops.toml").write_text('[pipeline.p]\nnotebooks = ["gone.ipynb"]\n')
    with pytest.raises(NotFound, match=r"no notebook '.*gone\.ipynb' - give the path of an existing"):
        run(project)
    (listed,) = pipelines(project)
    assert "gone.ipynb" in (listed.problem or "")


@pytest.mark.parametrize(("text", "message"), [("hello", "is not a notebook"), ('{"a": 1}', "it has no list of cells")])
def test_a_file_that_is_no_notebook_is_told(project: Project, text: str, message: str):
    Path("a.ipynb").write_text(text)
    with pytest.raises(UsageError, match=message):
        run(project)


def test_one_of_several_pipelines_must_be_named(project: Project):
    Path("mlops.toml").write_text('[pipeline.p]\nnotebooks = ["a.ipynb"]\n[pipeline.q]\nnotebooks = ["a.ipynb"]\n')
    with pytest.raises(NotFound, match="which pipeline\\? - there are: 'p', 'q'"):
        run(project)


def test_a_pipeline_without_notebooks_is_told(project: Project):
    Path("mlops.toml").write_text("[pipeline.p]\nnotebook = 'a.ipynb'\n")
    with pytest.raises(NotFound, match="pipeline 'p' names no notebooks"):
        run(project)


def test_a_folder_without_notebooks_is_told(project: Project):
    Path("empty").mkdir()
    with pytest.raises(NotFound, match="no notebooks in empty"):
        run(project, "empty")


def test_two_notebooks_of_one_name_in_a_pipeline_are_told(project: Project):
    write_notebook("a/step.ipynb")
    write_notebook("b/step.ipynb")
    Path("mlops.toml").write_text('[pipeline.p]\nnotebooks = ["a/step.ipynb", "b/step.ipynb"]\n')
    with pytest.raises(UsageError, match="two notebooks of pipeline 'p' are called 'step'"):
        run(project)


def test_a_folder_is_a_pipeline(project: Project):
    write_notebook("sub/b.ipynb")
    write_notebook("sub/a.ipynb")
    plan = Plan.of(project, "sub")
    assert (plan.name, list(plan.notebooks)) == ("sub", ["a", "b"])


def test_a_folder_that_cannot_be_written_is_told(project: Project):
    write_notebook("a.ipynb", "1")
    Path("receipts").write_text("a file where the folder should be")
    with pytest.raises(StoreReadOnly, match="cannot keep receipts in .* - make the project folder writable"):
        run(project)
    assert [(r.kind, r.status) for r in runs(project)] == [("pipeline", "failed")]


# -- failure --------------------------------------------------------------------------------------------------


def test_notebooks_of_one_name_in_two_folders_do_not_stand_for_each_other(project: Project):
    for folder, text in (("a", "1"), ("b", "2")):
        write_notebook(f"{folder}/step.ipynb", "name = 'in' + '.txt'\nopen('out.txt', 'w').write(open(name).read())")
        Path(folder, "in.txt").write_text(text)
        assert run(project, f"{folder}/step.ipynb").steps[0].status == "ran"
    assert Path("b/out.txt").read_text() == "2"


def test_a_skipped_step_makes_its_data_the_latest_in_a_process_that_lives_on(project: Project):
    write_notebook(
        "a.ipynb", "import pandas as pd, mlops_nb as m\nm.dataset(pd.DataFrame({'n': [n]}), 'd')", parameters="n = 1"
    )
    for n in (1, 2, 1):
        run(project, parameters={"n": n})
    assert load_dataset(project, "d")["n"].tolist() == [1]


@pytest.fixture
def mlops(workspace: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run the command line in a process of its own."""

    def call(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*MLOPS, *arguments], cwd=workspace, env=environment(workspace), text=True, capture_output=True, timeout=120,
            check=False,
        )  # fmt: skip

    return call


def test_a_cell_that_raises_stops_the_pipeline_and_is_told(mlops, workspace: Path):
    write_notebook("a.ipynb", "open('kept.txt', 'w').write('x')", "y = 1\nraise ValueError('no\\nluck')", "z = 1")
    write_notebook("b.ipynb", "1")
    mlops("init")
    ended = mlops("run", "--json")
    assert ended.returncode == 3
    assert ended.stderr.splitlines()[-1].startswith(
        "mlops: a: ValueError in cell [2] y = 1: no luck - the notebook as far"
    )
    shown = json.loads(ended.stdout)
    assert [(step["name"], step["status"]) for step in shown["steps"]] == [("a", "failed")]
    assert (shown["pending"], shown["status"], shown["refused"]) == (["b"], "failed", False)
    project = Project(workspace)
    executed = [(e.status, e.error) for e in cells.of_run(project, shown["steps"][0]["run"])]
    assert executed == [("ok", None), ("failed", "ValueError: no\nluck")]
    assert resolve(project, "file:kept.txt")
    project.store.close()
    receipt = nbformat.read(workspace / "receipts" / shown["id"] / "a.ipynb", 4)
    assert any(output.output_type == "error" for cell in receipt.cells for output in cell.get("outputs", []))


def test_a_broken_contract_stops_the_pipeline_with_exit_code_1(mlops, workspace: Path):
    Path("mlops.toml").write_text("[contract.c.columns]\nx = { min = 5 }\n")
    write_notebook("a.ipynb", "import mlops_nb as mlops, pandas as pd\nmlops.check(pd.DataFrame({'x': [1]}), 'c')")
    write_notebook("b.ipynb", "1")
    ended = mlops("run")
    assert ended.returncode == 1
    assert "ContractViolation" in ended.stderr
    assert "x: 1 rows break 'min 5', such as 1" in ended.stderr.splitlines()[-1]
    assert "not reached: b" in ended.stdout


def test_a_kernel_that_dies_is_told_and_nothing_is_lost(mlops, workspace: Path):
    write_notebook(
        "a.ipynb", "open('kept.txt', 'w').write('x')", "import os, time\ntime.sleep(0.5)\nos.kill(os.getpid(), 9)"
    )
    mlops("init")
    ended = mlops("run")
    assert ended.returncode == 3
    assert "mlops: a: its kernel died in cell import os, time" in ended.stderr.splitlines()[-1]
    project = Project(workspace)
    step = runs(project, kind="step")[0]
    assert step.status == "failed"
    assert [e.status for e in cells.of_run(project, step.id)] == ["ok", "aborted"]
    assert fsck(project).ok
    project.store.close()


def test_a_killed_run_leaves_no_process_and_is_taken_up_again(mlops, workspace: Path):
    write_notebook("a.ipynb", "import pandas as pd, mlops_nb as m\nm.dataset(pd.DataFrame({'x': [1]}), 'd')")
    write_notebook(
        "b.ipynb", "import mlops_nb as m, os, time\nm.load_dataset('d')",
        "if not os.path.lexists('go'):\n    open('started', 'w').close()\n    time.sleep(600)",
    )  # fmt: skip
    mlops("init")
    process = subprocess.Popen(
        [*MLOPS, "run"], cwd=workspace, env=environment(workspace), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    deadline = time.monotonic() + 60
    while not Path("started").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    family = psutil.Process(process.pid).children(recursive=True)
    process.kill()
    process.wait()
    _, alive = psutil.wait_procs(family, timeout=10)
    for left in alive:
        left.kill()
    assert len(family) >= 2
    assert alive == []
    assert mlops("fsck").returncode == 0
    Path("go").touch()
    ended = mlops("run", "--json")
    assert {step["name"]: step["status"] for step in json.loads(ended.stdout)["steps"]} == {"a": "cached", "b": "ran"}
    project = Project(workspace)
    assert [r.status for r in runs(project, kind="pipeline")] == ["ok", "aborted"]
    assert [r.status for r in runs(project, kind="step") if r.name == "b"] == ["ok", "aborted"]
    assert len(datasets(project)) == 1
    project.store.close()


def test_an_engine_that_is_killed_is_told_and_its_step_is_aborted(mlops, workspace: Path):
    write_notebook("a.ipynb", "import time\nopen('started', 'w').close()\ntime.sleep(600)")
    mlops("init")
    process = subprocess.Popen(
        [*MLOPS, "run"], cwd=workspace, env=environment(workspace), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    while not Path("started").exists() and process.poll() is None:
        time.sleep(0.05)
    family = psutil.Process(process.pid).children(recursive=True)
    next(child for child in family if "mlops_nb.pipelines.engine" in child.cmdline()).kill()
    _, error = process.communicate(timeout=30)
    assert process.returncode == 3
    last = error.decode().splitlines()[-1]
    assert last.startswith("mlops: the process that ran a.ipynb ended with status -9 - what was finished is kept;")
    _, alive = psutil.wait_procs(family, timeout=10)
    assert alive == []
    project = Project(workspace)
    assert {r.kind: r.status for r in runs(project)} == {"pipeline": "failed", "step": "aborted"}
    project.store.close()


def test_a_run_that_was_interrupted_is_taken_up_again(mlops, workspace: Path):
    write_notebook("a.ipynb", "import time\nopen('started', 'w').close()\ntime.sleep(600)")
    mlops("init")
    process = subprocess.Popen(
        [*MLOPS, "run"], cwd=workspace, env=environment(workspace), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    while not Path("started").exists() and process.poll() is None:
        time.sleep(0.05)
    family = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(2)
    _, error = process.communicate(timeout=30)
    assert process.returncode == 3
    assert error.decode().splitlines()[-1] == "mlops: stopped - what was finished is kept"
    _, alive = psutil.wait_procs(family, timeout=10)
    assert alive == []
    project = Project(workspace)
    assert {r.kind: r.status for r in runs(project)} == {"pipeline": "aborted", "step": "aborted"}
    project.store.close()
