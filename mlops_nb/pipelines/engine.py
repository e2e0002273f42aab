"""The engine: a process of our own in which papermill runs notebooks, one request a line.

    request  {"notebook", "output", "parameters", "cwd", "environment", "kernel"}
    answers  {"event": "cell", "done", "total", "label"} …  then one {"event": "end", "error": null | {…}}

It is started before it is needed, so that papermill's import overlaps with planning, and it ends when its input
does, in the middle of a cell too: a killed ``mlops run`` leaves no engine and no kernel behind. Notebook kernels load
capture themselves before their first cell; not a cell of the user's file is changed.
"""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from mlops_nb.errors import StepFailed
from mlops_nb.records import Json

AUTOLOAD = "--InteractiveShellApp.extra_extensions=mlops_nb.surfaces.autoload"
Progress = Callable[[int, int, str], None]


@dataclass(frozen=True)
class CellError:
    """How a notebook failed: the error of the cell, or of the kernel itself."""

    name: str
    message: str
    cell: str


class Engine:
    """A handle on the engine's process."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start the process if it is not running."""
        if self._process is None or self._process.poll() is not None:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "mlops_nb.pipelines.engine"],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
            )  # fmt: skip

    def execute(
        self,
        notebook: Path,
        output: Path,
        parameters: Mapping[str, Json],
        environment: Mapping[str, str],
        progress: Progress,
        kernel: str | None = None,
    ) -> CellError | None:
        """Run a notebook and return how it failed, or None.

        Args:
            notebook: the file that is run
            output: where it is written as it ran
            parameters: what papermill puts in
            environment: variables that the engine and its kernels get
            progress: told of each cell: its number, how many there are, and its first line
            kernel: the name of the kernel, instead of the one that the notebook names

        Raises:
            StepFailed: the engine's process died.
        """
        self.start()
        process = self._process
        assert process is not None and process.stdin is not None and process.stdout is not None
        request = {
            "notebook": str(notebook), "output": str(output), "parameters": dict(parameters),
            "cwd": str(notebook.parent), "environment": dict(environment),
            "kernel": kernel,
        }  # fmt: skip
        try:
            process.stdin.write(json.dumps(request) + "\n")
            process.stdin.flush()
        except BrokenPipeError:
            pass  # told below, with the exit status
        for line in process.stdout:
            answer = json.loads(line)
            if answer["event"] == "cell":
                progress(answer["done"], answer["total"], answer["label"])
            else:
                return CellError(**answer["error"]) if answer["error"] else None
        raise StepFailed(
            f"the process that ran {notebook.name} ended with status {process.wait()} - what was finished is kept;"
            " start again with: mlops run"
        )

    def stop(self) -> None:
        """End the process, and with it any kernel it runs."""
        if self._process is not None:
            process, self._process = self._process, None
            if process.stdin is not None:
                process.stdin.close()
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            if process.stdout is not None:
                process.stdout.close()


# -- inside the process ---------------------------------------------------------------------------------------


class _Requests:
    """The lines of standard input; when it ends in the middle of a notebook, the kernels end with it."""

    def __init__(self) -> None:
        self.busy = False
        self._lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        threading.Thread(target=self._listen, daemon=True).start()

    def __iter__(self) -> Iterator[str]:
        while (line := self._lines.get()) is not None:
            self.busy = True
            yield line

    def _listen(self) -> None:
        for line in sys.stdin:
            self._lines.put(line)
        self._lines.put(None)
        if self.busy:
            import psutil

            for child in psutil.Process().children(recursive=True):
                child.kill()
            os._exit(1)


def _serve(requests: _Requests, answer: Callable[[dict[str, Any]], None]) -> None:
    sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]  # a second of import nobody here needs
    import papermill
    from papermill.engines import NBClientEngine, papermill_engines
    from papermill.exceptions import PapermillExecutionError

    class CapturingEngine(NBClientEngine):  # type: ignore[misc]
        """Papermill's own engine, telling of each cell, with kernels that load capture."""

        cell = ""

        @classmethod
        def execute_managed_notebook(cls, manager: Any, kernel_name: str, **options: Any) -> None:
            started, total = manager.cell_start, len(manager.nb.cells)

            def cell_start(cell: Any, index: int, **rest: Any) -> None:
                label = next(iter(cell.source.strip().splitlines()), "") if cell.cell_type == "code" else ""
                CapturingEngine.cell = label
                answer({"event": "cell", "done": index, "total": total, "label": label})
                started(cell, index, **rest)

            manager.cell_start = cell_start
            super().execute_managed_notebook(manager, kernel_name, extra_arguments=[AUTOLOAD], **options)

    papermill_engines.register("mlops", CapturingEngine)
    for line in requests:
        request = json.loads(line)
        os.environ.update(request["environment"])
        error: CellError | None = None
        CapturingEngine.cell = ""
        try:
            notebook = json.loads(Path(request["notebook"]).read_text(encoding="utf-8"))
            metadata = notebook.get("metadata", {})
            papermill.execute_notebook(
                request["notebook"], request["output"], parameters=request["parameters"], engine_name="mlops",
                kernel_name=request["kernel"] or metadata.get("kernelspec", {}).get("name", "python3"),
                language="python", progress_bar=False, cwd=request["cwd"],
            )  # fmt: skip
        except PapermillExecutionError as failed:
            label = next(iter(failed.source.strip().splitlines()), "")
            error = CellError(failed.ename, str(failed.evalue), f"[{failed.exec_count}] {label}")
        except Exception as failed:  # the edge of the process: a dead kernel, an unreadable file, a full disk
            error = CellError(type(failed).__name__, str(failed), CapturingEngine.cell)
        requests.busy = False
        answer({"event": "end", "error": error.__dict__ if error else None})


def _main() -> None:
    channel = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # whatever prints to stdout must not enter the protocol

    def answer(message: dict[str, Any]) -> None:
        channel.write(json.dumps(message) + "\n")

    _serve(_Requests(), answer)


if __name__ == "__main__":
    _main()
