"""REST: the verbs over a real Jupyter server, and its feed of changes."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from typing import Any

import pytest
import requests

from tests.conftest import environment
from tests.surfaces.conftest import READING, TOKEN, Server, mlops
from tests.surfaces.test_cli import words


def error(answer: requests.Response, status: int, kind: str) -> str:
    """Check the one shape that errors have and return the message."""
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"].startswith("application/json")
    found = answer.json()
    assert set(found) == {"error"}
    assert set(found["error"]) == {"type", "message"}
    assert found["error"]["type"] == kind
    return str(found["error"]["message"])


def steady(shown: Any) -> Any:
    """Leave out what grows between two looks: the size of the store on disk."""
    text = json.dumps(shown)
    return json.loads(text, object_hook=lambda found: {k: v for k, v in found.items() if k != "bytes"})


@pytest.mark.parametrize("verb", READING)
def test_a_route_answers_what_the_command_line_prints(server: Server, verb: str):
    answer = server.get(verb, at="filled", **READING[verb])
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("application/json")
    printed = mlops(server.root / "filled", verb, *words(READING[verb]), "--json").stdout
    assert steady(answer.json()) == steady(json.loads(printed))


def test_the_project_may_be_named_by_a_file_in_it(server: Server):
    assert server.get("status", at="filled/step.ipynb").json()["project"] == str(server.root / "filled")


def test_a_flag_and_a_number_are_read_from_the_query(server: Server):
    assert len(server.get("models", at="filled").json()) == 2
    assert server.get("lineage", at="filled", imports="true", limit="1").json()["truncated"] is True


# -- who may ask ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["mlops-nb/api/status?at=filled", "mlops-nb/changes?at=filled"])
def test_nobody_without_the_token_is_answered(server: Server, path: str):
    assert requests.get(f"{server.url}/{path}", timeout=30, allow_redirects=False).status_code == 403


def test_nobody_without_the_token_writes(server: Server):
    answer = requests.post(
        f"{server.url}/mlops-nb/api/log-metric", json={"at": "filled", "name": "x", "value": 1}, timeout=30
    )
    assert answer.status_code == 403


@pytest.fixture
def browser(server: Server) -> requests.Session:
    """A browser that has logged in and holds cookies."""
    session = requests.Session()
    session.get(f"{server.url}/login", timeout=30)
    form = {"password": TOKEN, "_xsrf": session.cookies["_xsrf"]}
    session.post(f"{server.url}/login", data=form, timeout=30).raise_for_status()
    return session


def test_a_browser_reads_with_its_cookie(server: Server, browser: requests.Session):
    assert browser.get(f"{server.url}/mlops-nb/api/status?at=filled", timeout=30).status_code == 200


def test_a_browser_writes_only_with_its_xsrf_token(server: Server, browser: requests.Session):
    url, body = f"{server.url}/mlops-nb/api/log-metric", {"at": "filled", "name": "x", "value": 1}
    refused = browser.post(url, json=body, timeout=30)
    assert "_xsrf" in error(refused, 403, "HTTPError")
    allowed = browser.post(url, json=body, headers={"X-XSRFToken": browser.cookies["_xsrf"]}, timeout=30)
    assert (allowed.status_code, allowed.json()) == (200, None)


# -- what may be asked ----------------------------------------------------------------------------------------


def test_a_writing_verb_is_not_read(server: Server):
    assert error(server.get("promote", at="filled"), 400, "UsageError") == "promote is asked for with POST"


def test_a_reading_verb_is_not_written(server: Server):
    assert error(server.post("status", {"at": "filled"}), 400, "UsageError") == "status is asked for with GET"


@pytest.mark.parametrize("verb", ["frobnicate", "init", "demo"])
def test_an_unknown_verb_is_not_found(server: Server, verb: str):
    assert f"no verb '{verb}' here" in error(server.get(verb, at="filled"), 404, "NotFound")
    error(server.post(verb, {"at": "filled"}), 404, "NotFound")


@pytest.mark.parametrize(
    ("verb", "query", "message"),
    [
        ("runs", {"colour": "red"}, "runs has no argument 'colour'"),
        ("runs", {"limit": "many"}, "limit must be a whole number"),
        ("runs", {"limit": "1.5"}, "limit must be a whole number"),
        ("lineage", {"imports": "perhaps"}, "imports must be true or false"),
        ("show", {}, "show needs 'ref'"),
    ],
)
def test_an_argument_that_is_wrong_is_told(server: Server, verb: str, query: dict[str, str], message: str):
    assert message in error(server.get(verb, at="filled", **query), 400, "UsageError")


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"model": "line", "version": "1", "reason": "x"}, "version must be a whole number"),
        ({"model": "line", "version": True, "reason": "x"}, "version must be a whole number"),
        ({"model": "line", "version": 1.0, "reason": "x"}, "version must be a whole number"),
        ({"model": "line", "version": 1, "reason": None}, "reason must be text"),
        ({"model": ["line"], "version": 1, "reason": "x"}, "model must be text"),
        ({"model": "line", "version": 1}, "promote needs 'reason'"),
        ({"model": "line", "version": 1, "reason": "x", "force": True}, "promote has no argument 'force'"),
        ({"model": "line", "version": 1, "reason": "x", "at": 3}, "at must be a path"),
        ([1], "the body must be a JSON object"),
    ],
)  # fmt: skip
def test_a_body_that_is_wrong_is_told(server: Server, body: Any, message: str):
    given = {"at": "filled"} | body if isinstance(body, dict) else body
    assert message in error(server.post("promote", given), 400, "UsageError")


def test_a_body_that_is_no_json_is_told(server: Server):
    answer = requests.post(
        f"{server.url}/mlops-nb/api/promote", data="{", headers={"Authorization": f"token {TOKEN}"}, timeout=30
    )
    error(answer, 400, "HTTPError")


@pytest.mark.parametrize("place", ["..", "filled/../..", "/../../etc"])
def test_a_place_outside_the_root_is_refused(server: Server, place: str):
    assert "lies outside the folder" in error(server.get("status", at=place), 400, "UsageError")


def test_a_link_out_of_the_root_is_refused(server: Server):
    (server.root / "away").symlink_to("/")
    assert "lies outside the folder" in error(server.get("status", at="away/etc"), 400, "UsageError")


@pytest.mark.parametrize("place", ["empty", "gone", ""])
def test_a_place_without_a_project_is_told(server: Server, place: str):
    assert "no project at or above" in error(server.get("status", at=place), 404, "NoProject")
    assert not (server.root / "empty" / ".mlops").exists()


def test_a_thing_that_is_not_there_is_not_found(server: Server):
    assert "no model 'gone'" in error(server.get("show", at="filled", ref="models:/gone/1"), 404, "NotFound")


def test_a_gate_that_refuses_is_a_conflict(server: Server):
    body = {"at": "filled", "model": "line", "version": 2, "reason": "x"}
    assert "has not been through its gate" in error(server.post("promote", body), 409, "GateRefused")


def test_a_promotion_over_rest_is_seen_by_everybody(server: Server):
    body = {"at": "filled", "model": "line", "version": 1, "alias": "rest", "reason": "from the sidebar"}
    assert server.post("promote", body).json()["version"] == 1
    first = next(m for m in json.loads(mlops(server.root / "filled", "models", "--json").stdout) if m["version"] == 1)
    assert "rest" in first["aliases"]
    (entry,) = [e for e in server.get("log", at="filled").json() if e["arguments"]["alias"] == "rest"]
    assert entry["arguments"]["reason"] == "from the sidebar"


NOTEBOOK = """
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
shell.run_line_magic("load_ext", "mlops_nb")
for cell, source in {"10": "x = 1", "20": "y = x"}.items():
    shell.run_cell(source, store_history=True, cell_id=cell)
