"""Two runs: the cells as they ran, parameters, what was read, the environment and metrics; likely causes first."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from mlops_nb import project as projects
from mlops_nb.capture import runs
from mlops_nb.capture.environments import Environment, environment_id
from mlops_nb.comparison.differences import Difference, diff
from mlops_nb.comparison.environments import Surroundings, compare
from mlops_nb.errors import NotFound, UsageError

BASE = {
    "read": "rows = open('in.csv').read().split()",
    "note": "note = 'a'",
    "fit": "k = 2\nmean = len(rows) * k",
    "score": "mlops.log_metric('mae', mean)",
}


def between(a: str, b: str, **options: Any) -> Difference:
    """Return what differs, in the project that is at hand when both have run."""
    return diff(projects.current(), a, b, **options)


@pytest.fixture(autouse=True)
def data(workspace: Path) -> Path:
    """A file that the cells read."""
    path = workspace / "in.csv"
    path.write_text("id,x\n1,5\n2,6\n")
    return path


def test_two_runs_of_the_same_do_not_differ(compared):
    found = compared(BASE, BASE)
    assert (found.cells, found.parameters, found.data, found.environment, found.metrics) == ([], [], [], [], [])


def test_json_has_a_list_of_changes_for_each_question(compared):
    found = compared(BASE, BASE | {"fit": "k = 3\nmean = len(rows) * k"}).to_json()
    assert {"cells", "parameters", "data", "environment", "metrics"} <= found.keys()
    assert found["metrics"] == [{"kind": "changed", "name": "mae", "before": 6.0, "after": 9.0, "difference": 3.0}]


def test_a_cell_that_the_metric_came_from_stands_before_one_it_did_not(compared):
    found = compared(BASE, BASE | {"note": "note = 'b'", "fit": "k = 3\nmean = len(rows) * k"})
    assert [(change.cell, change.explains) for change in found.cells] == [("fit", True), ("note", False)]


def test_without_a_metric_that_changed_cells_stand_as_they_ran(compared):
    found = compared(BASE, BASE | {"note": "note = 'b'", "fit": "mean = len(rows) * 2"})
    assert [(change.cell, change.explains) for change in found.cells] == [("note", False), ("fit", False)]


def test_a_cell_is_taken_as_it_ran_for_the_metric_and_not_as_it_ran_after(compared):
    other = "k = 3\nmean = len(rows) * k"
    again = ("fit", "mean = 'tried later'")
    found = compared([*BASE.items(), again], [*(BASE | {"fit": other}).items(), again])
    assert [(change.before, change.after) for change in found.cells] == [(BASE["fit"], other)]


def test_a_cell_that_no_metric_came_from_is_taken_as_it_ran_last(compared):
    found = compared([*BASE.items(), ("note", "note = 'c'")], [*BASE.items(), ("note", "note = 'd'")])
    assert [(change.before, change.after) for change in found.cells] == [("note = 'c'", "note = 'd'")]


def test_cells_without_ids_are_matched_too(compared):
    (change,) = compared(["x = 1", "y = x + 1"], ["x = 1", "z = 0", "y = x + 1"]).cells
    assert (change.kind, change.after) == ("added", "z = 0")


def test_parameters_that_the_metric_came_from_stand_first(compared):
    before = ["mlops.log_param('note', 1)", "k = 2", "mlops.log_param('k', k)", "mlops.log_metric('m', k)"]
    after = ["mlops.log_param('note', 2)", "k = 3", "mlops.log_param('k', k)", "mlops.log_metric('m', k)"]
    found = compared(before, [*after, "mlops.log_param('new', None)"]).parameters
    assert [(p.name, p.kind, p.before, p.after, p.explains) for p in found] == [
        ("k", "changed", 2, 3, True), ("note", "changed", 1, 2, False), ("new", "added", None, None, False),
    ]  # fmt: skip


@pytest.mark.parametrize(("old", "new"), [("1", "True"), ("1", "1.0"), ("[1]", "[True]"), ("{'a': 1}", "{'a': 1.5}")])
def test_a_parameter_of_another_type_is_another(compared, old: str, new: str):
    assert len(compared([f"mlops.log_param('p', {old})"], [f"mlops.log_param('p', {new})"]).parameters) == 1


def test_metrics_stand_by_how_much_they_changed_for_their_size(compared):
    before = ["mlops.log_metrics({'big': 1000, 'small': 0.1, 'same': 1, 'nan': float('nan'), 'gone': 1})"]
    after = ["mlops.log_metrics({'big': 1100, 'small': 0.2, 'same': 1, 'nan': float('nan'), 'new': 1})"]
    found = compared(before, after).metrics
    assert [(m.kind, m.name) for m in found] == [
        ("changed", "small"), ("changed", "big"), ("removed", "gone"), ("added", "new"),
    ]  # fmt: skip
    assert (found[1].difference, found[2].difference) == (100, None)


def test_a_file_whose_content_was_not_kept_is_told_by_its_hash_and_that_is_said(run, data: Path):
    a = run(BASE)
    data.write_text("id,x\n1,5\n2,6\n3,7\n")
    b = run(BASE)
    (change,) = between(a, b).data
    assert (change.name, change.kind, change.explains) == ("file:in.csv", "changed", True)
    assert change.detail == "13 → 17 bytes; rows cannot be compared: the content was not kept of A"
    assert re.fullmatch("[0-9a-f]{16}", str(change.before))


def test_a_file_whose_content_was_kept_is_compared_row_by_row(run, data: Path):
    keep = {"keep": "mlops.log_artifact('in.csv')"}
    a = run(keep | BASE)
    data.write_text("id,x\n1,5\n2,8\n3,7\n")
    found = between(a, run(BASE)).data
    assert {(c.kind, c.detail) for c in found if c.kind.startswith("rows ")} == {
        ("rows added", "by id: 3"), ("rows changed", "by id: x in 1"),
    }  # fmt: skip


def test_a_file_that_is_no_table_after_all_is_said(run, data: Path):
    a = run({"keep": "mlops.log_artifact('in.csv')"} | BASE)
    data.write_text("")
    (found,) = between(a, run(BASE)).data
    assert found.detail.startswith("13 → 0 bytes; rows cannot be compared: it cannot be read (No columns to parse")
    assert found.detail.endswith("of B")


def test_of_a_file_that_was_not_kept_the_profile_of_its_table_is_compared(run, data: Path):
    cells = {"read": "import pandas as pd\nframe = pd.read_csv('in.csv')", "m": "mlops.log_metric('m', frame.x.sum())"}
    a = run(cells)
    data.write_text("id,x,z\n1,5,0\n2,,0\n3,8,0\n")
    found = between(a, run(cells)).data
    assert {(c.kind, c.column, c.before, c.after) for c in found[1:]} == {
        ("column added", "z", None, "int64"), ("type", "x", "int64", "double"), ("rows", None, 2, 3),
        ("profile", "id", 1.5, 2), ("profile", "x", 5.5, 6.5),
    }  # fmt: skip
    assert "nulls 0 → 1" in next(c.detail for c in found if c.column == "x" and c.kind == "profile")


def test_a_profile_is_not_claimed_where_a_cell_read_more_than_one_file(run, data: Path, workspace: Path):
    (workspace / "two.csv").write_text("id\n1\n")
    cells = {"read": "import pandas as pd\na, b = pd.read_csv('in.csv'), pd.read_csv('two.csv')"}
    a = run(cells)
    data.write_text("id,x\n1,5\n2,6\n3,8\n")
    assert [change.kind for change in between(a, run(cells)).data] == ["changed"]


def test_datasets_that_runs_read_are_compared_row_by_row(run):
    cells = {"read": "d = mlops.load_dataset('sales')", "m": "mlops.log_metric('m', d.x.sum())"}
    make = "import pandas as pd\nmlops.dataset(pd.DataFrame({'id': range(%s), 'x': range(%s)}), 'sales')"
    run({"make": make % (10, 10)})
    a = run(cells)
    run({"make": make % (12, 12)})
    found = between(a, run(cells)).data
    assert (found[0].name, found[0].kind, found[0].before, found[0].after) == ("dataset:sales", "changed", "1", "2")
    assert ("rows added", None, 2, "by id: 10; 11") in [(c.kind, c.before, c.after, c.detail) for c in found]
    assert all(change.explains for change in found)


def test_a_key_holds_for_the_tables_that_have_it(run):
    make = "import pandas as pd\nmlops.dataset(pd.DataFrame({'a': [1, 2], 'b': [3, %s]}), 'd')\nmlops.load_dataset('d')"
    a, b = run([make % 4]), run([make % 5])
    a, b = run(["mlops.load_dataset('d/1')"]), run(["mlops.load_dataset('d')"])
    details = [[c.detail for c in between(a, b, key=[key]).data][1] for key in ("b", "nix")]
    assert details == ["by b: 5", "by a: b in 1"]


def test_what_only_one_run_read_is_told(compared, workspace: Path):
    (workspace / "other.txt").write_text("o")
    found = compared(BASE, BASE | {"read": "rows = open('other.txt').read().split()"}).data
    assert [(c.name, c.kind, c.detail) for c in found] == [
        ("file:in.csv", "removed", "read by A alone"), ("file:other.txt", "added", "read by B alone"),
    ]  # fmt: skip


def test_what_the_runs_made_themselves_stands_last(run, data: Path):
    cells = {"w": "open('a.txt', 'w').write(%s)", "r": "a = open('a.txt').read()", "m": "mlops.log_metric('m', len(a))"}
    cells |= {"z": "b = open('in.csv').read()"}
    a = run(cells | {"w": cells["w"] % "'1'"})
    data.write_text("other")
    found = between(a, run(cells | {"w": cells["w"] % "'22'"})).data
    assert [change.name for change in found] == ["file:in.csv", "file:a.txt"]
    assert found[1].detail == "made by the runs themselves; 1 → 2 bytes"


def test_a_file_read_in_two_versions_is_said(compared):
    last = {"z": "open('in.csv', 'a').write('9')", "y": "again = open('in.csv').read()"}
    assert (
        "A read file:in.csv in more than one version: the last of them is compared"
        in compared(BASE | last, BASE).unknown
    )


def test_an_address_whose_answer_was_not_kept_is_not_claimed_to_be_the_same(run):
    import http.server
    import threading

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), http.server.SimpleHTTPRequestHandler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    cells = [f"import urllib.request as u\nt = u.urlopen('http://127.0.0.1:{server.server_port}/in.csv').read()"]
    found = between(run(cells), run(cells))
    server.shutdown()
    assert any("its content was not recorded, so whether it changed is not known" in reason for reason in found.unknown)


def test_packages_that_cells_import_stand_first(run):
    a, b = run(["import pandas\nimport sklearn"]), run(["x = 1"])
    store = projects.current().store
    with store.write():
        process = store.value("SELECT process FROM run JOIN node USING (id) WHERE public = ?", a[6:])
        before = store.value("SELECT environment FROM process WHERE id = ?", process)
        row = store.row("SELECT * FROM environment WHERE id = ?", before)
        packages = json.loads(row["packages"])
        other = packages | {"pandas": "0.1", "scikit-learn": "0.2", "anywidget": "0.3", "aa-new": "1"}
        here = Environment("other", "CPython 3.9.1", row["platform"], other)
        number = environment_id(store, here)
        store.execute(
            "INSERT INTO environment_change (execution, during, environment) SELECT max(id), 0, ? FROM execution",
            number,
        )
    found = between(a, b).environment
    assert [(e.name, e.before, e.after, e.imported) for e in found] == [
        ("pandas", packages["pandas"], "0.1", True),
        ("scikit-learn", packages["scikit-learn"], "0.2", True),
        ("python", row["python"], "CPython 3.9.1", False),
        ("aa-new", None, "1", False),
        ("anywidget", packages["anywidget"], "0.3", False),
    ]


def test_a_package_that_a_cell_installed_is_part_of_the_environment_of_its_run(run_process, workspace: Path):
    site = workspace / "site-packages"
    site.mkdir()
    code = """
    import sys, pathlib
    sys.path.append("site-packages")
    from IPython.core.interactiveshell import InteractiveShell
    shell = InteractiveShell()
    for cell in ["%load_ext mlops_nb", *sys.argv[1:]]:
        shell.run_cell(cell, store_history=True)
    """
    run_process(code, "x = 1")
    run_process(
        code,
        "import pathlib\npathlib.Path('site-packages/whatever-2.0.dist-info').mkdir()",
        "import time\ntime.sleep(.5)",
        "x = 1",
    )
    project = projects.Project(workspace)
    b, a = runs.runs(project, limit=2)
    found = diff(project, a.id, b.id).environment
    project.store.close()
    assert [(e.name, e.before, e.after) for e in found] == [("whatever", None, "2.0")]


def test_the_commit_of_the_code_stands_last(run_process, workspace: Path):
    def git(*arguments: str) -> None:
        subprocess.run(
            ["git", "-c", "user.name=a", "-c", "user.email=a@b", *arguments], check=True, capture_output=True
        )

    git("init")
    (workspace / "own.py").write_text("x = 1\n")
    git("add", "own.py")
    git("commit", "-m", "first")
    code = "import mlops_nb as m; m.init('.'); m.log_metric('a', 1)"
    run_process(code)
    (workspace / "own.py").write_text("x = 2\n")
    run_process(code)
    git("commit", "-am", "second")
    run_process(code)
    project = projects.Project(workspace)
    c, b, a = runs.runs(project)
    names = [[e.name for e in diff(project, a.id, other.id).environment] for other in (b, c)]
    project.store.close()
    assert names == [["uncommitted changes"], ["git commit"]]


def test_an_environment_that_was_not_recorded_is_not_compared():
    assert compare(Surroundings(), Surroundings(Environment("h", "p", "q", {"a": "1"})), set()) == []


def test_what_was_not_recorded_of_a_run_is_said(run):
    a, b = run(["x = 1"]), run(["x = 1"])
    store = projects.current().store
    with store.write():
        number = store.value("SELECT id FROM node WHERE public = ?", a[6:])
        store.execute("INSERT INTO gap (id, run, message) VALUES (?, ?, 'the disk was full')", store.next_id(), number)
    assert between(a, b).unknown == ["A: the disk was full"]


def test_a_way_to_the_metric_that_is_not_certain_is_said(compared):
    skipped = BASE | {"fit": "# mlops: skip\nmean = 5"}
    found = compared(skipped, skipped | {"score": "mlops.log_metric('mae', mean + 1)"})
    assert "cell 4 in A asks not to be kept: whether it changed is not known" in found.unknown
    assert any(reason.startswith("whether the marks are complete: cell [") for reason in found.unknown)


def test_scripts_are_runs_without_cells(run_process, workspace: Path):
    for value in (1, 2):
        run_process(f"import mlops_nb as m; m.init('.'); m.log_param('p', {value}); m.log_metric('a', {value})")
    project = projects.Project(workspace)
    b, a = runs.runs(project)
    found = diff(project, a.id, b.id)
    project.store.close()
    assert ([p.name for p in found.parameters], [m.name for m in found.metrics], found.cells) == (["p"], ["a"], [])


def test_comparing_is_no_reading_of_the_cell_that_compares(run, bare_shell):
    a = run(BASE)
    b = run(BASE | {"compare": f"found = mlops.diff('{a}', '{a}')\nassert not found.cells"})
    reads = between(a, b).data
    assert reads == []


def test_what_means_nothing_is_refused(project):
    with pytest.raises(NotFound, match="nothing is called 'nix'"):
        diff(project, "nix", "nix")
    with pytest.raises(NotFound, match="no run '/1234'"):
        diff(project, "runs:/1234", "runs:/1234")


def test_things_of_different_kinds_are_refused(run, notebook):
    a, path = run(["x = 1"]), notebook("n.ipynb", "x = 1")
    with pytest.raises(UsageError, match=r"is a run and 'n.ipynb' is a notebook - give two of one kind"):
        between(a, path)


def test_what_cannot_be_compared_is_refused(run):
    run(BASE)
    with pytest.raises(UsageError, match="'var:mean' is a variable, which diff does not compare - give two runs"):
        between("var:mean", "var:mean")
