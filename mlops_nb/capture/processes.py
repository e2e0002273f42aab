"""Processes: which program, person and machine facts come from, and which of them died before they finished."""

from __future__ import annotations

import functools
import os
import sys
import time
import weakref

from mlops_nb.capture import columns, conditions, environments, journal, launchers
from mlops_nb.capture.outcomes import ended
from mlops_nb.project import Project
from mlops_nb.store.db import Store, id_at

SLACK = 2.0  # seconds by which two readings of a process's birth may differ

_mine: weakref.WeakKeyDictionary[Store, tuple[int, int]] = weakref.WeakKeyDictionary()  # (process, row ID)


def process_id(project: Project) -> int:
    """Return the row ID of this process in a project's store, recorded soon when first asked."""
    pid, number = _mine.get(project.store, (0, 0))
    if pid != os.getpid():
        commit, diff = environments.git_state(project.root, code_only=bool(columns.patterns(project)))
        store, here, now = project.store, environments.environment(), time.time()
        number = store.next_id()
        facts = (os.getpid(), _born(os.getpid()) or now, os.uname().nodename, _program(), project.actor, now)
        caller = launchers.caller()

        def record() -> None:
            kept = project.content.put_text(diff) if diff else None
            store.execute(
                "INSERT INTO process (id, pid, born, host, program, actor, started_at, environment, git_commit,"
                " git_diff, caller) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                number, *facts, environments.environment_id(store, here), commit, kept, caller,
            )  # fmt: skip

        store.enter(record)
        store.enter(functools.partial(conditions.record, store, number))
        _mine[project.store] = (os.getpid(), number)
    return number


def born() -> int:
    """Return the row ID of the moment when this process began."""
    return id_at(_born(os.getpid()) or time.time())


def _program() -> str:
    if "MLOPS_PROGRAM" in os.environ:
        return os.environ["MLOPS_PROGRAM"]
    if "ipykernel" in sys.modules:
        return "kernel"
    return "ipython" if "IPython" in sys.modules else "python"


def _born(pid: int) -> float | None:
    """Return when a process started (epoch seconds), or None if there is no such process."""
    import psutil  # 15 ms, and needed once a process

    try:
        return float(psutil.Process(pid).create_time())
    except psutil.Error:
        return None


def _is_alive(pid: int, born: float) -> bool:
    now = _born(pid)
    return now is not None and abs(now - born) < SLACK


def reap(project: Project) -> int:
    """Mark what dead processes of this machine left unfinished as aborted; return how many that were.

    What they had begun and not committed is in their journals, and is entered first.
    """
    store, here = project.store, os.uname().nodename
    is_alive = functools.cache(_is_alive)
    for number in journal.left(project):
        process = store.row("SELECT pid, born FROM process WHERE id = ? AND host = ?", number, here)
        if process is not None and not is_alive(process["pid"], process["born"]):
            journal.recover(project, number)
    unfinished = store.rows(
        """
        SELECT unfinished.id, process.pid, process.born FROM unfinished
            LEFT JOIN execution ON execution.id = unfinished.id LEFT JOIN run ON run.id = unfinished.id
            JOIN process ON process.id = coalesce(execution.process, run.process)
        WHERE process.host = ?
        """,
        here,
    )
    dead = [row["id"] for row in unfinished if not is_alive(row["pid"], row["born"])]
    if dead:
        with store.write():
            for number in dead:
                ended(store, number, "aborted", "its process ended before it did", time.time())
    return len(dead)
