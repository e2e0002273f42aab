"""The journal: what began and ended is on record before the cell runs on, without a transaction.

Committing takes longer than many a cell, so it is left to the store's writer; a process that dies at once would take
along what is not committed yet. Each process therefore writes the starts and ends of its cells into a file of its own
beside the store, ``<row ID of the process>.journal``: one ``pwrite`` of one line to an open file. What the operating
system has been handed survives the process, if not a power cut.

Once the store has committed all that is in it, the next line goes to the beginning again: only the one who writes knows
when, so nobody else ever cuts the file short. A process that ends well removes it. What a dead one left is entered by
the next that looks (see ``processes``), in a transaction that leaves out what the store has already, so old lines do no
harm and any number of processes may do that at once. A line carries its checksum: what is torn or half overwritten is
none.

The write keeps the interpreter's lock (see ``syscalls``): letting go of it costs many times what the write takes.
"""

from __future__ import annotations

import contextlib
import errno
import functools
import json
import os
import sqlite3
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mlops_nb import hooks
from mlops_nb.capture import cells, outcomes, syscalls
from mlops_nb.errors import StoreError
from mlops_nb.project import Project
from mlops_nb.store.db import Job

SUFFIX = ".journal"
OURS = 0x6D6C6F70  # where our open file is said to stand: a cell may close any file and get the number for its own

Entry = dict[str, Any]
_encode = json.JSONEncoder().encode  # a notebook may put another function in place of ``json.dumps``


class Journal:
    """The starts and ends of this process's cells: marked at once, entered in the store soon."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self._process = 0
        self._pid = 0
        self._file = -1
        self._end = 0  # where the next line goes
        self._marked = 0  # entries so far
        self._entered = (0, -1)  # the last that a transaction took, and how many commits there had been before it

    def begin(self, number: int, *, process: int, **facts: Any) -> None:
        """Mark that a cell starts, and have it entered.

        Args:
            number: the row ID of the execution
            process: the row ID of this process
            facts: what else ``cells.begin`` takes, as JSON can hold it
        """
        self._process = process
        enter = functools.partial(cells.begin, self.project, number, process=process, **facts)
        self._record({"began": number, **facts}, enter)

    def end(self, number: int, status: str, reason: str | None, at: float) -> None:
        """Mark how a cell of this process ended, and have it entered."""
        enter = functools.partial(outcomes.ended, self.project.store, number, status, reason, at)
        self._record({"ended": number, "status": status, "reason": reason, "at": at}, enter)

    def close(self) -> None:
        """Remove the file; where the store could not take all that is in it, leave it to the next process."""
        if self._pid == 0:
            return
        if self._pid == os.getpid() and self._settled():
            with contextlib.suppress(OSError):
                _path(self.project, self._process).unlink(missing_ok=True)
        self._forget()

    # -- marking ----------------------------------------------------------------------------------------------

    def _record(self, entry: Entry, enter: Job) -> None:
        store = self.project.store
        try:
            if "began" in entry or self._pid == os.getpid():  # a forked child ends its parent's cell, in memory only
                self._write(_line(entry))
        except OSError as error:
            path = _path(self.project, self._process)
            store.on_gap(StoreError(f"{path} cannot be written: {error} - a cell that kills its process may be lost"))
        self._marked += 1
        store.defer(functools.partial(self._enter, self._marked, enter))

    def _enter(self, position: int, enter: Job) -> None:
        self._entered = (position, self.project.store.commits)  # also if it fails: that is told as a gap, not repeated
        enter()

    def _settled(self) -> bool:
        """Whether the store has committed everything that is in the file."""
        commits = self.project.store.commits
        position, before = self._entered
        return position == self._marked and commits > before

    def _write(self, line: bytes) -> None:
        if self._pid != os.getpid() or not self._is_ours():
            self._open()
        start = 0 if self._settled() else self._end
        if syscalls.pwrite(self._file, line, start) < len(line):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self._end = start + len(line)

    def _is_ours(self) -> bool:
        return syscalls.position(self._file) == OURS

    def _open(self) -> None:
        self._forget()
        with hooks.unheard():
            self._file = os.open(_path(self.project, self._process), os.O_WRONLY | os.O_CREAT, 0o666)
        os.lseek(self._file, OURS, os.SEEK_SET)
        self._pid, self._end = os.getpid(), os.fstat(self._file).st_size

    def _forget(self) -> None:
        if self._is_ours():
            os.close(self._file)
        self._file, self._pid = -1, 0


# -- what a dead process left ---------------------------------------------------------------------------------


def _path(project: Project, process: int) -> Path:
    return project.home / f"{process}{SUFFIX}"


def left(project: Project) -> list[int]:
    """Return the row IDs of the processes that have a journal, dead or alive."""
    return [int(path.stem) for path in project.home.glob(f"*{SUFFIX}") if path.stem.isdecimal()]


def recover(project: Project, process: int) -> None:
    """Enter what a dead process marked and did not come to commit, and remove its journal."""
    store, path = project.store, _path(project, process)
    try:
        with hooks.unheard():
            entries = list(_entries(path.read_bytes()))
    except OSError:  # somebody else was first
        return
    missing = [entry for entry in entries if not _is_known(project, entry)]
    before = store.commits
    if missing:
        with store.write():
            for entry in missing:
                _enter_missing(project, process, entry)
    if not missing or store.commits > before:  # inside somebody's open transaction, nothing is sure yet
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)


def _line(entry: Entry) -> bytes:
    text = _encode(entry).encode()
    return b"%08x %s\n" % (zlib.crc32(text), text)


def _entries(data: bytes) -> Iterator[Entry]:
    for line in data.split(b"\n"):
        checksum, _, text = line.partition(b" ")
        if text and checksum == b"%08x" % zlib.crc32(text):  # nothing has a checksum too
            yield json.loads(text)


def _is_known(project: Project, entry: Entry) -> bool:
    if "began" in entry:
        found = project.store.row("SELECT 1 FROM execution WHERE id = ?", entry["began"])
    else:
        found = project.store.row("SELECT 1 FROM outcome WHERE id = ?", entry.get("ended"))
    return found is not None


def _enter_missing(project: Project, process: int, entry: Entry) -> None:
    """Enter one entry inside a transaction, unless somebody else has meanwhile or it is none of this store's."""
    if _is_known(project, entry):
        return
    store = project.store
    store.execute("SAVEPOINT entry")
    try:
        if "began" in entry:
            cells.begin(project, entry.pop("began"), process=process, **entry)
        else:
            outcomes.ended(store, entry["ended"], entry["status"], entry["reason"], entry["at"])
            store.execute(
                "INSERT INTO gap (id, run, message) SELECT ?, run, ? FROM execution WHERE id = ?",
                store.next_id(), "a cell's process ended before what it touched was recorded", entry["ended"],
            )  # fmt: skip
    except (KeyError, TypeError, ValueError, sqlite3.IntegrityError):  # of another store, or written by a later version
        store.execute("ROLLBACK TO entry")
    store.execute("RELEASE entry")
