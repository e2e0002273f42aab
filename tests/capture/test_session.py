"""Attached and detached without a trace; and no trouble of ours is ever the cell's."""

import shutil
import sqlite3
import subprocess
import sys
import time
import warnings

import pytest

import mlops_nb
from mlops_nb.capture import runs, session
from mlops_nb.project import Project
from mlops_nb.proof import fsck

HEAVY = ("pandas", "numpy", "sqlite_utils", "jsonschema", "sklearn", "papermill", "nbformat", "matplotlib")


def state(shell):
    """Everything of a shell that an extension may have touched."""
    return {
        "events": {name: list(found) for name, found in shell.events.callbacks.items()},
        "transformers": list(shell.ast_transformers),
        "input": list(shell.input_transformers_post) + list(shell.input_transformers_cleanup),
        "magics": {kind: sorted(found) for kind, found in shell.magics_manager.magics.items()},
        "completers": sorted(map(str, shell.strdispatchers["complete_command"].strs)),
        "hooks": {name: len(list(found)) for name, found in vars(shell.hooks).items() if hasattr(found, "__iter__")},
        "formatters": {
            mime: (dict(formatter.type_printers), dict(formatter.singleton_printers), dict(formatter.deferred_printers))
            for mime, formatter in shell.display_formatter.formatters.items()
        },
        "names": sorted(name for name in shell.user_ns if not name.startswith("_")),
        "displays": getattr(shell.display_pub, "store_display_history", None),
        "stdout": (sys.stdout.write, sys.stderr.write, sys.displayhook, sys.excepthook),
        "warnings": list(warnings.filters),
        "showwarning": warnings.showwarning,
    }


def test_unload_ext_leaves_no_trace_in_the_shell(bare_shell):
    bare_shell.run_cell("1", store_history=True)
    before = state(bare_shell)
    mlops_nb.load_ipython_extension(bare_shell)
    assert state(bare_shell) != before
    bare_shell.run_cell("x = 1; del x", store_history=True)
    mlops_nb.unload_ipython_extension(bare_shell)
    assert state(bare_shell) == before
    assert session.current() is None


def test_unload_ext_in_a_kernel_leaves_no_trace(kernel):
    look = """
        def look(s):
            events = {n: len(c) for n, c in s.events.callbacks.items()}
            formatters = {m: len(f.type_printers) for m, f in s.display_formatter.formatters.items()}
            magics = sorted(s.magics_manager.magics['line'])
            return events, formatters, magics, s.ast_transformers, s.display_pub.store_display_history
        """
    kernel.run(look)
    kernel.run("before = look(get_ipython())")
    kernel.run("%load_ext mlops_nb")
    kernel.run("assert look(get_ipython()) != before")
    kernel.run("%unload_ext mlops_nb")
    assert kernel.text("print(look(get_ipython()) == before)") == "True\n"


def test_the_cell_that_unloads_is_recorded_and_ends_the_run(shell, project, executions):
    shell.run_cell("x = 1", store_history=True)
    root = project.root
    shell.run_cell("%load_ext mlops_nb\n%unload_ext mlops_nb", store_history=True)
    shell.run_cell("unseen = 1", store_history=True)
    again = Project(root)
    assert [run.status for run in runs.runs(again)] == ["ok"]
    assert [cell.status for cell in executions(again)] == ["ok", "ok"]
    again.store.close()


def test_loading_again_after_unloading_records_into_a_new_run(kernel, recorded, executions):
    kernel.run("%load_ext mlops_nb")
    kernel.run("a = 1")
    kernel.run("%unload_ext mlops_nb")
    kernel.run("unseen = 1")
    kernel.run("%load_ext mlops_nb")
    kernel.run("b = 1")
    project = recorded(kernel)
    assert [cell.source for cell in executions(project)] == ["b = 1"]
    assert [run.status for run in runs.runs(project)] == ["running", "ok"]


def test_load_ext_prints_nothing(kernel):
    assert kernel.run("%load_ext mlops_nb") == []


def test_loading_twice_observes_once(shell, project):
    mlops_nb.load_ipython_extension(shell)
    shell.run_cell("x = 1", store_history=True)
    assert project.store.value("SELECT count(*) FROM execution") == 1


