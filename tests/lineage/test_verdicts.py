"""Whether a value is what its notebook says: every way in which it may not be, and never a wrong "clean"."""

import json
import time

import pytest

from mlops_nb.capture import notebooks
from mlops_nb.data.checks import check
from mlops_nb.errors import NotFound, UsageError
from mlops_nb.lineage.judged import by_source


def write(path, cells):
    """Write a notebook of (cell ID, source[, execution count])."""
    made = [
        {"cell_type": "code", "id": cell[0], "source": cell[1], "metadata": {}, "outputs": [],
         "execution_count": cell[2] if len(cell) > 2 else None}
        for cell in cells
    ]  # fmt: skip
    content = {"cells": made, "metadata": {"language_info": {"name": "python"}}, "nbformat": 4, "nbformat_minor": 5}
    path.write_text(json.dumps(content))


@pytest.fixture
def judged(bare_shell, workspace, monkeypatch):
    """Run cells of a notebook and return the verdict and the reasons of each cell: ``judged(page, *runs)``."""
    import mlops_nb

    path = workspace / "n.ipynb"
    monkeypatch.setenv("JPY_SESSION_NAME", str(path))
    write(path, [])
    mlops_nb.load_ipython_extension(bare_shell)

    def judge(page, *runs, live=None):
        write(path, page.items())
        for name in runs:
            cell, _, source = name.partition(": ")
            bare_shell.run_cell(source or page[cell], store_history=True, cell_id=cell)
        found = mlops_nb.check("n.ipynb", live=live)
        assert found.recorded
        return {cell.cell: (cell.verdict, [reason.what for reason in cell.reasons]) for cell in found.cells}

    yield judge
    mlops_nb.unload_ipython_extension(bare_shell)


PAGE = {"a": "x = 1", "b": "y = x + 1", "c": "z = y"}


def test_a_notebook_run_from_top_to_bottom_is_clean(judged):
    assert judged(PAGE, "a", "b", "c") == {name: ("clean", []) for name in PAGE}


def test_a_cell_that_has_not_run_has_no_verdict(judged):
    assert judged(PAGE, "a")["b"] == ("not run", [])


def test_a_cell_that_ran_before_recording_began_is_not_said_to_have_not_run(judged, workspace):
    judged(PAGE, "a", "b")
    write(workspace / "n.ipynb", [("load", "%load_ext mlops_nb", 1), ("a", PAGE["a"], 2), ("new", "w = 1")])
    import mlops_nb

    found = mlops_nb.check("n.ipynb").cells
    assert [(cell.verdict, cell.execution_count) for cell in found] == [
        ("not recorded", 1),
        ("clean", 1),
        ("not run", None),
    ]


def test_an_edited_cell_and_what_depends_on_it_are_stale(judged):
    found = judged(PAGE, "a", "b", "c")
    found = judged(PAGE | {"a": "x = 2"})
    assert found == {name: ("stale", ["cell [1] was edited since it ran"]) for name in PAGE}


def test_an_edit_that_is_not_saved_yet_counts_where_the_editor_tells_it(judged):
    found = judged(PAGE, "a", "b", "c", live=PAGE | {"b": "y = x + 2"})
    assert [found[name][0] for name in PAGE] == ["clean", "stale", "stale"]


def test_what_needs_a_setting_or_a_file_of_an_edited_cell_is_stale_and_no_worse(judged):
    page = {
        "a": "import warnings\nwarnings.simplefilter('ignore')",
        "b": "open('kept.txt', 'w').write('kept')",
        "c": "import math\nwarnings.warn('unheard')\ntext = open('kept.txt').read()",
    }
    assert judged(page, "a", "b", "c")["c"] == ("clean", [])
    found = judged(page | {"a": page["a"] + "\n", "b": page["b"] + "\n"})
    assert found["c"] == ("stale", ["cell [1] was edited since it ran", "cell [2] was edited since it ran"])


def test_a_cell_in_the_middle_of_an_edit_is_stale_and_leaves_the_others_as_they_were(judged):
    page = PAGE | {"d": "other = 1", "e": "more = other"}
    judged(page, *page)
    found = judged(page, live=page | {"b": "y = x + "})
    assert [found[name][0] for name in page] == ["clean", "stale", "stale", "clean", "clean"]


def test_what_depends_on_a_cell_that_ran_again_is_stale(judged):
    found = judged(PAGE, "a", "b", "c", "a")
    assert found["a"] == ("clean", [])
    assert found["c"] == ("stale", ["cell [1] ran again as [4]"])


def test_what_needs_a_deleted_cell_is_tainted(judged):
    judged(PAGE, "a", "b", "c")
    found = judged({name: PAGE[name] for name in "bc"})
    assert found["c"] == ("tainted", ["cell [1] is no longer in the notebook"])


