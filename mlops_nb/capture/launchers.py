"""Launchers: the program that started this process, the notebooks it was told to run, and on whose behalf it runs.

A kernel is told little. Jupyter Server names the notebook of a session in its environment; papermill, nbconvert and
``jupyter execute`` name nothing, so the command line of the kernel's parent is the last resort. An environment is
handed down: a kernel that a cell starts (``!papermill other.ipynb out.ipynb``) has the variables of the cell's own
kernel in it, and must not take them for its own. What cannot be told is None, and never guessed.
"""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

#: Who may have cells run. An executor runs them in order, with nobody at the keys.
EXECUTORS = {
    "papermill": "papermill", "mlops_nb.pipelines.engine": "papermill", "jupyter-nbconvert": "nbconvert",
    "nbconvert": "nbconvert", "jupyter-execute": "nbclient", "nbclient": "nbclient",
}  # fmt: skip
CALLERS = ("person", "papermill", "nbconvert", "nbclient", "scheduler", "ci", "agent")
#: Variables that coding agents set for what they run; ``AI_AGENT`` is the one that they share.
AGENTS = (
    "AI_AGENT", "CLAUDECODE", "CLAUDE_CODE", "CURSOR_AGENT", "CODEX_SANDBOX", "CODEX_THREAD_ID", "GEMINI_CLI",
    "COPILOT_CLI", "OPENCODE", "AUGMENT_AGENT", "ANTIGRAVITY_AGENT",
)  # fmt: skip
#: Most services for continuous integration set ``CI``; these do not, or not always.
CI = ("CI", "GITHUB_ACTIONS", "GITLAB_CI", "JENKINS_URL", "TF_BUILD", "TEAMCITY_VERSION", "CODEBUILD_BUILD_ID")
#: Airflow, Prefect, Flyte, and the batch systems; these also start what people sit at.
SCHEDULERS = ("AIRFLOW_CTX_DAG_ID", "PREFECT__FLOW_RUN_ID", "FLYTE_INTERNAL_EXECUTION_ID")
BATCH = ("SLURM_JOB_ID", "PBS_JOBID", "LSB_JOBID")
CRON = frozenset({"cron", "crond", "anacron", "fcron", "atd"})
NO = frozenset({"", "0", "false", "no"})
PAIRS = frozenset({"-p", "--parameters", "-r", "--parameters_raw"})  # of papermill: a name and a value follow


@dataclass(frozen=True)
class Launcher:
    """The executor that started this process, if one did, and the notebooks that its command line names, in order."""

    executor: str | None
    notebooks: tuple[Path, ...] = ()


def launcher() -> Launcher:
    """Return what started this process."""
    return _launcher(os.getppid())


@functools.lru_cache(maxsize=2)
def _launcher(parent: int) -> Launcher:
    process = _process(parent)
    words = _ask(process, "cmdline") or []
    executor, rest = _executor(words)
    if executor is None and _is_job(words, _ask(process, "parent")):
        return Launcher("scheduler", tuple(sorted(Path.cwd().glob("*.ipynb"))))  # it copies the notebook there
    if executor is None:
        return Launcher(None)
    folder = _folder(process, rest)
    named = [] if folder is None else [folder / word for word in _named(executor, rest)]
    return Launcher(executor, tuple(path for path in named if path.is_file()))


def _executor(words: Sequence[str]) -> tuple[str | None, Sequence[str]]:
    """Return which executor a command line starts, and its arguments: ``papermill …`` or ``python -m papermill …``."""
    for position, word in enumerate(words[:6]):
        if position > 1 and words[position - 1] != "-m":
            continue
        name = os.path.basename(word).removesuffix(".exe").removesuffix("-script.py")
        if name in EXECUTORS:
            return EXECUTORS[name], words[position + 1 :]
    return None, ()


def _is_job(words: Sequence[str], server: Any) -> bool:
    """Whether a command line is of a process that a Jupyter server spawned, as jupyter-scheduler does for its jobs."""
    names = [os.path.basename(word) for word in (_ask(server, "cmdline") or [])[:3]]
    spawned = any("multiprocessing.spawn" in word for word in words)
    return spawned and any(name.startswith("jupyter") for name in names)


def _named(executor: str, words: Sequence[str]) -> list[str]:
    """Return the notebooks among the arguments that are read, not written, and are no parameter's value."""
    found, skip = [], 0
    for word in words:
        if skip:
            skip -= 1
        elif executor == "papermill" and word in PAIRS:
            skip = 2
        elif word == "--output":
            skip = 1
        elif word.endswith(".ipynb") and not word.startswith("-"):
            found.append(word)
    return found[:1] if executor == "papermill" else found  # the second is what it writes


def _folder(process: Any, words: Sequence[str]) -> Path | None:
    """Return the folder in which a command line was typed; ``papermill --cwd`` has left it when the kernel starts."""
    here = _ask(process, "cwd")
    if here is not None and "--cwd" in words[:-1]:
        moved = words[words.index("--cwd") + 1]
        typed = (_ask(process, "environ") or {}).get("PWD", here)
        here = here.removesuffix(f"/{moved}") if here.endswith(f"/{moved}") else typed
    return None if here is None else Path(here)


def is_inherited(name: str, environment: Mapping[str, str]) -> bool:
    """Whether a variable of the environment was the parent's already, so that it speaks of another kernel."""
    if name not in environment:
        return False
    theirs = _ask(_process(os.getppid()), "environ") or {}
    return bool(theirs.get(name) == environment[name])


def caller(environment: Mapping[str, str] = os.environ) -> str | None:
    """Return who has this process run, or None where nobody can tell; ``MLOPS_CALLER`` says it outright."""

    def says(names: Sequence[str]) -> bool:
        return any(environment.get(name, "").lower() not in NO for name in names)

    if environment.get("MLOPS_CALLER") in CALLERS:
        return environment["MLOPS_CALLER"]
    if says(AGENTS):
        return "agent"
    if says(CI):
        return "ci"
    interactive = _is_interactive(environment)
    if says(SCHEDULERS) or (says(BATCH) and not interactive) or _is_scheduled():
        return "scheduler"
    if (executor := launcher().executor) is not None:
        return executor
    return "person" if interactive else None


def _is_interactive(environment: Mapping[str, str]) -> bool:
    """Whether somebody sits in front of it: a session of Jupyter or VS Code, a server that shows one, a terminal."""
    if launcher().executor is not None:
        return False
    if "JPY_SESSION_NAME" in environment and not is_inherited("JPY_SESSION_NAME", environment):
        return True
    if "__vsc_ipynb_file__" in vars(sys.modules["__main__"]):
        return True
    server = sys.modules.get("jupyter_server.serverapp")
    if server is not None and server.ServerApp.initialized():
        return True
    return any(_ask(_process(number), "terminal") for number in (os.getpid(), os.getppid()))


def _is_scheduled() -> bool:
    """Whether cron is among the ancestors of this process."""
    ancestors = _ask(_process(os.getpid()), "parents") or []
    return any((_ask(ancestor, "name") or "").lower() in CRON for ancestor in ancestors)


def _process(number: int) -> Any:
    import psutil  # a kernel has it already

    try:
        return psutil.Process(number)
    except psutil.Error:
        return None


def _ask(process: Any, what: str) -> Any:
    """Ask the operating system about a process; None if there is none, or it is none of our business."""
    import psutil

    try:
        return None if process is None else getattr(process, what)()
    except (psutil.Error, OSError):
        return None
