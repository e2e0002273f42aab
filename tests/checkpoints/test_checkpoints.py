"""Checkpoints: what is kept, what is left out and why, and that nothing is ever half restored."""

import json
import os
import signal
import threading

import pytest

import mlops_nb as mlops
from mlops_nb.capture.environments import environment
from mlops_nb.errors import CheckFailed, NotFound, StoreCorrupt, StoreFull, UsageError
from mlops_nb.surfaces.html import to_html
from mlops_nb.surfaces.text import to_text


def test_a_change_after_the_checkpoint_is_undone_and_new_names_are_removed(shell, project, run):
    run(
        "x = [1]",
        "y = x",
        "n = 1",
        "%mlops checkpoint",
        "x.append(2); n = 2; new = 3; del y",
        "%mlops restore checkpoint",
    )
    space = shell.user_ns
    assert (space["x"], space["n"], space["y"] is space["x"], "new" in space) == ([1], 1, True, False)


def test_new_names_stay_where_that_is_wanted(shell, run):
    run("x = 1", "%mlops checkpoint a", "new = 3", "%mlops restore a --keep")
    assert shell.user_ns["new"] == 3


def test_the_newest_of_a_name_is_meant_and_an_older_one_has_its_id(shell, project, run):
    run("x = 1")
    first = run("%mlops checkpoint a")
    run("x = 2", "%mlops checkpoint a", "x = 3", "%mlops restore a")
    assert shell.user_ns["x"] == 2
    run(f"%mlops restore {first.id[:8]}")
    assert shell.user_ns["x"] == 1
    assert [found.name for found in mlops.checkpoints()] == ["a", "a"]
    assert "2 names" not in to_text(mlops.checkpoints())
    assert "checkpoint" in to_html(mlops.checkpoints())


def test_a_class_restored_beside_a_changed_one_leaves_that_as_it_is(shell, run):
    run("class A:\n    n = 1", "a = A()", "%mlops checkpoint a", "A.n = 2; A.extra = 1; kept = [A]")
    changed = shell.user_ns["A"]
    run("%mlops restore a")
    space = shell.user_ns
    assert (changed.n, changed.extra, space["A"].n, hasattr(space["A"], "extra")) == (2, 1, 1, False)
    assert type(space["a"]) is space["A"]


LEFT_OUT = """
import functools, itertools, pathlib, socket, sqlite3, tempfile, threading, weakref
generator = (n for n in range(3))
file = open("open.txt", "w")
net = socket.socket()
thread = threading.Thread(target=print)
lock = threading.Lock()
nested = {"deep": [lock]}
base = sqlite3.connect(":memory:")
class Refusing:
    def __reduce__(self):
        raise ValueError("not me")
refusing = Refusing()
class Fails(Exception):
    def __init__(self, a, b):
        super().__init__(a)
fails = Fails(1, 2)
space = globals()
big = bytes(3 << 20)
import numpy as np
np.save("m.npy", np.arange(9))
mapped = np.load("m.npy", mmap_mode="r")
mixed = np.zeros(2, dtype=[("a", object), ("b", "i4")])
field = mixed["a"]
made = __import__("types").ModuleType("made")
password = "hunter2-and-more"
config = {"login": password}
fine = 1
"""


def test_what_cannot_be_kept_is_named_with_its_reason_and_the_rest_is_kept(shell, run):
    run(LEFT_OUT)
    found = run("%mlops checkpoint a --limit 2")
    assert found.left_out == {
        "generator": "it is a generator", "file": "it is an open file", "net": "it is a socket",
        "thread": "it is a thread", "lock": "it is a lock", "nested": "it holds a lock",
        "base": "it is a database connection", "refusing": "ValueError: not me",
        "fails": found.left_out["fails"], "space": "it is the namespace itself",
        "big": "it has 3 MB, and the limit is 2 MB", "mapped": "it holds mapped memory", "password": "it is a secret",
        "config": "it holds a secret (password)",
        "field": "it looks into an array of objects in a way that cannot be kept",
        "made": "it holds the module made, which cannot be imported",
    }  # fmt: skip
    assert "could not be loaded again: TypeError" in found.left_out["fails"]
    assert "fine" in found.names
    assert "generator: it is a generator" in to_text(found)
    assert "it holds mapped memory" in to_html(found)
    run("fine = 2; lock = None", "%mlops restore a")
    assert (shell.user_ns["fine"], shell.user_ns["lock"], shell.user_ns["password"][:6]) == (1, None, "hunter")


