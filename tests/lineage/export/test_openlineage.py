"""OpenLineage events: as the specification's own classes have them, and saying what happened."""

from __future__ import annotations

import importlib
import inspect
import json
import os
import pkgutil
import re
import types
import typing
import urllib.request
from pathlib import Path

import attr
import pytest
from openlineage.client import generated
from openlineage.client.uuid import generate_static_uuid

from mlops_nb.lineage.export.columns import UNKNOWN
from mlops_nb.lineage.export.exports import export

RUNS = pytest.mark.parametrize("run", ["session", "pipeline", "repeated"])


def ends(events):
    """The last event of each job by its name."""
    return {event["job"]["name"]: event for event in events if event["eventType"] != "START"}


def facets(value):
    """Every facet below a JSON value."""
    if isinstance(value, dict):
        if "_schemaURL" in value:
            yield value
        for item in value.values():
            yield from facets(item)
    elif isinstance(value, list):
        for item in value:
            yield from facets(item)


# -- the specification ----------------------------------------------------------------------------------------


def client_classes():
    """The classes that the client generates from the published schemas, by the name of their definition."""
    modules = [
        importlib.import_module(f"{generated.__name__}.{m.name}") for m in pkgutil.iter_modules(generated.__path__)
    ]
    classes = [c for module in modules for c in vars(module).values() if inspect.isclass(c) and attr.has(c)]
    return {c._get_schema().rpartition("/")[2]: c for c in classes if "_get_schema" in vars(c)}


def conforms(value, hint):
    """Whether a JSON value has the shape of a type hint or of a generated class."""
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if hint is typing.Any:
        return True
    if origin in (typing.Union, types.UnionType):
        return any(conforms(value, part) for part in inner)
    if origin is list:
        return isinstance(value, list) and all(conforms(item, inner[0]) for item in value)
    if origin is dict:
        return isinstance(value, dict) and all(conforms(item, inner[1]) for item in value.values())
    if attr.has(hint):
        hints = typing.get_type_hints(hint)
        fields = {field.name: field for field in attr.fields(hint) if field.name[0] != "_"}
        needed = {n for n, f in fields.items() if f.default is attr.NOTHING}
        assert isinstance(value, dict) and needed <= set(value) <= set(fields), (hint, needed, set(value) ^ set(fields))
        return all(conforms(item, hints[name]) for name, item in value.items())
    if inspect.isclass(hint) and issubclass(hint, str):  # an enumeration, or text
        return isinstance(value, str)
    return isinstance(value, (int, float) if hint is float else hint)


@RUNS
def test_every_facet_is_what_the_client_of_the_specification_makes(story, exported, run):
    classes, seen = client_classes(), set()
    for facet in facets(exported(getattr(story, run), "openlineage")):
        url, _, definition = facet["_schemaURL"].rpartition("/")
        if definition == "RunFacet":  # ours
            continue
        client = classes[definition]
        major = re.compile(r"/spec/facets/(\d+)-\d+-\d+/")
        assert major.search(url)[1] == major.search(client._get_schema())[1]
        assert conforms({name: value for name, value in facet.items() if name[0] != "_"}, client), facet
        seen.add(definition)
    assert {"SchemaDatasetFacet", "ColumnLineageDatasetFacet", "DataQualityMetricsDatasetFacet"} <= seen


@pytest.mark.slow
@RUNS
def test_events_validate_against_the_published_schemas(story, exported, run):
    """The schemas are fetched from openlineage.io, or read from OPENLINEAGE_SPEC, a checkout's folder ``spec``."""
    from jsonschema import Draft202012Validator
    from referencing import Registry, Resource

    def schema(url):
        name = url.rpartition("/")[2]
        if folder := os.environ.get("OPENLINEAGE_SPEC"):
            return json.loads(next(Path(folder).rglob(name)).read_text())
        try:
            return json.load(urllib.request.urlopen(url, timeout=20))
        except OSError as error:
            pytest.skip(f"{url} cannot be reached: {error}")

    core = schema("https://openlineage.io/spec/2-0-2/OpenLineage.json")
    registry = Registry().with_resource(core["$id"], Resource.from_contents(core))
    formats = Draft202012Validator.FORMAT_CHECKER
    whole = Draft202012Validator({"$ref": core["$id"]}, registry=registry, format_checker=formats)
    for event in exported(getattr(story, run), "openlineage"):
        whole.validate(event)
        for facet in facets(event):
            url, _, pointer = facet["_schemaURL"].partition("#")
            part = schema(url)
            known = registry.with_resource(part["$id"], Resource.from_contents(part))
            Draft202012Validator({"$ref": f"{part['$id']}#{pointer}"}, registry=known, format_checker=formats).validate(
                facet
            )


