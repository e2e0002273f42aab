"""The audit chain: every act, each entry sealed with the hash of the one before.

Changing, dropping or reordering any entry breaks every later seal. Facts (cells, metrics, artifacts) are not acts:
they are only ever inserted, and are not audited one by one.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from mlops_nb.ids import canonical_json, digest
from mlops_nb.records import Record, moment
from mlops_nb.secrets.redaction import redact, redact_value
from mlops_nb.store.db import Store

ORIGIN = "0" * 64


@dataclass(frozen=True)
class AuditEntry(Record):
    """One act: who did what to which thing, when, with which arguments."""

    at: datetime | None
    actor: str
    verb: str
    subject: str
    arguments: dict[str, Any]
    hash: str


def _seal(previous: str, at: float, actor: str, verb: str, subject: str, arguments: str) -> str:
    return digest(canonical_json([previous, repr(at), actor, verb, subject, arguments]).encode())


def append(store: Store, actor: str, verb: str, subject: str, arguments: dict[str, Any]) -> None:
    """Seal one more act; must be called inside the transaction of the act itself."""
    last = store.execute("SELECT id, hash FROM audit ORDER BY id DESC LIMIT 1").fetchone()
    number, previous = (last["id"] + 1, last["hash"]) if last else (1, ORIGIN)
    at, text = time.time(), redact(canonical_json(redact_value("", arguments)))  # what is sealed is what is kept
    actor, subject = redact(actor), redact(subject)
    store.execute(
        "INSERT INTO audit (id, at, actor, verb, subject, arguments, previous, hash) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        number, at, actor, verb, subject, text, previous, _seal(previous, at, actor, verb, subject, text),
    )  # fmt: skip


def problems(store: Store) -> Iterator[str]:
    """Yield a sentence for each entry whose seal does not hold."""
    previous, expected = ORIGIN, 1
    for row in store.rows("SELECT * FROM audit ORDER BY id"):
        sealed = _seal(row["previous"], row["at"], row["actor"], row["verb"], row["subject"], row["arguments"])
        if row["id"] != expected:
            yield f"audit entries {expected} to {row['id'] - 1} are missing"
        elif row["previous"] != previous:
            yield f"audit entry {row['id']} does not follow the entry before it"
        if sealed != row["hash"]:
            yield f"audit entry {row['id']} ({row['verb']} {row['subject']}) was changed after it was sealed"
        previous, expected = row["hash"], row["id"] + 1


def entries(store: Store, subject: str | None, limit: int) -> list[AuditEntry]:
    """Return the newest acts first, those about one subject if given."""
    import json

    rows = store.rows(
        "SELECT * FROM audit WHERE ? IS NULL OR subject = ? ORDER BY id DESC LIMIT ?", subject, subject, limit
    )
    return [
        AuditEntry(
            at=moment(row["at"]), actor=row["actor"], verb=row["verb"], subject=row["subject"],
            arguments=json.loads(row["arguments"]), hash=row["hash"],
        )
        for row in rows
    ]  # fmt: skip
