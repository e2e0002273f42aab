"""Everything the store knows about one thing: the columns of its row, its source and what it showed."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from mlops_nb.capture import cells, conditions, environments
from mlops_nb.capture.cells import Output
from mlops_nb.capture.moves import Moves
from mlops_nb.lineage.graph import GraphNode, graph_nodes
from mlops_nb.lineage.live import table_facts
from mlops_nb.lineage.moments import before
from mlops_nb.lineage.references import FITTED, SIGNS, columns_of, resolve
from mlops_nb.project import Project
from mlops_nb.records import Json, Record, moment, to_json
from mlops_nb.store.db import Store
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
    "checkpoint": "checkpoint",
}
#: Columns that say nothing to a person, or that are shown in their own place.
SKIPPED = frozenset({"id", "process", "environment", "source", "cache_key", "trusted", "original"})
HASH = re.compile(r"[0-9a-f]{64}")  # shown by its beginning, which is what a person compares
NAMED = frozenset({"run", "parent", "execution"})  # columns that hold the row ID of another node

UNPROFILED = "not kept: of tables alone that were read, written, fitted or registered with mlops.dataset(table, name)"


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
def show(project: Project, ref: str, *, as_of: str | None = None) -> Detail:
    """Show one thing in full: a cell's source and outputs, a dataset's columns, a model's facts.

    Args:
        ref: a variable, cell, file, dataset, model, run or ID
        as_of: what it meant at the end of this date, or at this date and time

    Raises:
        NotFound: it means nothing, or nothing had been recorded then.
        UsageError: the moment cannot be read.
    """
    store, end = project.store, before(project, as_of)
    number = resolve(project, ref, end)
    node = store.rows("SELECT * FROM node WHERE id = ?", number)[0]
    kind = node["kind"]
    facts = _facts(project, kind, number)
    if kind in ("variable", "result") and "fingerprint" not in facts:
        facts |= _unmeasured(project, number, node["name"])
    source, outputs = None, []
    maker = number if kind == "execution" else _maker(project, number, end)
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
    if kind in ("execution", "run"):
        who = store.rows(
            f"SELECT caller, actor, program FROM process JOIN {kind} ON process.id = process WHERE {kind}.id = ?",
            number,
        )[0]
        facts |= {name: who[name] for name in ("caller", "actor", "program") if who[name]}
    if kind == "execution":
        facts |= _environment(store, number)
    if facts.get("notebook"):
        facts["notebook"] = Moves.of(project).present(str(facts["notebook"]), number)
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
    left_out = store.rows("SELECT name, reason FROM checkpoint_name WHERE checkpoint = ? AND reason NOT NULL", number)
    if left_out:
        facts["left out"] = {row["name"]: row["reason"] for row in left_out}
    if spent := store.row("SELECT * FROM usage WHERE execution = ?", number):
        facts["usage"] = {key: spent[key] for key in spent.keys() if key != "execution" and spent[key] is not None}  # noqa: SIM118
    facts |= _table(project, number)
    if tried := store.row("SELECT verdict, at FROM reproduction WHERE node = ? ORDER BY id DESC LIMIT 1", number):
        facts["reproduced"] = f"{tried['verdict']}, tried {to_json(moment(tried['at']))}"
    places = [row[0] for row in store.rows("SELECT path FROM location WHERE artifact = ?", number)]
    return facts | {"places": places} if places else facts


def _environment(store: Store, number: int) -> dict[str, Json]:
    """Return the environment in which a cell ran, and the packages that it changed."""
    before, after = (environments.of_execution(store, number, after=late) for late in (False, True))
    if before is None or after is None:
        return {}
    facts: dict[str, Json] = {"environment": before.hash[:16]}
    run = store.value("SELECT run FROM execution WHERE id = ?", number)
    if under := conditions.of_run(store, run):
        facts["conditions"] = dict(under)
    if changed := before.changes_to(after):
        facts["packages"] = {name: f"{old or 'none'} → {new or 'none'}" for name, (old, new) in changed.items()}
    return facts


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


def _unmeasured(project: Project, number: int, name: str) -> dict[str, Json]:
    """Return what is known of a table that crossed no boundary: from the running session, else its columns alone."""
    facts = table_facts(project, number, name)
    if not facts:
        known = columns_of(project.store, number)
        if known is None or FITTED in known:  # the features of a model
            return {}
        columns: list[Json] = [column for column in known if column not in SIGNS]
        facts = {"columns": columns}
    return facts | {"profile": UNPROFILED}


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


def _maker(project: Project, number: int, end: int) -> int | None:
    found = project.store.value(
        "SELECT edge.source FROM edge JOIN execution ON execution.id = edge.source WHERE target = ? AND kind = 'wrote'"
        " AND edge.source < ? ORDER BY edge.source DESC LIMIT 1",
        number, end,
    )  # fmt: skip
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
    elif kind == "checkpoint":
        rows = project.store.rows("SELECT source AS id FROM edge WHERE target = ? AND kind = 'holds'", number)
    else:
        rows = []
    return graph_nodes(project.store, [row["id"] for row in rows])
