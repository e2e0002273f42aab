"""A small project with one of everything in it, and a real Jupyter server that shows it."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.conftest import environment
from tests.pipelines.conftest import write_notebook

TOKEN = "a-secret"

FILL = """
import numpy as np, pandas as pd, mlops_nb as mlops
from sklearn.linear_model import LogisticRegression

rng = np.random.default_rng(0)
frame = pd.DataFrame({"x": rng.normal(size=50), "y": rng.normal(size=50)})
mlops.init(".")
mlops.log_param("depth", 3)
mlops.log_metric("auc", 0.9)
mlops.dataset(frame, "points")
mlops.check(frame, "points")
model = LogisticRegression().fit(frame, frame["x"] > 0)
for _ in range(2):
    mlops.register(model, "line", example=frame.head(), intent="to show")
mlops.gate("models:/line/1", metrics={"auc": 0.9})
mlops.promote("line", 1, reason="good")
mlops.drift(frame, frame + 3, name="may")
open("note.txt", "w").write("kept")
mlops.log_artifact("note.txt")
frame.to_csv("points.csv", index=False)

from mlops_nb.autolog.fits import Training, add
from mlops_nb.capture.runs import active
from mlops_nb.project import current

search = Training("sklearn.model_selection.GridSearchCV", "search", candidates=[({"C": 1}, {"rank_test_score": 1.0})])
with current().store.write() as store:
    add(current(), store.next_id(), active(current()), None, search)
"""
SESSION = """
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
shell.run_line_magic("load_ext", "mlops_nb")
TABLE = "import io, pandas\\nseen = pandas.read_json(io.StringIO('[{\\"x\\": 1}]'))"
for source in ("half = 2", "whole = half * 2", TABLE, "%mlops checkpoint half-way"):
    shell.run_cell(source, store_history=True)
"""
CHARTER = """
[charter.criteria]
auc = ">= 0.8"
[contract.points.columns]
x = { type = "number" }
[contract.strict.columns]
x = { min = 100 }
"""

#: Every reading verb with arguments that it can answer in that project.
READING = {
    "at": {"ref": "var:half"}, "cache": {}, "checkpoints": {},
    "candidates": {"ref": "fit:GridSearchCV"}, "columns": {"ref": "var:half"}, "tables": {}, "datasets": {}, "fits": {},
    "diff": {"a": "models:/line/1", "b": "models:/line/2"}, "fsck": {}, "impact": {"ref": "var:half"}, "lineage": {"ref": "models:/line/1"}, "log": {"limit": 5},
    "models": {"name": "line"},
    "panel": {}, "pipelines": {}, "reports": {}, "runs": {"kind": "script"}, "show": {"ref": "models:/line/1"},
    "slice": {"ref": "var:whole"}, "status": {},
}  # fmt: skip

Ended = subprocess.CompletedProcess[str]


def mlops(folder: Path, *arguments: str) -> Ended:
    """Run the command line in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "mlops_nb", *arguments], cwd=folder, env=environment(folder), text=True,
        capture_output=True, timeout=120, check=False,
    )  # fmt: skip


def fill(folder: Path) -> Path:
    """Put one of everything into a project."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "mlops.toml").write_text(CHARTER)
    write_notebook(folder / "step.ipynb", "x = n", parameters="n: int = 1")
    for code in (SESSION, FILL):
        subprocess.run(
            [sys.executable, "-c", code], cwd=folder, env=environment(folder), check=True, capture_output=True
        )
    return folder


@pytest.fixture(scope="session")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a project with one of everything; tests only read it."""
    return fill(tmp_path_factory.mktemp("filled"))


@pytest.fixture
def cli(filled: Path) -> Callable[..., Ended]:
    """Run the command line in the filled project."""
    return lambda *arguments: mlops(filled, *arguments)


@dataclass
class Server:
    """A running Jupyter server."""

    url: str
    root: Path

    def get(self, verb: str, **query: Any) -> requests.Response:
        """Ask for a reading verb with the token."""
        headers = {"Authorization": f"token {TOKEN}"}
        return requests.get(f"{self.url}/mlops-nb/api/{verb}", query, headers=headers, timeout=30)

    def post(self, verb: str, body: Any) -> requests.Response:
        """Ask for another verb with the token."""
        headers = {"Authorization": f"token {TOKEN}"}
        return requests.post(f"{self.url}/mlops-nb/api/{verb}", json=body, headers=headers, timeout=60)

    def changes(self, timeout: float = 30, **query: Any) -> dict[str, Any]:
        """Ask the feed of changes."""
        headers = {"Authorization": f"token {TOKEN}"}
        answer = requests.get(f"{self.url}/mlops-nb/changes", query, headers=headers, timeout=timeout)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A Jupyter server over two folders: ``filled`` and ``empty``."""
    root = tmp_path_factory.mktemp("served")
    fill(root / "filled")
    (root / "empty").mkdir()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    arguments = [
        "-m", "jupyter_server", "--no-browser", "--allow-root", "--ip=127.0.0.1", f"--port={port}",
        f"--ServerApp.root_dir={root}", f"--IdentityProvider.token={TOKEN}",
        "--ServerApp.jpserver_extensions={'mlops_nb': True}",
    ]  # fmt: skip
    process = subprocess.Popen(
        [sys.executable, *arguments], cwd=root, env=environment(root), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    url = f"http://127.0.0.1:{port}"
    deadline = time.monotonic() + 60
    while True:
        assert process.poll() is None, process.stderr.read().decode()
        assert time.monotonic() < deadline, "the server does not answer"
        try:
            requests.get(f"{url}/api", timeout=5)
            break
        except requests.ConnectionError:
            time.sleep(0.1)
    yield Server(url, root)
    process.terminate()
    process.communicate(timeout=30)
