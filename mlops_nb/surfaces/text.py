"""Records as plain text: what a terminal shows, and what a notebook shows where nothing richer can be drawn."""

from __future__ import annotations

import functools
import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from mlops_nb.autolog.fits import Candidate, Fit
from mlops_nb.capture.runs import Run
from mlops_nb.data.crossings import Crossing
from mlops_nb.data.datasets import Dataset
from mlops_nb.data.quality import Quality
from mlops_nb.demo import DemoResult
from mlops_nb.lineage.columns import ColumnLineage, ColumnLink
from mlops_nb.lineage.details import Detail
from mlops_nb.lineage.graph import Graph, GraphNode
from mlops_nb.lineage.impact import KINDS, Impact
from mlops_nb.lineage.judged import NotebookVerdict
from mlops_nb.lineage.slices import Slice, as_script
from mlops_nb.lineage.tracing.kinds import ALL
from mlops_nb.lineage.verdicts import Verdict
from mlops_nb.monitoring.drift import DriftReport
from mlops_nb.pipelines.executor import PipelineRun
from mlops_nb.pipelines.pipelines import Pipeline, Step
from mlops_nb.records import Records
from mlops_nb.registry.gates import Gate
from mlops_nb.registry.versions import ModelVersion
from mlops_nb.store.audit import AuditEntry
from mlops_nb.surfaces.panel import Panel

#: What a person types to fill an empty list of each kind.
FILLED_BY = {
    "runs": "nothing has run yet - type %load_ext mlops_nb in a notebook, then run any cell",
    "pipelines": "no pipeline yet - put notebooks in the project and type: mlops run",
    "models": 'no model yet - call mlops.register(model, "name", example=X) in a cell',
    "reports": "no drift report yet - call mlops.drift(reference, current) in a cell",
}


