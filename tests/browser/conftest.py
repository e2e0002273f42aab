"""A real JupyterLab and a real Chromium.

Everything here has module scope and lives in one module: Playwright's sync API keeps an event loop in this
thread, so it must be gone before another test module starts one of its own.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import nbformat
import pytest
from playwright.sync_api import Browser, ConsoleMessage, Locator, Page, Route, expect, sync_playwright

TOKEN = "browser-tests"
CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-extensions",
    "--no-default-browser-check",
    "--disable-background-timer-throttling",
    "--disable-renderer-backgrounding",
]


@dataclass(frozen=True)
class Server:
    """A running JupyterLab and the folder it serves."""

    url: str
    root: Path

    def folder(self, name: str) -> Path:
        folder = self.root / name
        folder.mkdir()
        return folder

    def notebook(self, path: str, *cells: str) -> None:
        """Write a notebook of code cells, without a project yet."""
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
        notebook.metadata["kernelspec"] = {
            "name": "python3",
            "display_name": "Python 3",
            "language": "python",
        }
        nbformat.write(notebook, self.root / path)


@dataclass
class Lab:
    """JupyterLab in a browser tab, as a person uses it."""

    page: Page
    server: Server
    errors: list[str] = field(default_factory=list)

    def open(self, path: str, workspace: str) -> None:
        """Open a notebook or a folder in a fresh workspace, and the sidebar beside it."""
        self.page.goto(f"{self.server.url}lab/workspaces/{workspace}/tree/{path}?reset&token={TOKEN}")
        self.wait_until_restored()
        if path.endswith(".ipynb"):
            self.wait_for_kernel()
        self.command("mlops-nb:show-panel")

    def wait_until_restored(self) -> None:
        self.page.wait_for_function("() => !!window.jupyterapp")
        self.page.evaluate("async () => { await jupyterapp.started; await jupyterapp.restored; }")

    def wait_for_kernel(self) -> None:
        self.page.wait_for_function(
            """() => {
                const kernel = jupyterapp.shell.currentWidget?.sessionContext?.session?.kernel;
                return kernel?.connectionStatus === 'connected' && kernel.status === 'idle';
            }"""
        )

    def command(self, name: str, **args: str) -> None:
        self.page.evaluate("async ([name, args]) => { await jupyterapp.commands.execute(name, args); }", [name, args])

    def run_cell(self, index: int, wait: bool = True) -> None:
        """Run one cell of the open notebook and wait until it is done."""
        self.page.evaluate(
            """async ([index, wait]) => {
                const notebook = [...jupyterapp.shell.widgets('main')].find(widget => widget.sessionContext);
                notebook.content.activeCellIndex = index;
                jupyterapp.shell.activateById(notebook.id);
                const done = jupyterapp.commands.execute('notebook:run-cell');
                if (wait) { await done; }
            }""",
            [index, wait],
        )

    def section(self, name: str) -> Locator:
        return self.page.locator(f"#mlops-nb-{name}")

    def theme(self, name: str) -> None:
        self.command("apputils:change-theme", theme=f"JupyterLab {name}")
        self.page.wait_for_selector("#jupyterlab-splash", state="detached")  # Lab shows it meanwhile
        self.page.wait_for_function(
            "light => document.body.dataset.jpThemeLight === light", arg=str(name == "Light").lower()
        )

    def screenshot(self, name: str) -> None:
        """Save a screenshot where ``MLOPS_SCREENSHOTS`` says, if it says."""
        if folder := os.environ.get("MLOPS_SCREENSHOTS"):
            Path(folder).mkdir(parents=True, exist_ok=True)
            self.page.screenshot(path=Path(folder) / f"{name}.png")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        message = "no Chromium found: apt-get install chromium"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    expect.set_options(timeout=20_000)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, headless=True, args=CHROMIUM_FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, browser: Browser) -> Iterator[Server]:
    """JupyterLab as a process, with every folder it writes to under a temporary one."""
    home = tmp_path_factory.mktemp("lab")
    root = home / "work"
    root.mkdir()
    settings = home / "config/lab/user-settings/@jupyterlab/apputils-extension"
    settings.mkdir(parents=True)
    quiet = {"fetchNews": "false", "checkForUpdates": False}
    (settings / "notification.jupyterlab-settings").write_text(json.dumps(quiet))
    port = _free_port()
    arguments = [
        "--no-browser",
        "--ip=127.0.0.1",
        f"--port={port}",
        "--ServerApp.port_retries=0",
        "--ServerApp.allow_root=True",
        f"--IdentityProvider.token={TOKEN}",
        f"--ServerApp.root_dir={root}",
        "--LabApp.extension_manager=readonly",
        "--LabApp.expose_app_in_browser=True",
        "--LabApp.news_url=None",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
    ]
    isolated = {
        "JUPYTER_CONFIG_DIR": str(home / "config"),
        "JUPYTER_DATA_DIR": str(home / "data"),
        "JUPYTER_RUNTIME_DIR": str(home / "runtime"),
        "IPYTHONDIR": str(home / "ipython"),
    }
    with (home / "server.log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "jupyterlab", *arguments],
            env={**os.environ, **isolated},
            cwd=root,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            url = f"http://127.0.0.1:{port}/"
            _wait_until_ready(url, process, home / "server.log")
            yield Server(url, root)
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@pytest.fixture
def lab(browser: Browser, server: Server) -> Iterator[Lab]:
    """A browser tab that talks to nobody but the server, and must not log an error."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(30_000)

    def stay_home(route: Route) -> None:
        if route.request.url.startswith(server.url):
            route.continue_()
        else:
            route.abort()

    context.route("http*://**/*", stay_home)
    lab = Lab(context.new_page(), server)
    lab.page.on("pageerror", lambda error: lab.errors.append(str(error)))
    lab.page.on("console", lambda message: _note(lab.errors, message))
    yield lab
    context.close()
    assert lab.errors == []


def _note(errors: list[str], message: ConsoleMessage) -> None:
    """Note a console error; a refusal of ours (no project yet, a gate) is an answer, not an error."""
    refusal = "/mlops-nb/" in message.location.get("url", "") and "status of 4" in message.text
    if message.type == "error" and not refusal:
        errors.append(f"{message.text} {message.location}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_until_ready(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    request = urllib.request.Request(f"{url}api/status", headers={"Authorization": f"token {TOKEN}"})
    for _ in range(240):
        if process.poll() is not None:
            break
        try:
            with urllib.request.urlopen(request, timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.25)
    pytest.fail(f"JupyterLab did not start:\n{log.read_text()[-4000:]}")
