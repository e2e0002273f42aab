"""What began is on record before the cell runs on: no death of a process is quick enough to hide it."""

import time

import pytest

from mlops_nb.capture import cells, journal, processes, runs
from mlops_nb.errors import StoreBusy
from mlops_nb.project import Project
from mlops_nb.proof import fsck

KILL = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"

#: A shell in a process of its own, in whose store nothing more is committed from the call of ``hold`` on.
SHELL = """
import os, sqlite3, sys
from IPython.core.interactiveshell import InteractiveShell
from mlops_nb import project as projects
shell = InteractiveShell.instance()
shell.run_cell("0", store_history=True)
shell.run_line_magic("load_ext", "mlops_nb")

def run(code):
    shell.run_cell(code, store_history=True).raise_error()

def hold():
    global holder
    store.flush()
    holder = sqlite3.connect(store.path, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")

def mine():
    (path,) = store.path.parent.glob("*.journal")
    return path

run("first = 1")
store = projects.current().store
"""


@pytest.fixture
def run_shell(run_process, workspace):
    """Run code in a shell of its own process, and open the project that it left."""
    opened = []

    def run(code, check=False):
        done = run_process(SHELL + code, check=check)
        assert check or done.returncode == -9, done.stderr
        opened.append(Project(workspace))
        return opened[-1]

    yield run
    for project in opened:
        project.store.close()


def journals(folder):
    return sorted(folder.glob(".mlops/*.journal"))


def told(executions, project):
    return [(cell.source, cell.status) for cell in executions(project)]


def last_run(project):
    return runs.runs(project, limit=1)[0]


# -- what a death leaves --------------------------------------------------------------------------------------


@pytest.mark.parametrize("before", [[], ["x = 1"]])
def test_a_cell_that_kills_its_kernel_at_once_is_on_record_as_aborted(kernel, executions, before):
    for source in ("%load_ext mlops_nb", *before):
        kernel.run(source)
    kernel.send(KILL, cell_id="the-end")
    kernel.manager.provisioner.process.wait(timeout=20)
    project = Project(kernel.folder)
    assert (last_run(project).status, last_run(project).reason) == ("aborted", "its process ended before it did")
    assert told(executions, project) == [*((source, "ok") for source in before), (KILL, "aborted")]
    cell = executions(project)[-1]
    assert (cell.cell, cell.count, cell.error) == ("the-end", 2 + len(before), "its process ended before it did")
    assert 0 <= time.time() - cell.started.timestamp() < 60
    assert fsck(project).problems == []
    assert journals(kernel.folder) == []
    project.store.close()


def test_a_cell_that_a_cell_runs_is_on_record_inside_it(run_shell):
    project = run_shell(f'hold(); run("""get_ipython().run_cell({KILL!r}, store_history=False)""")')
    processes.reap(project)
    inner, outer = project.store.rows("SELECT id, parent FROM execution ORDER BY id DESC LIMIT 2")
    assert inner["parent"] == outer["id"]
    assert cells.load(project, inner["id"]).source == KILL
    assert {cells.load(project, row["id"]).status for row in (inner, outer)} == {"aborted"}


def test_a_cell_that_ended_before_the_death_is_not_called_aborted_but_incomplete(run_shell, executions):
    project = run_shell(f"hold(); run('second = 2'); shell.run_cell('1/0', store_history=True); run({KILL!r})")
    assert last_run(project).status == "aborted"
    assert told(executions, project) == [
        ("first = 1", "ok"),
        ("second = 2", "ok"),
        ("1/0", "failed"),
        (KILL, "aborted"),
    ]
    assert executions(project)[2].error == "ZeroDivisionError: division by zero"
    gaps = [row["message"] for row in project.store.rows("SELECT message FROM gap")]
    assert gaps == ["a cell's process ended before what it touched was recorded"] * 2
    assert fsck(project).problems == []


