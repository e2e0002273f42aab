"""Preparing a database for use: its journal, and its tables by the migrations it has not seen yet."""

from __future__ import annotations

import contextlib
import sqlite3
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mlops_nb.errors import StoreTooNew
from mlops_nb.store import migrations


def enter_wal(connection: sqlite3.Connection, patience: float) -> None:
    """Switch to WAL; where another process is doing the same, SQLite does not wait for it, so this does."""
    end = time.monotonic() + patience
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > end:
                raise
        time.sleep(0.005)


def migrate(connection: sqlite3.Connection, path: Path) -> None:
    """Bring the tables of a store to what this version knows.

    Raises:
        StoreTooNew: a newer version has written it.
    """
    known = [name for name, _ in migrations.ALL]
    applied = _applied(connection)
    if unknown := [name for name in applied if name not in known]:
        raise StoreTooNew(
            f"{path} was written by a newer mlops-nb (it has migration {unknown[0]!r}, this version knows "
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
