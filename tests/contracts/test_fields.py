"""Fields of records are columns of their tables; what is joined from elsewhere is named here."""

from __future__ import annotations

import dataclasses

import pytest

from mlops_nb.autolog.fits import Candidate, Fit
from mlops_nb.capture.artifacts import Artifact
from mlops_nb.capture.cells import Execution
from mlops_nb.capture.environments import Environment
from mlops_nb.capture.runs import Run
from mlops_nb.capture.usage import Usage
from mlops_nb.data.datasets import Dataset
from mlops_nb.monitoring.drift import DriftReport
from mlops_nb.registry.aliases import Alias
from mlops_nb.registry.versions import ModelVersion
from mlops_nb.store.audit import AuditEntry

OUTCOME = {"status", "ended"}
JOINED = {
    Run: ("run", {"id", *OUTCOME, "reason", "caller", "parameters", "metrics"}),
    Execution: ("execution", {"id", *OUTCOME, "error"}),
    Environment: ("environment", set()),
    Fit: ("fit", {"metrics", "candidates", "kept"}),
    Candidate: ("candidate", set()),
    Usage: ("usage", set()),
    Artifact: ("artifact", {"name", "created"}),
    Dataset: ("dataset", set()),
    ModelVersion: ("model_version", {"aliases", "metrics", "parameters", "gate"}),
    DriftReport: ("drift_report", set()),
    Alias: ("alias_move", set()),
    AuditEntry: ("audit", set()),
}


@pytest.mark.parametrize("record", JOINED, ids=lambda record: record.__name__)
def test_a_field_of_a_record_is_a_column_of_its_table(record, project):
    table, joined = JOINED[record]
    columns = {row["name"].removesuffix("_at") for row in project.store.rows(f"PRAGMA table_info({table})")}
    fields = {field.name for field in dataclasses.fields(record)}
    assert fields - columns <= joined, f"{record.__name__} has fields that are neither columns nor known joins"
    assert joined <= fields, "a join is named here that the record no longer has"