def test_what_is_left_out_and_not_there_is_not_made(shell, run):
    run("lock = __import__('threading').Lock(); x = 1", "%mlops checkpoint a", "del lock")
    restored = run("%mlops restore a")
    assert ("lock" in shell.user_ns, restored.left_out) == (False, {"lock": "it is a lock"})
    assert "left out:\n  lock: it is a lock" in to_text(restored)


def test_state_of_the_users_own_modules_is_not_taken_for_a_value(shell, run, workspace):
    (workspace / "own.py").write_text("class C: pass\nthing = C()\ntable = {}\n")
    run("import sys; sys.path.insert(0, '')", "import own; from own import thing, table", "mine = own.C()")
    found = run("%mlops checkpoint a")
    assert found.left_out == {
        "thing": "it holds thing of the module own, whose state is not kept",
        "table": "it is table of the module own, whose state is not kept",
    }
    assert {"own", "mine"} <= {*found.names}


def test_remembered_results_are_dropped_and_submodules_come_along(shell, run):
    run("import functools, xml.dom.minidom", "@functools.lru_cache(maxsize=7)\ndef f(x):\n    return x", "f(1)")
    run("%mlops checkpoint a", "del f", "%mlops restore a")
    cached = shell.user_ns["f"]
    assert (cached(2), cached.cache_info().maxsize, cached.cache_info().currsize) == (2, 7, 1)


def test_another_environment_is_refused_unless_forced(shell, project, run):
    run("x = 1", "%mlops checkpoint a", "x = 2")
    packages = json.dumps({**environment().packages, "numpy": "1.0"})
    with project.store.write() as store:
        store.execute("UPDATE environment SET hash = 'other', packages = ?", packages)
    with pytest.raises(CheckFailed, match=r"made in another environment: .*numpy 1\.0 → .*--force"):
        run("%mlops restore a")
    assert shell.user_ns["x"] == 2
    run("%mlops restore a --force")
    assert shell.user_ns["x"] == 1


@pytest.mark.parametrize("damage", ["gone", "short"])
def test_missing_and_truncated_content_changes_nothing(shell, project, run, damage):
    run("x = bytes(100_000)", "%mlops checkpoint a", "x = 2")
    address = project.store.value("SELECT content FROM checkpoint")
    path = project.content.path(address)
    path.unlink() if damage == "gone" else path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(StoreCorrupt, match="missing" if damage == "gone" else "damaged"):
        run("%mlops restore a")
    assert shell.user_ns["x"] == 2


def test_the_folder_it_was_made_in_must_be_there(shell, run, workspace):
    (workspace / "sub").mkdir()
    run("import os; os.chdir('sub'); x = 1", "%mlops checkpoint a", "x = 2; os.chdir('..'); os.rmdir('sub')")
    with pytest.raises(NotFound, match="no folder .*sub"):
        run("%mlops restore a")
    assert shell.user_ns["x"] == 2
    run("%mlops restore a --force")
    assert shell.user_ns["x"] == 1


def test_a_value_that_fails_while_it_is_loaded_changes_nothing(shell, run, workspace):
    (workspace / "moody.py").write_text(
        "def made(x):\n    return x\nclass M:\n    def __reduce__(self): return made, (1,)\n"
    )
    run("import sys; sys.path.insert(0, '')", "import moody; a = 1; m = moody.M(); z = 2", "%mlops checkpoint a")
    run("a = z = 5", "def fail(x): raise OSError('no')", "moody.made.__code__ = fail.__code__")
    with pytest.raises(CheckFailed, match="'a' cannot be loaded here: OSError: no - nothing was changed"):
        run("%mlops restore a")
    assert (shell.user_ns["a"], shell.user_ns["z"]) == (5, 5)


SLOW = """
import time
def made(x):
    time.sleep(x)
class S:
    def __reduce__(self): return made, (0.4,)
"""


def test_an_interrupted_restore_leaves_the_namespace_untouched(shell, run, workspace):
    (workspace / "slow.py").write_text(SLOW)
    run("import sys; sys.path.insert(0, '')", "import slow; a = 1; s = slow.S(); z = 2", "%mlops checkpoint a")
    run("a = z = 5")
    threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT)).start()
    before = {name: value for name, value in shell.user_ns.items() if not name.startswith("_")}
    with pytest.raises(KeyboardInterrupt):
        run("%mlops restore a")
    assert {name: value for name, value in shell.user_ns.items() if not name.startswith("_")} == before


def test_an_interrupted_checkpoint_keeps_nothing(shell, project, run):
    stopping = "os.kill(os.getpid(), signal.SIGINT)"
    run(f"import os, signal\nclass S:\n    def __reduce__(self):\n        {stopping}\n        return int, ()\ns = S()")
    with pytest.raises(KeyboardInterrupt):
        run("%mlops checkpoint a")
    assert (mlops.checkpoints(), [*project.home.glob("checkpoint-*")]) == ([], [])


