"""What started a kernel, on which notebook and on whose behalf: real executors, started as people start them."""

import json
import os
import shlex
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from nbformat.v4 import new_code_cell, new_notebook, writes

from mlops_nb.capture import cells, launchers, runs
from mlops_nb.capture.launchers import CALLERS, caller
from mlops_nb.data.checks import check
from mlops_nb.lineage.details import show
from mlops_nb.project import Project
from tests.conftest import environment
from tests.pipelines.conftest import write_notebook

BIN = Path(sys.executable).parent


def write_session(path):
    """Write a notebook in which parameters follow on loading capture, and two cells are alike."""
    tags = {"b": ["parameters"]}
    sources = {"a": "%load_ext mlops_nb", "b": "n: int = 1", "c": "x = n + 1", "d": "x = n + 1", "e": "print(x)"}
    made = [new_code_cell(source, id=cell, metadata={"tags": tags.get(cell, [])}) for cell, source in sources.items()]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    path.parent.mkdir(exist_ok=True)
    path.write_text(writes(new_notebook(cells=made, metadata=kernel)))
    return path


def walked(project, run):
    """The IDs of the cells that a run executed, in order."""
    return [cell.cell for cell in cells.of_run(project, run.id)]


def test_papermill_in_a_cell_runs_the_cells_of_its_own_input_with_their_parameters(start_kernel, workspace):
    write_session(workspace / "deep" / "in.ipynb")
    outer = start_kernel(JPY_SESSION_NAME=str(workspace / "outer.ipynb"))
    outer.run("%load_ext mlops_nb")
    words = [BIN / "papermill", "-p", "n", 5, "--cwd", "deep", "deep/in.ipynb", "deep/out.ipynb", "--no-progress-bar"]
    outer.run("!" + shlex.join(map(str, words)))
    outer.settle()
    project = Project(workspace)
    inner, around = runs.runs(project)
    assert (around.notebook, around.caller) == ("outer.ipynb", "person")
    assert (inner.notebook, inner.caller, inner.parameters) == ("deep/in.ipynb", "papermill", {"n": 5})
    assert walked(project, inner) == ["b", "injected-parameters", "c", "d", "e"]
    assert check(project, f"var:{inner.id}/x").verdict == "clean"
    found = check(project, "deep/in.ipynb")
    assert (found.recorded, found.verdict, len(found.cells)) == (True, "clean", 5)
    project.store.close()


@pytest.mark.parametrize(
    ("command", "named"),
    [
        (("jupyter", "nbconvert", "--to", "notebook", "--execute", "--inplace", "one.ipynb", "two.ipynb"), "nbconvert"),
        (("jupyter", "execute", "two.ipynb"), "nbclient"),
    ],
)
def test_an_executor_runs_the_cells_of_each_notebook_in_order(workspace, command, named):
    write_notebook(workspace / "one.ipynb", "%load_ext mlops_nb", "one = 2")
    write_session(workspace / "two.ipynb")
    words = [BIN / command[0], *command[1:]]
    subprocess.run(words, cwd=workspace, env=environment(workspace), check=True, capture_output=True)
    project = Project(workspace)
    run = runs.runs(project)[0]
    assert (run.notebook, run.caller, run.parameters) == ("two.ipynb", named, {"n": 1})
    assert walked(project, run) == ["b", "c", "d", "e"]
    assert check(project, "var:x").verdict == "clean"
    if "one.ipynb" in command:
        assert runs.runs(project)[1].notebook == "one.ipynb"
    project.store.close()


def test_vs_code_names_the_notebook_when_the_kernel_has_loaded_capture_already(start_kernel, workspace, recorded):
    path = write_notebook(workspace / "code.ipynb", "x = 1")
    kernel = start_kernel(arguments=("--InteractiveShellApp.extra_extensions=mlops_nb.surfaces.autoload",))
    kernel.outputs(kernel.send(f"__vsc_ipynb_file__ = {str(path)!r}", silent=True))
    kernel.run("x = 1", f"vscode-notebook-cell:{path}#W0sZmlsZQ%3D%3D")
    project = recorded(kernel)
    (run,) = runs.runs(project)
    assert (run.notebook, run.caller) == ("code.ipynb", "person")
    assert [cell.cell for cell in cells.of_run(project, run.id)] == ["cell-1"]


def test_a_cell_of_vs_code_that_was_saved_after_it_ran_is_judged_as_the_one_with_its_source(
    start_kernel, workspace, recorded
):
    path = write_notebook(workspace / "code.ipynb", "%load_ext mlops_nb")
    kernel = start_kernel()
    kernel.outputs(kernel.send(f"__vsc_ipynb_file__ = {str(path)!r}", silent=True))
    for number, source in enumerate(("%load_ext mlops_nb", "x = 1", "y = x"), 1):
        kernel.run(source, f"vscode-notebook-cell:{path}#W{number}sZmlsZQ%3D%3D")
    project = recorded(kernel)
    assert check(project, "var:y").verdict == "uncheckable"
    write_notebook(path, "%load_ext mlops_nb", "x = 1", "y = x")
    assert check(project, "var:y").verdict == "clean"
    assert check(project, str(path)).verdict == "clean"


