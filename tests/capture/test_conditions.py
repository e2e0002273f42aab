"""What code ran under and no package says is recorded: once for each set, off the cells' path, and no secret in it."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from mlops_nb.capture import conditions
from mlops_nb.lineage.details import show
from mlops_nb.project import Project
from mlops_nb.proof import fsck


def test_a_process_has_what_it_ran_under(shell, project, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    monkeypatch.setenv("DATABASE_PASSWORD", "s3cret")
    shell.run_cell("a = 1", store_history=True)
    project.store.flush()
    (row,) = project.store.rows("SELECT facts FROM conditions")
    assert "s3cret" not in row["facts"]
    found = show(project, "cell:1").facts["conditions"]
    assert found["OMP_NUM_THREADS"] == "3"
    assert {"locale", "time zone", "processor", "processors", "libc"} <= found.keys()
    assert fsck(project).ok


def test_two_processes_under_the_same_share_a_row(run_process, workspace):
    for _ in range(2):
        run_process("import mlops_nb as m; m.init('.'); m.log_param('a', 1)", PYTHONHASHSEED="1")
    run_process("import mlops_nb as m; m.log_param('a', 1)", PYTHONHASHSEED="2")
    store = Project(workspace).store
    assert store.value("SELECT count(*) FROM process_conditions") == 3
    assert store.value("SELECT count(*) FROM conditions") == 2


def test_numerical_libraries_are_told_when_a_cell_has_loaded_them(kernel, workspace):
    kernel.run("%load_ext mlops_nb")
    kernel.run("a = 1")
    kernel.run("import numpy, threadpoolctl")
    kernel.run("b = 1")
    kernel.settle()
    store = Project(workspace).store
    assert store.value("SELECT count(*) FROM process_conditions") == 2
    found = conditions.of_run(store, store.value("SELECT max(id) FROM run"))
    assert "openblas" in found["BLAS of numpy"].lower()
    assert any(name.startswith("blas in ") and "threads" in told for name, told in found.items())


def test_telling_imports_nothing():
    code = "import sys; from mlops_nb.capture.conditions import conditions; conditions(); print(sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], env=os.environ, capture_output=True, text=True, check=True)
    assert not {"numpy", "threadpoolctl", "pandas"} & set(eval(done.stdout))


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ({"TZ": "UTC", "libc": "a"}, {"libc": "b"}, [("TZ", "UTC", None), ("libc", "a", "b")]),
        ({"libc": "a", "BLAS of numpy": "x"}, {"libc": "a"}, []),  # numpy may just not have been loaded
        ({}, {"TZ": "UTC"}, []),
    ],
)
def test_what_only_one_side_can_know_is_no_change(before, after, told):
    assert list(conditions.changes(before, after)) == told
