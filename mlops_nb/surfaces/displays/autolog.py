"""Fits and candidates."""

from __future__ import annotations

from mlops_nb.autolog.fits import Candidate, Fit
from mlops_nb.surfaces import text

text.COLUMNS[Fit] = [
    ("fit", lambda f: f.id), ("kind", lambda f: f.kind), ("estimator", lambda f: f.estimator.rpartition(".")[2]),
    ("rows", lambda f: f.rows), ("time", lambda f: text.seconds(f.seconds)), ("metrics", lambda f: f.metrics),
    ("note", lambda f: f.note),
]  # fmt: skip
text.COLUMNS[Candidate] = [
    ("candidate", lambda c: c.position), ("parameters", lambda c: c.parameters),
    ("metrics", lambda c: {name: value for name, value in c.metrics.items() if "time" not in name}),
]  # fmt: skip