@RUNS
def test_each_run_starts_once_and_ends_once_with_the_id_that_the_client_makes(story, exported, run):
    record = getattr(story, run)
    events = exported(record, "openlineage")
    kinds = {}
    for event in events:
        kinds.setdefault(event["run"]["runId"], []).append(event["eventType"])
        assert event["schemaURL"] == "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent"
    assert all(len(both) == 2 and both[0] == "START" and both[1] in ("COMPLETE", "FAIL") for both in kinds.values())
    assert events[0]["run"]["runId"] == str(generate_static_uuid(record.started, record.id.encode()))
    assert events[0]["run"]["runId"] == events[-1]["run"]["runId"]


# -- what happened --------------------------------------------------------------------------------------------


def test_a_cell_is_a_job_inside_of_its_run_with_its_source(story, exported):
    events = exported(story.session, "openlineage")
    cell, session = ends(events)["ipython.make"], ends(events)["ipython"]
    parent = cell["run"]["facets"]["parent"]
    assert parent["run"]["runId"] == parent["root"]["run"]["runId"] == session["run"]["runId"]
    assert parent["job"]["name"] == "ipython"
    assert 'mlops.dataset(table, "cities")' in cell["job"]["facets"]["sourceCode"]["sourceCode"]
    assert [dataset["name"] for dataset in cell["inputs"]] == [f"{story.project.root.name}/ipython/raw"]
    assert cell["inputs"][0]["namespace"] == "inmemory://"


def test_a_run_reads_what_it_did_not_make_and_makes_what_outlives_it(story, exported):
    session = ends(exported(story.session, "openlineage"))["ipython"]
    outside = next(d["name"] for d in session["inputs"] if d["name"].startswith("outside/"))
    assert re.fullmatch(r"outside/[0-9a-f]{8}/more\.csv", outside)
    assert {d["name"] for d in session["inputs"]} == {"raw.csv", outside, "nothing.csv"}
    made = {d["name"]: d["facets"] for d in session["outputs"]}
    assert {"dataset:cities", "out.csv", "lost.csv", "notes.txt", "models:/trees"} <= set(made)
    assert made["dataset:cities"]["version"]["datasetVersion"] == "1"
    assert len(made["out.csv"]["version"]["datasetVersion"]) == 64


def test_a_dataset_has_its_schema_and_its_profile(story, exported):
    session = ends(exported(story.session, "openlineage"))["ipython"]
    cities = next(d for d in session["outputs"] if d["name"] == "dataset:cities")
    fields = [(f["name"], f["type"], f["ordinal_position"]) for f in cities["facets"]["schema"]["fields"]]
    assert fields == [("city", "string", 1), ("temp", "double", 2)]
    measured = cities["facets"]["dataQualityMetrics"]
    assert measured["rowCount"] == cities["outputFacets"]["outputStatistics"]["rowCount"] == 2
    temp = measured["columnMetrics"]["temp"]
    assert (temp["nullCount"], temp["distinctCount"], temp["min"], temp["max"]) == (0, 2, 4.0, 20.0)
    assert temp["quantiles"]["0.5"] == 12.0


def fields(events, job, output):
    """By column of an output: the name and column of each input, and how it went in."""
    (made,) = [dataset for dataset in ends(events)[job]["outputs"] if dataset["name"] == output]
    return {
        name: {
            (part["name"].rpartition("/")[2], part["field"]): {f"{how['type']}/{how.get('subtype')}" for how in ways}
            for part in field["inputFields"]
            for ways in [part["transformations"]]
        }
        for name, field in made["facets"]["columnLineage"]["fields"].items()
    }


