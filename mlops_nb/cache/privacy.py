"""What must not be kept: secrets that this process knows or that look like one, and columns that mlops.toml denies."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from mlops_nb.capture import columns
from mlops_nb.capture.values.kinds import kind_of
from mlops_nb.project import Project
from mlops_nb.secrets import known
from mlops_nb.secrets.redaction import redact

SMALL = 1 << 20  # bytes up to which it is looked for what only looks like a secret


def secret_in(data: bytes) -> str | None:
    """Say that there is a secret in some bytes, or return None."""
    known.learn_environment()
    for value, label in known.values().items():
        if value.encode() in data:
            return f"it holds a secret ({label})"
    if len(data) <= SMALL and redact(text := data.decode("latin-1")) != text:
        return "it holds what looks like a secret"
    return None


def denied_in(project: Project, objects: Iterable[Any]) -> str | None:
    """Say that one of some objects is a table with a column whose values must not be kept, or return None."""
    if columns.patterns(project):
        for value in objects:
            if kind_of(type(value)) == "frame":
                labels = [value._name] if type(value).__name__ == "Series" else list(value.columns)
                if found := columns.denied(project, labels):
                    return f"it has to do with the column {str(found[0])!r}, which is kept out of the store"
    return None
