"""Whether a step may be skipped: only when everything it depended on is provably what it was.

A run can stand for a step when its code, parameters and environment are the same, when every reference that its
cells read still means the same node, when every file it wrote is still there, and when every alias it moved still
points where it put it. What capture did not see is not known here, so readers that bypass it must be named.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mlops_nb.capture import nodes, runs
from mlops_nb.capture.environments import environment
from mlops_nb.capture.notebooks import Notebook
from mlops_nb.errors import MlopsError, NotFound
from mlops_nb.ids import canonical_json, digest
from mlops_nb.lineage.references import resolve
from mlops_nb.pipelines.planner import Traffic, code_digest
from mlops_nb.project import Project
from mlops_nb.records import Json

CANDIDATES = 20  # earlier runs that are looked at


@dataclass(frozen=True)
class Decision:
    """Whether to run a step, and why; ``original`` is the run that stands for it if not."""

    original: int | None
    reason: str


def key(notebook: Notebook, traffic: Traffic, parameters: Mapping[str, Json]) -> str:
    """Return what must be the same for a step to be skipped, part by part, so that a change can be named."""
    parts = {
        "code": code_digest(notebook, traffic.modules),
        "files": digest(canonical_json(sorted(traffic.contents(notebook.path.parent))).encode())[:16],
        "parameters": digest(canonical_json(dict(parameters)).encode())[:16],
        "environment": environment().hash[:16],
    }
    return canonical_json(parts)


def decide(project: Project, name: str, wanted: str, traffic: Traffic) -> Decision:
    """Decide whether a step must run."""
    store = project.store
    before = store.row(
        "SELECT cache_key, status FROM run LEFT JOIN outcome USING (id) WHERE kind = 'step' AND name = ?"
        " ORDER BY run.id DESC LIMIT 1",
        name,
    )
    if before is None:
        return Decision(None, "first run")
    candidates = store.rows(
        "SELECT run.id, node.public FROM run JOIN node USING (id) JOIN outcome USING (id) WHERE cache_key = ?"
        " AND run.name = ? AND run.kind = 'step' AND outcome.status = 'ok' ORDER BY run.id DESC LIMIT ?",
        wanted, name, CANDIDATES,
    )  # fmt: skip
    if traffic.unseen:
        return Decision(None, f"it uses {', '.join(sorted(traffic.unseen))}, whose inputs cannot be checked")
    obstacle: str | None = None
    for row in candidates:
        inputs = _foreign_kernel(project, row["id"]) or _changed_inputs(project, row["id"])
        effects = None if inputs else _undone_effects(project, row["id"])
        if not inputs and not effects:
            return Decision(row["id"], f"code, parameters, inputs and environment are those of run {row['public']}")
        obstacle = effects or obstacle or inputs  # a run with the right inputs tells most
    if obstacle:
        return Decision(None, obstacle)
    old, new = json.loads(before["cache_key"] or "{}"), json.loads(wanted)
    changed = [part for part in new if old.get(part) != new[part]]
    return Decision(
        None, f"{' and '.join(changed)} changed" if changed else f"its last run {before['status'] or 'did not finish'}"
    )


def _touched(project: Project, run: int, kind: str) -> list[tuple[str, int]]:
    here, there = ("target", "source") if kind == "read" else ("source", "target")
    rows = project.store.rows(
        f"SELECT DISTINCT reference, edge.{there} AS node FROM edge JOIN execution ON execution.id = edge.{here}"
        " WHERE execution.run = ? AND edge.kind = ? AND reference NOT NULL",
        run, kind,
    )  # fmt: skip
    return [(row["reference"], row["node"]) for row in rows]


def _foreign_kernel(project: Project, run: int) -> str | None:
    """Say if a run's cells ran in another environment than this one, which then cannot be checked from here."""
    seen = project.store.rows(
        "SELECT DISTINCT environment.hash FROM execution JOIN process ON process.id = execution.process"
        " JOIN environment ON environment.id = process.environment WHERE execution.run = ?",
        run,
    )
    if all(row["hash"] == environment().hash for row in seen):
        return None
    return "its kernel runs in another environment, which cannot be checked from here"


def _changed_inputs(project: Project, run: int) -> str | None:
    """Say which input of an earlier run is no longer what it was, or return None."""
    own = {node for _, node in _touched(project, run, "wrote")}
    for reference, node in _touched(project, run, "read"):
        scheme, _, place = reference.partition(":")
        if scheme == nodes.OVERWRITTEN:
            return f"{place} was changed after it was read"
        if node in own:
            continue
        try:
            if resolve(project, reference) != node:
                return f"{reference} changed"
        except MlopsError:
            return f"{reference} changed or is gone"
    return None


def _undone_effects(project: Project, run: int) -> str | None:
    """Say which effect of an earlier run (a file, an alias) no longer stands, or return None."""
    for reference, node in _touched(project, run, "wrote"):
        scheme, _, place = reference.partition(":")
        if scheme == "file" and not _unchanged(project, place, node):
            return f"its output {place} changed or is gone"
    for move in project.store.rows("SELECT model, alias, version FROM alias_move WHERE run = ?", run):
        now = project.store.value(
            "SELECT version FROM alias_move WHERE model = ? AND alias = ? ORDER BY id DESC LIMIT 1",
            move["model"], move["alias"],
        )  # fmt: skip
        if now != move["version"]:
            return f"alias {move['alias']!r} of {move['model']!r} has moved to version {now}"
    return None


def _unchanged(project: Project, place: str, node: int) -> bool:
    path = project.root / Path(place)
    try:
        return path.is_file() and resolve(project, f"file:{place}") == node
    except NotFound:
        return False


def reuse(project: Project, run: int, original: int) -> None:
    """Let a cached step's run confirm what the original wrote, so that it is again the latest."""
    with project.store.write() as store:
        for reference, node in _touched(project, original, "wrote"):
            if not reference.startswith(("file:", "output:")):
                nodes.add_edge(store, run, node, "wrote", reference)
    runs.finish(project, run, "cached", f"as run {runs.public_id(project, original)}")