def test_the_journal_of_a_process_that_lives_is_left_alone(kernel, start_kernel, executions):
    other = start_kernel()
    for each in (kernel, other):
        each.run("%load_ext mlops_nb")
        each.run("x = 1")
    other.send(KILL)
    other.manager.provisioner.process.wait(timeout=20)
    project = Project(kernel.folder)
    assert sorted(run.status for run in runs.runs(project)) == ["aborted", "running"]
    assert len(journals(kernel.folder)) == 1
    kernel.send(KILL)
    kernel.manager.provisioner.process.wait(timeout=20)
    assert [run.status for run in runs.runs(project)] == ["aborted", "aborted"]
    for run in runs.runs(project):
        assert [cell.source for cell in cells.of_run(project, run.id)] == ["x = 1", KILL]
    assert journals(kernel.folder) == []
    project.store.close()


def test_what_is_torn_or_foreign_in_a_journal_spoils_nothing_else_in_it(run_shell, executions, workspace):
    project = run_shell(f"hold(); run('second = 2'); run('third = 3'); run({KILL!r})")
    (path,) = journals(workspace)
    started = {"parent": None, "cell": None, "count": 1, "source": "", "started": 0.0}
    foreign = [{"began": 13, "run": 99, **started}, {"began": 14, "of a later version": 1}, {"ended": 15}]
    *lines, last = path.read_bytes().splitlines(keepends=True)
    torn = [lines[0][:40], lines[0][50:], b"\0" * 40 + b"\n", b"\xff 1\n", b"\n", b"00000000 {}\n"]
    path.write_bytes(b"".join([*torn, *lines, *map(journal._line, foreign), last, lines[1][:30]]))
    processes.reap(project)
    assert [cell.source for cell in executions(project)] == ["first = 1", "second = 2", "third = 3", KILL]
    alone = "SELECT count(*) FROM node WHERE kind = 'execution' AND id NOT IN (SELECT id FROM execution)"
    assert project.store.value(alone) == 0
    assert fsck(project).problems == []
    assert journals(workspace) == []


def test_any_number_of_processes_may_reap_at_once(run_shell, start_process, executions, workspace):
    project = run_shell(f"hold()\nfor n in range(100):\n    run(f'x = {{n}}')\nrun({KILL!r})")
    assert project.store.value("SELECT count(*) FROM execution") == 1
    code = """
        import os
        from mlops_nb import project
        from mlops_nb.capture import processes
        here = project.current()
        print("ready", flush=True)
        while not os.path.exists("go"):
            pass
        processes.reap(here)
        """
    reapers = [start_process(code) for _ in range(3)]
    for reaper in reapers:
        assert reaper.stdout.readline() == "ready\n"
    (workspace / "go").touch()
    for reaper in reapers:
        assert reaper.wait(timeout=60) == 0, reaper.stderr.read()
    assert [cell.source for cell in executions(project)] == ["first = 1", *(f"x = {n}" for n in range(100)), KILL]
    assert project.store.value("SELECT count(*) FROM gap") == 100
    assert fsck(project).problems == []
    assert journals(workspace) == []


def test_reaping_inside_a_transaction_that_is_undone_loses_nothing(run_shell, executions, workspace):
    project = run_shell(f"hold(); run({KILL!r})")
    with pytest.raises(StoreBusy, match="by a test"), project.store.write():
        processes.reap(project)
        raise StoreBusy("by a test")
    assert len(journals(workspace)) == 1
    processes.reap(project)
    assert told(executions, project) == [("first = 1", "ok"), (KILL, "aborted")]
    assert journals(workspace) == []


@pytest.mark.parametrize("change", ["UPDATE process SET host = 'another-machine'", "UPDATE process SET pid = 1"])
def test_a_journal_whose_process_is_not_known_to_be_dead_is_left_alone(run_shell, workspace, change):
    project = run_shell(f"hold(); run({KILL!r})")
    with project.store.write() as store:
        store.execute(change)
        store.execute("UPDATE process SET born = ?", processes._born(1))
    assert processes.reap(project) == 0
    assert len(journals(workspace)) == 1


