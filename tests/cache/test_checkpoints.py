"""Checkpoints: values and what they share come back in another kernel, and what cannot is named."""

import pytest

from mlops_nb.errors import NotFound, Untrusted, UsageError
from mlops_nb.lineage.slices import slice_of
from mlops_nb.project import Project

MADE = """
import numpy as np, pandas as pd, random
class P:
    rate = 1
    def __init__(self): self.xs = []
    def cost(self): return K * P.rate
def counter():
    n = 0
    def up():
        nonlocal n
        n += 1
        return n
    return up, lambda: n
up, now = counter(); up()
K = 2
def f(x, acc=[]):
    acc.append(x)
    return acc
p = P(); q = p.xs; f(1)
a = np.zeros(4); v = a[1:3]
df = pd.DataFrame({"a": [1, 2], "s": ["x", "y"]}); d = {"df": df}
random.seed(3)
g = (i for i in range(3)); h = open("x.txt", "w")
"""
USED = """
q.append(5); v += 7; K = 10; P.rate = 3; d["df"]["b"] = 9
print(p.xs, a.tolist(), p.cost(), type(p) is P, f(2), up(), now(), list(df), random.random(), f.__globals__ is globals())
"""
SHELL = ("%load_ext mlops_nb", MADE)


@pytest.fixture
def start(start_kernel, workspace):
    def started():
        kernel = start_kernel(XDG_STATE_HOME=str(workspace / "state"))
        kernel.run("%load_ext mlops_nb")
        return kernel

    return started


def told(outputs):
    return " ".join(str(o.get("text") or o.get("evalue") or o["data"]["text/plain"]) for o in outputs)


def test_values_come_back_with_what_they_share(start, workspace):
    first = start()
    first.run(MADE)
    made = told(first.run("%mlops checkpoint mine"))
    assert "g (a generator cannot be saved)" in made and "h (an open file cannot be saved)" in made
    wanted = first.text(USED)
    first.stop()
    second = start()
    assert "checkpoint mine" in told(second.run("%mlops restore mine"))
    assert (
        second.text(USED)
        == wanted
        == "[5] [0.0, 7.0, 7.0, 0.0] 30 True [1, 2] 2 2 ['a', 's', 'b'] 0.23796462709189137 True\n"
    )
    second.run("%mlops checkpoint again")
    second.settle()
    project = Project(workspace)
    assert [cell.source for cell in slice_of(project, "checkpoint:again").cells][-1] == "%mlops checkpoint again"
    assert [cell.source for cell in slice_of(project, "var:p").cells] == ["%mlops restore mine", USED.strip("\n")]
    project.store.close()


@pytest.fixture
def mlops(shell):
    """The magic, called as in a cell that runs."""

    def call(line):
        result = shell.run_cell(f"%mlops {line}", store_history=True)
        if result.error_in_exec is not None:
            raise result.error_in_exec
        return result.result

    shell.run_cell("x = [1]; y = x", store_history=True)
    return call


def test_the_latest_of_a_name_is_restored_and_others_by_their_id(shell, mlops):
    first = mlops("checkpoint one")
    shell.run_cell("x.append(2)", store_history=True)
    mlops("checkpoint one")
    shell.run_cell("x = 5; z = 1", store_history=True)
    mlops("restore one")
    assert shell.user_ns["x"] == [1, 2] and shell.user_ns["y"] is shell.user_ns["x"] and shell.user_ns["z"] == 1
    mlops(f"restore {first.id[:8]}")
    assert shell.user_ns["x"] == [1]
    assert [one.names for one in mlops("checkpoints")] == [["x", "y"], ["x", "y"]]


def test_an_unknown_checkpoint_is_told_with_those_there_are(mlops):
    mlops("checkpoint one")
    with pytest.raises(NotFound, match="no checkpoint 'two' - known: 'one'"):
        mlops("restore two")


def test_another_environment_is_refused_unless_asked_for(shell, mlops, project):
    mlops("checkpoint one")
    with project.store.write() as store:
        store.execute("UPDATE environment SET hash = 'x', packages = '{\"numpy\": \"0.1\"}'")
    shell.run_cell("x = 0", store_history=True)
    with pytest.raises(UsageError, match="was made in another environment"):
        mlops("restore one")
    assert shell.user_ns["x"] == 0
    mlops("restore one --any-environment")
    assert shell.user_ns["x"] == [1]


def test_another_python_is_refused_always(mlops, project):
    mlops("checkpoint one")
    with project.store.write() as store:
        store.execute("UPDATE environment SET hash = 'x', python = 'CPython 2.7.1'")
    with pytest.raises(UsageError, match=r"was made with CPython 2.7.1, this is .* - use a kernel of that"):
        mlops("restore one --any-environment")


def test_what_another_user_made_is_not_loaded(shell, mlops, project):
    mlops("checkpoint one")
    with project.store.write() as store:
        store.execute("UPDATE checkpoint SET signature = 'forged'")
    with pytest.raises(Untrusted, match="'one' was not made by this user"):
        mlops("restore one")


def test_values_that_cannot_be_loaded_change_nothing(shell, mlops):
    shell.run_cell(
        "class Odd:\n    def __setstate__(self, state): raise ValueError('odd')\no = Odd(); o.k = 1", store_history=True
    )
    mlops("checkpoint one")
    shell.run_cell("x = 0", store_history=True)
    with pytest.raises(UsageError, match=r"cannot be loaded here \(ValueError: odd\) - nothing was changed"):
        mlops("restore one")
    assert shell.user_ns["x"] == 0


def test_a_frame_whose_column_holds_objects_is_named_and_left_out(shell, mlops):
    shell.run_cell("import pandas as pd\nframe = pd.DataFrame({'o': [[1], [2]]})", store_history=True)
    made = mlops("checkpoint")
    assert [(one.name, one.reason) for one in made.left_out] == [
        ("frame", "a column that holds objects cannot be saved")
    ]


def test_without_a_notebook_there_is_nothing_to_keep(project):
    from mlops_nb.cache.checkpoints import checkpoint

    with pytest.raises(UsageError, match="no notebook is recorded here - use %mlops checkpoint in one"):
        checkpoint(project)