def test_each_column_of_a_file_names_the_columns_of_the_files_it_came_from_and_how(story, exported):
    events = exported(story.session, "openlineage")
    found = fields(events, "ipython", "both.csv")
    rows = {("raw.csv", "temp"): {"INDIRECT/FILTER", "INDIRECT/JOIN", "INDIRECT/SORT"}}
    rows[("more.csv", "k")] = {"INDIRECT/JOIN"}
    temp = rows[("raw.csv", "temp")]
    assert found == {
        "city": rows | {("raw.csv", "city"): {"DIRECT/IDENTITY"}},
        "temp": rows | {("raw.csv", "temp"): temp | {"DIRECT/IDENTITY"}},
        "f": rows | {("raw.csv", "temp"): temp | {"DIRECT/TRANSFORMATION"}},
        "one": rows | {("raw.csv", "city"): {"INDIRECT/FILTER"}},  # how many rows there were in the file
        "k": rows | {("more.csv", "k"): {"DIRECT/IDENTITY", "INDIRECT/JOIN"}},
        "v": rows | {("more.csv", "v"): {"DIRECT/IDENTITY"}},
    }
    mean = fields(events, "ipython", "means.csv")["mean"]
    assert mean[("raw.csv", "city")] == {"INDIRECT/GROUP_BY"}
    assert "DIRECT/AGGREGATION" in mean[("raw.csv", "temp")]


def test_a_cell_names_the_columns_of_the_variables_it_read(story, exported):
    events = exported(story.session, "openlineage")
    found = fields(events, "ipython.sum", "means.csv")
    assert found["mean"] == {("both", "f"): {"DIRECT/AGGREGATION"}, ("both", "city"): {"INDIRECT/GROUP_BY"}}
    (raw,) = [d for d in ends(events)["ipython.read"]["outputs"] if d["name"].endswith("/raw")]
    assert [field["name"] for field in raw["facets"]["schema"]["fields"]] == ["city", "temp"]


def test_a_file_with_the_bytes_of_another_comes_from_that_one(story, exported):
    found = fields(exported(story.session, "openlineage"), "ipython.copy", "again.csv")
    assert found["f"] == {("both.csv", "f"): {"DIRECT/IDENTITY"}}


def test_only_what_was_not_changed_is_known_not_to_be_masked(story, exported):
    ways = _ways(exported(story.session, "openlineage"))
    told = {(way["subtype"], way.get("masking")) for way in ways if "subtype" in way}
    assert {("IDENTITY", False), ("TRANSFORMATION", None), ("AGGREGATION", None)} <= told
    assert {masking for kind, masking in told if kind != "IDENTITY"} == {None}


def _ways(events):
    for facet in facets(events):
        for field in facet.get("fields", {}).values() if "ColumnLineage" in facet["_schemaURL"] else ():
            for part in field["inputFields"]:
                yield from part["transformations"]


def test_what_is_assumed_is_told_as_that_and_never_as_a_direct_fact(story, exported):
    events = ends(exported(story.session, "openlineage"))
    made = {dataset["name"]: dataset["facets"].get("columnLineage") for dataset in events["ipython"]["outputs"]}
    for name, columns in (("stacked.csv", {"v"}), ("dataset:cities", {"city", "temp"})):  # two were written at once
        assert set(made[name]["fields"]) == columns
        for field in made[name]["fields"].values():
            assert {("raw.csv", "city"), ("raw.csv", "temp")} <= {(p["name"], p["field"]) for p in field["inputFields"]}
            for part in field["inputFields"]:
                assert part["transformations"] == [{"type": "INDIRECT", "description": UNKNOWN}]


def test_a_model_names_what_it_was_trained_on(story, exported):
    events = ends(exported(story.session, "openlineage"))
    trees = next(d for d in events["ipython"]["outputs"] if d["name"] == "models:/trees")
    lineage = trees["facets"]["columnLineage"]
    assert lineage["fields"] == {}
    assert [(part["name"], part["field"]) for part in lineage["dataset"]] == [("raw.csv", "temp")]
    assert {"type": "DIRECT", "subtype": "IDENTITY", "masking": False} in lineage["dataset"][0]["transformations"]


