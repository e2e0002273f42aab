"""Profiles: what is known of a table that a cell read, where the file it came from was not kept.

A cell that reads one file and leaves one table tells what was in the file, as the cell read it: its columns, the number
of rows, and per column missing and distinct values, range and mean. Single rows it does not tell.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from mlops_nb.capture import columns
from mlops_nb.comparison.tables import DataChange, schema
from mlops_nb.project import Project

FACTS = ("nulls", "distinct", "min", "max")


@dataclass(frozen=True)
class Profile:
    """The number of rows of a table, and what is known of each column."""

    rows: int
    columns: Mapping[str, Mapping[str, Any]]

    @property
    def types(self) -> dict[str, str]:
        """The types of the columns."""
        return {name: str(facts["type"]) for name, facts in self.columns.items()}


def of_reading(project: Project, execution: int) -> Profile | None:
    """Return the profile of the table that a cell read, None if it read none, or several, or it is not known."""
    rows = project.store.rows(
        "SELECT DISTINCT table_crossing.id, rows, columns FROM table_crossing LEFT JOIN table_print USING (id)"
        " LEFT JOIN table_profile USING (fingerprint) WHERE execution = ? AND boundary = 'read'",
        execution,
    )
    if len(rows) != 1 or rows[0]["rows"] is None:
        return None
    known = json.loads(rows[0]["columns"])
    hidden = columns.denied(project, known)
    return Profile(rows[0]["rows"], {name: facts for name, facts in known.items() if name not in hidden})


def compare(name: str, a: Profile, b: Profile) -> Iterator[DataChange]:
    """Yield what differs between two profiles: columns, number of rows, then column by column."""
    yield from schema(name, a.types, b.types)
    if a.rows != b.rows:
        yield DataChange(name, "rows", None, a.rows, b.rows, "number of rows")
    for column, old in a.columns.items():
        new = b.columns.get(column)
        if new is None:
            continue
        differing = [fact for fact in FACTS if fact in old and fact in new and old[fact] != new[fact]]
        shown = [f"{fact} {_shown(old[fact])} → {_shown(new[fact])}" for fact in differing]
        if shown or old.get("mean") != new.get("mean"):
            yield DataChange(name, "profile", column, old.get("mean"), new.get("mean"), ", ".join(shown))


def _shown(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
