"""The side that forks: a process that has imported everything, and makes a child of itself for each session.

Started as ``python -m tests.soundness.server IMPORTS SLICER``, it answers requests of one JSON line each. A child
begins with an empty folder, a fixed random state and the strings' hashes of its parent, so sessions begin alike.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import io
import json
import os
import random
import re
import shutil
import signal
import sys
import tempfile
from pathlib import Path
from typing import Any

encode = json.JSONEncoder().encode  # a notebook may do anything to what it can reach by name
SECONDS = 20  # after which a session is given up
#: What differs between equal sessions: what %%time says, addresses, and the name of the folder.
CHANGING = re.compile(
    r"^(CPU times|Wall time|Compiler time): .*\n|(?<=0x)[0-9a-fA-F]+|(?<= at )[0-9a-f]{8,}|\S+/(?=notebook/)",
    re.MULTILINE,
)


def serve(imports: str, slicer: str) -> None:
    """Answer requests until there are no more."""
    for name in imports.split():
        importlib.import_module(name)
    gc.freeze()  # a child that collected what it inherited would copy it first
    shell = None if "ipykernel.kernelapp" in sys.modules else _shell()
    for line in sys.stdin:
        request = json.loads(line)
        answer = _fork_kernel(**request) if "connection" in request else _fork_session(shell, slicer, **request)
        print(json.dumps(answer), flush=True)
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG) != (0, 0):
                pass


def _silence() -> None:
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nowhere, stream)


def _fork_kernel(folder: str, connection: str) -> int:
    child = os.fork()
    if child:
        return child
    try:
        os.setsid()
        _silence()
        os.chdir(folder)
        from ipykernel.kernelapp import IPKernelApp

        sys.argv = ["ipykernel_launcher"]
        os.environ["JPY_PARENT_PID"] = str(os.getppid())  # a kernel ends when the server does
        sys.path.insert(0, "")
        IPKernelApp.launch_instance(["-f", connection])
    finally:
        os._exit(0)


# -- shells ---------------------------------------------------------------------------------------------------


def _shell() -> Any:
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config

    config = Config()
    config.HistoryManager.enabled = False
    config.InteractiveShell.colors = "nocolor"
    shell = InteractiveShell.instance(config=config)
    shell._showtraceback = lambda *args: None  # the kind of an error is compared, not its text
    return shell


def _fork_session(shell: Any, slicer: str, home: str | None = None, **request: Any) -> dict[str, Any]:
    """Run a notebook in a child; ``home`` is where its project stays for the next run, under the cell cache."""
    place = Path(tempfile.mkdtemp(dir=home and Path(home).parent))
    child = os.fork()
    if child == 0:
        try:
            _silence()
            signal.alarm(SECONDS)
            if home is None:
                answer = _session(shell, place / "notebook", slicer, **request)
            else:
                answer = _cached_session(shell, Path(home), **request)
        except BaseException:
            import traceback

            answer = {"trouble": traceback.format_exc()[-2000:]}
        with contextlib.suppress(BaseException):
            (place / "answer.json").write_text(encode(answer))
        os._exit(0)
    os.waitpid(child, 0)
    file = place / "answer.json"
    found = json.loads(file.read_text()) if file.exists() else {"trouble": f"no answer in {SECONDS} seconds"}
    shutil.rmtree(place, ignore_errors=True)
    return dict(found)


def _session(
    shell: Any, folder: Path, slicer: str, cells: list[tuple[str, str]], files: dict[str, str], target: str | None,
    kept: list[int] | None,
) -> dict[str, Any]:  # fmt: skip
    write(folder, files)
    os.chdir(folder)
    sys.path.insert(0, "")
    sys.dont_write_bytecode = True
    random.seed(0)
    sys.modules["numpy"].random.seed(0)
    if target is not None:
        import mlops_nb

        mlops_nb.load_ipython_extension(shell)
    shown = [
        _run(shell, index + 1, *cell) if kept is None or index in kept else None for index, cell in enumerate(cells)
    ]
    return {"shown": shown} if target is None else {"shown": shown, **_recorded(target, slicer)}


def _cached_session(
    shell: Any, folder: Path, cells: list[tuple[str, str]], files: dict[str, str], cached: bool
) -> dict[str, Any]:
    """Run a notebook under the cell cache, which keeps everything it can, or without it and without capture."""
    write(folder, files)
    os.chdir(folder)
    sys.path.insert(0, "")
    sys.dont_write_bytecode = True
    random.seed(0)
    sys.modules["numpy"].random.seed(0)
    if cached:
        import mlops_nb

        mlops_nb.load_ipython_extension(shell)
        shell.run_line_magic("mlops", "cache on")
    shown = [_run(shell, index + 1, *cell) for index, cell in enumerate(cells)]
    names = sorted(name for name in shell.user_ns if not name.startswith("_"))
    state = {name: _digest(shell.user_ns, [name]) for name in names}
    together = _digest(shell.user_ns, [name for name in names if state[name]])
    done = []
    if cached:
        from mlops_nb.cache.switch import cache
        from mlops_nb.project import current

        done = [[cell.restored_from is not None, cell.reason] for cell in cache(current()).cells]
    return {"shown": shown, "state": state, "together": together, "done": done, "files": _files(folder)}


def _digest(namespace: dict[str, Any], names: list[str]) -> str | None:
    """Return what is the same where values, and what they share, are the same; None where that cannot be told."""
    from mlops_nb.cache import questions
    from mlops_nb.cache.heap import Refused

    heap = questions.Heap(namespace, lambda module: module == "__main__")
    try:
        return heap.digest(heap.take(names))
    except Refused:
        return None


def _files(folder: Path) -> dict[str, str]:
    paths = (path for path in folder.rglob("*") if path.is_file() and ".mlops" not in path.parts)
    return {str(path.relative_to(folder)): path.read_bytes().hex() for path in paths}


def _run(shell: Any, count: int, source: str, cell: str) -> str:
    shell.execution_count = count
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(io.StringIO()):
        result = shell.run_cell(source, store_history=True, cell_id=cell)
    error = result.error_before_exec or result.error_in_exec
    return CHANGING.sub("", out.getvalue()) + (f"<{type(error).__name__}>" if error is not None else "")


def _recorded(target: str, slicer: str) -> dict[str, Any]:
    from mlops_nb.project import current

    project = current()
    module, _, function = slicer.partition(":")
    found = getattr(importlib.import_module(module), function)(project, target)
    return {
        "slice": sorted(cell.execution_count - 1 for cell in found.cells),
        "uncheckable": [str(reason) for reason in found.uncheckable],
        "wrote": written(project),
        "became": written(project, in_place=True),
    }


def written(project: Any, in_place: bool = False) -> list[list[str]]:
    """Return the variables that each execution made a version of, or only those it changed in place."""
    made = "edge.kind = 'wrote' AND node.kind = 'variable'"
    if in_place:
        made += " AND EXISTS (SELECT 1 FROM edge AS past WHERE past.target = node.id AND past.kind = 'became')"
    rows = project.store.rows(
        "SELECT execution.count, node.name FROM execution JOIN edge ON edge.source = execution.id"
        f" JOIN node ON node.id = edge.target WHERE {made} AND execution.count IS NOT NULL"
    )
    last = project.store.value("SELECT max(count) FROM execution") or 0
    return [sorted({row["name"] for row in rows if row["count"] == count}) for count in range(1, last + 1)]


def write(folder: Path, files: dict[str, str]) -> None:
    """Write files into a folder, which is made if need be."""
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    folder.mkdir(parents=True, exist_ok=True)


if __name__ == "__main__":
    serve(*sys.argv[1:])