def test_load_ext_in_a_bare_ipython_imports_nothing_heavy(run_process):
    told = run_process(
        f"""
        import sys
        from IPython.core.interactiveshell import InteractiveShell
        shell = InteractiveShell.instance()
        before = set(sys.modules)
        shell.run_line_magic("load_ext", "mlops_nb")
        shell.run_cell("x = 1", store_history=True)
        print([name for name in {HEAVY!r} if name in set(sys.modules) - before])
        """
    )
    assert told.stdout == "[]\n"


def test_capture_can_be_switched_off_and_on(shell, project, executions):
    for source in ("a = 1", "%mlops off", "b = 1", "%mlops on", "c = 1"):
        shell.run_cell(source, store_history=True)
    assert [cell.source for cell in executions(project)] == ["a = 1", "%mlops off", "c = 1"]
    assert {cell.status for cell in executions(project)} == {"ok"}


def test_a_metric_logged_while_capture_is_off_still_belongs_to_the_run(shell, project):
    for source in ("import mlops_nb as mlops", "%mlops off", "mlops.log_metric('auc', 0.5)"):
        shell.run_cell(source, store_history=True)
    assert [run.metrics for run in runs.runs(project)] == [{"auc": 0.5}]


def test_the_notebook_of_a_run_is_the_one_the_front_end_names(start_kernel, workspace, recorded):
    (workspace / "deep").mkdir()
    named = start_kernel(JPY_SESSION_NAME=str(workspace / "deep" / "story.ipynb"))
    named.run("%load_ext mlops_nb")
    named.run("x = 1")
    named.settle()
    project = Project(workspace / "deep")
    (run,) = runs.runs(project)
    project.store.close()
    assert (run.kind, run.name, run.notebook) == ("notebook", "story", "story.ipynb")


def test_a_kernel_of_an_executor_records_into_the_run_it_is_given(start_kernel, project, executions):
    number = runs.start(project, "step", "given")
    public = runs.public_id(project, number)
    step = start_kernel(MLOPS_RUN=public)
    step.run("%load_ext mlops_nb")
    step.run("# parameters\nx = 1")
    step.stop()
    (run,) = runs.runs(project)
    assert (run.id, run.status, run.parameters) == (public, "running", {})
    assert [cell.source for cell in executions(project)] == ["# parameters\nx = 1"]


# -- trouble --------------------------------------------------------------------------------------------------


def complaints(outputs):
    """How often a cell was told that it could not be recorded."""
    texts = [o["text"] for o in outputs if o["output_type"] == "stream" and o["name"] == "stderr"]
    return "".join(texts).count("mlops_nb could not record")


def results(outputs):
    return [o["data"]["text/plain"] for o in outputs if o["output_type"] == "execute_result"]


def run_many(kernel, number):
    """Run trivial cells; return what they computed and how often trouble was told."""
    slow = kernel.run("import time; time.sleep(0.5)")  # the writer meets the trouble while this one runs
    outputs = [slow, *(kernel.run(f"{n} * 10") for n in range(number))]
    kernel.outputs(kernel.send("import time; time.sleep(0.3)", silent=True))
    outputs.append(kernel.run("'last'"))
    computed = [value for output in outputs for value in results(output)]
    assert not [o for output in outputs for o in output if o["output_type"] == "error"]
    return computed, sum(map(complaints, outputs))


@pytest.fixture
def loaded(kernel):
    kernel.run("%load_ext mlops_nb")
    kernel.run("x = 1")
    kernel.settle()
    return kernel


WANTED = [f"{n * 10}" for n in range(20)] + ["'last'"]


def test_a_store_that_is_removed_breaks_no_cell_and_is_told_once(loaded):
    shutil.rmtree(loaded.folder / ".mlops")
    computed, told = run_many(loaded, 20)
    assert computed == WANTED
    assert told == 1


