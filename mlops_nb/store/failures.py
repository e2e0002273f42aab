"""Failures of the store: what SQLite says, told as what is the matter and what to do."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from mlops_nb.errors import StoreBusy, StoreCorrupt, StoreError, StoreFull, StoreReadOnly


def read_only(path: Path, error: BaseException) -> StoreReadOnly:
    """Return the error of a store that cannot be written."""
    return StoreReadOnly(
        f"cannot write the store {path}: {error} - make the folder writable, or set MLOPS_HOME to a folder that is"
    )


@contextlib.contextmanager
def translated(path: Path, patience: float) -> Iterator[None]:
    """Turn SQLite's errors into ours.

    Args:
        path: the store's file
        patience: how many seconds were waited for another process
    """
    try:
        yield
    except sqlite3.DatabaseError as error:
        text = str(error)
        if isinstance(error, sqlite3.IntegrityError | sqlite3.ProgrammingError):
            raise
        if "full" in text:
            raise StoreFull(
                f"no space left for {path}: nothing of this write was kept - free some space ("
                "`mlops gc --dry-run` shows what can go) and repeat it"
            ) from error
        if "readonly" in text or "unable to open" in text:
            raise read_only(path, error) from error
        if is_busy(error):
            raise StoreBusy(
                f"{path} has been locked by another process for {patience:.0f} s - repeat the call when it is done"
            ) from error
        if "malformed" in text or "not a database" in text or "disk I/O error" in text:
            raise StoreCorrupt(
                f"{path} is damaged ({text}) - restore it from a backup, or move it away and start a new store; the"
                " content under blobs/ stays readable"
            ) from error
        raise


def is_of_the_store(error: Exception) -> bool:
    """Whether the store itself fails (full, locked, damaged), and not the one job."""
    own = isinstance(error, sqlite3.IntegrityError | sqlite3.ProgrammingError)
    return isinstance(error, StoreError | sqlite3.DatabaseError) and not own


def is_busy(error: BaseException) -> bool:
    """Whether another process has the store."""
    return isinstance(error, sqlite3.OperationalError) and ("locked" in str(error) or "busy" in str(error))
