"""The story of a number: run from top to bottom in a real kernel, it shows what its text says."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import nbformat
import pytest

from tests.conftest import ROOT, environment

STORY = ROOT / "notebooks" / "lineage"


@dataclass
class Told:
    """The story as it ran, and the folder that it ran in."""

    folder: Path
    notebook: nbformat.NotebookNode

    def text(self, source: str, time: int = 0) -> str:
        """Return what the cell with this in its source showed, or the next ones of the same source."""
        cells = [cell for cell in self.notebook.cells if cell.cell_type == "code" and source in cell.source]
        (output,) = cells[time].outputs
        return str(output.data["text/plain"])

    def verdicts(self, source: str, time: int = 0) -> dict[str, str]:
        """Return the verdict of each cell of a notebook that was checked, by the name that it binds first."""
        rows = [re.split(r"  +", row) for row in self.text(source, time).splitlines()[2:]]
        return {begins.split()[0]: verdict for _, begins, verdict, *_ in rows}


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Told:
    folder = tmp_path_factory.mktemp("story")
    for source in STORY.glob("*.py"):
        shutil.copyfile(source, folder / source.name)
    shutil.copyfile(STORY / "where-from.ipynb", folder / "where-from.ipynb")
    command = [
        sys.executable,
        "-m",
        "nbconvert",
        "--to",
        "notebook",
        "--execute",
        "--output",
        "told",
        "where-from.ipynb",
    ]
    ended = subprocess.run(
        command, cwd=folder, env=environment(tmp_path_factory.mktemp("home")), capture_output=True, text=True
    )
    assert ended.returncode == 0, ended.stderr[-3000:]
    return Told(folder, nbformat.read(folder / "told.ipynb", 4))


def test_the_slice_makes_the_same_number_by_itself(told: Told, tmp_path: Path):
    assert told.text("cost = round(") == "4.53"
    assert told.text("subprocess.run") == "'here 4.53, alone 4.53'"
    script = (told.folder / "cost.py").read_text() + "\nprint(cost)"
    alone = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert alone.stdout == "4.53\n"
    assert "value_counts" not in script
    assert not list(tmp_path.iterdir())


def test_the_lineage_goes_through_the_cell_that_changed_the_table_under_another_name(told: Told):
    lineage = told.text("%mlops lineage var:cost")
    assert "execution [7] table = trips -> variable trips (wrote)" in lineage
    assert "flights.csv.zip -> execution [3]" in lineage
    assert "carrier" not in lineage


def test_the_columns_lead_back_to_the_files(told: Told):
    columns = told.text("%mlops columns var:cost")
    assert re.search(r"^file …/\S*flights\.csv\.zip +dep_delay +DIRECT/AGGREGATION +4", columns, re.MULTILINE)
    assert re.search(r"^file …/\S*weather\.csv +wind_speed +INDIRECT/FILTER +4", columns, re.MULTILINE)
    assert not {"temp", "assumed", "carrier"} & set(columns.split())


def test_the_impact_of_a_column_is_told_from_that_of_another(told: Told):
    reached = told.text("column:weather/wind_speed")
    assert re.search(r"^file +wind\.png", reached, re.MULTILINE)
    assert re.search(r"^variable +model", reached, re.MULTILINE)
    assert told.text("column:weather/temp") == "nothing that was recorded comes from column:weather/temp"


def test_a_file_that_was_saved_has_a_lineage(told: Told):
    assert "-> file wind.png (wrote)" in told.text("%mlops lineage file:wind.png")


def test_the_number_is_clean(told: Told):
    assert told.text("%mlops check var:cost") == "var:cost: clean"


def test_verdicts_follow_what_the_colleague_does(told: Told):
    at_first = {"%load_ext": "not recorded"} | dict.fromkeys(("import", "limit", "late", "share", "some"), "clean")
    at_first["first"] = "uncheckable"
    assert told.verdicts("%mlops check late.ipynb") == at_first
    assert told.verdicts("%mlops check late.ipynb", 1) == at_first | {"late": "stale", "share": "stale"}
    del at_first["limit"]
    assert told.verdicts("%mlops check late.ipynb", 2) == at_first | {"late": "tainted", "share": "tainted"}
    assert "a generator cannot be checked" in told.text("%mlops check late.ipynb")
    assert "cell [3] was edited since it ran" in told.text("%mlops check late.ipynb", 1)
    assert "cell [8] is no longer in the notebook" in told.text("%mlops check late.ipynb", 2)


def test_the_slice_still_has_the_deleted_cell(told: Told):
    assert "\nlimit = 60\n" in told.text("%mlops slice var:share")


def test_a_notebook_that_was_never_recorded_is_judged(told: Told):
    shown = told.text("%mlops check sent.ipynb")
    assert "(never recorded: judged by its source and execution counts)" in shown
    assert told.verdicts("%mlops check sent.ipynb") == {
        "rate": "clean", "total": "tainted", "price": "clean", "bill": "uncheckable",
    }  # fmt: skip


def test_the_export_is_what_it_says(told: Told):
    events = [json.loads(line) for line in (told.folder / "events.ndjson").read_text().splitlines()]
    assert re.search(rf"^entries +{len(events)}$", told.text("%mlops export"), re.MULTILINE)
    assert any("columnLineage" in output["facets"] for event in events for output in event.get("outputs", []))


def test_the_story_is_kept_without_outputs():
    notebook = nbformat.read(STORY / "where-from.ipynb", 4)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert not any(cell.outputs or cell.execution_count for cell in code)
