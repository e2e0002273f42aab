"""The cache in a real kernel that is restarted: what is shown and recorded, what is bounded and refused, and no trace."""

import subprocess
import sys

import pytest

from mlops_nb.errors import UsageError
from mlops_nb.project import Project
from tests.conftest import environment

SLOW = "slow = [n * n for n in range(10**6)][-1]"
CELLS = {
    "first": f"import sys\nfrom IPython.display import HTML, display\n{SLOW}",
    "second": f"{SLOW}\nprint('out', end='')\nprint('err', file=sys.stderr)\ndisplay(HTML('<b>shown</b>'))\nprint('again')\nslow + 1",
    "third": "print(_, Out[4], slow)",
}


@pytest.fixture
def run(start_kernel, workspace):
    """Run cells in a kernel of their own under the cache; return what each showed, and the project."""

    def ran(cells=CELLS, **variables):
        kernel = start_kernel(XDG_STATE_HOME=str(workspace / "state"), **variables)
        kernel.run("%load_ext mlops_nb")
        kernel.run("%mlops cache on")
        shown = {name: kernel.run(source, cell_id=name) for name, source in cells.items()}
        kernel.settle()
        return shown

    return ran


@pytest.fixture
def project(workspace):
    project = Project(workspace)
    yield project
    project.store.close()


def cached(project):
    rows = project.store.rows(
        "SELECT cell, original, reason, deciding FROM cached JOIN execution ON execution.id = execution ORDER BY execution"
    )
    return [(row["cell"], row["original"] is not None, row["reason"]) for row in rows]


def test_a_restored_cell_shows_what_it_showed_and_leaves_its_result(run, project):
    cold, warm = run(), run()
    assert cached(project)[-2][:2] == ("second", True), cached(project)
    assert warm == cold
    assert [output["output_type"] for output in warm["second"]][-1] == "execute_result"


def test_a_restored_cell_is_recorded_with_what_it_read_and_made(run, project):
    run({"a": SLOW, "b": "n = sum(slow for _ in range(3 * 10**6))"})
    run({"a": SLOW, "b": "n = sum(slow for _ in range(3 * 10**6))"})
    assert [restored for _, restored, _ in cached(project)] == [False, False, True, True]
    from mlops_nb.lineage.slices import slice_of

    found = slice_of(project, "var:n")
    assert [cell.source for cell in found.cells] == [SLOW, "n = sum(slow for _ in range(3 * 10**6))"]
    assert found.uncheckable == []
    status = project.store.value("SELECT status FROM outcome ORDER BY id DESC LIMIT 1")
    assert status == "ok"


def test_files_that_a_restored_cell_read_are_read_in_the_record_too(run, project, workspace):
    (workspace / "data.txt").write_text("7")
    cells = {
        "a": f"n = int(open('data.txt').read())\n{SLOW}\nwith open('out.txt', 'w') as f:\n    f.write(str(n))\ndel f"
    }
    run(cells)
    (workspace / "out.txt").unlink()
    run(cells)
    assert cached(project)[-1][1], cached(project)
    assert (workspace / "out.txt").read_text() == "7"
    rows = project.store.rows(
        "SELECT kind FROM edge WHERE reference IN ('file:data.txt', 'file:out.txt') ORDER BY kind"
    )
    assert [row["kind"] for row in rows] == ["read", "read", "wrote", "wrote"]


def test_a_quick_cell_is_just_run(run, project):
    run({"a": "x = 1"})
    run({"a": "x = 1"})
    (_, restored, reason) = cached(project)[-1]
    assert not restored and reason.startswith("it takes")


def test_the_order_of_a_set_of_texts_is_not_taken_from_another_process(run, project):
    cells = {"a": f"{SLOW}\nwords = list({{'a', 'b', 'c', 'd'}})"}
    run(cells, PYTHONHASHSEED="1")
    run(cells, PYTHONHASHSEED="2")
    assert not cached(project)[-1][1] and "environment variables" in cached(project)[-1][2]
    run(cells, PYTHONHASHSEED="1")
    assert cached(project)[-1][1]


def test_what_is_worth_least_goes_when_there_is_no_room(run, project, workspace):
    (workspace / "mlops.toml").write_text("[cache]\nsize_gb = 0.003\n")
    cells = {"a": f"{SLOW}\nfirst = bytes(2_000_000)", "b": f"{SLOW}\n{SLOW}\nsecond = bytes([1]) * 2_000_000"}
    run(cells)
    assert project.store.value("SELECT sum(size) FROM kept_cell") < 3_000_000
    assert project.store.value("SELECT count(*) FROM kept_cell") == 1
    assert len(list((workspace / ".mlops" / "blobs").glob("??/*"))) == 1
    run(cells)
    assert sum(restored for _, restored, _ in cached(project)) == 1


