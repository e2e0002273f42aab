"""The audit log."""

from __future__ import annotations

from mlops_nb.store.audit import AuditEntry
from mlops_nb.surfaces import text

text.COLUMNS[AuditEntry] = [
    ("at", lambda e: e.at), ("who", lambda e: e.actor), ("did", lambda e: e.verb), ("to", lambda e: e.subject),
    ("with", lambda e: e.arguments),
]  # fmt: skip
