"""One command says whether a project holds: its store, notebooks, results and gates."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as Xml

import pytest

from mlops_nb.ci.checks import Integration, ci
from mlops_nb.errors import UsageError
from mlops_nb.registry.aliases import promote
from mlops_nb.registry.gates import gate
from mlops_nb.surfaces.html import to_html
from mlops_nb.surfaces.text import to_text
from tests.pipelines.conftest import write_notebook
from tests.reproduction.test_reproduce import run
from tests.surfaces.conftest import mlops

TRAIN = """
import numpy as np, mlops_nb as mlops
from sklearn.linear_model import LinearRegression
X = np.arange(20.0).reshape(-1, 1)
model = LinearRegression().fit(X, X[:, 0] * {slope})
mlops.register(model, "line", example=X).version
"""


def verdicts(found: Integration) -> dict[str, str]:
    return {f"{check.kind} {check.name}": check.verdict for check in found.checks}


def charter(text: str) -> None:
    Path("mlops.toml").write_text(text)


def test_without_a_word_of_setting_every_aliased_model_and_every_notebook_is_checked(shell, project, workspace):
    charter('[charter.criteria]\nslope = ">= 1"\nreproduced = ">= 1"\n')
    run(shell, TRAIN.format(slope=2))
    gate(project, "line", metrics={"slope": 2.0})
    charter('[charter.criteria]\nslope = ">= 1"\n')
    gate(project, "line", metrics={"slope": 2.0})
    promote(project, "line", 1, reason="good")
    promote(project, "line", 1, alias="second", reason="the same version is checked once")
    write_notebook(workspace / "deep" / "one.ipynb", "x = 1")
    write_notebook(workspace / "receipts" / "r" / "one.ipynb", "x = y")
    (workspace / "venv").mkdir()
    (workspace / "venv" / "pyvenv.cfg").touch()
    write_notebook(workspace / "venv" / "of-a-package.ipynb", "x = y")
    found = ci(project)
    assert verdicts(found) == dict.fromkeys(
        ["store fsck", "notebook deep/one.ipynb", "reproduce models:/line@champion", "gate models:/line@champion"],
        "passed",
    )
    assert (found.passed, found.exit_code) == (True, 0)


def test_a_gate_is_held_against_the_criteria_as_they_are_now(shell, project):
    charter('[charter.criteria]\nslope = ">= 1"\n')
    run(shell, TRAIN.format(slope=2))
    assert ci_of(project, 'gates = ["models:/line/1"]').checks[-1].detail.startswith("it has not been through its gate")
    gate(project, "line", metrics={"slope": 2.0})
    before = project.store.value("SELECT count(*) FROM gate")
    found = ci_of(project, 'gates = ["models:/line/1"]', criteria='slope = ">= 3"')
    assert (found.checks[-1].verdict, found.checks[-1].detail) == ("failed", "slope is 2, must be >= 3")
    assert project.store.value("SELECT count(*) FROM gate") == before


def ci_of(project: Any, table: str, criteria: str = 'slope = ">= 1"', **options: Any) -> Integration:
    charter(f"[charter.criteria]\n{criteria}\n[ci]\n{table}\n")
    return ci(project, **options)


def test_what_does_not_come_out_again_fails_and_hides_nothing_else(shell, project, monkeypatch):
    monkeypatch.setenv("NUMBER", "1.0")
    run(shell, "fine = 2\nfine", "import os\nnumber = float(os.environ['NUMBER'])\nnumber")
    monkeypatch.setenv("NUMBER", "1.0000001")
    found = ci_of(project, 'reproduce = ["var:number", "var:nobody", "var:fine"]')
    assert [check.verdict for check in found.checks] == ["passed", "failed", "broken", "passed"]
    assert "no variable 'nobody'" in found.checks[2].detail
    assert (found.passed, found.exit_code) == (False, 1)
    assert ci_of(project, 'reproduce = ["var:number"]\nrtol = 1e-6').passed


def test_a_notebook_with_hidden_state_fails_unless_its_verdict_is_accepted(project, workspace):
    cell = {"cell_type": "code", "id": "a", "source": "y = x", "metadata": {}, "outputs": [], "execution_count": 3}
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    content = {"cells": [cell], "metadata": kernel, "nbformat": 4, "nbformat_minor": 5}
    Path("lost.ipynb").write_text(json.dumps(content))
    found = ci_of(project, 'notebooks = ["*.ipynb"]')
    assert found.checks[1].verdict == "failed"
    assert found.checks[1].detail.startswith("uncheckable, by its source alone: cell 1: executions [1], [2] are not in")
    assert ci_of(project, 'notebooks = ["*.ipynb"]\naccept = ["clean", "uncheckable"]').passed
    assert ci_of(project, "notebooks = []").passed


def test_pipelines_run_first_and_a_failing_one_fails(project, workspace):
    write_notebook(workspace / "good.ipynb", "x = 1")
    write_notebook(workspace / "bad.ipynb", "1 / 0")
    found = ci_of(project, 'notebooks = []\nrun = ["good.ipynb", "bad.ipynb"]')
    assert verdicts(found) == {
        "store fsck": "passed", "pipeline good.ipynb": "passed", "pipeline bad.ipynb": "failed",
    }  # fmt: skip
    assert "ZeroDivisionError" in found.checks[2].detail


def test_the_report_is_junit_xml_with_failures_told_from_errors(shell, project, workspace):
    run(shell, "import random; drawn = random.random()\ndrawn")
    charter('[ci]\nnotebooks = []\nreproduce = ["var:drawn", "var:nobody"]\n')
    done = mlops(workspace, "ci", "--junit", "report.xml", "--json")
    assert done.returncode == 1
    assert [check["verdict"] for check in json.loads(done.stdout)["checks"]] == ["passed", "failed", "broken"]
    suite = Xml.parse("report.xml").getroot()[0]
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("3", "1", "1")
    names = [(case.get("classname"), case.get("name")) for case in suite]
    assert names == [("mlops.store", "fsck"), ("mlops.reproduce", "var:drawn"), ("mlops.reproduce", "var:nobody")]
    assert suite[1].find("failure").get("message").startswith("not reproducible")
    assert "no variable 'nobody'" in suite[2].find("error").get("message")


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ('reproduces = ["a"]', r"mlops.toml has \[ci\] reproduces, which means nothing - there are: reproduce, "),
        ('reproduce = "a"', r"\[ci\] reproduce = 'a' is no list of texts"),
        ("rtol = -1", r"\[ci\] rtol = -1 is no tolerance"),
        (
            'accept = ["fine"]',
            r"\[ci\] accept names 'fine', no verdict - there are: clean, stale, tainted, uncheckable",
        ),
        ('notebooks = ["none/*.ipynb"]', r"\[ci\] notebooks names 'none/\*.ipynb': there is no such notebook"),
    ],
)
def test_a_table_that_makes_no_sense_is_refused_before_anything_is_checked(project, table, said):
    with pytest.raises(UsageError, match=said):
        ci_of(project, table)


def test_a_report_that_cannot_be_written_is_refused(project):
    with pytest.raises(UsageError, match="nowhere/report.xml cannot be written"):
        ci(project, junit="nowhere/report.xml")


def test_it_is_shown_as_a_table_with_the_count(project):
    found = ci(project)
    assert to_text(found).splitlines()[1].split()[:4] == ["passed", "store", "fsck", "whole"]
    assert to_text(found).splitlines()[-1] == "passed (1 of 1 checks)"
    assert "✓ passed (1 of 1 checks)" in to_html(found)
