"""The crate: what its validator asks for, the bytes that still are what they were, and the cells as they ran."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import urllib.parse
from pathlib import Path

import nbformat
import pytest
from rocrate.rocrate import ROCrate

from mlops_nb.capture.runs import start
from mlops_nb.errors import UsageError
from mlops_nb.lineage.export.exports import export

RUNS = pytest.mark.parametrize("run", ["session", "pipeline", "repeated"])
OUTSIDE = ("https://w3id.org/ro/crate/1.1", "https://bioschemas.org/profiles/")  # what is named and not described


def graph(crate):
    """The entities of a crate by their IDs."""
    document = json.loads((crate / "ro-crate-metadata.json").read_text())
    entities = {entity["@id"]: entity for entity in document["@graph"]}
    assert len(entities) == len(document["@graph"])
    return entities


def listed(value):
    return value if isinstance(value, list) else [] if value is None else [value]


def linked(entities, entity, name):
    """The entities that a property of an entity refers to."""
    return [entities[link["@id"]] for link in listed(entity.get(name))]


def of_type(entities, kind):
    return [entity for entity in entities.values() if kind in listed(entity["@type"])]


# -- the form -------------------------------------------------------------------------------------------------


@RUNS
def test_every_reference_leads_to_an_entity(story, exported, run):
    entities = graph(exported(getattr(story, run), "crate"))
    for entity in entities.values():
        for value in entity.values():
            for link in listed(value):
                if isinstance(link, dict):
                    assert link["@id"] in entities or link["@id"].startswith(OUTSIDE), (entity["@id"], link)


@RUNS
def test_every_file_in_the_crate_is_listed_with_its_hash_and_size(story, exported, run):
    crate = exported(getattr(story, run), "crate")
    entities = graph(crate)
    parts = [entity for entity in linked(entities, entities["./"], "hasPart") if not entity["@id"].startswith("ni:")]
    for part in parts:
        data = (crate / urllib.parse.unquote(part["@id"])).read_bytes()
        assert (part["sha256"], part["contentSize"]) == (hashlib.sha256(data).hexdigest(), str(len(data)))
    there = {path.relative_to(crate).as_posix() for path in crate.rglob("*") if path.is_file()}
    assert there == {urllib.parse.unquote(part["@id"]) for part in parts} | {"ro-crate-metadata.json"}


@RUNS
def test_each_step_has_a_plan_an_act_and_the_act_of_whoever_ran_it(story, exported, run):
    entities = graph(exported(getattr(story, run), "crate"))
    (main,) = linked(entities, entities["./"], "mainEntity")
    assert {"File", "SoftwareSourceCode", "ComputationalWorkflow", "HowTo"} == set(main["@type"])
    for workflow in of_type(entities, "ComputationalWorkflow"):
        tools = linked(entities, workflow, "hasPart")
        assert [linked(entities, step, "workExample") for step in linked(entities, workflow, "step")] == [
            [t] for t in tools
        ]
        (act,) = [a for a in of_type(entities, "CreateAction") if linked(entities, a, "instrument") == [workflow]]
        (engine,) = [o for o in of_type(entities, "OrganizeAction") if linked(entities, o, "result") == [act]]
        controls = linked(entities, engine, "object")
        assert [linked(entities, c, "instrument")[0] for c in controls] == linked(entities, workflow, "step")
        assert [linked(entities, linked(entities, c, "object")[0], "instrument") for c in controls] == [
            [t] for t in tools
        ]


@RUNS
def test_the_library_of_ro_crates_reads_it(story, exported, run):
    crate = ROCrate(exported(getattr(story, run), "crate"))
    assert crate.mainEntity["programmingLanguage"]["name"] == "Python"
    assert len(crate.root_dataset["conformsTo"]) == 4


@pytest.fixture(scope="session")
def validator(pytestconfig):
    """An environment of its own with the validator, whose needs do not fit ours, and the context of RO-Crate 1.1."""
    folder = pytestconfig.cache.mkdir("rocrate-validator")
    python = folder / "bin" / "python"
    if not (folder / "ready").exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
        needs = ["roc-validator==0.13.0", "rocrate==0.13.0"]
        subprocess.run([str(python), "-m", "pip", "install", "-q", *needs], check=True)
        (folder / "ready").touch()
    return python


VALIDATE = """
import io, pathlib, sys
import requests.adapters, rocrate, urllib3
from rocrate_validator import models, services