def test_a_journal_of_another_store_is_left_for_it(project, workspace):
    path = workspace / ".mlops" / "123.journal"
    path.write_bytes(b"")
    (workspace / ".mlops" / "notes.journal").write_bytes(b"")
    assert processes.reap(project) == 0
    assert len(journals(workspace)) == 2


# -- what a life leaves ---------------------------------------------------------------------------------------


def test_the_journal_does_not_grow_with_what_is_committed(shell, project, workspace):
    for n in range(40):
        shell.run_cell(f"x = {n} " + "#" * 1000, store_history=True)
        project.store.flush()
    (path,) = journals(workspace)
    assert path.stat().st_size < 3000
    assert path.stem == str(processes.process_id(project))


def test_a_session_that_ends_leaves_no_journal(kernel, start_kernel, workspace):
    kernel.run("%load_ext mlops_nb")
    kernel.run("x = 1")
    assert len(journals(workspace)) == 1
    kernel.run("%unload_ext mlops_nb")
    assert journals(workspace) == []
    kernel.run("%load_ext mlops_nb")
    kernel.run("x = 1")
    assert len(journals(workspace)) == 1
    kernel.stop()
    assert journals(workspace) == []


def test_what_a_store_that_is_full_could_not_take_is_entered_later(run_shell, executions, workspace):
    full = "store.flush(); store.connection.execute(f\"PRAGMA max_page_count = {store.value('PRAGMA page_count')}\")"
    project = run_shell(f"{full}\nfor n in range(9):\n    run(f'x = {{n}} #' + 'y' * 9000)", check=True)
    assert project.store.value("SELECT count(*) FROM execution") < 10
    assert len(journals(workspace)) == 1
    processes.reap(project)
    assert [(cell.source[:5], cell.status) for cell in executions(project)[1:]] == [
        (f"x = {n}", "ok") for n in range(9)
    ]
    assert journals(workspace) == []


def test_what_a_transaction_entered_that_was_undone_is_kept(project, workspace):
    run, process, number = runs.start(project, "notebook", "a"), processes.process_id(project), project.store.next_id()
    here = journal.Journal(project)
    with project.store._lock:  # so that the writer does not come first
        here.begin(number, process=process, run=run, parent=None, cell=None, count=1, source="a", started=0.0)
        with pytest.raises(StoreBusy, match="by a test"), project.store.write():
            assert project.store.value("SELECT count(*) FROM execution") == 1
            raise StoreBusy("by a test")
        here.close()
        assert len(journals(workspace)) == 1


# -- what a cell may do ---------------------------------------------------------------------------------------


def test_a_forked_child_neither_cuts_nor_removes_its_parents_journal(run_shell, executions):
    code = f"""
from mlops_nb.capture import session
there, here = os.pipe()
store.flush()
if (pid := os.fork()) == 0:
    os.read(there, 1)
    session.current().journal.close()  # as a child that exits does
    session.current().journal.end(1, "ok", None, 0.0)  # as one does that comes to the end of the cell that forked it
    os._exit(0)
hold()
run("second = 2")
os.write(here, b".")
os.waitpid(pid, 0)
run({KILL!r})
"""
    project = run_shell(code)
    processes.reap(project)
    assert told(executions, project) == [("first = 1", "ok"), ("second = 2", "ok"), (KILL, "aborted")]


def test_a_forked_child_that_runs_cells_has_a_journal_of_its_own(run_shell, workspace):
    code = f"""
with store._lock:  # so that the second is not committed yet when the child begins
    run("second = 2")
    pid = os.fork()
if pid == 0:
    from mlops_nb.capture import processes
    processes.process_id(projects.current())
    hold()
    run("child = 1")
    run({KILL!r})
os.waitpid(pid, 0)
hold()
run({KILL!r})
"""
    project = run_shell(code)
    assert len(journals(workspace)) == 2
    processes.reap(project)
    rows = project.store.rows("SELECT process, count(*) AS cells FROM execution GROUP BY process ORDER BY process")
    assert [row["cells"] for row in rows] == [3, 2]
    assert journals(workspace) == []


