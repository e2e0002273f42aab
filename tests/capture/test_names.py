"""Variables in the lineage: which cell made what another one read."""

import pytest


@pytest.fixture
def links(shell, project):
    """Run cells and return what the last one read and wrote: ``[(number of the cell that made it, name)]``."""

    def run(*sources):
        for source in sources:
            shell.run_cell(source, store_history=True)
        store = project.store
        last = store.value("SELECT max(id) FROM execution WHERE parent IS NULL")
        read = store.rows(
            "SELECT maker.count, node.name FROM edge JOIN node ON node.id = edge.source"
            " JOIN edge AS made ON made.target = node.id JOIN execution AS maker ON maker.id = made.source"
            " WHERE edge.target = ? AND node.kind IN ('variable', 'import') ORDER BY node.name",
            last,
        )
        wrote = store.rows(
            "SELECT name FROM edge JOIN node ON node.id = edge.target WHERE edge.source = ?"
            " AND node.kind IN ('variable', 'import') ORDER BY name",
            last,
        )
        return [tuple(row) for row in read], [row["name"] for row in wrote]

    return run


def test_a_cell_reads_the_variable_that_another_cell_made(links):
    assert links("x = 1", "y = x") == ([(1, "x")], ["y"])


def test_a_cell_reads_the_variable_as_it_was_made_last(links):
    assert links("x = 1", "x = 2", "y = x") == ([(2, "x")], ["y"])


def test_a_cell_that_binds_first_reads_nothing(links):
    assert links("x = 1", "x = 2\ny = x") == ([], ["x", "y"])


def test_a_changed_object_is_made_anew_by_the_cell_that_changed_it(links):
    assert links("d = {}", "d['k'] = 1", "d") == ([(2, "d")], [])


def test_a_method_called_for_its_effect_changes_its_object(links):
    assert links("xs = []", "xs.append(1)", "n = len(xs)") == ([(2, "xs")], ["n"])


def test_a_change_through_one_name_is_seen_through_the_other(links):
    assert links("a = []", "b = a", "b.append(1)", "n = len(a)") == ([(3, "a")], ["n"])


def test_a_copy_is_not_changed_with_its_original(links):
    assert links("a = []", "b = list(a)", "a.append(1)", "n = len(b)") == ([(2, "b")], ["n"])


def test_a_function_of_an_imported_module_changes_no_module(links):
    assert links("import math", "math.sqrt(4)", "r = math.pi") == ([(1, "math")], ["r"])


def test_what_a_function_uses_is_read_where_it_is_called(links):
    assert links("k = 1", "def f():\n    return k", "k = 2", "y = f()") == ([(2, "f"), (3, "k")], ["y"])


def test_what_a_method_uses_is_read_where_its_class_is_used(links):
    assert links("k = 1", "class C:\n    def m(self):\n        return k", "y = C().m()") == (
        [(2, "C"), (1, "k")],
        ["y"],
    )


def test_a_deleted_variable_is_not_read_any_more(links):
    assert links("x = 1", "del x", "x = 3 if False else 4", "y = x") == ([(3, "x")], ["y"])


def test_a_cell_that_failed_halfway_made_what_it_bound(links):
    assert links("x = 1\n1/0\nz = 2", "y = x") == ([(1, "x")], ["y"])
    assert links("z = 0")[0] == []


def test_an_import_is_a_node_of_its_own_kind(links, project):
    links("import os, json as j")
    assert [r[0] for r in project.store.rows("SELECT name FROM node WHERE kind = 'import' ORDER BY name")] == [
        "j",
        "os",
    ]


def test_the_names_of_ipython_are_not_variables_of_the_user(links):
    assert links("5", "y = _ + Out[1] + len(In)") == ([], ["y"])


@pytest.mark.parametrize("cell", ["%%time\ny = x\n", "%%capture\ny = x\n", "%time y = x", "%%capture\n%time y = x\n"])
def test_a_magic_that_runs_python_reads_and_makes_variables(links, cell):
    assert links("x = 1", cell) == ([(1, "x")], ["y"])


def test_what_was_bound_while_capture_was_off_is_not_given_to_another_cell(links):
    assert links("x = 1", "%mlops off", "x = 2", "%mlops on", "y = x") == ([], ["y"])


def test_a_variable_of_the_user_that_is_named_like_a_builtin_is_read(links):
    assert links("input = 3", "y = input") == ([(1, "input")], ["y"])


def test_what_a_function_binds_by_a_global_statement_is_made_by_the_cell_that_calls_it(links):
    assert links("def f():\n    global x\n    x = 5", "f()", "y = x") == ([(2, "x")], ["y"])


def test_what_exec_binds_is_made_by_the_cell_that_runs_it(links):
    assert links("exec('x = 1')", "y = x") == ([(1, "x")], ["y"])


def test_a_module_of_a_class_of_its_own_is_not_changed_by_its_functions(links):
    assert links("import mlops_nb as mlops", "mlops.log_metric('a', 1)", "m = mlops.__name__") == (
        [(1, "mlops")],
        ["m"],
    )


def test_names_that_another_thread_binds_meanwhile_are_no_trouble(links, project):
    start = """
import threading
stop = False
def bind():
    n = 0
    while not stop:
        globals()[f'made{n % 5000}'] = n
        n += 1
thread = threading.Thread(target=bind)
thread.start()
"""
    links(start, *(f"x = {n}" for n in range(20)), "stop = True\nthread.join()")
    assert project.store.value("SELECT count(*) FROM node WHERE name = 'x'") == 20
