"""Processes: which program, person and machine facts come from, and which of them died before they finished."""

from __future__ import annotations

import os
import socket
import sys
import time
import weakref

from mlops_nb.capture import columns, environments
from mlops_nb.project import Project
from mlops_nb.store.db import Store

SLACK = 2.0  # seconds by which two readings of a process's birth may differ

_mine: weakref.WeakKeyDictionary[Store, tuple[int, int]] = weakref.WeakKeyDictionary()  # (process, row ID)


def process_id(project: Project) -> int:
    """Return the row ID of this process in a project's store, recorded when first asked."""
    pid, number = _mine.get(project.store, (0, 0))
    if pid != os.getpid():
        commit, diff = environments.git_state(project.root, code_only=bool(columns.patterns(project)))
        with project.store.write() as store:
            number = store.next_id()
            store.execute(
                "INSERT INTO process (id, pid, born, host, program, actor, started_at, environment, git_commit,"
                " git_diff) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                number, os.getpid(), _born(os.getpid()) or time.time(), socket.gethostname(), _program(),
                project.actor, time.time(), environments.environment_id(store), commit,
                project.content.put_text(diff) if diff else None,
            )  # fmt: skip
        _mine[project.store] = (os.getpid(), number)
    return number


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


def begun(store: Store, number: int) -> None:
    """Record, inside a transaction, that a run or an execution has begun."""
    store.execute("INSERT INTO unfinished (id) VALUES (?)", number)


def ended(store: Store, number: int, status: str, reason: str | None, at: float) -> None:
    """Record, inside a transaction, how a run or an execution ended; the first end is the one that counts."""
    store.execute(
        "INSERT INTO outcome (id, status, ended_at, reason) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
        number, status, at, reason,
    )  # fmt: skip
    store.execute("DELETE FROM unfinished WHERE id = ?", number)


def reap(project: Project) -> int:
    """Mark what dead processes of this machine left unfinished as aborted; return how many that were."""
    store = project.store
    unfinished = store.rows(
        """
        SELECT unfinished.id, process.pid, process.born FROM unfinished
            LEFT JOIN execution ON execution.id = unfinished.id LEFT JOIN run ON run.id = unfinished.id
            JOIN process ON process.id = coalesce(execution.process, run.process)
        WHERE process.host = ?
        """,
        socket.gethostname(),
    )
    alive: dict[tuple[int, float], bool] = {}
    dead = []
    for row in unfinished:
        key = (row["pid"], row["born"])
        if key not in alive:
            born = _born(row["pid"])
            alive[key] = born is not None and abs(born - row["born"]) < SLACK
        if not alive[key]:
            dead.append(row["id"])
    if dead:
        with store.write():
            for number in dead:
                ended(store, number, "aborted", "its process ended before it did", time.time())
    return len(dead)
