"""The command line: every verb, its help, its JSON and its exit code."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from mlops_nb._version import __version__
from mlops_nb.surfaces.catalogue import verbs
from mlops_nb.surfaces.cli import main
from tests.pipelines.conftest import write_notebook
from tests.surfaces.conftest import READING, Ended, fill, mlops

Cli = Callable[..., Ended]


def words(arguments: dict[str, object]) -> list[str]:
    """Write arguments as a person types them."""
    return [part for name, value in arguments.items() for part in ([str(value)] if name in ("ref", "name", "a", "b") else [f"--{name}", str(value)])]  # fmt: skip


def test_every_reading_verb_is_tried_here():
    assert {name for name, verb in verbs().items() if verb.effect == "reads" and not verb.founds} == set(READING)


@pytest.mark.parametrize("name", verbs())
def test_every_verb_has_help_that_begins_with_its_summary(name: str, capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as ended:
        main([name, "--help"])
    shown = " ".join(capsys.readouterr().out.split())
    assert ended.value.code == 0
    assert f"Usage: mlops {name}" in shown
    assert verbs()[name].summary in shown
    for argument in verbs()[name].arguments:
        assert argument.help.split(";")[0][:30] in shown, argument.name


def test_the_help_of_all_lists_every_verb(cli: Cli):
    ended = cli("--help")
    assert ended.returncode == 0
    for name, verb in verbs().items():
        assert name in ended.stdout
        assert verb.summary[:25] in ended.stdout


@pytest.mark.parametrize("name", READING)
def test_every_reading_verb_answers_in_json_and_in_text(cli: Cli, name: str):
    as_json = cli(name, *words(READING[name]), "--json")
    assert (as_json.returncode, as_json.stderr) == (0, "")
    assert json.loads(as_json.stdout)
    as_text = cli(name, *words(READING[name]))
    assert (as_text.returncode, as_text.stderr) == (0, "")
    assert as_text.stdout.strip()


def test_json_may_be_asked_for_before_the_verb(cli: Cli):
    assert json.loads(cli("--json", "status").stdout)["models"] == 2


def test_the_public_shapes(cli: Cli):
    (script,) = json.loads(cli("runs", "--kind", "script", "--json").stdout)
    assert {"id", "kind", "notebook", "status", "started", "ended", "parameters", "metrics"} <= set(script)
    assert (script["parameters"], script["metrics"], script["status"]) == ({"depth": 3}, {"auc": 0.9}, "ok")
    graph = json.loads(cli("lineage", "models:/line/1", "--json").stdout)
    assert all({"id", "kind", "name"} <= set(node) for node in graph["nodes"])
    assert all({"source", "target", "kind"} <= set(edge) for edge in graph["edges"])
    newest, oldest = json.loads(cli("models", "--json").stdout)
    assert {name: oldest[name] for name in ("name", "version", "aliases", "run")} == {
        "name": "line", "version": 1, "aliases": ["champion"], "run": script["id"],
    }  # fmt: skip
    assert newest["created"] >= oldest["created"]
    assert json.loads(cli("fsck", "--json").stdout) == {"ok": True, "problems": []}


def test_the_version_is_printed(cli: Cli):
    assert cli("--version").stdout.strip() == f"mlops, version {__version__}"


def test_another_folder_is_named_by_an_option(filled: Path, tmp_path: Path):
    assert json.loads(mlops(tmp_path, "-C", str(filled), "status", "--json").stdout)["project"] == str(filled)


# -- exit codes: 0 well, 1 a check said no, 2 the call is wrong, 3 anything else ------------------------------


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("frobnicate",), 2, "No such command 'frobnicate'"),
        (("runs", "--limit", "many"), 2, "limit must be a whole number"),
        (("runs", "--colour"), 2, "No such option"),
        (("runs", "--kind", "walk"), 2, "no kind of run 'walk'"),
        (("show",), 2, "Missing argument"),
        (("show", "models:/gone/1"), 2, "no model 'gone' - known: 'line'"),
        (("promote", "line", "1"), 2, "Missing option '--reason'"),
        (("promote", "line", "2", "--reason", "x"), 1, "line 2 has not been through its gate"),
        (("check", "points", "strict"), 1, "the data breaks contract 'strict'"),
        (("check", "points", "gone"), 2, "no contract 'gone' - known: 'points', 'strict'"),
        (("gate", "line", "-m", "auc=high"), 2, "metric 'auc' is 'high', which is no number"),
        (("gate", "line", "-m", "auc"), 2, "'auc' is not of the form NAME=VALUE"),
        (("run", "-p", "m=1"), 2, "no notebook declares a parameter 'm'"),
        (("run", "-p", "n=x"), 2, "step.ipynb, cell 'parameters': parameter 'n' is int, and 'x' is not"),
        (("run", "gone.ipynb"), 2, "no pipeline or notebook 'gone.ipynb'"),
        (("register", "gone.skops", "m"), 2, "no file 'gone.skops'"),
        (("log-artifact", "gone.txt"), 2, "no file 'gone.txt'"),
        (("drift", "points", "gone.csv"), 2, "no file 'gone.csv'"),
        (("log-metric", "auc", "high"), 2, "value must be a number"),
    ],
)
def test_a_call_that_fails_says_so_in_one_line_and_by_its_exit_code(
    cli: Cli, arguments: tuple[str, ...], code: int, message: str
):
    ended = cli(*arguments)
    assert ended.returncode == code
    assert ended.stdout == ""
    assert message in ended.stderr
    assert ended.stderr.startswith("mlops: ")
    assert len(ended.stderr.splitlines()) == 1


def test_a_gate_that_refuses_ends_with_1(tmp_path: Path):
    fill(tmp_path)
    assert mlops(tmp_path, "gate", "line", "-m", "auc=0.1").returncode == 1
    assert mlops(tmp_path, "gate", "line", "-m", "auc=0.9").returncode == 0


def test_a_store_that_is_not_whole_ends_with_1(tmp_path: Path):
    fill(tmp_path)
    connection = sqlite3.connect(tmp_path / ".mlops" / "lineage.db")
    connection.execute("UPDATE audit SET subject = 'another'")
    connection.commit()
    connection.close()
    ended = mlops(tmp_path, "fsck", "--json")
    assert json.loads(ended.stdout)["ok"] is False
    assert ended.returncode == 1


def test_outside_a_project_the_way_in_is_told(tmp_path: Path):
    ended = mlops(tmp_path, "status")
    assert ended.returncode == 2
    assert ended.stderr == f"mlops: no project at or above {tmp_path} - start one there with: mlops init\n"


def test_a_damaged_store_is_told(tmp_path: Path):
    mlops(tmp_path, "init")
    for left in (tmp_path / ".mlops").glob("lineage.db*"):
        left.unlink()
    (tmp_path / ".mlops" / "lineage.db").write_bytes(b"no database" * 1000)
    ended = mlops(tmp_path, "status")
    assert ended.returncode == 3
    assert "is damaged" in ended.stderr
    assert len(ended.stderr.splitlines()) == 1


def test_a_pipeline_runs_and_shows_its_steps(tmp_path: Path):
    write_notebook(tmp_path / "a.ipynb", "print(n)", parameters="n: int = 1")
    mlops(tmp_path, "init")
    ended = mlops(tmp_path, "run", "-p", "n=2")
    assert ended.returncode == 0
    assert ended.stdout.splitlines()[1].split()[:2] == ["a", "ran"]
    assert ended.stderr.splitlines() == ["a: running 3 cells", "a: done"]
    assert mlops(tmp_path, "run", "-p", "n=2").stderr.splitlines() == ["a: cached"]


def test_the_first_word_of_verbs_of_two_words_shows_them(cli: Cli):
    shown = cli("env", "--help")
    assert shown.returncode == 0
    assert all(word in shown.stdout for word in ("diff", "export", "lock", "restore"))
    wrong = cli("env", "lok")
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert "No such command 'lok'" in wrong.stderr