@pytest.mark.parametrize("run", ["pipeline", "repeated"])
def test_columns_are_followed_through_the_steps_of_a_pipeline(story, exported, run):
    events = exported(getattr(story, run), "openlineage")
    for job in ("flow", "flow.1-make"):
        found = fields(events, job, "dataset:scaled")
        assert found == {"temp": {("raw.csv", "temp"): {"DIRECT/TRANSFORMATION"}}}


def test_a_failure_parameters_and_metrics_are_told(story, exported):
    events = ends(exported(story.session, "openlineage"))
    failed = events["ipython.fail"]
    assert failed["eventType"] == "FAIL"
    assert failed["run"]["facets"]["errorMessage"]["message"].endswith("directory: './nothing.csv'")
    assert events["ipython"]["eventType"] == "COMPLETE"
    told = events["ipython"]["run"]["facets"]
    given = {p["key"]: p["value"] for p in told["executionParameters"]["parameters"]}
    assert given.items() >= {"depth": "2", "kind": "tree", "where": '["a","b"]'}.items()
    metrics = events["ipython.train"]["run"]["facets"]["mlops_metrics"]["metrics"]
    assert {"name": "r2", "value": 1.0, "step": 1} in metrics
    assert {"name": "nothing", "value": None} in metrics
    assert told["processing_engine"]["name"] == "CPython"
    assert "pandas" in told["mlops_environment"]["packages"]


def test_what_cannot_be_checked_is_said(story, exported):
    doubt = ends(exported(story.session, "openlineage"))["ipython.doubt"]
    (stream,) = [dataset for dataset in doubt["outputs"] if dataset["name"].endswith("/stream")]
    assert [tag["key"] for tag in stream["facets"]["tags"]["tags"]] == ["uncheckable"]


def test_a_pipeline_includes_its_steps_and_their_cells(story, exported):
    events = ends(exported(story.pipeline, "openlineage"))
    assert {"flow", "flow.1-make", "flow.2-use"} <= set(events)
    step, cell = events["flow.2-use"], next(event for name, event in events.items() if name.startswith("flow.2-use."))
    assert "scaled" in cell["job"]["facets"]["sourceCode"]["sourceCode"]
    assert step["run"]["facets"]["parent"]["job"]["name"] == "flow"
    assert cell["run"]["facets"]["parent"]["root"]["job"]["name"] == "flow"
    assert [d["name"] for d in step["inputs"]] == ["dataset:scaled"]
    assert [d["name"] for d in events["flow"]["inputs"]] == ["raw.csv"]
    assert "dataset:scaled" in [d["name"] for d in events["flow"]["outputs"]]


def test_a_cached_step_tells_the_same_data_and_runs_no_cells(story, exported):
    before, after = (ends(exported(run, "openlineage")) for run in (story.pipeline, story.repeated))
    assert set(after) == {"flow", "flow.1-make", "flow.2-use"}
    tags = {tag["key"]: tag["value"] for tag in after["flow.1-make"]["run"]["facets"]["tags"]["tags"]}
    assert tags["cached_from"] != tags["run"]
    for side in ("inputs", "outputs"):
        assert [d["name"] for d in after["flow.1-make"][side]] == [d["name"] for d in before["flow.1-make"][side]]


def test_a_step_alone_still_names_the_pipeline_it_is_in(story, exported):
    from mlops_nb.capture.runs import children

    step = children(story.project, story.pipeline.id)[0]
    last = exported(step, "openlineage")[-1]
    assert last["job"]["name"] == "flow.1-make"
    assert last["run"]["facets"]["parent"]["job"]["name"] == "flow"


def test_a_run_that_goes_on_is_running_and_one_that_was_killed_is_aborted(start_kernel, workspace):
    from mlops_nb.capture.runs import runs
    from mlops_nb.project import Project

    kernel = start_kernel()
    kernel.run("%load_ext mlops_nb")
    kernel.run("x = 1", "first")
    kernel.settle()
    project = Project(workspace)
    run = runs(project)[0]
    kinds = []
    for name in ("alive", "dead"):
        path = export(project, run.id, to=name).path
        kinds.append([json.loads(line)["eventType"] for line in path.read_text().splitlines()])
        if name == "alive":
            kernel.kill()
    project.store.close()
    assert kinds == [["START", "START", "COMPLETE", "RUNNING"], ["START", "START", "COMPLETE", "ABORT"]]
