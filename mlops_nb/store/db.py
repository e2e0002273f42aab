"""The store: one SQLite file, one connection per process, every write in ``BEGIN IMMEDIATE``.

Two ways in. ``with store.write():`` commits when the block ends, and is what verbs use. ``store.defer(job)`` is
for capture: the job runs later, on a thread that commits at once while the user's cell is running, so a cell
never waits for the disk. Whoever reads or writes afterwards first commits what was deferred, so a process always
sees its own facts in order.

Whatever is written, a secret in it is not: every text passes :func:`~mlops_nb.secrets.redaction.redact` at this door.

Row IDs are made in Python from the time and a number that each writer draws from the ``sequence`` table: a fact can be
named, and pointed at, before it is written, and the order of IDs is the order of time, whoever wrote.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from mlops_nb.errors import StoreBusy, StoreError
from mlops_nb.secrets.known import learn_environment
from mlops_nb.secrets.redaction import redact
from mlops_nb.store.failures import is_busy, is_of_the_store, read_only, translated
from mlops_nb.store.preparing import enter_wal, migrate

Job = Callable[[], None]

EPOCH = 1_577_836_800_000_000  # microseconds: the beginning of 2020
WRITERS = 1 << 14  # so many processes may write before a number is given out again
LATEST = (1 << 63) - 1  # no row ID is larger
BUSY_SECONDS = 30.0
WRITER = "mlops-nb-writer"  # the name of the thread that commits
PAUSE = 0.01  # seconds between two tries to get at a store that another process has
LINGER = 0.002  # seconds the writer waits, so that a short cell's start and end are one transaction


def id_at(moment: float) -> int:
    """Return a number between the row IDs that were made up to a moment (epoch seconds) and those made later."""
    return min((int(moment * 1_000_000) - EPOCH + 1) * WRITERS, LATEST)


class Store:
    """A handle on one ``lineage.db``; safe to use from several threads and across ``os.fork``."""

    def __init__(self, path: Path) -> None:
        """Open or create the store at ``path``.

        Raises:
            StoreReadOnly: the folder or the file cannot be written.
            StoreCorrupt: the file is not a healthy SQLite database.
            StoreTooNew: a newer version of this package wrote it.
        """
        self.path = path
        self.on_gap: Callable[[BaseException], None] = lambda error: None
        self.patience = BUSY_SECONDS  # how long a write waits for another process
        self.commits = 0  # of this process: what a job saw it at is committed when it has grown
        #: Called when the store closes, in order: who still has something to defer does so then.
        self.before_close: list[Job] = []
        self._lock = threading.RLock()
        self._jobs: deque[Job] = deque()
        self._slow: deque[tuple[Job, Job]] = deque()
        self._preparing = threading.Lock()
        self._wake, self._hurry = threading.Event(), threading.Event()
        self._thread: threading.Thread | None = None
        self._naming = threading.Lock()
        self._writer: int | None = None
        self._moment = 0
        self._drawn = False  # whether that number was drawn in the transaction that is open
        self._owner = 0  # the thread whose transaction is open
        self._pid = os.getpid()
        self._connection = self._connect()
        atexit.register(self.close)
        os.register_at_fork(
            before=lambda: self._lock.acquire(),  # noqa: PLW0108  # a child has another lock
            after_in_parent=lambda: self._lock.release(),  # noqa: PLW0108
            after_in_child=self._after_fork,
        )

    # -- opening and closing ----------------------------------------------------------------------------------

    def _connect(self) -> sqlite3.Connection:
        with translated(self.path, self.patience):
            try:
                self.path.parent.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise read_only(self.path, error) from error
            connection = sqlite3.connect(self.path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
            connection.row_factory = sqlite3.Row
            connection.execute("PRAGMA foreign_keys = ON")
            connection.execute("PRAGMA synchronous = NORMAL")
            enter_wal(connection, BUSY_SECONDS)
            migrate(connection, self.path)
            seen = os.stat(self.path)
            self.identity = seen.st_dev, seen.st_ino  # of its file, of which there may be another at its path one day
            return connection

    def close(self) -> None:
        """Commit what is deferred and close the connection; closing twice is fine."""
        if self._pid != os.getpid():
            return
        hooks, self.before_close = self.before_close, []
        for hook in hooks:
            try:
                hook()
            except Exception as error:  # the edge: nobody keeps the store from closing
                self.on_gap(error)
        with self._lock:
            with contextlib.suppress(StoreError, sqlite3.ProgrammingError):
                self.flush()
            self._thread = None  # ends the writer when it wakes
            self._wake.set()
            self._connection.close()
        atexit.unregister(self.close)

    def _after_fork(self) -> None:
        # The child must touch neither the parent's connection nor its lock, and must not write its jobs again. No other
        # thread was writing: SQLite would take the locks it held for the child's own, and wait for itself for ever.
        self._lock = threading.RLock()
        self._jobs = deque()
        self._slow = deque()
        self._preparing = threading.Lock()
        self._wake, self._hurry = threading.Event(), threading.Event()
        self._thread = None
        self._naming = threading.Lock()
        self._writer = None
        self._owner = 0

    @property
    def connection(self) -> sqlite3.Connection:
        """The process's own connection, opened anew in a forked child."""
        if self._pid != os.getpid():
            self._inherited = self._connection  # kept alive: closing it would drop the parent's locks
            self._pid = os.getpid()
            self._connection = self._connect()
        return self._connection

    # -- reading ----------------------------------------------------------------------------------------------

    def rows(self, sql: str, *values: Any) -> list[sqlite3.Row]:
        """Return every row of a query."""
        if (self._jobs or self._slow) and self._owner != threading.get_ident():
            self.flush()
        with self._lock, translated(self.path, self.patience):
            return self.connection.execute(sql, _cleaned(values)).fetchall()

    def row(self, sql: str, *values: Any) -> sqlite3.Row | None:
        """Return the first row of a query, or None."""
        found = self.rows(sql, *values)
        return found[0] if found else None

    def value(self, sql: str, *values: Any) -> Any:
        """Return the first column of the first row of a query, or None."""
        found = self.row(sql, *values)
        return None if found is None else found[0]

    def token(self) -> str:
        """Return a cheap text that changes when anybody commits to this store."""
        if self._jobs and self._owner != threading.get_ident():
            self.flush()
        with self._lock:
            seen = self.connection.execute("PRAGMA data_version").fetchone()[0]
            return f"{os.getpid():x}.{seen:x}.{self.connection.total_changes:x}"

    # -- writing ----------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def write(self, patience: float | None = None) -> Iterator[Store]:
        """Hold the one write transaction; a block inside a block joins the outer one.

        Args:
            patience: how many seconds to wait for another process, if not as long as ever

        Raises:
            StoreError: the store is locked, full, read-only or damaged; nothing of the block is kept.
        """
        if self._owner == threading.get_ident():
            yield self
            return
        done: list[Job] = []
        with translated(self.path, self.patience):
            self._begin(self.patience if patience is None else patience)
            try:
                learn_environment()
                self._run_jobs(done)
                yield self
                self.connection.execute("COMMIT")
                self.commits += 1
                self._drawn = False
            except BaseException:
                if self.connection.in_transaction:
                    self._undo("ROLLBACK")
                self._jobs.extendleft(reversed(done))  # they are undone too, and none may be lost
                raise
            finally:
                self._owner = 0
                self._lock.release()

    def _begin(self, patience: float) -> None:
        """Take the lock and open a transaction.

        While another process has the store, the lock is let go of between two tries: a cell that forks takes it too,
        and must not wait for whom the writer waits.
        """
        end = time.monotonic() + patience
        while not self._try_to_begin(last=time.monotonic() > end):
            time.sleep(PAUSE)

    def _try_to_begin(self, *, last: bool) -> bool:
        self._lock.acquire()
        try:
            self.connection.execute("PRAGMA busy_timeout = 0")
            try:
                self.connection.execute("BEGIN IMMEDIATE")
            finally:
                self.connection.execute(f"PRAGMA busy_timeout = {BUSY_SECONDS * 1000:.0f}")
            self._owner = threading.get_ident()
        except BaseException as error:
            self._lock.release()
            if last or not is_busy(error):
                raise
            return False
        return True

    def _undo(self, statement: str) -> None:
        self.connection.execute(statement)
        if self._drawn:
            self._writer, self._drawn = None, False  # a number given out in what is undone belongs to nobody

    def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
        """Run one statement inside ``with store.write():``."""
        return self._connection.execute(sql, _cleaned(values))

    def execute_many(self, sql: str, rows: Sequence[Sequence[Any]]) -> None:
        """Run one statement for many rows inside ``with store.write():``."""
        self._connection.executemany(sql, map(_cleaned, rows))

    def next_id(self) -> int:
        """Return a fresh row ID: unique over all processes, and in the order of time.

        It is the microsecond since 2020 with the number of this writer in its last 14 bits.
        """
        if (writer := self._writer) is None:
            with self.write():
                self._drawn = True
                writer = self._writer = self.execute(
                    "UPDATE sequence SET upcoming = upcoming + 1 WHERE name = 'id' RETURNING upcoming % ?", WRITERS
                ).fetchone()[0]
        with self._naming:  # a lock of its own: a cell does not wait for whoever is writing
            self._moment = max(self._moment + 1, time.time_ns() // 1000 - EPOCH)
            return int(self._moment * WRITERS + writer)

    # -- writing later ----------------------------------------------------------------------------------------

    def enter(self, job: Job) -> None:
        """Run ``job`` in the transaction that this thread has open, or soon where it has none."""
        if self._owner == threading.get_ident():
            job()
        else:
            self.defer(job)

    def defer(self, job: Job, prepare: Job | None = None) -> None:
        """Run ``job`` in a transaction soon, off the caller's path; order is kept.

        What takes long (hashing a file) belongs in ``prepare``: it runs before, on the writer's thread, and holds no
        lock. A job that has one may run after jobs that were deferred later.
        """
        if prepare is None:
            self._jobs.append(job)
        else:
            self._slow.append((job, prepare))
            self._hurry.set()  # a file is hashed at once: somebody may change it
        self._start_writer()

    def _start_writer(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._drain, name=WRITER, daemon=True)
            self._thread.start()
        self._wake.set()

    def flush(self, patience: float | None = None) -> None:
        """Commit everything deferred so far, also what takes long; ``patience`` is that of :meth:`write`."""
        self._prepare()
        with self._lock:  # the writer may have taken the last job and not have committed it yet
            pending = bool(self._jobs)
        if pending:
            with self.write(patience):
                pass

    def _drain(self) -> None:
        thread = threading.current_thread()
        while self._thread is thread:
            self._wake.wait()
            self._wake.clear()
            self._hurry.wait(LINGER)
            self._hurry.clear()
            if self._thread is not thread:
                return
            try:
                if self._jobs:  # what is ready does not wait for what takes long
                    with self.write():
                        pass
                self.flush()
            except StoreBusy:  # nothing is lost by waiting
                self._wake.set()
            except Exception as error:  # the edge: the writer outlives any one failure, and says so once
                if self._thread is thread:
                    self.on_gap(error)
                    time.sleep(0.2)

    def _prepare(self) -> None:
        """Do what takes long, outside any transaction, and put the jobs among those that are ready."""
        with self._preparing:
            while self._slow:
                job, prepare = self._slow[0]
                try:
                    prepare()
                    self._jobs.append(job)
                except Exception as error:
                    self.on_gap(error)
                self._slow.popleft()

    def _run_jobs(self, done: list[Job]) -> None:
        """Run deferred jobs in the open transaction; one that fails is undone alone and reported as a gap."""
        while self._jobs:
            done.append(self._jobs.popleft())
            learn_environment()  # the cell may have set a variable since the transaction began
            self.connection.execute("SAVEPOINT job")
            try:
                done[-1]()
            except Exception as error:
                if is_of_the_store(error):
                    raise
                self._undo("ROLLBACK TO job")
                self.on_gap(error)
            self.connection.execute("RELEASE job")


def _cleaned(values: Sequence[Any]) -> list[Any]:
    """Take secrets out of every text on its way in; a question is asked in the same words, so that it finds them."""
    return [redact(value) if type(value) is str else value for value in values]
