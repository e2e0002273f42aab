"""The lineage graph: everything that a thing comes from, and everything that it led to."""

from collections import deque

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import mlops_nb as mlops
from mlops_nb.capture import nodes, runs
from mlops_nb.lineage.graph import ancestors, descendants, lineage
from mlops_nb.project import Project


def build(store, count, edges):
    """Make nodes 0 … count-1 with edges between them; return their row IDs."""
    with store.write():
        numbers = [nodes.add_node(store, "variable", f"n{n}") for n in range(count)]
        for source, target in edges:
            nodes.add_edge(store, numbers[source], numbers[target], "read")
    return numbers


def reached(start, edges):
    """Return what can be reached from a node, found step by step."""
    seen, pending = {start}, deque([start])
    while pending:
        here = pending.popleft()
        for target in (t for s, t in edges if s == here and t not in seen):
            seen.add(target)
            pending.append(target)
    return seen


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    project = Project(tmp_path_factory.mktemp("graphs"))
    yield project.store
    project.store.close()


PAIRS = st.tuples(st.integers(0, 9), st.integers(0, 9))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(edges=st.lists(PAIRS.filter(lambda p: p[0] < p[1]), max_size=25), start=st.integers(0, 9))
def test_ancestors_and_descendants_of_any_graph_are_what_can_be_reached(store, edges, start):
    numbers = build(store, 10, edges)
    down = {numbers[n] for n in reached(start, edges)}
    up = {numbers[n] for n in reached(start, [(t, s) for s, t in edges])}
    assert set(descendants(store, numbers[start], 100)) == down
    assert set(ancestors(store, numbers[start], 100)) == up


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(edges=st.lists(PAIRS, max_size=25), start=st.integers(0, 9))
def test_a_graph_with_cycles_is_walked_once(store, edges, start):
    numbers = build(store, 10, edges)
    found = descendants(store, numbers[start], 100)
    assert len(found) == len(set(found))
    assert set(found) == {numbers[n] for n in reached(start, edges)}


def test_a_walk_stops_at_its_limit_with_the_newest(store):
    numbers = build(store, 5, [(0, 1), (1, 2), (2, 3), (3, 4)])
    assert ancestors(store, numbers[4], 2) == [numbers[4], numbers[3]]


# -- the verb -------------------------------------------------------------------------------------------------


@pytest.fixture
def story(shell, project):
    """Three cells: raw data, a table made of it, and something that has nothing to do with either."""
    for source in ("import math\nraw = [1, 2]", "table = [math.sqrt(r) for r in raw]", "other = 5"):
        shell.run_cell(source, store_history=True)
    return project


def names(graph):
    return {node.name for node in graph.nodes}


def links(graph):
    named = {node.id: node.name for node in graph.nodes}
    return {(named[edge.source], named[edge.target], edge.kind) for edge in graph.edges}


def test_the_lineage_of_a_variable_leads_back_to_its_beginning(story):
    graph = lineage(story, "var:table")
    assert links(graph) == {
        ("[1] import math", "raw", "wrote"),
        ("raw", "[2] table = [math.sqrt(r) for r in raw]", "read"),
        ("[2] table = [math.sqrt(r) for r in raw]", "table", "wrote"),
    }


def test_the_lineage_of_a_variable_leads_on_to_what_was_made_of_it(story):
    assert {"raw", "table"} <= names(lineage(story, "var:raw"))
    assert "other" not in names(lineage(story, "var:raw"))


@pytest.fixture
def led_to(shell, project):
    """Run cells and return the names of the variables that a reference led to."""

    def run(*cells, ref):
        for cell in cells:
            shell.run_cell(cell, store_history=True).raise_error()
        graph, affected = lineage(project, ref), mlops.impact(ref)
        names = {node.id: node.name for node in graph.nodes if node.kind == "variable"}
        drawn = {names[edge.target] for edge in graph.edges if edge.kind == "wrote" and edge.target in names}
        assert {node.name for node in affected.variables} <= drawn
        return drawn, sorted(node.name for node in affected.variables)

    return run


@pytest.mark.parametrize(
    ("cells", "ref", "after"),
    [
        (("t = {'a': 1}", "v = t", "v['b'] = 1", "s = len(t)"), "var:v", ["s", "t"]),
        (("t = {'a': 1}", "v = t", "t['b'] = 1", "s = len(v)"), "var:t", ["s", "v"]),
        (("d = {'x': []}", "a = d['x']", "b = d['x']", "a.append(1)", "s = len(b)"), "var:a", ["b", "d", "s"]),
        (("t = []", "v = t", "v.append(1); n = len(t)", "s = len(t)"), "var:v", ["s", "t"]),
        (("t = []", "v = t", "v.append(1)", "w = list(t)", "t.append(w)", "u = len(v)"), "var:t", ["u", "v"]),
    ],
)
def test_a_change_in_place_leads_on_to_what_is_made_of_the_other_names_of_an_object(led_to, cells, ref, after):
    assert led_to(*cells, ref=ref)[1] == after