def table(headers: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Lay out rows under headers, numbers to the right."""
    from prettytable import PrettyTable, TableStyle

    drawn = PrettyTable([*headers])
    drawn.set_style(TableStyle.PLAIN_COLUMNS)
    drawn.align = "l"
    drawn.right_padding_width = 2
    for row in rows:
        drawn.add_row([cell(value) for value in row])
    return "\n".join(line.rstrip() for line in drawn.get_string().splitlines())


def cell(value: object) -> str:
    """Return a value as the text of one table cell."""
    if value is None or value == "":
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, datetime):
        return value.astimezone().strftime("%Y-%m-%d %H:%M:%S")
    if isinstance(value, dict) and any(isinstance(item, dict | list) for item in value.values()):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, dict):
        return ", ".join(f"{key}={cell(item)}" for key, item in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(cell(item) for item in value)
    return str(value)


def brief(name: str, most: int) -> str:
    """Return a name in at most so many letters; of a path outside the project the end says more."""
    if len(name) <= most:
        return name
    if not name.startswith("/"):
        return f"{name[: most - 1]}…"
    end = name[1 - most :]
    return f"…{end[end.index('/') :] if '/' in end else end}"


def seconds(value: float | None) -> str:
    """Return a duration as text."""
    return "" if value is None else f"{value:.1f} s"


def verdict(drifted: bool) -> str:
    """Say whether data has drifted."""
    return "drifted" if drifted else "stable"


#: Columns of a list of records of a kind: the header and what stands under it.
COLUMNS: dict[type, list[tuple[str, Any]]] = {
    Run: [
        ("run", lambda r: r.id), ("kind", lambda r: r.kind), ("name", lambda r: r.name),
        ("status", lambda r: r.status), ("by", lambda r: r.caller), ("started", lambda r: r.started),
        ("time", lambda r: seconds((r.ended - r.started).total_seconds() if r.ended else None)),
        ("metrics", lambda r: r.metrics),
    ],
    Fit: [
        ("fit", lambda f: f.id), ("kind", lambda f: f.kind), ("estimator", lambda f: f.estimator.rpartition(".")[2]),
        ("rows", lambda f: f.rows), ("time", lambda f: seconds(f.seconds)), ("metrics", lambda f: f.metrics),
        ("note", lambda f: f.note),
    ],
    Candidate: [
        ("candidate", lambda c: c.position), ("parameters", lambda c: c.parameters),
        ("metrics", lambda c: {name: value for name, value in c.metrics.items() if "time" not in name}),
    ],
    Step: [
        ("step", lambda s: s.name), ("status", lambda s: s.status), ("time", lambda s: seconds(s.seconds)),
        ("why", lambda s: "see the error" if s.status == "failed" else s.reason),
    ],
    ModelVersion: [
        ("model", lambda m: m.name), ("version", lambda m: m.version), ("aliases", lambda m: m.aliases),
        ("gate", lambda m: "" if m.gate is None else "passed" if m.gate.passed else "refused"),
        ("metrics", lambda m: m.metrics), ("created", lambda m: m.created), ("run", lambda m: m.run),
    ],
    Dataset: [
        ("dataset", lambda d: d.name), ("version", lambda d: d.version), ("rows", lambda d: d.rows),
        ("columns", lambda d: len(d.columns)), ("created", lambda d: d.created), ("id", lambda d: d.id),
    ],
    Crossing: [
        ("variable", lambda c: c.name), ("boundary", lambda c: c.boundary), ("rows", lambda c: c.rows),
        ("columns", lambda c: len(c.columns) or None), ("fingerprint", lambda c: (c.fingerprint or "")[:16]),
        ("dataset", lambda c: c.dataset), ("created", lambda c: c.created), ("", lambda c: c.reason),
    ],
    ColumnLink: [
        ("of", lambda link: f"{link.kind} {brief(link.name, 40)}"), ("column", lambda link: link.column),
        ("how", lambda link: link.relation), ("", lambda link: "assumed" if link.assumed else ""),
        ("steps", lambda link: link.steps), ("id", lambda link: link.id),
    ],
    DriftReport: [
        ("report", lambda r: r.name), ("verdict", lambda r: verdict(r.drifted)),
        ("columns", lambda r: [c.column for c in r.columns if c.drifted]), ("created", lambda r: r.created),
    ],
    GraphNode: [("kind", lambda n: n.kind), ("name", lambda n: n.name), ("id", lambda n: n.id)],
    AuditEntry: [
        ("at", lambda e: e.at), ("who", lambda e: e.actor), ("did", lambda e: e.verb), ("to", lambda e: e.subject),
        ("with", lambda e: e.arguments),
    ],
}  # fmt: skip


@functools.singledispatch
def to_text(record: Any) -> str:
    """Return a record, or a list of them, as text."""
    fields = {name: value for name, value in vars(record).items() if value not in (None, "", [], {})}
    width = max(map(len, fields), default=0)
    return "\n".join(f"{name:<{width}}  {cell(value)}" for name, value in fields.items())


@to_text.register
def _(records: Records) -> str:  # type: ignore[type-arg]
    if not records:
        return "none"
    columns = COLUMNS.get(type(records[0]))
    if columns is None:
        return "\n\n".join(to_text(record) for record in records)
    return table([name for name, _ in columns], [[get(record) for _, get in columns] for record in records])


@to_text.register
def _(pipeline: Pipeline) -> str:
    body = to_text(Records(pipeline.steps)) if pipeline.steps else pipeline.problem or ""
    return f"{pipeline.name}\n{body}"


@to_text.register
def _(run: PipelineRun) -> str:
    lines = [to_text(Records(run.steps))] if run.steps else []
    if run.pending:
        lines.append(f"not reached: {', '.join(run.pending)}")
    return "\n".join(lines)


@to_text.register
def _(gate: Gate) -> str:
    rows = [(c.name, c.value, c.limit, "passed" if c.passed else "missed") for c in gate.criteria]
    head = f"gate of {gate.model} {gate.version}: {'passed' if gate.passed else 'refused'}"
    return f"{head}\n{table(['criterion', 'value', 'must be', ''], rows)}"


@to_text.register
def _(quality: Quality) -> str:
    rows = [(r.column, r.rule, "kept" if r.passed else f"broken by {r.failures}", r.examples) for r in quality.rules]
    head = f"contract {quality.contract}: {'kept' if quality.passed else 'broken'} ({quality.rows:,} rows)"
    return f"{head}\n{table(['column', 'rule', '', 'examples'], rows)}"


@to_text.register
def _(report: DriftReport) -> str:
    rows = [(c.column, c.test, c.statistic, c.threshold, c.psi, verdict(c.drifted)) for c in report.columns]
    head = f"{report.name}: {verdict(report.drifted)} - {report.current} against {report.reference}"
    return f"{head}\n{table(['column', 'test', 'statistic', 'threshold', 'PSI', 'verdict'], rows)}"


@to_text.register
def _(graph: Graph) -> str:
    names = {node.id: f"{node.kind} {node.name}" for node in graph.nodes}
    if not graph.edges:
        return "\n".join(names.values()) or "nothing has run yet"
    return "\n".join(f"{names[e.source]} -> {names[e.target]} ({e.kind})" for e in graph.edges)


@to_text.register
def _(lineage: ColumnLineage) -> str:
    sources = to_text(Records(lineage.sources)) if lineage.sources else "nothing that was recorded"
    targets = to_text(Records(lineage.targets)) if lineage.targets else "nothing yet"
    return f"{column_name(lineage)} ({lineage.id})\ncomes from\n{sources}\nfeeds\n{targets}"


def column_name(lineage: ColumnLineage) -> str:
    """Return what the lineage of columns is of: a thing, or one column of it."""
    return lineage.name if lineage.column == ALL else f"{lineage.name} {lineage.column}".rstrip()


@to_text.register
def _(detail: Detail) -> str:
    lines = [f"{detail.kind} {detail.name} ({detail.id})"]
    lines += [f"  {name}: {cell(value)}" for name, value in detail.facts.items()]
    if detail.source:
        lines += ["  source:", *(f"    {line}" for line in detail.source.splitlines())]
    lines += [f"  output: {o.text.strip()}" for o in detail.outputs if o.text and o.mime == "text/plain"]
    lines += [f"  {child.kind} {child.name} ({child.id})" for child in detail.children]
    return "\n".join(lines)


@to_text.register
def _(slice_: Slice) -> str:
    return as_script(slice_).rstrip()


@to_text.register
def _(found: Verdict) -> str:
    return "\n".join(
        [f"{found.ref}: {found.verdict}", *(f"  {reason.verdict}: {reason.what}" for reason in found.reasons)]
    )


@to_text.register
def _(found: NotebookVerdict) -> str:
    basis = "" if found.recorded else " (never recorded: judged by its source and execution counts)"
    return f"{found.notebook}: {found.verdict}{basis}\n{table(['cell', 'begins', 'verdict', 'why'], cell_rows(found))}"


def cell_rows(found: NotebookVerdict) -> list[tuple[object, ...]]:
    """Return the cells of a judged notebook as the rows of a table."""
    return [
        (f"[{c.execution_count or ' '}]", brief(c.source.strip().partition("\n")[0], 40), c.verdict,
         "; ".join(reason.what for reason in c.reasons))
        for c in found.cells
    ]  # fmt: skip


@to_text.register
def _(found: Impact) -> str:
    nodes = impacted(found)
    more = "\nthere is more than was looked at" if found.truncated else ""
    return (to_text(Records(nodes)) if nodes else f"nothing that was recorded comes from {found.ref}") + more


def impacted(found: Impact) -> list[GraphNode]:
    """Return everything that a change would reach, what matters most first."""
    return [node for kind in KINDS for node in getattr(found, kind)]


@to_text.register
def _(panel: Panel) -> str:
    sections: list[tuple[str, str, list[Any]]] = [
        ("Runs", "runs", panel.runs), ("Pipelines", "pipelines", panel.pipelines),
        ("Models", "models", panel.models), ("Drift", "reports", panel.reports),
    ]  # fmt: skip
    parts = [f"{panel.status.project}: {panel.status.runs} runs, {panel.status.executions} cells"]
    for title, key, records in sections:
        parts.append(f"{title}\n{to_text(Records(records)) if records else FILLED_BY[key]}")
    return "\n\n".join(parts)


@to_text.register
def _(demo: DemoResult) -> str:
    parts = [to_text(demo.run)]
    if demo.model:
        alias = f", alias {demo.model.alias}" if demo.model.alias else ""
        parts.append(f"model  {demo.model.name} version {demo.model.version}{alias}")
    if demo.gate:
        parts.append(to_text(demo.gate))
    if demo.drift:
        parts.append(f"drift  {demo.drift.sentence}")
    parts.append("next\n" + "\n".join(f"  {line}" for line in demo.next))
    return "\n\n".join(parts)
