"""What the tests stand on: real folders, real shells, real kernels and real processes.

- ``workspace``    an empty folder that is the working folder, with no trace of any project in the environment;
- ``project``      a fresh project there, current; beside ``shell`` it is the project that the shell records into;
- ``small_disk``   a real file system of 1 MiB;
- ``shell``        a fresh IPython shell there with capture attached; ``bare_shell`` is one without;
- ``kernel``       a real ipykernel started there; ``start_kernel`` starts more, ``module_kernel`` is one per module;
- ``run_process``  Python code in a process of its own; ``start_process`` does not wait for it.
"""

from __future__ import annotations

import atexit
import os
import queue
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from mlops_nb.capture import launchers

ROOT = Path(__file__).resolve().parent.parent
FOREIGN = ("MLOPS_", "JPY_", "JUPYTER", "IPYTHON", "PAPERMILL", "GIT_")
FOREIGN += (*launchers.AGENTS, *launchers.CI, *launchers.SCHEDULERS, *launchers.BATCH)


def environment(home: Path, extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return an environment without a trace of the outer one, whose settings live under ``home``."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
    places = {"IPYTHONDIR": "ipython", "JUPYTER_CONFIG_DIR": "jupyter", "JUPYTER_DATA_DIR": "jupyter/data"}
    places |= {"JUPYTER_RUNTIME_DIR": "jupyter/runtime", "MPLCONFIGDIR": "matplotlib"}
    paths = {name: str(home / ".settings" / place) for name, place in places.items()}
    search = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    return kept | paths | {"PYTHONPATH": search, "JUPYTER_PLATFORM_DIRS": "1"} | dict(extra or {})


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty working folder, with no project at hand."""
    from mlops_nb import project as projects

    for name in list(os.environ):
        if name.startswith(FOREIGN):
            monkeypatch.delenv(name)
    (tmp_path / ".settings").mkdir()
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / ".settings" / "ipython"))
    monkeypatch.chdir(tmp_path)
    projects.use(None)
    yield tmp_path
    projects.use(None)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A real file system of 1 MiB."""
    place = tmp_path / "disk"
    place.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", place], capture_output=True).returncode:
        pytest.skip("mounting a small file system needs root")
    yield place
    subprocess.run(["umount", "-l", place], check=True)


@pytest.fixture
def project(request: pytest.FixtureRequest, workspace: Path) -> Iterator[Any]:
    """The project at hand: a fresh one, or the one that ``shell`` records into where the test has both."""
    from mlops_nb import project as projects

    if "shell" in request.fixturenames:
        request.getfixturevalue("shell")
        yield projects.current()
        return
    fresh = projects.Project(workspace)
    projects.use(fresh)
    yield fresh
    projects.use(None)
    fresh.store.close()


# -- shells ---------------------------------------------------------------------------------------------------


@pytest.fixture
def bare_shell(workspace: Path) -> Iterator[Any]:
    """A fresh IPython shell, not the singleton, without capture."""
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config

    main, hook = sys.modules["__main__"], sys.displayhook
    settings = workspace / ".settings"
    config = Config()
    config.HistoryManager.hist_file = str(settings / "history.sqlite")
    config.InteractiveShell.colors = "nocolor"
    shell = InteractiveShell(config=config, ipython_dir=str(settings / "ipython"), user_ns={})
    yield shell
    atexit.unregister(shell.atexit_operations)  # it collects garbage; of thousands of shells, for minutes
    shell.history_manager.end_session()
    shell.restore_sys_module_state()
    sys.modules["__main__"], sys.displayhook = main, hook


@pytest.fixture
def shell(bare_shell: Any) -> Iterator[Any]:
    """A fresh IPython shell with capture attached."""
    import mlops_nb
    from mlops_nb.capture import session

    mlops_nb.load_ipython_extension(bare_shell)
    yield bare_shell
    if session.current() is not None:
        mlops_nb.unload_ipython_extension(bare_shell)


# -- kernels --------------------------------------------------------------------------------------------------

Outputs = list[dict[str, Any]]


class Kernel:
    """A real ipykernel: what it shows comes back as in a notebook file."""

    def __init__(self, folder: Path, variables: Mapping[str, str] | None = None, arguments: tuple[str, ...] = ()):
        from jupyter_client.manager import KernelManager

        self.folder = folder
        self.manager = KernelManager()
        self.manager.start_kernel(
            cwd=str(folder), env=environment(folder, variables), extra_arguments=list(arguments),
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        self.client = self.manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=60)

    @property
    def pid(self) -> int:
        """The process of the kernel."""
        return int(self.manager.provisioner.process.pid)

    def send(self, code: str, cell_id: str | None = None, silent: bool = False) -> str:
        """Ask for a cell to be run, do not wait, and return the ID of the request."""
        content = {
            "code": textwrap.dedent(code).strip("\n"), "silent": silent, "store_history": not silent,
            "user_expressions": {}, "allow_stdin": False, "stop_on_error": False,
        }  # fmt: skip
        message = self.client.session.msg("execute_request", content)
        if cell_id is not None:
            message["metadata"]["cellId"] = cell_id
        self.client.shell_channel.send(message)
        return str(message["header"]["msg_id"])

    def outputs(self, request: str, timeout: float = 60) -> Outputs:
        """Wait until a request is done and return what it showed; pieces of one stream are one output."""
        shown: Outputs = []
        while True:
            message = self.client.get_iopub_msg(timeout=timeout)
            if message["parent_header"].get("msg_id") != request:
                continue
            kind, content = message["msg_type"], message["content"]
            if kind == "status" and content["execution_state"] == "idle":
                return shown
            if kind == "stream" and shown and shown[-1].get("name") == content["name"]:
                shown[-1]["text"] += content["text"]
            elif kind in ("stream", "execute_result", "display_data", "error"):
                shown.append({"output_type": kind, **content})

    def run(self, code: str, cell_id: str | None = None, timeout: float = 60) -> Outputs:
        """Run a cell and return what it showed."""
        return self.outputs(self.send(code, cell_id), timeout)

    def text(self, code: str) -> str:
        """Run a cell and return its standard output; an error of the cell fails the test."""
        shown = self.run(code)
        assert not [output for output in shown if output["output_type"] == "error"], shown
        return "".join(o["text"] for o in shown if o["output_type"] == "stream" and o["name"] == "stdout")

    def settle(self) -> None:
        """Have everything that capture has seen so far committed, without running a cell."""
        self.outputs(self.send("__import__('mlops_nb').project.current().store.flush()", silent=True))

    def wait_until(self, text: str, timeout: float = 60) -> None:
        """Wait until the running cell prints a text."""
        while True:
            message = self.client.get_iopub_msg(timeout=timeout)
            if message["msg_type"] == "stream" and text in message["content"]["text"]:
                return

    def interrupt(self) -> None:
        """Send what the stop button sends."""
        self.manager.interrupt_kernel()

    def kill(self) -> None:
        """Send SIGKILL and wait until the process is gone."""
        os.kill(self.pid, signal.SIGKILL)
        self.manager.provisioner.process.wait(timeout=20)

    def stop(self) -> None:
        """Shut the kernel down as a user would, so that its exit handlers run."""
        process = self.manager.provisioner.process if self.manager.provisioner else None
        if process is not None and process.poll() is None:
            self.client.shutdown()
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                pass
        self.client.stop_channels()
        try:
            self.manager.shutdown_kernel(now=True)
        except (RuntimeError, queue.Empty):
            pass


@pytest.fixture
def start_kernel(workspace: Path) -> Iterator[Callable[..., Kernel]]:
    """Start kernels in the working folder (or ``folder=``); they are stopped after the test."""
    started: list[Kernel] = []

    def start(folder: Path | None = None, *, arguments: tuple[str, ...] = (), **variables: str) -> Kernel:
        started.append(Kernel(folder or workspace, variables, arguments))
        return started[-1]

    yield start
    for kernel in started:
        kernel.stop()


@pytest.fixture
def kernel(start_kernel: Callable[..., Kernel]) -> Kernel:
    """A real kernel in the working folder, without capture until a cell loads it."""
    return start_kernel()


@pytest.fixture(scope="module")
def module_kernel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kernel]:
    """One real kernel for the tests of a module, with capture loaded."""
    kernel = Kernel(tmp_path_factory.mktemp("kernel"))
    kernel.run("%load_ext mlops_nb")
    yield kernel
    kernel.stop()


# -- processes ------------------------------------------------------------------------------------------------


@pytest.fixture
def start_process(workspace: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start Python code in a process of its own; its output is kept in pipes."""
    started: list[subprocess.Popen[str]] = []

    def start(code: str, *arguments: object, **variables: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(code), *map(str, arguments)], cwd=workspace, text=True,
            env=environment(workspace, variables), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


@pytest.fixture
def run_process(
    start_process: Callable[..., subprocess.Popen[str]],
) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run Python code in a process of its own; unless ``check=False``, it must end well."""

    def run(
        code: str, *arguments: object, check: bool = True, timeout: float = 60, **variables: str
    ) -> subprocess.CompletedProcess[str]:
        process = start_process(code, *arguments, **variables)
        out, err = process.communicate(timeout=timeout)
        assert not check or process.returncode == 0, err
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    return run
