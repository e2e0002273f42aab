"""Runs."""

from __future__ import annotations

from mlops_nb.capture.runs import Run
from mlops_nb.surfaces import text

text.COLUMNS[Run] = [
    ("run", lambda r: r.id), ("kind", lambda r: r.kind), ("name", lambda r: r.name),
    ("status", lambda r: r.status), ("by", lambda r: r.caller), ("started", lambda r: r.started),
    ("time", lambda r: text.seconds((r.ended - r.started).total_seconds() if r.ended else None)),
    ("metrics", lambda r: r.metrics),
]  # fmt: skip
