"""What is recorded of a restored cell besides its values: the fits and metrics that it would have logged by itself."""

from __future__ import annotations

import json
import time
from typing import Any

from mlops_nb.capture import nodes, runs
from mlops_nb.project import Project


def relog(project: Project, original: int, execution: int) -> None:
    """Record again, inside a transaction, what was recorded of an execution, as of the one that stands for it."""
    store = project.store
    run = store.execute("SELECT run FROM execution WHERE id = ?", execution).fetchone()[0]
    fits: dict[int | None, int | None] = {None: None}
    for row in store.execute(
        "SELECT fit.*, node.name FROM fit JOIN node USING (id) WHERE execution = ? ORDER BY fit.id", original
    ).fetchall():
        fits[row["id"]] = number = nodes.add_node(store, "fit", row["name"])
        _copy(project, "fit", row, {"id": number, "run": run, "execution": execution})
        nodes.add_edge(store, execution, number, "wrote")
        runs.observe_parameters(project, run, json.loads(row["parameters"]))
        for table in ("candidate", "kept_model"):
            for part in store.execute(f"SELECT * FROM {table} WHERE fit = ?", row["id"]).fetchall():
                _copy(project, table, part, {"fit": number})
    for row in store.execute("SELECT * FROM metric WHERE execution = ? ORDER BY id", original).fetchall():
        facts = {"id": store.next_id(), "run": run, "execution": execution, "at": time.time()}
        _copy(project, "metric", row, facts | {"fit": fits.get(row["fit"])})


def _copy(project: Project, table: str, row: Any, other: dict[str, Any]) -> None:
    """Insert a row again, with some of its columns replaced."""
    columns = [column for column in row.keys() if column != "name" or table == "metric"]  # noqa: SIM118  # a sqlite3.Row
    marks = ", ".join("?" for _ in columns)
    values = [other[column] if column in other else row[column] for column in columns]
    project.store.execute(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})", *values)
