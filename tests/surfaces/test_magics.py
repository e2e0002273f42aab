"""``%mlops``: the verbs inside the notebook, their records, their help and their names."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from mlops_nb.data.datasets import datasets
from mlops_nb.errors import ContractViolation, UsageError
from mlops_nb.project import Project, Status
from mlops_nb.records import Record, Records
from mlops_nb.registry.versions import models
from mlops_nb.surfaces.catalogue import verbs
from mlops_nb.surfaces.html import to_html
from mlops_nb.surfaces.magics import complete
from mlops_nb.surfaces.text import to_text
from tests.pipelines.conftest import write_notebook

FRAME = pd.DataFrame({"a": [0.0, 1.0, 2.0, 3.0, 4.0, 5.0], "b": [1.0, 0.0, 1.0, 0.0, 1.0, 0.0]})


def magic(shell: Any, line: str) -> Any:
    return shell.run_line_magic("mlops", line)


def test_a_verb_returns_its_record(shell: Any):
    shown = magic(shell, "status")
    assert isinstance(shown, Status)
    assert shown.runs == 0


def test_a_list_of_records_is_one_too(shell: Any):
    assert isinstance(magic(shell, "runs --limit 3"), Records)


def test_a_record_is_bound_to_a_name(shell: Any):
    result = shell.run_cell("found = %mlops status")
    assert result.success
    assert isinstance(shell.user_ns["found"], Status)


def test_a_record_is_shown_as_html_and_as_plain_text(shell: Any):
    for shown in (magic(shell, "status"), magic(shell, "runs")):
        data, _ = shell.display_formatter.format(shown)
        assert data["text/html"] == to_html(shown)
        assert data["text/plain"] == to_text(shown)


@pytest.mark.parametrize("verb", ["check", "slice", "show", "lineage", "impact"])
def test_a_bare_name_of_a_variable_is_a_reference_to_it(shell: Any, verb: str):
    shell.run_cell("s = 1 + 1", store_history=True)
    found = [magic(shell, f"{verb} {ref}").to_json() for ref in ("s", "var:s")]
    for record in found:
        record.pop("ref", None)
    assert found[0] == found[1]


def test_a_name_is_of_a_table_where_it_is_held_against_a_contract(shell: Any, workspace: Path):
    (workspace / "mlops.toml").write_text("[contract.small]\nrows = { max = 2 }\n")
    shell.user_ns["frame"] = FRAME
    with pytest.raises(ContractViolation, match="rows"):
        magic(shell, "check frame small")


@pytest.mark.parametrize("name", verbs())
def test_help_prints_what_the_verb_takes(shell: Any, name: str, capsys: pytest.CaptureFixture[str]):
    assert magic(shell, f"{name} --help") is None
    shown = " ".join(capsys.readouterr().out.split())
    assert f"%mlops {name}" in shown
    assert verbs()[name].summary in shown


@pytest.mark.parametrize("word", ["help", "--help", "-h"])
def test_help_lists_every_verb(shell: Any, word: str, capsys: pytest.CaptureFixture[str]):
    magic(shell, word)
    shown = capsys.readouterr().out
    for name, verb in verbs().items():
        assert name in shown
        assert verb.summary in shown


def test_an_unknown_verb_is_told_with_those_there_are(shell: Any):
    with pytest.raises(UsageError, match=r"%mlops has no verb 'frobnicate' - there are: .*check, .*dataset.*status"):
        magic(shell, "frobnicate")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("runs --limit many", "%mlops runs: .*limit must be a whole number"),
        ("runs --colour", "%mlops runs: No such option"),
        ("show", "%mlops show: Missing argument"),
        ("promote m 1 --reason 'it", "No closing quotation - quote the text"),
    ],
)
def test_a_line_that_is_wrong_is_told(shell: Any, line: str, message: str):
    with pytest.raises(UsageError, match=message):
        magic(shell, line)


def test_a_word_that_names_a_variable_means_its_value(shell: Any, project: Project):
    model = LogisticRegression().fit(FRAME, [0, 0, 0, 1, 1, 1])
    shell.user_ns |= {"model": model, "X": FRAME, "line": "not this"}
    magic(shell, "register model line --example X --intent 'a first try'")
    (version,) = models(project)
    assert (version.name, version.intent) == ("line", "a first try")
    assert [column["name"] for column in version.signature["inputs"]] == ["a", "b"]


def test_a_word_that_names_no_variable_is_a_reference(shell: Any, project: Project):
    FRAME.to_csv("points.csv", index=False)
    magic(shell, "dataset points.csv points")
    assert datasets(project)[0].rows == 6
    assert magic(shell, "drift points points.csv --name same").drifted is False


def test_what_a_magic_does_belongs_to_its_cell(shell: Any, project: Project):
    shell.user_ns["X"] = FRAME
    shell.run_cell("%mlops dataset X points")
    assert project.store.value("SELECT count(*) FROM edge JOIN dataset ON dataset.id = edge.target JOIN execution ON"
                               " execution.id = edge.source") == 1  # fmt: skip


def test_a_failed_pipeline_tells_why_as_plain_text(shell: Any):
    write_notebook("a.ipynb", "1")
    Path("a.ipynb").write_text(Path("a.ipynb").read_text().replace('"1"', '"1 / 0"'))
    shown = magic(shell, "run a.ipynb")
    data, _ = shell.display_formatter.format(shown)
    assert shown.status == "failed"
    assert not data["text/plain"].startswith("PipelineRun(")
    assert "ZeroDivisionError" in data["text/html"]
    assert "ZeroDivisionError" in data["text/plain"]


def test_off_and_on_stop_and_go_on_recording(shell: Any, project: Project):
    for line in ("%mlops off", "hidden = 1", "%mlops on", "seen = 1"):
        shell.run_cell(line)
    names = {row["name"] for row in project.store.rows("SELECT name FROM node WHERE kind = 'variable'")}
    assert names == {"seen"}


@pytest.mark.parametrize("line", ["", "panel"])
def test_the_panel_is_a_widget_with_plain_forms(shell: Any, line: str):
    widget = magic(shell, line)
    assert list(widget.sections) == ["Runs", "Lineage", "Pipelines", "Models", "Drift"]
    data, _ = widget._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in data
    assert "Pipelines" in data["text/html"]
    assert "no model yet" in data["text/plain"]


def completed(line: str) -> list[str]:
    return complete(None, SimpleNamespace(line=line))


def test_verbs_are_completed():
    assert set(verbs()) | {"on", "off", "help"} == set(completed("%mlops "))


def test_the_options_of_a_verb_are_completed():
    assert completed("%mlops promote m 1 --") == ["--alias", "--reason"]


def test_completion_is_what_ipython_offers(shell: Any):
    _, matches = shell.complete(None, "%mlops pro", 10)
    assert "promote" in matches


def test_unloading_takes_the_magic_away(shell: Any):
    import mlops_nb

    mlops_nb.unload_ipython_extension(shell)
    assert "mlops" not in shell.magics_manager.magics["line"]
    display = shell.display_formatter
    for formatter in (*display.formatters.values(), display.mimebundle_formatter):
        assert not {Record, Records} & set(formatter.type_printers)


def test_a_verb_of_two_words_is_completed_and_named_where_one_is_missing(shell: Any):
    assert set(completed("%mlops env ")) == {name.removeprefix("env ") for name in verbs() if name.startswith("env ")}
    assert "--minimal" in completed("%mlops env lock --")
    with pytest.raises(UsageError, match="has no verb 'env' - there are: env diff, env export, env lock, env restore$"):
        magic(shell, "env")
