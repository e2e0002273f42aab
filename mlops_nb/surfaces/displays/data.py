"""Datasets, tables that crossed a boundary, and contracts."""

from __future__ import annotations

from html import escape

from mlops_nb.data.crossings import Crossing
from mlops_nb.data.datasets import Dataset
from mlops_nb.data.quality import Quality
from mlops_nb.surfaces import html, text

text.COLUMNS[Dataset] = [
    ("dataset", lambda d: d.name), ("version", lambda d: d.version), ("rows", lambda d: d.rows),
    ("columns", lambda d: len(d.columns)), ("created", lambda d: d.created), ("id", lambda d: d.id),
]  # fmt: skip
text.COLUMNS[Crossing] = [
    ("variable", lambda c: c.name), ("boundary", lambda c: c.boundary), ("rows", lambda c: c.rows),
    ("columns", lambda c: len(c.columns) or None), ("fingerprint", lambda c: (c.fingerprint or "")[:16]),
    ("dataset", lambda c: c.dataset), ("created", lambda c: c.created), ("", lambda c: c.reason),
]  # fmt: skip


@text.drawn.register
def _(quality: Quality) -> str:
    rows = [(r.column, r.rule, "kept" if r.passed else f"broken by {r.failures}", r.examples) for r in quality.rules]
    head = f"contract {quality.contract}: {'kept' if quality.passed else 'broken'} ({quality.rows:,} rows)"
    return f"{head}\n{text.table(['column', 'rule', '', 'examples'], rows)}"


@html.drawn.register
def _(quality: Quality) -> str:
    rows = [
        (r.column, r.rule, "kept" if r.passed else f"broken by {r.failures:,} rows", r.examples) for r in quality.rules
    ]
    head = f"contract {escape(quality.contract)}: {html.coloured('kept' if quality.passed else 'broken')}"
    return f"{head} ({quality.rows:,} rows)" + html.table(["column", "rule", "verdict", "examples"], rows)
