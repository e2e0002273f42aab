"""The slice of a value: what it needs and nothing else, as it ran then."""

import json

import pytest

from mlops_nb.errors import NotFound, UsageError
from mlops_nb.lineage.slices import slice


@pytest.fixture
def sources(shell, project):
    """Run cells, given as sources or as (cell ID, source), and return the sources of a slice."""

    def run(*cells, of):
        for cell in cells:
            name, source = cell if isinstance(cell, tuple) else (None, cell)
            shell.run_cell(source, store_history=True, cell_id=name)
        return [cell.source for cell in slice(project, of).cells]

    return run


def test_a_slice_holds_what_a_value_needs_in_the_order_in_which_it_ran(sources):
    assert sources("a = 1", "b = 2", "c = a + 1", "d = 9", of="var:c") == ["a = 1", "c = a + 1"]


def test_a_slice_is_of_the_value_as_it_is_now(sources):
    assert sources("x = [1]", "x.append(2)", "y = x", "x = 0", of="var:x") == ["x = 0"]


def test_a_slice_holds_a_change_in_place_and_what_was_changed(sources):
    cells = ("x = [1]", "alias = x", "other = 5", "alias.append(2)")
    assert sources(*cells, of="var:x") == ["x = [1]", "alias = x", "alias.append(2)"]


def test_a_slice_holds_a_cell_as_often_as_it_ran_with_the_source_it_had_then(sources):
    cells = (("a", "x = []"), ("b", "x.append(1)"), ("b", "x.append(2)"))
    assert sources(*cells, of="var:x") == ["x = []", "x.append(1)", "x.append(2)"]


def test_a_slice_of_a_file_begins_with_the_cell_that_wrote_it(sources, workspace):
    cells = ("t = 'a'", "n = 1", "open('out.txt', 'w').write(t)")
    assert sources(*cells, of="file:out.txt") == ["t = 'a'", "open('out.txt', 'w').write(t)"]


def test_a_slice_reads_a_file_from_the_cell_that_wrote_it_last_before(sources):
    cells = (
        "open('f', 'w').write('1')", "open('f', 'w').write('2')", "v = open('f').read()", "open('f', 'w').write('2')",
    )  # fmt: skip
    assert sources(*cells, of="var:v") == ["open('f', 'w').write('2')", "v = open('f').read()"]


def test_a_file_from_outside_is_named_with_its_hash(sources, project, workspace):
    (workspace / "in.txt").write_text("data")
    sources("v = open('in.txt').read()", of="var:v")
    (file,) = slice(project, "var:v").files
    assert (file.path, file.hash[:8], file.stored) == ("in.txt", "3a6eb079", False)


def test_a_cell_that_failed_is_kept_and_said_to_raise(sources, project):
    cells = ("acc = []", "for n in (1, 0):\n    acc.append(1 // n)")
    assert sources(*cells, of="var:acc") == list(cells)
    assert slice(project, "var:acc").cells[1].raises.startswith("ZeroDivisionError")


def test_what_cannot_be_checked_is_said(sources, project):
    sources("g = (n for n in range(9))", "first = next(g)", of="var:first")
    assert slice(project, "var:first").uncheckable == ["a generator cannot be checked"]


def test_a_name_from_before_recording_began_is_said(bare_shell):
    import mlops_nb

    bare_shell.run_cell("x = [1]", store_history=True)
    mlops_nb.load_ipython_extension(bare_shell)
    bare_shell.run_cell("y = x", store_history=True)
    found = mlops_nb.slice("var:y")
    mlops_nb.unload_ipython_extension(bare_shell)
    assert ([cell.source for cell in found.cells], found.uncheckable) == (
        ["y = x"],
        ["x was bound before recording began"],
    )


def test_a_value_bound_while_nothing_was_recorded_is_said_unless_it_is_the_same(sources, project):
    sources("x = [1]", "k = [2]", "%mlops off", "x = [3]", "%mlops on", "y = x + k", of="var:y")
    found = slice(project, "var:y")
    assert found.uncheckable == ["x was bound while nothing was recorded"]
    assert [cell.source for cell in found.cells] == ["k = [2]", "y = x + k"]


def test_a_slice_is_written_as_a_script_or_a_notebook_that_runs_by_itself(sources, project, workspace):
    sources("a = 1", "b = 2", "c = a + 1", "1 / 0", of="var:c")
    slice(project, "var:c", to="c.py")
    namespace = {}
    exec((workspace / "c.py").read_text(), namespace)
    assert (namespace["c"], "b" in namespace) == (2, False)
    slice(project, "cell:4", to="failing.ipynb")
    notebook = json.loads((workspace / "failing.ipynb").read_text())
    assert notebook["cells"][-1]["metadata"] == {"tags": ["raises-exception"]}


def test_a_slice_is_never_written_over_a_file(sources, project, workspace):
    (workspace / "c.py").write_text("mine")
    sources("c = 1", of="var:c")
    with pytest.raises(UsageError, match=r"c\.py is there already"):
        slice(project, "var:c", to="c.py")
    with pytest.raises(UsageError, match=r"neither \.ipynb nor \.py"):
        slice(project, "var:c", to="c.txt")


def test_what_no_cell_made_has_no_slice(sources, project, workspace):
    sources("x = 1", of="var:x")
    with pytest.raises(NotFound, match="no variable 'nothing'"):
        slice(project, "var:nothing")
    run = project.store.value("SELECT public FROM node WHERE kind = 'run'")
    with pytest.raises(UsageError, match="no recorded cell made this run"):
        slice(project, run)