def test_a_cell_that_closes_our_file_and_opens_its_own_in_its_place_keeps_it_whole(run_shell, executions, workspace):
    code = """
run("import os; from mlops_nb.capture import session; file = session.current().journal._file")
hold()
run("theirs = os.dup2(os.open('theirs', os.O_RDWR | os.O_CREAT), file); os.write(theirs, b'precious')")
run("third = 3")
holder.execute("ROLLBACK")
hold()
run("fourth = 4")
"""
    project = run_shell(f"{code}run({KILL!r})")
    processes.reap(project)
    assert (workspace / "theirs").read_bytes() == b"precious"
    assert [cell.source for cell in executions(project)][-3:] == ["third = 3", "fourth = 4", KILL]


def test_a_journal_that_cannot_be_written_is_told_once_and_costs_no_cell(shell, project, executions, recwarn):
    (project.home / f"{processes.process_id(project)}.journal").mkdir()
    for n in range(3):
        assert shell.run_cell(f"{n} * 10", store_history=True).result == n * 10
    (warning,) = [str(warning.message) for warning in recwarn if "mlops_nb" in str(warning.message)]
    assert "journal cannot be written: [Errno 21] Is a directory" in warning
    assert [cell.status for cell in executions(project)] == ["ok"] * 3
    assert "journal cannot be written" in project.store.value("SELECT message FROM gap")


def test_a_folder_that_may_only_be_read_is_told_and_costs_no_cell(run_process, executions, workspace):
    code = """
import mlops_nb
mlops_nb.log_param("a", 1)  # what the process opens, it has opened
os.chmod(".mlops", 0o555)
os.seteuid(os.getuid() or 65534)  # root may write anywhere
run("second = 2")
os.seteuid(os.getuid())
os.chmod(".mlops", 0o755)
"""
    done = run_process(SHELL.replace('run("first = 1")', code))
    assert "journal cannot be written: [Errno 13] Permission denied" in done.stderr
    project = Project(workspace)
    assert told(executions, project) == [("second = 2", "ok")]
    project.store.close()


def test_a_disk_that_was_full_is_marked_on_again(small_disk, run_process):
    code = f"import os, sys; os.chdir({str(small_disk)!r})\n{SHELL}"
    code += f"""
hold()
with open("filler", "wb", buffering=0) as filler:
    try:
        while True:
            filler.write(bytes(4096))
    except OSError:
        pass
run("a = 1 #" + "x" * 9000)
assert shell.user_ns["a"] == 1
os.unlink("filler")
run("b = 2")
run({KILL!r})
"""
    done = run_process(code, check=False)
    assert done.returncode == -9, done.stderr
    assert "journal cannot be written: [Errno 28] No space left on device" in done.stderr
    project = Project(small_disk)
    processes.reap(project)
    sources = [cell.source for cell in cells.of_run(project, last_run(project).id)]
    assert sources[-2:] == ["b = 2", KILL]
    assert fsck(project).problems == []
    project.store.close()


PATCHED = """
import os
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
shell.run_line_magic("load_ext", "mlops_nb")
shell.run_cell("import json; json.dumps = lambda value: 'patched'", store_history=True)
shell.run_cell("1", store_history=True)
os._exit(0)
"""


def test_a_notebook_that_replaces_a_function_of_json_leaves_a_journal_that_can_be_read(run_process, workspace):
    run_process(PATCHED)
    run_process("from IPython.core.interactiveshell import InteractiveShell\n"
                "InteractiveShell.instance().run_line_magic('load_ext', 'mlops_nb')")  # fmt: skip
    assert fsck(Project(workspace)).ok