"""


def test_a_notebook_is_checked_by_the_name_that_the_server_knows_it_by(server: Server):
    folder = server.root / "outer" / "inner"
    folder.mkdir(parents=True)
    (server.root / "outer" / "mlops.toml").touch()
    told = {"JPY_SESSION_NAME": str(folder / "n.ipynb")}
    subprocess.run([sys.executable, "-c", NOTEBOOK], cwd=folder, env=environment(folder) | told, check=True)
    live = {"20": "y = x", "10": "x = 1"}  # as the editor shows them, the second above the first
    found = server.post("check", {"at": "outer/inner/n.ipynb", "what": "outer/inner/n.ipynb", "live": live}).json()
    assert found["notebook"] == "inner/n.ipynb"
    assert [(cell["cell"], cell["verdict"]) for cell in found["cells"]] == [("20", "tainted"), ("10", "clean")]


# -- the feed -------------------------------------------------------------------------------------------------


def test_the_feed_answers_when_another_process_writes(server: Server):
    token = server.changes(at="filled")["token"]
    answers: list[tuple[float, dict[str, Any]]] = []
    began = time.monotonic()
    waiting = threading.Thread(
        target=lambda: answers.append((server.changes(at="filled", since=token), time.monotonic() - began))
    )
    waiting.start()
    time.sleep(1)
    assert answers == []
    mlops(server.root / "filled", "log-metric", "x", "2")
    waiting.join(timeout=20)
    ((answer, seconds),) = answers
    assert answer["changed"] is True
    assert answer["token"] != token
    assert seconds < 15


def test_the_feed_answers_at_once_to_who_knows_nothing(server: Server):
    began = time.monotonic()
    assert server.changes(at="filled")["changed"] is True
    assert time.monotonic() - began < 5


def test_reading_changes_nothing(server: Server):
    token = server.changes(at="filled")["token"]
    for verb, query in READING.items():
        server.get(verb, at="filled", **query)
    assert server.changes(at="filled")["token"] == token


def test_the_feed_refuses_a_place_outside_the_root(server: Server):
    answer = requests.get(
        f"{server.url}/mlops-nb/changes?at=..", headers={"Authorization": f"token {TOKEN}"}, timeout=30
    )
    error(answer, 400, "UsageError")


def test_a_verb_of_two_words_is_a_route_of_two_parts(server: Server):
    message = error(server.post("env/export", {"at": "filled", "ref": "models:/line/1"}), 400, "UsageError")
    assert message == "what is wanted? - give --docker or --devcontainer, or both"
    assert error(server.get("env", at="filled"), 404, "NotFound") == "no verb 'env' here - see mlops --help"
