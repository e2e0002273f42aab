"""A notebook that is renamed while its kernel runs: what ran before is found under the new name."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
import requests
from websocket import create_connection

from mlops_nb.capture import runs
from mlops_nb.data.checks import check
from mlops_nb.lineage.details import show
from mlops_nb.project import Project
from tests.surfaces.conftest import TOKEN, Server

CELLS = {"load": "%load_ext mlops_nb", "one": "x = 1", "two": "y = x + 1"}


class Front:
    """What JupyterLab does: it opens a notebook with a kernel, runs cells, and renames."""

    def __init__(self, server: Server, path: str) -> None:
        self.server, self.path = server, path
        notebook = nbformat.v4.new_notebook()
        for cell, source in CELLS.items():
            notebook.cells.append(nbformat.v4.new_code_cell(source, id=cell))
        (server.root / path).parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(notebook, server.root / path)
        model = {"path": path, "name": Path(path).name, "type": "notebook", "kernel": {"name": "python3"}}
        self.session = self.ask("POST", "sessions", model)
        kernel = self.session["kernel"]["id"]
        url = f"ws{server.url.removeprefix('http')}/api/kernels/{kernel}/channels?token={TOKEN}"
        self.socket = create_connection(url, timeout=60)

    def ask(self, method: str, place: str, body: Any = None) -> Any:
        """Ask the REST API of the server."""
        headers = {"Authorization": f"token {TOKEN}"}
        answer = requests.request(method, f"{self.server.url}/api/{place}", json=body, headers=headers, timeout=60)
        assert answer.ok, answer.text
        return answer.json() if answer.content else None

    def settle(self) -> None:
        """Have everything that capture has seen so far committed, without running a cell."""
        self.run("", "__import__('mlops_nb').project.current().store.flush()", silent=True)

    def run(self, cell: str, source: str | None = None, *, silent: bool = False) -> None:
        """Run a cell and wait for its end."""
        header = {"msg_id": uuid.uuid4().hex, "msg_type": "execute_request", "username": "", "session": "front"}
        content = {"code": source or CELLS[cell], "silent": silent, "store_history": not silent, "allow_stdin": False}
        message = {"header": header, "parent_header": {}, "metadata": {"cellId": cell}, "content": content}
        self.socket.send(json.dumps({**message, "channel": "shell"}))
        while True:
            answer = json.loads(self.socket.recv())
            if answer["parent_header"].get("msg_id") == header["msg_id"] and answer["msg_type"] == "execute_reply":
                assert answer["content"]["status"] == "ok", answer
                return

    def rename(self, new: str) -> None:
        """Rename the notebook and its session, in this order, as JupyterLab does."""
        self.ask("PATCH", f"contents/{self.path}", {"path": new})
        self.ask("PATCH", f"sessions/{self.session['id']}", {"path": new, "name": Path(new).name, "type": "notebook"})
        self.path = new

    def close(self) -> None:
        """Shut the kernel down."""
        self.socket.close()
        self.ask("DELETE", f"sessions/{self.session['id']}")


@pytest.fixture
def front(server: Server, request: pytest.FixtureRequest) -> Iterator[Front]:
    folder = f"renamed-{uuid.uuid4().hex[:6]}"
    (server.root / folder).mkdir()
    (server.root / folder / "mlops.toml").write_text("")
    opened = Front(server, f"{folder}/deep/old.ipynb")
    yield opened
    opened.close()


def recorded(front: Front, moves: int) -> Project:
    """Open the project when the server has recorded some moves."""
    front.settle()
    project = Project(front.server.root / Path(front.path).parts[0])
    deadline = time.monotonic() + 20
    while project.store.value("SELECT count(*) FROM notebook_move") < moves:
        assert time.monotonic() < deadline, "the rename was not recorded"
        time.sleep(0.05)
    return project


def test_a_notebook_renamed_while_it_runs_is_one_notebook_under_its_new_name(front: Front):
    for cell in ("load", "one"):
        front.run(cell)
    front.rename(front.path.replace("old", "new"))
    front.run("two")
    project = recorded(front, 1)
    (run,) = runs.runs(project, notebook="deep/new.ipynb")
    assert (run.notebook, run.caller) == ("deep/new.ipynb", "person")
    assert runs.runs(project, notebook="deep/old.ipynb") == []
    found = check(project, str(project.root / "deep" / "new.ipynb"))
    assert (found.recorded, found.verdict) == (True, "clean")
    assert check(project, "var:y").verdict == "clean"
    assert show(project, f"runs:/{run.id}").facts["notebook"] == "deep/new.ipynb"
    project.store.close()


def test_a_folder_that_is_renamed_takes_its_notebooks_along(front: Front):
    for cell in ("load", "one", "two"):
        front.run(cell)
    folder = Path(front.path).parent
    front.ask("PATCH", f"contents/{folder.as_posix()}", {"path": (folder.parent / "other").as_posix()})
    project = recorded(front, 1)
    assert [run.notebook for run in runs.runs(project, notebook="other/old.ipynb")] == ["other/old.ipynb"]
    assert check(project, "var:y").verdict == "clean"
    project.store.close()


def test_what_loads_capture_after_a_rename_records_under_the_new_name(front: Front):
    front.run("two", "first = 1")
    (front.server.root / Path(front.path).parts[0] / ".mlops").mkdir()
    Project(front.server.root / Path(front.path).parts[0]).store.close()
    front.rename(front.path.replace("old", "new"))
    for cell in ("load", "one"):
        front.run(cell)
    project = recorded(front, 1)
    assert project.store.value("SELECT notebook FROM run") == "deep/new.ipynb"
    project.store.close()


def test_renaming_outside_of_any_project_is_nobodys_business(server: Server):
    (server.root / "empty" / "a.txt").write_text("a")
    headers = {"Authorization": f"token {TOKEN}"}
    answer = requests.patch(f"{server.url}/api/contents/empty/a.txt", json={"path": "empty/b.txt"}, headers=headers)
    assert answer.status_code == 200
    assert (server.root / "empty" / "b.txt").exists()
    assert not (server.root / "empty" / ".mlops").exists()
    (server.root / "empty" / "b.txt").unlink()
