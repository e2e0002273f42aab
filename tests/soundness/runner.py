"""Running notebooks thousands of times, and judging the slices of what capture saw of them.

A ``Server`` forks shells in which a notebook runs at once (``observe`` with capture, ``replay`` without, and only some
of the executions), and real kernels that are talked to as any other (``kernel``).

A slice is *sound* when its executions alone, run without capture in a fresh session, let the last one show the same.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.conftest import ROOT, Kernel, environment
from tests.soundness.notebook import Notebook
from tests.soundness.server import write

#: What is tried: ``module:function`` with the signature of ``slice_of``.
SLICER = os.environ.get("MLOPS_SLICER", "mlops_nb.lineage.slices:slice_of")
SHELLS = (
    "IPython.core.interactiveshell IPython.core.completerlib IPython.core.magics bdb asyncio glob numpy pandas pyarrow.parquet"
    " sklearn.ensemble sklearn.linear_model sklearn.pipeline sqlite_utils mlops_nb.surfaces.magics mlops_nb.lineage.slices"
)
KERNELS = "ipykernel.kernelapp ipykernel.debugger ipykernel.zmqshell IPython.core.completerlib"
SETTLED = {"PYTHONHASHSEED": "0", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
SETTLED |= {"PYDEVD_DISABLE_FILE_VALIDATION": "1"}  # a warning of the debugger


def slicer() -> Any:
    """Return the function that is tried."""
    module, _, function = SLICER.partition(":")
    return getattr(importlib.import_module(module), function)


@dataclass(frozen=True)
class Session:
    """What happened: what each execution showed, and, under capture, what was recorded."""

    shown: list[str | None] = field(default_factory=list)
    slice: list[int] = field(default_factory=list)
    uncheckable: list[str] = field(default_factory=list)
    wrote: list[list[str]] = field(default_factory=list)
    became: list[list[str]] = field(default_factory=list)
    trouble: str | None = None


@dataclass(frozen=True)
class Judgement:
    """A notebook observed, the same without capture, and its slice alone."""

    notebook: Notebook
    observed: Session
    plain: Session
    sliced: Session

    @property
    def fair(self) -> bool:
        """Whether the notebook runs by itself: one that hangs or kills its process is no test of anything else."""
        return self.plain.trouble is None

    @property
    def transparent(self) -> bool:
        """Whether every cell showed under capture what it shows without."""
        return self.observed.trouble is None and self.observed.shown == self.plain.shown

    @property
    def sound(self) -> bool:
        """Whether the slice alone lets the last execution show the same."""
        return self.observed.trouble is None and self.sliced.shown[-1:] == self.observed.shown[-1:]

    def __str__(self) -> str:
        """Return what a person needs who looks for the reason."""
        lines = ["", *str(self.notebook).splitlines(), "", f"slice: {self.observed.slice}"]
        lines += [f"uncheckable: {reason}" for reason in self.observed.uncheckable]
        lines += [f"all:   {self.observed.shown[-1:]}", f"slice: {self.sliced.shown[-1:]}"]
        lines += [f"[{i}] wrote {names}" for i, names in enumerate(self.observed.wrote)]
        return "\n".join([*lines, f"trouble: {self.observed.trouble}"])


class Server:
    """A process that forks sessions, having imported what they need."""

    def __init__(self, folder: Path, imports: str = SHELLS, slicer: str = SLICER):
        self.folder = folder
        self.spare: ForkedKernel | None = None
        (folder / ".settings").mkdir(parents=True, exist_ok=True)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.soundness.server", imports, slicer], cwd=ROOT, text=True,
            env=environment(folder, SETTLED), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip

    def stop(self) -> None:
        """End the server."""
        if self.spare:
            self.spare.stop()
        self.process.communicate()

    def ask(self, **request: Any) -> Any:
        """Send a request and return the answer."""
        assert self.process.stdin and self.process.stdout
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def _session(self, notebook: Notebook, target: str | None, kept: Collection[int] | None) -> Session:
        cells = [(cell.source, cell.id) for cell in notebook.cells]
        kept = None if kept is None else sorted(kept)
        return Session(**self.ask(cells=cells, files=notebook.files, target=target, kept=kept))

    def observe(self, notebook: Notebook, target: str | None = None) -> Session:
        """Run a notebook under capture and slice its last execution, or what ``target`` refers to."""
        return self._session(notebook, target or f"cell:{len(notebook.cells)}", None)

    def replay(self, notebook: Notebook, kept: Collection[int] | None = None) -> Session:
        """Run a notebook, or only some of its executions, without capture."""
        return self._session(notebook, None, kept)

    def judge(self, notebook: Notebook) -> Judgement:
        """Slice the last execution of a notebook, and run the slice alone."""
        observed, plain = self.observe(notebook), self.replay(notebook)
        whole = len(observed.slice) == len(notebook.cells)
        return Judgement(notebook, observed, plain, plain if whole else self.replay(notebook, observed.slice))

    def surplus(self, notebook: Notebook, kept: Collection[int]) -> list[int]:
        """Return the executions of a sound slice that could be dropped, one after the other, newest first."""
        wanted, needed, dropped = self.replay(notebook, kept).shown[-1], set(kept), []
        for index in sorted(needed - {len(notebook.cells) - 1}, reverse=True):
            if self.replay(notebook, needed - {index}).shown[-1] == wanted:
                needed.discard(index)
                dropped.append(index)
        return dropped

    def kernel(self, files: dict[str, str] | None = None) -> ForkedKernel:
        """Return a fresh kernel in a folder of its own with these files; the next one starts meanwhile."""
        kernel, self.spare = self.spare or ForkedKernel(self), ForkedKernel(self)
        write(kernel.folder, files or {})
        kernel.client.wait_for_ready(timeout=60)
        return kernel


class ForkedKernel(Kernel):
    """A real ipykernel that a server forked, so that it need not be imported again."""

    def __init__(self, server: Server):
        from jupyter_client.blocking.client import BlockingKernelClient
        from jupyter_client.connect import write_connection_file

        self.folder = Path(tempfile.mkdtemp(dir=server.folder))
        file, _ = write_connection_file(f"{self.folder}.json")
        self._pid = server.ask(folder=str(self.folder), connection=file)
        self.client = BlockingKernelClient(connection_file=file)
        self.client.load_connection_file()
        self.client.start_channels()

    @property
    def pid(self) -> int:
        """The process of the kernel."""
        return int(self._pid)

    def interrupt(self) -> None:
        """Send what the stop button sends."""
        os.kill(self.pid, signal.SIGINT)

    def stop(self) -> None:
        """End the kernel, without a farewell: what is to be read of it must be committed before."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        self.client.stop_channels()
