"""Whether a step may be skipped: only when everything it depended on is provably what it was.

A run can stand for a step when it was recorded whole; when its code, parameters and environment are the same; when
every reference that its cells read still means the same node; when every file it wrote is still there; and when every
alias it moved still points where it put it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from mlops_nb.capture import artifacts, nodes, runs
from mlops_nb.capture.environments import environment
from mlops_nb.capture.notebooks import Notebook
from mlops_nb.errors import MlopsError
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


def decide(project: Project, notebook: Notebook, wanted: str, traffic: Traffic) -> Decision:
    """Decide whether a step must run."""
    store, place = project.store, project.relative(notebook.path)
    before = store.row(
        "SELECT cache_key, status FROM run LEFT JOIN outcome USING (id) WHERE kind = 'step' AND notebook = ?"
        " ORDER BY run.id DESC LIMIT 1",
        place,
    )
    if before is None:
        return Decision(None, "first run")
    candidates = store.rows(
        "SELECT run.id, node.public FROM run JOIN node USING (id) JOIN outcome USING (id) WHERE cache_key = ?"
        " AND run.notebook = ? AND run.kind = 'step' AND outcome.status = 'ok' ORDER BY run.id DESC LIMIT ?",
        wanted, place, CANDIDATES,
    )  # fmt: skip
    if traffic.unseen:
        return Decision(None, f"it uses {', '.join(sorted(traffic.unseen))}, whose inputs cannot be checked")
    obstacle: str | None = None
    for row in candidates:
        inputs = _unrecorded(project, notebook, row["id"]) or _changed_inputs(project, row["id"])
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


@dataclass(frozen=True)
class _Touch:
    """What a cell named and read or wrote, and when (an ID of that moment)."""

    reference: str
    node: int
    at: int

    @property
    def scheme(self) -> str:
        return self.reference.partition(":")[0]

    @property
    def place(self) -> str:
        return self.reference.partition(":")[2]


def _touched(project: Project, run: int, kind: str) -> list[_Touch]:
    here, there = ("target", "source") if kind == "read" else ("source", "target")
    rows = project.store.rows(
        f"SELECT reference, edge.{there} AS node, recorded FROM edge JOIN execution ON execution.id = edge.{here}"
        " WHERE execution.run = ? AND edge.kind = ? AND reference <> '' ORDER BY recorded",
        run, kind,
    )  # fmt: skip
    return [_Touch(row["reference"], row["node"], row["recorded"]) for row in rows]


def _unrecorded(project: Project, notebook: Notebook, run: int) -> str | None:
    """Say if a run was not recorded whole, so that nobody knows what it read."""
    missed = project.store.value("SELECT message FROM gap WHERE run = ?", run)
    if missed is not None:
        return f"its last run was not recorded whole ({missed})"
    rows = project.store.rows(
        "SELECT source, environment.hash FROM execution JOIN outcome USING (id)"
        " JOIN process ON process.id = execution.process JOIN environment ON environment.id = process.environment"
        " WHERE execution.run = ? AND outcome.status = 'ok' AND execution.parent IS NULL",
        run,
    )
    if project.store.value(
        "SELECT 1 FROM environment_change JOIN execution ON execution.id = execution WHERE run = ?", run
    ):
        return "its last run was not recorded whole (packages changed while it ran)"
    recorded = {row["source"] for row in rows}
    if any(cell.source.strip() and digest(cell.source.encode()) not in recorded for cell in notebook.code):
        return "not every cell of its last run was recorded"
    if any(row["hash"] != environment().hash for row in rows):
        return "its kernel runs in another environment, which cannot be checked from here"
    return None


def _changed_inputs(project: Project, run: int) -> str | None:
    """Say which input of an earlier run is no longer what it was, or return None."""
    own = {(touch.reference, touch.node): touch.at for touch in reversed(_touched(project, run, "wrote"))}
    for read in _touched(project, run, "read"):
        if read.scheme == nodes.OVERWRITTEN:
            return f"{read.place} was changed after it was read"
        if read.scheme == "url":
            return f"what {read.place} answers cannot be checked"
        if read.scheme == "file":
            if own.get((read.reference, read.node), read.at) < read.at:
                continue  # a file that the run itself had written before
            if not _unchanged(project, read):
                return f"{read.place} changed or is gone"
            continue
        try:
            if resolve(project, read.reference) != read.node:
                return f"{read.reference} changed"
        except MlopsError:
            return f"{read.reference} changed or is gone"
    return None


def _undone_effects(project: Project, run: int) -> str | None:
    """Say which effect of an earlier run (a file, an alias) no longer stands, or return None."""
    last = {touch.reference: touch for touch in _touched(project, run, "wrote")}
    for touch in last.values():
        if touch.scheme == "file" and not _unchanged(project, touch):
            return f"its output {touch.place} changed or is gone"
    for move in project.store.rows("SELECT model, alias, version FROM alias_move WHERE run = ?", run):
        now = project.store.value(
            "SELECT version FROM alias_move WHERE model = ? AND alias = ? ORDER BY id DESC LIMIT 1",
            move["model"], move["alias"],
        )  # fmt: skip
        if now != move["version"]:
            return f"alias {move['alias']!r} of {move['model']!r} has moved to version {now}"
    return None


def _unchanged(project: Project, touch: _Touch) -> bool:
    """Whether a file or a folder, named from the project's root, has the content it had."""
    return artifacts.is_at(project, touch.node, project.root / touch.place)


def reuse(project: Project, run: int, original: int) -> None:
    """Let a cached step's run confirm what the original wrote, so that it is again the latest."""
    with project.store.write() as store:
        for touch in _touched(project, original, "wrote"):
            if touch.scheme not in ("file", "output"):
                nodes.add_edge(store, run, touch.node, "wrote", touch.reference)
    runs.finish(project, run, "cached", f"as run {runs.public_id(project, original)}")
