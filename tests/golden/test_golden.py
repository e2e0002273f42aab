"""How records are printed, kept as files: a change of looks is seen in the diff. A missing file fails."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlops_nb.data.quality import Quality, Rule
from mlops_nb.monitoring.drift import ColumnDrift, DriftReport
from mlops_nb.pipelines.executor import PipelineRun
from mlops_nb.pipelines.pipelines import Step
from mlops_nb.records import Record
from mlops_nb.registry.gates import Criterion, Gate
from mlops_nb.surfaces.html import body
from mlops_nb.surfaces.text import to_text

HERE = Path(__file__).parent
RECORDS: dict[str, Record] = {
    "quality": Quality(
        "flights", False, 12345,
        [Rule("origin", "type text", True, 0, ["str"]), Rule("dep_delay", "min -120", False, 2, [-130, -125.5])],
    ),
    "gate": Gate(
        "late-flights", 3, False,
        [Criterion("auc", 0.8912, ">= 0.85", True), Criterion("brier", None, "<= 0.11", False)],
    ),
    "drift": DriftReport(
        "5f0c", "2013-05", "flights/1 (80,789 rows)", "(28,796 rows)", None, True, 0.05, 0.1,
        [
            ColumnDrift("temp", "numeric", "Kolmogorov-Smirnov", 0.71, 0.1, 0.0, 3.2, True, ["missing", "1 to 2"],
                        [0.25, 0.75], [0.0, 1.0]),
            ColumnDrift("origin", "categorical", "Cramér's V", 0.012, 0.1, 0.4, 0.001, False, ["JFK"], [1.0], [1.0]),
        ],
    ),
    "pipeline": PipelineRun(
        "0b1c", "flights", "failed", 3.2,
        [
            Step("01-ingest", "01-ingest.ipynb", [], ["dataset:flights"], {}, "cached", 0.0, "code is that of run 1a", "1a"),
            Step("02-train", "02-train.ipynb", ["01-ingest"], [], {}, "failed", 3.14159, "ValueError", "2b"),
        ],
        ["03-report"], "02-train: ValueError", False,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", RECORDS)
def test_a_record_is_printed_as_it_always_was(name: str):
    assert to_text(RECORDS[name]) + "\n" == (HERE / f"{name}.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", RECORDS)
def test_a_record_is_drawn_as_it_always_was(name: str):
    drawn = body(RECORDS[name]).replace("<tr>", "\n<tr>").replace("<table>", "\n<table>")
    assert drawn + "\n" == (HERE / f"{name}.html").read_text(encoding="utf-8")
