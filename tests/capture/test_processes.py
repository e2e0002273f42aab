"""Which process facts come from, its environment and its git state; and which of them died."""

import os
import subprocess

import pytest

from mlops_nb.capture import environments, processes, runs
from mlops_nb.proof import fsck

LOG = "import mlops_nb as mlops; mlops.log_metric('a', 1)"


@pytest.fixture
def repository(workspace, monkeypatch):
    """A git repository with one commit."""

    def git(*arguments):
        identity = ("-c", "user.name=Ada", "-c", "user.email=ada@example.org")
        return subprocess.run(["git", *identity, *arguments], check=True, capture_output=True, text=True).stdout.strip()

    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    git("init", "-q")
    (workspace / "code.py").write_text("a = 1\n")
    git("add", "code.py")
    git("commit", "-qm", "first")
    return git


def test_a_process_is_on_record_once_with_who_and_what_it_is(project, monkeypatch):
    first, second = processes.process_id(project), processes.process_id(project)
    row = project.store.row("SELECT * FROM process")
    assert first == second == row["id"]
    assert (row["pid"], row["actor"]) == (os.getpid(), project.actor)
    assert project.store.value("SELECT count(*) FROM process") == 1


def test_a_kernel_is_recorded_as_one(module_kernel, recorded):
    module_kernel.run("1")
    row = recorded(module_kernel).store.row("SELECT pid, program FROM process")
    assert tuple(row) == (module_kernel.pid, "kernel")


def test_the_environment_is_recorded_once_for_all_processes_that_share_it(project, run_process):
    run_process(LOG)
    run_process(LOG)
    store = project.store
    assert store.value("SELECT count(*) FROM process") == 2
    assert store.value("SELECT count(DISTINCT environment) FROM process") == 1
    kept = environments.load(store, store.value("SELECT id FROM environment"))
    assert kept == environments.environment()
    assert {"pandas", "ipython", "scikit-learn"} <= set(kept.packages)


def test_another_package_makes_another_environment(project, run_process, workspace):
    run_process(LOG)
    (workspace / "site-packages" / "New_Thing-1.2.dist-info").mkdir(parents=True)
    run_process(f"import sys; sys.path.append({str(workspace / 'site-packages')!r})\n{LOG}")
    assert project.store.value("SELECT count(*) FROM environment") == 2
    newest = environments.load(project.store, project.store.value("SELECT max(id) FROM environment"))
    assert newest.packages["new-thing"] == "1.2"


def test_the_commit_of_a_repository_is_recorded(project, repository, run_process):
    run_process(LOG)
    row = project.store.row("SELECT git_commit, git_diff FROM process")
    assert tuple(row) == (repository("rev-parse", "HEAD"), None)


def test_what_is_not_committed_is_recorded_as_a_diff(project, repository, run_process, workspace):
    (workspace / "code.py").write_text("a = 2\n")
    run_process(LOG)
    diff = project.content.text(project.store.value("SELECT git_diff FROM process"))
    assert "-a = 1\n+a = 2\n" in diff
    subprocess.run(["git", "apply", "--reverse", "-"], input=diff, text=True, check=True)
    assert (workspace / "code.py").read_text() == "a = 1\n"


def test_a_diff_is_plain_whatever_the_user_has_configured(project, repository, run_process, workspace):
    repository("config", "color.ui", "always")
    repository("config", "diff.external", "echo external")
    (workspace / "code.py").write_text("a = 2\n")
    run_process(LOG)
    diff = project.content.text(project.store.value("SELECT git_diff FROM process"))
    assert "-a = 1\n+a = 2\n" in diff
    assert "\x1b" not in diff


def test_where_there_is_no_repository_no_commit_is_recorded(project):
    assert environments.git_state(project.root) == (None, b"")


def test_a_repository_without_a_commit_has_none(project):
    subprocess.run(["git", "init", "-q"], check=True)
    assert environments.git_state(project.root) == (None, b"")


# -- the dead -------------------------------------------------------------------------------------------------


def test_a_process_that_still_runs_is_not_reaped(project, start_process):
    alive = start_process(f"{LOG}\nprint('logged', flush=True)\nimport time; time.sleep(60)")
    assert alive.stdout.readline() == "logged\n"
    assert processes.reap(project) == 0
    alive.kill()
    alive.wait()
    assert processes.reap(project) == 1
    assert [run.status for run in runs.runs(project)] == ["aborted"]


def test_what_is_reaped_is_reaped_once(project, run_process):
    run_process(f"{LOG}\nimport os\nos.kill(os.getpid(), 9)", check=False)
    assert [processes.reap(project), processes.reap(project)] == [1, 0]
    assert fsck(project).ok


def test_what_this_process_has_not_finished_is_not_reaped(project):
    runs.start(project, "step", "mine")
    assert processes.reap(project) == 0


def test_a_dead_process_whose_number_is_ours_now_is_reaped(project, run_process):
    run_process(f"{LOG}\nimport os\nos.kill(os.getpid(), 9)", check=False)
    with project.store.write() as store:  # as in a container that was started again
        store.execute("UPDATE process SET pid = ?, born = born - 1000", os.getpid())
    assert processes.reap(project) == 1


def test_a_process_of_another_machine_is_left_alone(project, run_process):
    run_process(f"{LOG}\nimport os\nos.kill(os.getpid(), 9)", check=False)
    with project.store.write() as store:
        store.execute("UPDATE process SET host = 'another-machine'")
    assert processes.reap(project) == 0
    assert [run.status for run in runs.runs(project)] == ["running"]
