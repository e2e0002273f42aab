"""Everything the store knows about one thing."""

import pytest

import mlops_nb as mlops
from mlops_nb.capture import runs
from mlops_nb.errors import NotFound
from mlops_nb.lineage.details import show


@pytest.fixture
def story(shell, project, workspace):
    for source in (
        "import mlops_nb as mlops\nrows = [1, 2, 3]",
        "print(len(rows))\nmlops.log_metric('n', len(rows))\nmlops.log_param('kind', 'list')",
        "with open('out.txt', 'w') as f:\n    f.write(str(rows))",
        "1/0",
    ):
        shell.run_cell(source, store_history=True)
    return project


def test_a_cell_is_shown_with_its_source_outputs_and_what_it_wrote(story):
    shown = show(story, "cell:1")
    assert (shown.kind, shown.source) == ("execution", "import mlops_nb as mlops\nrows = [1, 2, 3]")
    assert [child.name for child in shown.children] == ["mlops", "rows"]
    assert [output.text for output in show(story, "cell:2").outputs] == ["3\n"]


def test_a_cell_is_shown_with_how_it_ended(story):
    facts = show(story, "cell:4").facts
    assert (facts["count"], facts["status"], facts["reason"]) == (4, "failed", "ZeroDivisionError: division by zero")
    assert facts["started"] <= facts["ended"]
    assert facts["run"] == runs.runs(story)[0].id


def test_a_run_is_shown_with_its_parameters_metrics_and_cells(story):
    shown = show(story, f"runs:/{runs.runs(story)[0].id}")
    assert (shown.kind, shown.source, shown.outputs) == ("run", None, [])
    assert (shown.facts["parameters"], shown.facts["metrics"]) == ({"kind": "list"}, {"n": 3.0})
    assert [child.name[:3] for child in shown.children] == ["[1]", "[2]", "[3]", "[4]"]


def test_a_variable_is_shown_with_the_cell_that_made_it(story):
    shown = show(story, "var:rows")
    assert (shown.kind, shown.name, shown.outputs) == ("variable", "rows", [])
    assert shown.source.endswith("rows = [1, 2, 3]")


def test_a_table_that_crossed_no_boundary_is_shown_as_the_session_holds_it(shell, project):
    shell.run_cell("import pandas as pd\nt = pd.DataFrame({'a': [1, 2], 'b': ['x', 'y']})", store_history=True)
    facts = show(project, "var:t").facts
    text = str(shell.user_ns["t"].dtypes["b"])
    assert (facts["rows"], facts["columns"]) == (2, {"a": {"type": "int64"}, "b": {"type": text}})
    assert facts["profile"].startswith("not kept: of tables alone that were read")


def test_a_table_of_another_time_is_shown_by_its_columns_alone(shell, project):
    shell.run_cell("import pandas as pd\nt = pd.DataFrame({'a': [1, 2]})", store_history=True)
    old = show(project, "t").id
    shell.run_cell("import mlops_nb\nt['b'] = 1\nfacts = mlops_nb.show('var:t').facts", store_history=True)
    assert "rows" not in shell.user_ns["facts"]  # it is not what it was as the cell began
    facts = show(project, old).facts
    assert facts.keys() == {"columns", "profile"}
    assert facts["columns"] == ["a"]
    assert show(project, "var:facts").facts == {}
    model = "from sklearn.linear_model import LinearRegression\nm = LinearRegression().fit(t[['a']], t.b)"
    shell.run_cell(model, store_history=True)
    assert "profile" not in show(project, "var:m").facts


def test_a_file_is_shown_with_its_places_and_the_cell_that_wrote_it(story):
    shown = show(story, "file:out.txt")
    assert (shown.kind, shown.facts["places"], shown.facts["size"]) == ("file", ["out.txt"], 9)
    assert "f.write" in shown.source


def test_a_figure_is_shown_with_its_image(module_kernel):
    from mlops_nb.project import Project

    module_kernel.run("%matplotlib inline\nimport matplotlib.pyplot as plt\nprint('text')\n_ = plt.plot([1])")
    module_kernel.settle()
    project = Project(module_kernel.folder)
    shown = show(project, project.store.value("SELECT public FROM node WHERE kind = 'figure'"))
    project.store.close()
    assert [output.mime for output in shown.outputs] == ["image/png"]
    assert "plt.plot" in shown.source


def test_a_dataset_and_a_model_are_shown_with_their_facts(project):
    import pandas as pd
    from sklearn.linear_model import LinearRegression

    frame = pd.DataFrame({"x": [1.0, 2.0], "y": [2.0, 4.0]})
    mlops.dataset(frame, "points")
    mlops.register(LinearRegression().fit(frame[["x"]], frame["y"]), "line", example=frame[["x"]], intent="first")
    data, model = show(project, "dataset:points"), show(project, "models:/line/1")
    assert (data.kind, data.facts["version"], data.facts["rows"]) == ("dataset", 1, 2)
    assert (model.kind, model.facts["version"], model.facts["intent"]) == ("model", 1, "first")
    assert isinstance(data.facts["columns"], list | dict)


def test_a_table_of_the_charter_can_be_shown(project, workspace):
    from mlops_nb.capture.sections import read_section

    (workspace / "mlops.toml").write_text("[criteria]\nauc = 0.5\n")
    mlops.log_metric("a", 1)
    read_section(project, "criteria")
    shown = show(project, "config:criteria")
    assert (shown.kind, shown.name) == ("config", "criteria")


def test_an_import_can_be_shown(story):
    shown = show(story, "var:mlops")
    assert (shown.kind, shown.name) == ("import", "mlops")


def test_every_detail_has_a_json_form(story):
    import json

    for row in story.store.rows("SELECT public FROM node"):
        json.dumps(show(story, row["public"]).to_json(), allow_nan=False)


def test_what_is_not_there_is_told(story):
    with pytest.raises(NotFound, match="nothing is called 'unheard-of' in"):
        show(story, "unheard-of")