CONTEXT = pathlib.Path(rocrate.__file__).with_name("data") / "ro-crate.jsonld"  # of 1.1 in this release
online = requests.adapters.HTTPAdapter.send

def send(self, request, **options):
    if request.url != "https://w3id.org/ro/crate/1.1/context":
        return online(self, request, **options)
    head = {"Content-Type": "application/ld+json"}
    body = io.BytesIO(CONTEXT.read_bytes())
    return self.build_response(request, urllib3.HTTPResponse(body, headers=head, status=200, preload_content=False))

requests.adapters.HTTPAdapter.send = send
for crate in sys.argv[1:]:
    settings = services.ValidationSettings(
        rocrate_uri=crate, profile_identifier="provenance-run-crate", requirement_severity=models.Severity.REQUIRED,
    )
    result = services.validate(settings)
    assert result.passed(), [(issue.check.identifier, issue.message, issue.violatingEntity) for issue in result.get_issues()]
    print("passed")
"""


@pytest.mark.slow
def test_the_validator_of_the_profile_accepts_it(story, exported, validator):
    crates = [str(exported(run, "crate")) for run in (story.session, story.pipeline, story.repeated)]
    done = subprocess.run([str(validator), "-c", VALIDATE, *crates], capture_output=True, text=True)
    assert done.stdout.split() == ["passed"] * 3, done.stderr[-2000:]


# -- what is in it --------------------------------------------------------------------------------------------


def test_files_that_are_what_they_were_are_in_it_and_others_are_named_as_gone(story, tmp_path):
    written = export(story.project, story.session.id, format="crate", to=str(tmp_path / "crate"))
    assert set(written.missing) == {"lost.csv", "notes.txt"}
    crate, entities = written.path, graph(written.path)
    assert (crate / "raw.csv").read_bytes() == (story.project.root / "raw.csv").read_bytes()
    assert next((crate / "outside").rglob("more.csv")).read_bytes() == story.outside.read_bytes()
    assert not (crate / "notes.txt").exists()  # the file of this name has other bytes now
    gone = [entity for entity in entities.values() if entity["@id"].startswith("ni:///sha-256;")]
    assert {entity["name"] for entity in gone} == {"lost.csv", "notes.txt"}
    assert all("nothing has these bytes any more" in entity["description"] for entity in gone)
    first = next(entity for entity in gone if entity["name"] == "notes.txt")
    assert first["sha256"] == hashlib.sha256(b"first").hexdigest()


def test_datasets_models_and_figures_are_in_it(story, exported):
    import pyarrow.parquet as pq

    crate = exported(story.session, "crate")
    assert pq.read_table(crate / "datasets" / "cities" / "1.parquet").column_names == ["city", "temp"]
    assert (crate / "models" / "trees" / "1.skops").read_bytes()[:2] == b"PK"
    (figure,) = (crate / "figures").iterdir()
    assert figure.read_bytes().startswith(b"\x89PNG")


def test_a_cell_has_its_source_inputs_results_and_failure(story, exported):
    entities = graph(exported(story.session, "crate"))
    acts = {act["name"].partition("] ")[2]: act for act in of_type(entities, "CreateAction")}
    act = acts["from sklearn.tree import DecisionTreeRegressor"]
    (tool,) = linked(entities, act, "instrument")
    assert 'mlops.register(model, "trees"' in tool["text"]
    assert {entity["name"] for entity in linked(entities, act, "object")} == {"depth", "raw"}
    made = {entity["name"]: entity for entity in linked(entities, act, "result")}
    assert {"model", "trees", "r2", "nothing"} <= set(made)
    assert (made["r2"]["value"], made["nothing"]["value"]) == (1.0, "NaN")
    failed = acts["open('./nothing.csv')"]
    assert failed["actionStatus"] == "http://schema.org/FailedActionStatus"
    assert failed["error"].startswith("FileNotFoundError")


def test_what_cannot_be_checked_is_said(story, exported):
    entities = graph(exported(story.session, "crate"))
    (stream,) = [entity for entity in of_type(entities, "PropertyValue") if entity["name"] == "stream"]
    assert "Uncheckable: " in stream["description"]


def test_parameters_are_formal_and_have_the_values_of_the_run(story, exported):
    entities = graph(exported(story.session, "crate"))
    (main,) = linked(entities, entities["./"], "mainEntity")
    formal = {entity["name"]: entity for entity in linked(entities, main, "input")}
    values = {name: linked(entities, entity, "workExample")[0] for name, entity in formal.items()}
    assert {n: (formal[n]["additionalType"], values[n].get("value")) for n in ("depth", "kind", "where", "raw.csv")} == {
        "depth": ("Integer", 2), "kind": ("Text", "tree"), "where": ("Text", '["a","b"]'), "raw.csv": ("File", None),
    }  # fmt: skip
    assert all(formal[name] in linked(entities, values[name], "exampleOfWork") for name in formal)


def test_the_environment_and_the_person_are_named(story, exported):
    crate = exported(story.session, "crate")
    entities = graph(crate)
    (main,) = linked(entities, entities["./"], "mainEntity")
    (python,) = linked(entities, main, "softwareRequirements")
    (packages,) = linked(entities, python, "softwareRequirements")
    assert linked(entities, main, "buildInstructions") == [packages]
    lines = (crate / packages["@id"]).read_text().splitlines()
    assert python["softwareVersion"] == sys.version.split()[0]
    assert any(line.startswith("pandas==") for line in lines)
    assert [person["name"] for person in of_type(entities, "Person")] == [story.project.actor]


def test_a_session_without_a_notebook_file_has_one_made_of_its_cells(story, exported):
    notebook = nbformat.read(exported(story.session, "crate") / "ipython.ipynb", as_version=4)
    nbformat.validate(notebook)
    (failed,) = [cell for cell in notebook.cells if cell.source == "open('./nothing.csv')"]
    assert failed.outputs[-1].ename == "FileNotFoundError"
    shown = [output for cell in notebook.cells for output in cell.outputs if "data" in output]
    assert any("image/png" in output.data for output in shown)


def test_a_file_is_based_on_the_files_whose_columns_went_into_it(story, exported):
    entities = graph(exported(story.session, "crate"))
    based = {
        part["name"]: {e["name"] for e in linked(entities, part, "isBasedOn")} for part in of_type(entities, "File")
    }
    assert {name.rpartition("/")[2] for name in based["both.csv"]} == {"raw.csv", "more.csv"}
    assert based["means.csv"] == {"raw.csv"}  # the other table only decided which rows there are
    assert based["stacked.csv"] == set()  # assumed, so not claimed


@pytest.mark.parametrize("run", ["pipeline", "repeated"])
def test_the_notebooks_of_steps_are_their_receipts(story, exported, run):
    crate = exported(getattr(story, run), "crate")
    notebook = nbformat.read(crate / "1-make.ipynb", as_version=4)
    receipt = story.project.root / "receipts" / story.pipeline.id / "1-make.ipynb"
    kept = nbformat.read(receipt, as_version=4)
    assert [cell.source for cell in notebook.cells] == [cell.source for cell in kept.cells]
    assert notebook.metadata.papermill.input_path.endswith("1-make.ipynb")
    assert json.loads((crate / "flow.pipeline.json").read_text())["steps"][0]["notebook"] == "1-make.ipynb"


def test_what_has_another_version_under_its_name_stands_beside_it(project, workspace, shell):
    for number in (1, 2):
        shell.run_cell(f"open('a.txt', 'w').write('{number}')\nimport mlops_nb as m\nm.log_artifact('a.txt')")
        project.store.flush()  # or the first version is hashed when the second is being written
    from mlops_nb.capture.runs import runs

    crate = export(project, runs(project)[0].id, format="crate", to="crate").path
    versions = sorted(path.read_text() for path in crate.rglob("a.txt"))
    assert versions == ["1", "2"]
    renamed = [entity for entity in graph(crate).values() if entity.get("alternateName") == "a.txt"]
    assert [Path(entity["@id"]).parts[0] for entity in renamed] == ["versions"]


def test_the_licence_is_what_the_project_says(project, shell, workspace):
    from mlops_nb.capture.runs import runs

    shell.run_cell("x = 1")
    (workspace / "mlops.toml").write_text('[export]\nlicense = "https://spdx.org/licenses/CC-BY-4.0"\n')
    crate = export(project, runs(project)[0].id, format="crate", to="crate").path
    assert graph(crate)["./"]["license"] == "https://spdx.org/licenses/CC-BY-4.0"


def test_a_run_without_cells_is_no_crate(project):
    number = start(project, "script", "train.py")
    public = project.store.value("SELECT public FROM node WHERE id = ?", number)
    with pytest.raises(UsageError, match="recorded no cells to put into a crate - use --format prov"):
        export(project, public, format="crate")
    assert not list(project.root.glob("exports/*"))
    assert export(project, public, format="prov").files == 1
