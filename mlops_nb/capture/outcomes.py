"""Outcomes: a run or an execution begins, and how it ends is a fact beside it."""

from __future__ import annotations

from mlops_nb.store.db import Store


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