def test_names_that_are_unknown_or_none_are_refused(shell, run):
    with pytest.raises(NotFound, match="no checkpoint 'a' - none exist yet"):
        run("%mlops restore a")
    run("x = 1", "%mlops checkpoint b")
    with pytest.raises(NotFound, match="no checkpoint 'a' - known: 'b'"):
        run("%mlops restore a")
    with pytest.raises(UsageError, match="'a b' cannot be the name of a checkpoint"):
        run("%mlops checkpoint 'a b'")


def test_outside_of_a_cell_of_a_notebook_there_is_nothing_to_keep(project):
    with pytest.raises(UsageError, match="type %mlops checkpoint in a cell"):
        mlops.checkpoint()
    with pytest.raises(UsageError, match="type %mlops restore in a cell"):
        mlops.restore("a")


def test_outside_of_a_cell_nobody_would_see_what_names_become(shell, run):
    run("x = 1", "%mlops checkpoint a")
    with pytest.raises(UsageError, match="type %mlops restore in a cell"):
        mlops.restore("a")
    run("%mlops off", "%mlops restore a", "%mlops on", "y = x")


def test_a_full_disk_is_told_and_nothing_is_kept(bare_shell, small_disk, monkeypatch):
    monkeypatch.setenv("MLOPS_HOME", str(small_disk))
    mlops.load_ipython_extension(bare_shell)
    bare_shell.run_cell("import random; x = random.randbytes(2 << 20)", store_history=True)
    with pytest.raises(StoreFull, match="no space left for a checkpoint"):
        bare_shell.run_cell("%mlops checkpoint", store_history=True).raise_error()
    assert mlops.checkpoints() == []
    mlops.unload_ipython_extension(bare_shell)


def test_values_that_end_python_are_refused(shell, run, workspace):
    (workspace / "deadly.py").write_text("import os\nclass D:\n    def __reduce__(self): return os._exit, (3,)\n")
    run("import sys; sys.path.insert(0, '')", "import deadly; d = deadly.D()")
    with pytest.raises(CheckFailed, match="a fresh Python could not load these values, and nothing was kept"):
        run("%mlops checkpoint a")


def test_a_restored_value_that_equals_the_old_one_comes_from_the_checkpoint(shell, project, run):
    run("x = 1", "%mlops checkpoint a", "%mlops restore a", "y = x")
    assert [cell.source for cell in mlops.slice("var:y").cells][-2:] == ["%mlops restore a", "y = x"]
    run("z = 2")
    assert "%mlops restore a" not in [cell.source for cell in mlops.slice("var:z").cells]


def test_a_restored_value_is_doubted_also_where_the_cell_failed_after(shell, project, run):
    run("x = 1", "%mlops checkpoint a")
    shell.run_cell("mlops = __import__('mlops_nb'); mlops.restore('a', keep=True); 1 / 0", store_history=True)
    run("y = x")
    assert "restored values from checkpoint" in " ".join(mlops.slice("var:y").uncheckable)


ONCE = """
class Moody:
    asked = 0
    def __reduce__(self):
        Moody.asked += 1
        if Moody.asked == 1:
            raise ValueError("not now")
        return int, ()
moody = Moody()
"""


def test_values_that_fail_only_together_are_refused_together(shell, run):
    run(ONCE)
    with pytest.raises(CheckFailed, match="cannot be kept together: ValueError: not now - delete some"):
        run("%mlops checkpoint a")


def test_a_checkpoint_reads_what_it_holds_and_changes_nothing(shell, project, run):
    run("x = [1]", "g = (n for n in range(3))", "%mlops checkpoint a", "first = next(g)", "y = x")
    sources = [cell.source for cell in mlops.slice("checkpoint:a").cells]
    assert sources == ["x = [1]", "%mlops checkpoint a"]
    assert "%mlops checkpoint a" not in [cell.source for cell in mlops.slice("var:first").cells]
    holds = project.store.rows("SELECT node.name FROM edge JOIN node ON node.id = source WHERE edge.kind = 'holds'")
    assert [row["name"] for row in holds] == ["x"]
    assert [child.name for child in mlops.show("checkpoint:a").children] == ["x"]


def test_the_store_is_whole_afterwards_and_keeps_the_content(shell, project, run):
    run("x = bytes(100_000)", "%mlops checkpoint a")
    mlops.gc()
    assert mlops.fsck().ok
    assert run("%mlops restore a").restored == ["x"]