@pytest.mark.parametrize(
    ("cells", "ref"),
    [
        (("a = []", "b = []", "a.append(1); b.append(1)", "s = len(b)"), "var:a"),
        (("c = [1]", "a = list(c)", "b = list(c)", "a.append(1); b.append(1)", "s = len(b)"), "var:a"),
        (("t = []", "v = t", "s = len(t)"), "var:v"),
    ],
)
def test_a_change_in_place_leads_on_to_nothing_that_is_made_of_other_objects(led_to, cells, ref):
    assert led_to(*cells, ref=ref)[1] == []


def test_a_cell_that_only_imports_does_not_stand_in_a_picture_by_itself(shell, project):
    for cell in ("import math", "x = math.pi", "y = x"):
        shell.run_cell(cell, store_history=True)
    assert [node.name for node in lineage(project, "var:y").nodes] == ["[2] x = math.pi", "x", "[3] y = x", "y"]
    assert "[1] import math" in {node.name for node in lineage(project, "var:y", imports=True).nodes}
    assert [node.name for node in lineage(project, "cell:1").nodes] == [
        "[1] import math",
        "[2] x = math.pi",
        "x",
        "[3] y = x",
        "y",
    ]


def test_imports_are_shown_when_asked_for(story):
    assert "math" not in names(lineage(story, "var:table"))
    assert ("math", "[2] table = [math.sqrt(r) for r in raw]", "read") in links(
        lineage(story, "var:table", imports=True)
    )


def test_without_a_reference_the_whole_graph_is_shown(story):
    assert {"raw", "table", "other"} <= names(lineage(story))


def test_the_newest_part_of_a_large_graph_is_shown_and_said_to_be_one(story):
    graph = lineage(story, limit=2)
    assert (names(graph), graph.truncated) == ({"[3] other = 5", "other"}, True)
    assert not lineage(story).truncated


def test_the_lineage_of_a_run_is_that_of_its_cells(story):
    run = runs.runs(story)[0].id
    assert {"raw", "table", "other"} <= names(lineage(story, f"runs:/{run}"))


def test_the_lineage_of_a_pipeline_is_that_of_its_steps(project):
    with project.store.write() as store:
        pipeline = runs.start(project, "pipeline", "all")
        step = runs.start(project, "step", "one", parent=pipeline)
        made = nodes.add_node(store, "execution", "cell")
        store.execute(
            "INSERT INTO execution (id, run, process, source, started_at) SELECT ?, id, process, ?, 0 FROM run WHERE id = ?",
            made, project.content.put(b"cell"), step,
        )  # fmt: skip
        nodes.add_edge(store, made, nodes.add_node(store, "variable", "x"), "wrote")
    graph = lineage(project, f"runs:/{runs.public_id(project, pipeline)}")
    assert names(graph) == {"cell", "x"}


def test_a_script_is_in_the_lineage_of_what_it_wrote(project, run_process, workspace):
    (workspace / "a.txt").write_text("x")
    run_process("import sys; sys.argv[0] = 'make.py'\nimport mlops_nb as mlops\nmlops.log_artifact('a.txt')")
    graph = lineage(project, "file:a.txt")
    assert links(graph) == {("make.py", "a.txt", "wrote")}
    assert {node.name: node.status for node in graph.nodes} == {"make.py": "ok", "a.txt": None}


def test_the_json_of_a_lineage_is_what_scripts_are_promised(story):
    shown = lineage(story, "var:table").to_json()
    assert all({"id", "kind", "name"} <= set(node) for node in shown["nodes"])
    assert all(set(edge) == {"source", "target", "kind"} for edge in shown["edges"])
    assert {edge[end] for edge in shown["edges"] for end in ("source", "target")} <= {n["id"] for n in shown["nodes"]}


def test_a_cell_that_is_still_running_says_so(shell, project):
    shell.run_cell("import mlops_nb as mlops\nseen = mlops.lineage()", store_history=True)
    assert [node.status for node in shell.user_ns["seen"].nodes] == ["running"]


def test_a_figure_is_in_the_lineage_of_the_data_that_it_shows(module_kernel):
    module_kernel.run("numbers = [1, 3, 2]")
    module_kernel.run("%matplotlib inline\nimport matplotlib.pyplot as plt\n_ = plt.plot(numbers)")
    module_kernel.settle()
    project = Project(module_kernel.folder)
    found = names(lineage(project, "var:numbers"))
    project.store.close()
    assert "figure 1" in found


def test_lineage_is_there_in_python_without_a_project_argument(story):
    assert names(mlops.lineage("var:table")) == names(lineage(story, "var:table"))