def test_what_another_user_kept_is_not_loaded(run, project, workspace):
    run({"a": SLOW})
    (workspace / "state" / "mlops-nb" / "cache.key").unlink()
    run({"a": SLOW})
    assert [restored for _, restored, _ in cached(project)] == [False, False]


def test_what_is_damaged_is_run(run, project, workspace):
    run({"a": f"{SLOW}\nbig = bytes(range(256)) * 1000"})
    (kept,) = (workspace / ".mlops" / "blobs").glob("??/*")
    kept.write_bytes(b"damaged")
    shown = run({"a": f"{SLOW}\nbig = bytes(range(256)) * 1000", "b": "print(len(big))"})
    assert shown["b"][0]["text"] == "256000\n"
    assert "damaged" in cached(project)[-2][2]


def test_fits_and_metrics_of_a_restored_cell_are_recorded_again(run, project):
    cells = {
        "a": "import numpy as np\nfrom sklearn.ensemble import RandomForestRegressor\nfrom sklearn.metrics import r2_score",
        "b": "X = np.arange(8000.0).reshape(-1, 4)",
        "c": "m = RandomForestRegressor(30, random_state=0).fit(X, X[:, 0])\nscore = r2_score(X[:, 0], m.predict(X))",
    }
    run(cells), run(cells)
    assert cached(project)[-1][:2] == ("c", True), cached(project)
    first, second = [
        project.store.rows("SELECT kind, estimator, parameters, rows FROM fit WHERE run = ?", row["id"])
        for row in project.store.rows("SELECT id FROM run ORDER BY id")
    ]
    assert list(map(tuple, first)) == list(map(tuple, second)) and len(first) == 1
    metrics = project.store.rows("SELECT name, value, count(*) AS times FROM metric GROUP BY name, value")
    assert metrics and {row["times"] for row in metrics} == {2}


def test_a_secret_is_not_kept(run, project, workspace):
    run({"a": f"import os\n{SLOW}\ndsn = 'x' + os.environ['DB_PASSWORD']"}, DB_PASSWORD="hunter2-" + "k" * 20)
    assert "it holds a secret" in cached(project)[-1][2]
    assert not any(b"hunter2" in path.read_bytes() for path in (workspace / ".mlops").rglob("*") if path.is_file())


def test_a_denied_column_is_not_kept(run, project, workspace):
    (workspace / "mlops.toml").write_text('[privacy]\ndeny_columns = ["ssn"]\n')
    run({"a": "import pandas as pd", "b": f"{SLOW}\ndf = pd.DataFrame({{'ssn': ['123-45-6789']}})"})
    assert "the column 'ssn'" in cached(project)[-1][2]


def test_a_warning_that_is_shown_only_once_is_left_to_the_cell(run, project):
    cells = {"a": "import numpy as np", "b": f"{SLOW}\nr = np.log(np.zeros(1))"}
    run(cells)
    assert "it shows a warning" in cached(project)[-1][2]


def test_switched_off_it_leaves_no_trace(shell):
    from mlops_nb.capture.observers import OBSERVERS

    before = list(shell.ast_transformers), list(OBSERVERS), dict(shell.user_ns)
    assert shell.run_line_magic("mlops", "cache on").on
    assert len(shell.ast_transformers) == len(before[0]) + 1
    assert not shell.run_line_magic("mlops", "cache off").on
    assert (list(shell.ast_transformers), list(OBSERVERS), dict(shell.user_ns)) == before


def test_unloading_the_extension_switches_it_off(shell):
    import mlops_nb
    from mlops_nb.cache import switch

    shell.run_line_magic("mlops", "cache on")
    mlops_nb.unload_ipython_extension(shell)
    assert switch._cache is None and not [one for one in shell.ast_transformers if type(one).__name__ == "CellCache"]


def test_a_switch_that_is_no_switch_is_told(shell):
    with pytest.raises(UsageError, match="switched on or off, not 'maybe'"):
        shell.magics_manager.magics["line"]["mlops"]("cache maybe")


def test_outside_of_a_notebook_it_says_where_it_belongs(workspace):
    subprocess.run(
        [sys.executable, "-m", "mlops_nb", "init"],
        cwd=workspace,
        env=environment(workspace),
        check=True,
        capture_output=True,
    )
    done = subprocess.run(
        [sys.executable, "-m", "mlops_nb", "cache", "on"], cwd=workspace, env=environment(workspace),
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2 and "use %mlops cache on in one" in done.stderr


@pytest.mark.parametrize("text", ["size_gb = 'much'", "min_seconds = -1"])
def test_a_setting_that_is_no_number_is_told(shell, workspace, text):
    (workspace / "mlops.toml").write_text(f"[cache]\n{text}\n")
    with pytest.raises(UsageError, match=r"\[cache\] \w+ in mlops.toml must be a number"):
        shell.magics_manager.magics["line"]["mlops"]("cache on")
    assert not [one for one in shell.ast_transformers if type(one).__name__ == "CellCache"]