# -- on whose behalf ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("variables", "who"),
    [
        ({"AI_AGENT": "some-agent", "CI": "true"}, "agent"),
        ({"CLAUDECODE": "1"}, "agent"),
        ({"CURSOR_AGENT": "1"}, "agent"),
        ({"CI": "true"}, "ci"),
        ({"GITHUB_ACTIONS": "true", "JPY_SESSION_NAME": "a.ipynb"}, "ci"),
        ({"JENKINS_URL": "http://builds"}, "ci"),
        ({"CI": "false", "JPY_SESSION_NAME": "a.ipynb"}, "person"),
        ({"AIRFLOW_CTX_DAG_ID": "nightly"}, "scheduler"),
        ({"SLURM_JOB_ID": "7", "JPY_SESSION_NAME": "a.ipynb"}, "person"),
        ({"JPY_SESSION_NAME": "a.ipynb"}, "person"),
        ({"MLOPS_CALLER": "scheduler", "CI": "true"}, "scheduler"),
        ({"MLOPS_CALLER": "somebody", "CI": "true"}, "ci"),
    ],
)
def test_who_has_it_run_is_said_by_the_environment(variables, who):
    assert caller(variables) == who
    assert who in CALLERS


WHO = "from mlops_nb.capture.launchers import caller; print(caller())"


def who(workspace, *command, **variables):
    """Ask, in a process without a terminal, who has it run."""
    done = subprocess.run(
        [str(word) for word in command], cwd=workspace, env=environment(workspace, variables), text=True,
        capture_output=True, start_new_session=True, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


DETACHED = "import subprocess, sys; sys.exit(subprocess.run([sys.argv[1], '-c', sys.argv[2]]).returncode)"


def test_where_nobody_can_tell_nothing_is_said(workspace):
    assert who(workspace, sys.executable, "-c", DETACHED, sys.executable, WHO) == "None"


def test_a_batch_job_at_which_nobody_sits_is_a_schedulers(workspace):
    assert who(workspace, sys.executable, "-c", DETACHED, sys.executable, WHO, SLURM_JOB_ID="7") == "scheduler"


def test_what_cron_starts_is_a_schedulers(workspace):
    (workspace / "crond").symlink_to(os.path.realpath(sys.executable))
    assert who(workspace, workspace / "crond", "-c", DETACHED, sys.executable, WHO) == "scheduler"


def test_a_job_that_a_jupyter_server_spawns_is_a_schedulers_on_the_notebook_beside_it(workspace):
    write_notebook(workspace / "job" / "nightly.ipynb", "%load_ext mlops_nb", "x = 1", "y = x")
    server = """
        import multiprocessing, nbformat, sys
        def run():  # as jupyter-scheduler does, in a folder of its own
            from nbclient import NotebookClient
            notebook = nbformat.read("job/nightly.ipynb", 4)
            NotebookClient(notebook, resources={"metadata": {"path": "job"}}).execute()
        if __name__ == "__main__":
            job = multiprocessing.get_context("spawn").Process(target=run)
            job.start()
            job.join()
            sys.exit(job.exitcode)
        """
    (workspace / "jupyter-lab").write_text(textwrap.dedent(server))
    who(workspace, sys.executable, workspace / "jupyter-lab")
    project = Project(workspace / "job")
    (run,) = runs.runs(project)
    assert (run.notebook, run.caller) == ("nightly.ipynb", "scheduler")
    assert walked(project, run) == ["cell-2", "cell-3"]
    project.store.close()


@pytest.mark.parametrize(
    ("words", "named"),
    [
        ("python /bin/papermill in.ipynb out.ipynb", ("papermill", ["in.ipynb"])),
        ("python -m papermill -p path x.ipynb -r y z.ipynb in.ipynb out.ipynb", ("papermill", ["in.ipynb"])),
        ("python -W ignore -m nbconvert --execute a.ipynb b.ipynb", ("nbconvert", ["a.ipynb", "b.ipynb"])),
        ("/bin/jupyter-nbconvert.exe a.ipynb --output b.ipynb", ("nbconvert", ["a.ipynb"])),
        ("python train.py papermill in.ipynb", (None, None)),
        ("python -m mlops_nb.pipelines.engine", ("papermill", [])),
        ("", (None, None)),
    ],
)
def test_a_command_line_says_which_executor_and_which_notebooks(words, named):
    executor, rest = launchers._executor(words.split())
    assert (executor, launchers._named(executor, rest) if executor else None) == named


def test_the_cells_of_a_step_are_run_by_papermill_and_known_by_their_ids(workspace):
    write_notebook(workspace / "one.ipynb", "x = n", parameters="n: int = 1")
    command = [sys.executable, "-m", "mlops_nb", "run", ".", "-p", "n=2", "--json"]
    (workspace / "mlops.toml").write_text("")
    Project(workspace).store.close()
    done = subprocess.run(command, cwd=workspace, env=environment(workspace), capture_output=True, text=True)
    assert json.loads(done.stdout)["status"] == "ok", done.stderr
    project = Project(workspace)
    (step,) = runs.runs(project, kind="step")
    assert walked(project, step) == ["parameters", "injected-parameters", "cell-1"]
    assert show(project, "cell:cell-1").facts["caller"] == "papermill"
    assert check(project, "var:x").verdict == "clean"
    assert check(project, f"var:{step.parent}/x").verdict == "clean"
    project.store.close()