def test_a_cell_that_read_from_below_is_tainted(judged):
    page = {"a": "y = x", "b": "x = 1"}
    found = judged(page, "b", "a")
    assert found["a"] == (
        "tainted", ["cell [2] read 'x' from cell [1]; from top to bottom it would read it from no cell"],
    )  # fmt: skip


def test_a_cell_that_another_would_have_disturbed_on_the_way_is_tainted(judged):
    page = {"a": "x = 1", "b": "x = 2", "c": "y = x"}
    found = judged(page, "b", "a", "c")
    assert found["c"] == (
        "tainted", ["cell [3] read 'x' from cell [2]; from top to bottom it would read it from cell [1]"],
    )  # fmt: skip


def test_a_cell_above_that_never_ran_would_disturb_too(judged):
    page = {"a": "x = 1", "b": "x = 2", "c": "y = x"}
    assert judged(page, "a", "c")["c"][0] == "tainted"


def test_a_change_in_place_below_is_tainted_above(judged):
    page = {"a": "x = []", "b": "n = len(x)", "c": "x.append(1)"}
    assert judged(page, "a", "c", "b")["b"][0] == "tainted"


def test_a_cell_that_ran_twice_on_its_own_result_is_tainted(judged):
    page = {"a": "x = []", "b": "x.append(1)", "c": "n = len(x)"}
    assert judged(page, "a", "b", "c")["c"] == ("clean", [])
    found = judged(page, "b", "c")
    assert found["c"] == ("tainted", ["cell [2] ran again as [4]", "it needs one cell twice, as [2] and as [4]"])


def test_random_numbers_drawn_out_of_order_are_tainted(judged):
    page = {"i": "import random", "s": "random.seed(0)", "a": "a = random.random()", "b": "b = random.random()"}
    assert {verdict for verdict, _ in judged(page, *page).values()} == {"clean"}
    assert judged(page, "s", "b", "a")["a"][0] == "tainted"


def test_a_file_written_below_is_tainted_above(judged):
    page = {"a": "open('f', 'w').write('1')", "b": "v = open('f').read()", "c": "open('f', 'w').write('2')"}
    assert judged(page, "a", "b", "c")["b"] == ("clean", [])
    assert judged(page, "b")["b"][0] == "tainted"


def test_a_value_that_needs_a_failed_cell_is_tainted(judged):
    page = {"a": "x = 1\n1 / 0", "b": "y = x"}
    assert judged(page, "a", "b")["b"] == (
        "tainted", ["it needs cell [1], which failed (ZeroDivisionError: division by zero)"],
    )  # fmt: skip


def test_what_cannot_be_looked_into_is_uncheckable(judged):
    page = {"a": "g = iter(open(__file__ if False else 'n.ipynb'))", "b": "y = next(g)"}
    assert judged(page, "a", "b")["b"][0] == "uncheckable"


def test_a_cell_that_may_bind_anything_and_did_not_run_leaves_it_open(judged):
    page = {"a": "x = 1", "b": "exec(code)", "c": "y = x"}
    assert judged(page, "a", "c")["c"][0] == "uncheckable"


def test_judging_from_another_process_while_a_cell_runs_leaves_it_clean(start_kernel, run_process, workspace):
    page = {"load": "%load_ext mlops_nb", "a": "v = open('in.txt').read()", "b": "import time\ntime.sleep(2.5)"}
    page["a"] = f"import joblib.externals.loky.process_executor\n{page['a']}"  # whose children could have read it
    write(workspace / "n.ipynb", page.items())
    (workspace / "in.txt").write_text("1")
    time.sleep(2.1)  # from then on its times are sure to show a change
    kernel = start_kernel(JPY_SESSION_NAME=str(workspace / "n.ipynb"))
    for cell in ("load", "a"):
        kernel.run(page[cell], cell)
    kernel.settle()
    running = kernel.send(page["b"], "b")
    judge = "import json, mlops_nb; print(json.dumps([c.verdict for c in mlops_nb.check('n.ipynb').cells]))"
    assert json.loads(run_process(judge).stdout)[1] == "clean"
    kernel.outputs(running)
    kernel.settle()
    assert json.loads(run_process(judge).stdout)[1:] == ["clean", "clean"]


def test_a_changed_input_makes_stale(judged, workspace):
    (workspace / "in.txt").write_text("1")
    time.sleep(0.1)  # so young a file may change again without its time of change showing it
    page = {"a": "v = open('in.txt').read()"}
    assert judged(page, "a")["a"] == ("clean", [])
    (workspace / "in.txt").write_text("2")
    assert judged(page)["a"] == ("stale", ["in.txt has changed since it was read"])
    (workspace / "in.txt").unlink()
    assert judged(page)["a"] == ("stale", ["in.txt is gone"])