def test_a_store_that_is_replaced_is_told_and_the_way_on_works(loaded, recorded, executions):
    shutil.copytree(loaded.folder / ".mlops", loaded.folder / "copy")
    shutil.rmtree(loaded.folder / ".mlops")
    (loaded.folder / "copy").rename(loaded.folder / ".mlops")
    (told,) = loaded.run("y = 1")
    assert (
        "was removed, moved or replaced: what is recorded may be lost - start anew with %reload_ext mlops_nb"
        in told["text"]
    )
    loaded.run("%reload_ext mlops_nb")
    loaded.run("z = [y]")
    project = recorded(loaded)
    assert [cell.source for cell in executions(project)] == ["z = [y]"]
    assert fsck(project).problems == []


def test_nothing_of_a_metaclass_of_the_users_is_called(loaded, recorded, executions):
    loaded.run("""
        calls = []
        def method(name):
            def raising(self, *arguments):
                calls.append(name)
                raise RuntimeError(name)
            return raising
        names = 'hash eq len iter repr bool getattr instancecheck subclasscheck'.split()
        Meta = type('Meta', (type,), {f'__{name}__': method(name) for name in names})
    """)
    loaded.run("class Thing(metaclass=Meta): pass\nthing = Thing()")
    assert loaded.run("held = [thing, {'a': thing}, (Thing,), {1: [thing] * 100}]") == []
    assert loaded.text("print(calls)") == "[]\n"
    project = recorded(loaded)
    assert [cell.status for cell in executions(project)] == ["ok"] * 5
    assert project.store.value("SELECT count(*) FROM gap") == 0


def test_a_namespace_with_a_key_that_is_no_name_is_recorded_like_any_other(loaded, recorded, executions):
    assert loaded.run("globals()[5] = 6\nglobals()[None] = 7") == []
    assert results(loaded.run("x")) == ["1"]
    assert [cell.status for cell in executions(recorded(loaded))] == ["ok"] * 3


def test_a_store_that_becomes_garbage_breaks_no_cell_and_is_told_once(loaded):
    for path in (loaded.folder / ".mlops").glob("lineage.db*"):
        path.write_bytes(b"garbage" * 10_000)
    computed, told = run_many(loaded, 20)
    assert computed == WANTED
    assert told == 1


