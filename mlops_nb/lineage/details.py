"""Everything the store knows about one thing: the columns of its row, its source and what it showed."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from mlops_nb.capture import cells
from mlops_nb.capture.cells import Output
from mlops_nb.lineage.graph import GraphNode, graph_nodes
from mlops_nb.lineage.references import resolve
from mlops_nb.project import Project
from mlops_nb.records import Json, Record, moment, to_json
from mlops_nb.verbs import verb

#: The table that holds a kind of node; its columns are the facts about it.
TABLES = {
    "execution": "execution",
    "run": "run",
    "dataset": "dataset",
    "model": "model_version",
    "file": "artifact",
    "drift": "drift_report",
    "fit": "fit",
}
#: Columns that say nothing to a person, or that are shown in their own place.
SKIPPED = frozenset({"id", "process", "environment", "source", "cache_key", "trusted", "original"})
HASH = re.compile(r"[0-9a-f]{64}")  # shown by its beginning, which is what a person compares
NAMED = frozenset({"run", "parent", "execution"})  # columns that hold the row ID of another node


@dataclass(frozen=True)
class Detail(Record):
    """One thing in full."""

    id: str
    kind: str
    name: str
    facts: dict[str, Json]
    source: str | None
    outputs: list[Output]
    children: list[GraphNode]


@verb("show")
def show(project: Project, ref: str) -> Detail:
    """Show one thing in full: a cell's source and outputs, a dataset's columns, a model's facts.

    Args:
        ref: a variable, cell, file, dataset, model, run or ID
    """
    store = project.store
    number = resolve(project, ref)
    node = store.rows("SELECT * FROM node WHERE id = ?", number)[0]
    kind = node["kind"]
    facts = _facts(project, kind, number)
    source, outputs = None, []
    maker = number if kind == "execution" else _maker(project, number)
    if maker is not None:
        source = cells.load(project, maker).source
        outputs = cells.outputs(project, maker)
        if kind == "figure":
            outputs = [output for output in outputs if output.mime in cells.IMAGES]
        elif kind != "execution":
            outputs = []
    return Detail(
        id=node["public"], kind=kind, name=node["name"], facts=facts, source=source, outputs=outputs,
        children=_children(project, kind, number),
    )  # fmt: skip


def _facts(project: Project, kind: str, number: int) -> dict[str, Json]:
    store = project.store
    facts: dict[str, Json] = {}
    if table := TABLES.get(kind):
        row = store.rows(f"SELECT * FROM {table} WHERE id = ?", number)[0]
        for name in row.keys():  # noqa: SIM118  # a Row iterates over its values
            if name not in SKIPPED and row[name] is not None:
                facts[name.removesuffix("_at")] = _fact(project, name, row[name])
    if outcome := store.row("SELECT * FROM outcome WHERE id = ?", number):
        facts |= {"status": outcome["status"], "ended": to_json(moment(outcome["ended_at"]))}
        if outcome["reason"]:
            facts["reason"] = outcome["reason"]
    if parameters := {
        row["name"]: json.loads(row["value"])
        for table in ("observed_parameter", "parameter")
        for row in store.rows(f"SELECT name, value FROM {table} WHERE run = ?", number)
    }:
        facts["parameters"] = parameters
    rows = store.rows("SELECT name, value FROM metric WHERE run = ? OR fit = ? ORDER BY id", number, number)
    if rows:
        facts["metrics"] = {row["name"]: row["value"] for row in rows}
    if spent := store.row("SELECT * FROM usage WHERE execution = ?", number):
        facts["usage"] = {key: spent[key] for key in spent.keys() if key != "execution" and spent[key] is not None}  # noqa: SIM118
    facts |= _table(project, number)
    places = [row[0] for row in store.rows("SELECT path FROM location WHERE artifact = ?", number)]
    return facts | {"places": places} if places else facts


def _table(project: Project, number: int) -> dict[str, Json]:
    """Return what is known of the table that a version of a variable was, where it crossed a boundary."""
    row = project.store.row(
        "SELECT fingerprint, reason, rows, columns FROM table_print LEFT JOIN table_profile USING (fingerprint)"
        " WHERE id = ?",
        number,
    )
    if row is None:
        return {}
    if row["fingerprint"] is None:
        return {"fingerprint": f"not known: {row['reason']}"}
    return {"rows": row["rows"], "fingerprint": row["fingerprint"], "columns": json.loads(row["columns"])}


def _fact(project: Project, name: str, value: Any) -> Json:
    if name.endswith("_at"):
        text: str = to_json(moment(value))
        return text
    if name in NAMED:
        public: str = project.store.value("SELECT public FROM node WHERE id = ?", value)
        return public
    if isinstance(value, str) and value[:1] in "[{":
        try:
            found: Json = json.loads(value)
        except ValueError:
            return value
        return found
    if isinstance(value, str) and HASH.fullmatch(value):
        return value[:16]
    shown: Json = to_json(value)
    return shown


def _maker(project: Project, number: int) -> int | None:
    found = project.store.value(
        "SELECT edge.source FROM edge JOIN execution ON execution.id = edge.source WHERE target = ? AND kind = 'wrote'"
        " ORDER BY edge.source DESC LIMIT 1",
        number,
    )
    return None if found is None else int(found)


def _children(project: Project, kind: str, number: int) -> list[GraphNode]:
    if kind == "run":
        rows = project.store.rows(
            "SELECT id FROM run WHERE parent = ? UNION ALL SELECT id FROM execution WHERE run ="
            " (SELECT coalesce(original, id) FROM run WHERE id = ?) AND parent IS NULL",
            number, number,
        )  # fmt: skip
    elif kind == "execution":
        rows = project.store.rows("SELECT target AS id FROM edge WHERE source = ? AND kind = 'wrote'", number)
    else:
        rows = []
    return graph_nodes(project.store, [row["id"] for row in rows])