def test_a_value_is_judged_by_any_reference(judged):
    judged(PAGE, "a", "b", "c", "a")
    import mlops_nb

    found = mlops_nb.check("var:z")
    assert (found.verdict, found.exit_code, found.reasons[0].execution_count) == ("stale", 1, 1)


def test_a_value_of_a_notebook_that_is_gone_is_uncheckable(judged, workspace):
    judged(PAGE, "a", "b")
    (workspace / "n.ipynb").unlink()
    import mlops_nb

    found = mlops_nb.check("var:y")
    assert (found.verdict, found.reasons[0].what) == ("uncheckable", "the notebook n.ipynb is gone or cannot be read")


def test_a_session_in_no_notebook_is_judged_by_the_order_in_which_it_ran(shell, project):
    for source in ("x = 1", "y = x"):
        shell.run_cell(source, store_history=True)
    assert check(project, "var:y").verdict == "clean"


# -- never recorded -------------------------------------------------------------------------------------------


def by_counts(path, *cells):
    write(path, [(f"c{number}", *cell) for number, cell in enumerate(cells)])
    return [
        (cell.verdict, [reason.what for reason in cell.reasons]) for cell in by_source("n", notebooks.read(path)).cells
    ]


def test_a_notebook_run_in_order_has_nothing_against_it(tmp_path):
    assert by_counts(tmp_path / "n.ipynb", ("x = 1", 1), ("y = x", 2)) == [("clean", []), ("clean", [])]


def test_counts_out_of_order_taint_what_read_the_other_value(tmp_path):
    found = by_counts(tmp_path / "n.ipynb", ("x = 1", 2), ("x = 2", 1), ("y = x", 3))
    assert found[2] == ("tainted", ["it read 'x' from cell [2]; from top to bottom it would read it from cell [1]"])


def test_a_name_that_no_cell_binds_taints_also_what_depends_on_it(tmp_path):
    found = by_counts(tmp_path / "n.ipynb", ("y = gone", 1), ("z = y", 2))
    assert [verdict for verdict, _ in found] == ["tainted", "tainted"]
    assert "no cell above binds 'gone'" in found[1][1][0]


def test_executions_that_are_missing_leave_it_open(tmp_path):
    found = by_counts(tmp_path / "n.ipynb", ("x = 1", 1), ("y = x", 4))
    assert found[1] == ("uncheckable", ["executions [2], [3] are not in the notebook: cells were deleted or ran again"])


def test_a_notebook_that_was_never_recorded_is_said_to_be(project, workspace):
    write(workspace / "n.ipynb", [("a", "x = 1", 1)])
    found = check(project, "n.ipynb")
    assert (found.recorded, found.verdict, found.exit_code) == (False, "clean", 0)


def test_a_notebook_of_another_language_is_refused(tmp_path):
    path = tmp_path / "n.ipynb"
    path.write_text(json.dumps({"cells": [], "metadata": {"language_info": {"name": "R"}}}))
    with pytest.raises(UsageError, match="notebook of r - only Python"):
        by_source("n", notebooks.read(path))


def test_what_is_not_there_cannot_be_checked(project):
    with pytest.raises(NotFound, match="no notebook"):
        check(project, "missing.ipynb")
    with pytest.raises(NotFound, match="nothing is called"):
        check(project, "missing")
    with pytest.raises(UsageError, match="checked against a contract"):
        check(project, object())


@pytest.mark.parametrize("restoring", ["%mlops restore c", "import mlops_nb as mlops\nmlops.restore('c')"])
def test_what_a_checkpoint_brought_back_is_never_clean(judged, restoring):
    page = {"a": "x = 1", "keep": "%mlops checkpoint c", "back": restoring, "b": "y = x", "c": "z = 5"}
    found = judged(page, "a", "keep", "back", "b", "c")
    assert (found["keep"][0], found["b"][0], found["c"][0]) == ("clean", "uncheckable", "clean")
    assert "it restored values from checkpoint 'c'" in found["b"][1][0]


@pytest.mark.parametrize("restoring", ["%mlops restore c", "mlops.restore('c')"])
def test_a_restore_that_has_not_run_may_bind_any_name(judged, workspace, restoring):
    page = {"a": "x = 1", "back": restoring, "b": "y = x"}
    assert judged(page, "a", "b")["b"] == ("uncheckable", ["a cell that has not run as it stands may bind any name"])
    path = workspace / "unrecorded.ipynb"
    write(path, [("a", "x = 1", 1), ("back", restoring, 2), ("b", "y = x", 3)])
    assert [cell.verdict for cell in by_source("n", notebooks.read(path)).cells] == [
        "clean", "uncheckable", "uncheckable",
    ]  # fmt: skip


def test_other_verbs_bind_nothing(judged):
    page = {"a": "x = 1", "verb": "%mlops runs", "b": "y = x"}
    assert judged(page, "a", "b")["b"] == ("clean", [])
