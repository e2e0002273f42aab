"""PROV-JSON: the library of the standard reads it, and it says what ran, what it used and what it made."""

import json

import prov.model as prov
import pytest


@pytest.mark.parametrize("run", ["session", "pipeline", "repeated"])
def test_the_library_of_the_standard_reads_all_of_it_and_writes_the_same(story, exported, run):
    document = exported(getattr(story, run), "prov")
    read = prov.ProvDocument.deserialize(content=json.dumps(document), format="json")
    assert len(read.get_records()) == sum(len(part) for name, part in document.items() if name != "prefix")
    again = json.loads(read.serialize(format="json"))
    assert prov.ProvDocument.deserialize(content=json.dumps(again), format="json") == read
    for section in ("entity", "activity", "agent", "used", "wasGeneratedBy", "wasAssociatedWith"):
        assert len(again[section]) == len(document[section])


def labels(document, relation, here, there):
    """Pairs of labels that a relation connects."""
    things = {name: facts for part in ("entity", "activity", "agent") for name, facts in document[part].items()}
    pairs = [(edge[f"prov:{here}"], edge[f"prov:{there}"]) for edge in document[relation].values()]
    return {(things[a]["prov:label"], things[b]["prov:label"]) for a, b in pairs}


def test_cells_used_what_they_read_and_generated_what_they_made(story, exported):
    document = exported(story.session, "prov")
    used = labels(document, "used", "activity", "entity")
    made = labels(document, "wasGeneratedBy", "entity", "activity")
    assert ("[4] import pandas as pd, mlops_nb as mlops", "raw.csv") in used
    assert ('[5] table = raw.groupby("city", as_index=False).mean()', "raw") in used
    assert ("cities", '[5] table = raw.groupby("city", as_index=False).mean()') in made
    assert ("r2", "[7] from sklearn.tree import DecisionTreeRegressor") in made
    assert (story.session.name, "depth") in used


def test_a_cell_was_started_by_its_run_and_done_by_a_program_for_a_person_after_a_plan(story, exported):
    document = exported(story.session, "prov")
    (failed,) = [facts for facts in document["activity"].values() if facts["mlops:status"] == "failed"]
    assert failed["mlops:error"] == "FileNotFoundError: [Errno 2] No such file or directory: './nothing.csv'"
    assert ("[10] open('./nothing.csv')", story.session.name) in labels(document, "wasStartedBy", "activity", "starter")
    plans = [edge["prov:plan"] for edge in document["wasAssociatedWith"].values() if "prov:plan" in edge]
    assert "open('./nothing.csv')" in [document["entity"][plan]["prov:value"] for plan in plans]
    assert labels(document, "actedOnBehalfOf", "delegate", "responsible") == {("kernel", story.project.actor)}


def test_a_cached_step_was_informed_by_the_run_that_it_repeats(story, exported):
    document = exported(story.repeated, "prov")
    assert len(document["wasInformedBy"]) == 2
    statuses = [facts.get("mlops:status") for facts in document["activity"].values()]
    assert statuses.count("cached") == 2


def test_what_cannot_be_checked_is_said(story, exported):
    entities = exported(story.session, "prov")["entity"].values()
    assert [e["prov:label"] for e in entities if "mlops:uncheckable" in e] == ["stream"]


def columns(document, relation, made, source):
    """The columns that a relation between two things of these labels names."""
    label = {name: facts.get("prov:label") for name, facts in document["entity"].items()}
    here, there = {
        "wasDerivedFrom": ("prov:generatedEntity", "prov:usedEntity"),
        "wasInfluencedBy": ("prov:influencee", "prov:influencer"),
    }[relation]
    return [
        json.loads(edge["mlops:columns"])
        for edge in document[relation].values()
        if (label[edge[here]], label[edge[there]]) == (made, source)
    ]


def test_a_derivation_is_claimed_where_columns_are_known_to_have_gone_over(story, exported):
    document = exported(story.session, "prov")
    (means,) = columns(document, "wasDerivedFrom", "means.csv", "both")
    assert means["mean"] == {"city": ["INDIRECT/GROUP_BY"], "f": ["DIRECT/AGGREGATION"]}
    assert columns(document, "wasDerivedFrom", "stacked.csv", "left") == []  # only assumed
    assert columns(document, "wasInfluencedBy", "stacked.csv", "left") == []


def test_what_only_decided_about_rows_is_an_influence(story, exported):
    only = ["INDIRECT/FILTER"]
    document = exported(story.session, "prov")
    assert columns(document, "wasInfluencedBy", "chosen", "right") == [{"f": {"(index)": only, "k": only}}]
    assert columns(document, "wasDerivedFrom", "chosen", "right") == []