def test_a_store_that_is_locked_delays_no_cell_and_loses_none(loaded, executions):
    holder = sqlite3.connect(loaded.folder / ".mlops" / "lineage.db", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    try:
        outputs = [loaded.run(f"{n} * 10", timeout=5) for n in range(10)]
    finally:
        holder.execute("ROLLBACK")
    assert [value for output in outputs for value in results(output)] == [f"{n * 10}" for n in range(10)]
    loaded.settle()
    project = Project(loaded.folder)
    assert [cell.source for cell in executions(project)] == ["x = 1", *(f"{n} * 10" for n in range(10))]
    project.store.close()


@pytest.fixture
def holder(workspace):
    """Another connection, which can hold the store's one write lock."""
    held = []

    def hold(folder):
        held.append(sqlite3.connect(folder / ".mlops" / "lineage.db", isolation_level=None))
        held[-1].execute("BEGIN IMMEDIATE")
        return held[-1]

    yield hold
    for connection in held:
        connection.close()


def test_a_store_that_is_locked_delays_neither_the_first_cell_nor_one_that_forks(kernel, holder, executions):
    kernel.run("%load_ext mlops_nb")
    lock = holder(kernel.folder)
    fork = "import os\npid = os.fork()\nif pid == 0: os._exit(0)\nos.waitpid(pid, 0)[1]"
    cells = ["6 * 7", fork, "!echo hi", "6 * 8"]
    started = time.monotonic()
    outputs = [kernel.run(cell, timeout=20) for cell in cells]
    assert time.monotonic() - started < 10  # where it waited, it did so for 30 s
    assert [value for output in outputs for value in results(output)] == ["42", "0", "48"]
    lock.execute("ROLLBACK")
    kernel.settle()
    project = Project(kernel.folder)
    assert [(cell.source, cell.status) for cell in executions(project)] == [(cell, "ok") for cell in cells]
    assert project.store.value("SELECT count(*) FROM gap") == 0  # nothing was lost
    assert fsck(project).problems == []
    project.store.close()


def test_a_folder_that_becomes_a_file_breaks_no_cell(loaded):
    shutil.rmtree(loaded.folder / ".mlops")
    (loaded.folder / ".mlops").write_text("in the way")
    computed, told = run_many(loaded, 20)
    assert computed == WANTED
    assert told <= 1


def test_a_kernel_whose_store_was_removed_can_start_a_new_one(loaded, recorded, executions):
    shutil.rmtree(loaded.folder / ".mlops")
    loaded.run("%unload_ext mlops_nb")
    assert loaded.run("%load_ext mlops_nb") == []
    loaded.run("anew = 1")
    project = recorded(loaded)
    assert [cell.source for cell in executions(project)] == ["anew = 1"]
    assert fsck(project).problems == []


def test_a_user_who_turned_warnings_into_errors_is_told_in_one_line(loaded):
    loaded.run("import warnings; warnings.simplefilter('error', RuntimeWarning)")
    loaded.settle()
    for path in (loaded.folder / ".mlops").glob("lineage.db*"):
        path.write_bytes(b"garbage" * 10_000)
    computed, told = run_many(loaded, 20)
    assert computed == WANTED
    assert told == 1


def test_unloading_a_store_that_became_garbage_shows_no_error_and_leaves_no_trace(loaded):
    for path in (loaded.folder / ".mlops").glob("lineage.db*"):
        path.write_bytes(b"garbage" * 10_000)
    told = loaded.run("%unload_ext mlops_nb")
    assert [output["name"] for output in told] == ["stderr"]
    assert complaints(told) == 1
    assert loaded.text("print('mlops' in get_ipython().magics_manager.magics['line'])") == "False\n"
    assert loaded.text("print([t for t in get_ipython().ast_transformers if 'mlops' in str(t)])") == "[]\n"


@pytest.mark.parametrize("trouble", ["file", "garbage", "newer"])
def test_load_ext_where_there_can_be_no_store_says_so_in_one_line(kernel, trouble, workspace):
    home = workspace / ".mlops"
    if trouble == "file":
        home.write_text("in the way")
    elif trouble == "garbage":
        home.mkdir()
        (home / "lineage.db").write_bytes(b"garbage" * 1000)
    else:
        project = Project(workspace)
        with project.store.write() as store:
            store.execute(
                "INSERT INTO _sqlite_migrations (migration_set, name, applied_at) VALUES ('mlops_nb', '9', '')"
            )
        project.store.close()
    (told,) = kernel.run("%load_ext mlops_nb")
    assert (told["name"], told["text"].count("\n")) == ("stderr", 1)
    assert told["text"].startswith("mlops_nb: cells are not recorded: ")
    assert results(kernel.run("6 * 7")) == ["42"]
    assert kernel.run("%unload_ext mlops_nb") == []


def test_load_ext_can_be_repeated_when_the_trouble_is_over(kernel, workspace, recorded, executions):
    (workspace / ".mlops").write_text("in the way")
    kernel.run("%load_ext mlops_nb")
    (workspace / ".mlops").unlink()
    assert kernel.run("%reload_ext mlops_nb") == []
    kernel.run("x = 1")
    assert [cell.source for cell in executions(recorded(kernel))] == ["x = 1"]


def test_a_forked_child_of_a_cell_leaves_the_record_whole(loaded, recorded, executions):
    loaded.run("import os\npid = os.fork()\nif pid == 0:\n    os._exit(0)\nos.waitpid(pid, 0)[1]")
    loaded.run("after = 1")
    project = recorded(loaded)
    assert [cell.status for cell in executions(project)] == ["ok"] * 3
    assert fsck(project).problems == []


def test_a_pool_of_processes_in_a_cell_works_as_ever(loaded):
    code = "from concurrent.futures import ProcessPoolExecutor as P\nimport multiprocessing as m\n"
    code += "with P(2, mp_context=m.get_context('fork')) as p:\n    print(sum(p.map(abs, [-1, -2, -3])))"
    assert loaded.text(code) == "6\n"


def test_an_ipython_that_ends_without_unloading_ends_its_run(workspace):
    from tests.conftest import environment

    done = subprocess.run(
        [sys.executable, "-m", "IPython", "--simple-prompt", "-c", "%load_ext mlops_nb\nprint('hi')"],
        cwd=workspace, env=environment(workspace), capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert (done.stdout.splitlines(), done.stderr) == (["hi"], "")
