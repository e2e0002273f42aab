"""The store: one SQLite file, one connection per process, every write in ``BEGIN IMMEDIATE``.

Two ways in. ``with store.write():`` commits when the block ends, and is what verbs use. ``store.defer(job)`` is
for capture: the job runs later, on a thread that commits at once while the user's cell is running, so a cell
never waits for the disk. Whoever reads or writes afterwards first commits what was deferred, so a process always
sees its own facts in order.

Row IDs are handed out in Python from blocks reserved in the ``sequence`` table: a fact can be named, and pointed
at, before it is written.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import sqlite3
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from mlops_nb.errors import StoreBusy, StoreCorrupt, StoreError, StoreFull, StoreReadOnly, StoreTooNew
from mlops_nb.store import migrations

Job = Callable[[], None]

BLOCK = 512  # row IDs reserved at a time
BUSY_SECONDS = 30.0
LINGER = 0.002  # seconds the writer waits for the rest of a burst


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
        self._lock = threading.RLock()
        self._jobs: deque[tuple[Job, Job | None]] = deque()
        self._wake = threading.Event()
        self._thread: threading.Thread | None = None
        self._ids: Iterator[int] = iter(())
        self._depth = 0
        self._pid = os.getpid()
        self._connection = self._connect()
        atexit.register(self.close)
        os.register_at_fork(after_in_child=self._after_fork)

    # -- opening and closing ----------------------------------------------------------------------------------

    def _connect(self) -> sqlite3.Connection:
        with self._translated():
            try:
                self.path.parent.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise self._read_only(error) from error
            connection = sqlite3.connect(self.path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
            connection.row_factory = sqlite3.Row
            connection.execute("PRAGMA foreign_keys = ON")
            connection.execute("PRAGMA synchronous = NORMAL")
            if connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
                connection.execute("PRAGMA journal_mode = WAL")
            self._migrate(connection)
            return connection

    def _migrate(self, connection: sqlite3.Connection) -> None:
        known = [name for name, _ in migrations.ALL]
        applied = _applied(connection)
        if unknown := [name for name in applied if name not in known]:
            raise StoreTooNew(
                f"{self.path} was written by a newer mlops-nb (it has migration {unknown[0]!r}, this version knows "
                f"up to {known[-1]!r}) - upgrade with: pip install -U mlops-nb"
            )
        if applied == known:
            return
        connection.execute("BEGIN IMMEDIATE")
        try:
            if _applied(connection) != known:  # another process may have been first
                with _sqlite_utils() as sqlite_utils:
                    pending = sqlite_utils.Migrations(migrations.SET)
                    for name, migration in migrations.ALL:
                        pending(name=name)(migration)
                    pending.apply(sqlite_utils.Database(connection))
            connection.execute("COMMIT")
        except BaseException:
            connection.execute("ROLLBACK")
            raise

    def close(self) -> None:
        """Commit what is deferred and close the connection; closing twice is fine."""
        if self._pid != os.getpid():
            return
        with self._lock:
            with contextlib.suppress(StoreError, sqlite3.ProgrammingError):
                self.flush()
            self._connection.close()
        atexit.unregister(self.close)

    def _after_fork(self) -> None:
        # The child must touch neither the parent's connection nor its lock, and must not write its jobs again.
        self._lock = threading.RLock()
        self._jobs = deque()
        self._wake = threading.Event()
        self._thread = None
        self._ids = iter(())
        self._depth = 0

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
        with self._lock:
            if self._jobs and not self._depth:
                self.flush()
            with self._translated():
                return self.connection.execute(sql, values).fetchall()

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
        with self._lock:
            if self._jobs:
                self.flush()
            seen = self.connection.execute("PRAGMA data_version").fetchone()[0]
            return f"{os.getpid():x}.{seen:x}.{self.connection.total_changes:x}"

    # -- writing ----------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def write(self) -> Iterator[Store]:
        """Hold the one write transaction; a block inside a block joins the outer one.

        Raises:
            StoreError: the store is locked, full, read-only or damaged; nothing of the block is kept.
        """
        with self._lock:
            if self._depth:
                yield self
                return
            self._prepare()
            with self._translated():
                self.connection.execute("BEGIN IMMEDIATE")
                self._depth = 1
                try:
                    self._run_jobs()
                    yield self
                    self.connection.execute("COMMIT")
                except BaseException:
                    if self.connection.in_transaction:
                        self.connection.execute("ROLLBACK")
                    raise
                finally:
                    self._depth = 0

    def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
        """Run one statement inside ``with store.write():``."""
        return self._connection.execute(sql, values)

    def execute_many(self, sql: str, rows: Sequence[Sequence[Any]]) -> None:
        """Run one statement for many rows inside ``with store.write():``."""
        self._connection.executemany(sql, rows)

    def next_id(self) -> int:
        """Return a fresh row ID, unique in this store over all processes."""
        with self._lock:
            number = next(self._ids, 0)
            if not number:
                with self.write():
                    start = self.execute(
                        "UPDATE sequence SET upcoming = upcoming + ? WHERE name = 'id' RETURNING upcoming - ?",
                        BLOCK, BLOCK,
                    ).fetchone()[0]  # fmt: skip
                self._ids = iter(range(start, start + BLOCK))
                number = next(self._ids)
            return number

    # -- writing later ----------------------------------------------------------------------------------------

    def defer(self, job: Job, prepare: Job | None = None) -> None:
        """Run ``job`` in a transaction soon, off the caller's path; order is kept.

        What takes long (hashing a file) belongs in ``prepare``, which runs before the transaction begins, holds no
        lock, and may run more than once.
        """
        self._jobs.append((job, prepare))
        if self._thread is None:
            self._thread = threading.Thread(target=self._drain, name="mlops-nb-writer", daemon=True)
            self._thread.start()
        self._wake.set()

    def flush(self) -> None:
        """Commit everything deferred so far."""
        if self._jobs:
            with self.write():
                pass

    def _drain(self) -> None:
        thread = threading.current_thread()
        while self._thread is thread:
            self._wake.wait()
            self._wake.clear()
            time.sleep(LINGER)
            try:
                self._prepare()
                self.flush()
            except Exception as error:  # the edge: the writer outlives any one failure, and says so once
                self.on_gap(error)
                time.sleep(0.2)

    def _prepare(self) -> None:
        """Do what takes long in the jobs so far, outside any transaction."""
        for _, prepare in list(self._jobs):
            if prepare is not None:
                prepare()

    def _run_jobs(self) -> None:
        """Run deferred jobs in the open transaction; one that fails is undone alone and reported as a gap."""
        done: list[tuple[Job, Job | None]] = []
        try:
            while self._jobs:
                done.append(self._jobs.popleft())
                self.connection.execute("SAVEPOINT job")
                try:
                    done[-1][0]()
                except (sqlite3.OperationalError, sqlite3.DatabaseError) as error:
                    if not isinstance(error, sqlite3.IntegrityError | sqlite3.ProgrammingError):
                        raise
                    self.connection.execute("ROLLBACK TO job")
                    self.on_gap(error)
                except Exception as error:
                    self.connection.execute("ROLLBACK TO job")
                    self.on_gap(error)
                self.connection.execute("RELEASE job")
        except BaseException:
            self._jobs.extendleft(reversed(done))  # the whole transaction is undone: nothing may be lost
            raise

    # -- telling what went wrong ------------------------------------------------------------------------------

    def _read_only(self, error: BaseException) -> StoreReadOnly:
        return StoreReadOnly(
            f"cannot write the store {self.path}: {error} - make the folder writable, or set MLOPS_HOME to a folder "
            "that is"
        )

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        """Turn SQLite's errors into ours."""
        try:
            yield
        except sqlite3.DatabaseError as error:
            text = str(error)
            if isinstance(error, sqlite3.IntegrityError | sqlite3.ProgrammingError):
                raise
            if "full" in text:
                raise StoreFull(
                    f"no space left for {self.path}: nothing of this write was kept - free some space ("
                    "`mlops gc --dry-run` shows what can go) and repeat it"
                ) from error
            if "readonly" in text or "unable to open" in text:
                raise self._read_only(error) from error
            if "locked" in text or "busy" in text:
                raise StoreBusy(
                    f"{self.path} has been locked by another process for {BUSY_SECONDS:.0f} s - repeat the call when "
                    "it is done"
                ) from error
            if "malformed" in text or "not a database" in text or "disk I/O error" in text:
                raise StoreCorrupt(
                    f"{self.path} is damaged ({text}) - restore it from a backup, or move it away and start a new "
                    "store; the content under blobs/ stays readable"
                ) from error
            raise


def _applied(connection: sqlite3.Connection) -> list[str]:
    try:
        rows = connection.execute(
            "SELECT name FROM _sqlite_migrations WHERE migration_set = ? ORDER BY id", (migrations.SET,)
        )
    except sqlite3.OperationalError as error:
        if "no such table" not in str(error):
            raise
        return []
    return [row[0] for row in rows]


@contextlib.contextmanager
def _sqlite_utils() -> Iterator[Any]:
    """Import sqlite_utils without the pandas and numpy that it would pull in (300 ms) and does not need here.

    The copy imported so is private: it is taken out of ``sys.modules`` again, so that a user who imports
    sqlite_utils later gets one that knows pandas.
    """
    if "sqlite_utils" in sys.modules or "pandas" in sys.modules:
        import sqlite_utils

        yield sqlite_utils
        return
    before = set(sys.modules)
    hidden = [name for name in ("pandas", "numpy") if name not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]  # None means: not importable
    try:
        import sqlite_utils

        yield sqlite_utils
    finally:
        for name in set(sys.modules) - before:
            if name.partition(".")[0] == "sqlite_utils" or name in hidden:
                del sys.modules[name]
