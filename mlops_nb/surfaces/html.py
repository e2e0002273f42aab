"""Records as HTML: what a notebook shows. Colours are JupyterLab's own, with plain ones where it is not there.

No script and nothing fetched: the same in JupyterLab, Notebook, nbviewer and a saved HTML file. A notebook that is not
trusted loses styles and inline SVG, so pictures are images of their own, and a verdict has a sign beside its colour.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

from mlops_nb.data.quality import Quality
from mlops_nb.demo import DemoResult
from mlops_nb.lineage.columns import ColumnLineage
from mlops_nb.lineage.details import Detail
from mlops_nb.lineage.graph import Graph
from mlops_nb.lineage.impact import Impact
from mlops_nb.lineage.judged import NotebookVerdict
from mlops_nb.lineage.slices import Slice
from mlops_nb.lineage.verdicts import Verdict
from mlops_nb.monitoring.drift import ColumnDrift, DriftReport
from mlops_nb.pipelines.executor import PipelineRun
from mlops_nb.pipelines.pipelines import Pipeline
from mlops_nb.records import Records
from mlops_nb.registry.gates import Gate
from mlops_nb.surfaces import drawing
from mlops_nb.surfaces.panel import Panel
from mlops_nb.surfaces.text import COLUMNS, FILLED_BY, cell, cell_rows, column_name, impacted, verdict

STYLE = """<style>
.mlops-nb{font:13px/1.45 var(--jp-ui-font-family,system-ui,sans-serif);color:var(--jp-ui-font-color1,inherit)}
.mlops-nb table{border-collapse:collapse;margin:4px 0 10px}
.mlops-nb th,.mlops-nb td{text-align:left!important;padding:3px 14px 3px 0;vertical-align:middle;border:0}
.mlops-nb th{color:var(--jp-ui-font-color2,#767676);font-weight:500}
.mlops-nb tbody tr{border-top:1px solid var(--jp-border-color2,#8884);background:none!important}
.mlops-nb td.n{font-variant-numeric:tabular-nums;text-align:right!important}
.mlops-nb .good{color:var(--jp-success-color1,#2e7d32)}
.mlops-nb .bad{color:var(--jp-error-color1,#d32f2f);font-weight:600}
.mlops-nb .doubt{color:var(--jp-warn-color0,#b26a00);font-weight:600}
.mlops-nb .quiet{color:var(--jp-ui-font-color2,#767676)}
.mlops-nb h4{margin:10px 0 2px;font-weight:600}
.mlops-nb.mlops-nb pre{margin:2px 0 8px;padding:6px 8px;overflow-x:auto}
.mlops-nb.mlops-nb pre{background:var(--jp-cell-editor-background,#8881)}
.mlops-nb td.s{white-space:nowrap}
.mlops-nb img{max-width:none;vertical-align:middle}
</style>"""

GOOD = {"ok", "ran", "cached", "passed", "kept", "stable", "clean"}
SHORT = 26  # letters of a cell that is kept on one line
BAD = {"failed", "aborted", "refused", "missed", "broken", "drifted"}
JUDGED = {"verdict", "status", "gate"}  # under these headers a word is a verdict, elsewhere it may be anybody's name
#: What stands for a verdict that is not clean, as beside the cells in JupyterLab: its sign and its colour.
SIGNS = {"stale": ("◷", "doubt"), "tainted": ("▲", "bad"), "uncheckable": ("?", "quiet")}


def to_html(record: Any) -> str:
    """Return a record, or a list of them, as HTML."""
    return f'{STYLE}<div class="mlops-nb">{body(record)}</div>'


def table(headers: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Lay out rows under headers; text is escaped, numbers stand to the right, verdicts have their colour."""
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in headers)
    lines = "".join("<tr>" + "".join(map(_cell, row, headers)) + "</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{lines}</tbody></table>"


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


def _cell(value: object, header: str) -> str:
    if isinstance(value, Markup):
        return f"<td>{value}</td>"
    text = escape(cell(value))
    if isinstance(value, int | float) and not isinstance(value, bool):
        return f'<td class="n">{text}</td>'
    short = ' class="s"' if len(text) < SHORT else ""
    return f"<td{short}>{_coloured(text) if header in JUDGED else text}</td>"


def _coloured(text: str) -> str:
    word = text.partition(" ")[0]
    if word in SIGNS:
        sign, colour = SIGNS[word]
        return f'<span class="{colour}">{sign} {text}</span>'
    if word in GOOD or word in BAD:
        return f'<span class="good">✓ {text}</span>' if word in GOOD else f'<span class="bad">✕ {text}</span>'
    return text


@functools.singledispatch
def body(record: Any) -> str:
    """Return the inside of a record's HTML."""
    fields = {name: value for name, value in vars(record).items() if value not in (None, "", [], {})}
    return _fields(fields)


def _fields(fields: Mapping[str, object]) -> str:
    """Lay out names and values, numbers too to the left."""
    texts = {name: escape(cell(value)) for name, value in fields.items()}
    rows = [(name, Markup(_coloured(text) if name in JUDGED else text)) for name, text in texts.items()]
    return table(["", ""], rows)


@body.register
def _(records: Records) -> str:  # type: ignore[type-arg]
    if not records:
        return '<span class="quiet">none</span>'
    columns = COLUMNS.get(type(records[0]))
    if columns is None:
        return "".join(body(record) for record in records)
    return table([name for name, _ in columns], [[get(record) for _, get in columns] for record in records])


@body.register
def _(lineage: ColumnLineage) -> str:
    parts = [f"<b>{escape(column_name(lineage))}</b>"]
    for title, links in (("comes from", lineage.sources), ("feeds", lineage.targets)):
        parts.append(f"<h4>{title}</h4>{body(Records(links))}")
    return "".join(parts)


@body.register
def _(pipeline: Pipeline) -> str:
    inside = body(Records(pipeline.steps)) if pipeline.steps else _alert(pipeline.problem or "")
    return f"<b>{escape(pipeline.name)}</b>{inside}"


@body.register
def _(run: PipelineRun) -> str:
    parts = [body(Records(run.steps))] if run.steps else []
    if run.pending:
        parts.append(f'<div class="quiet">not reached: {escape(", ".join(run.pending))}</div>')
    if run.failure:
        parts.append(_alert(run.failure))
    return "".join(parts)


@body.register
def _(gate: Gate) -> str:
    rows = [(c.name, c.value, c.limit, "passed" if c.passed else "missed") for c in gate.criteria]
    head = f"gate of {escape(gate.model)} {gate.version}: {_coloured('passed' if gate.passed else 'refused')}"
    return head + table(["criterion", "value", "must be", "verdict"], rows)


@body.register
def _(quality: Quality) -> str:
    rows = [
        (r.column, r.rule, "kept" if r.passed else f"broken by {r.failures:,} rows", r.examples) for r in quality.rules
    ]
    head = f"contract {escape(quality.contract)}: {_coloured('kept' if quality.passed else 'broken')}"
    return f"{head} ({quality.rows:,} rows)" + table(["column", "rule", "verdict", "examples"], rows)


@body.register
def _(report: DriftReport) -> str:
    rows = [
        (
            c.column, Markup(_overlay(c)), c.test, c.statistic, c.threshold, c.psi, _psi_label(c.psi),
            verdict(c.drifted),
        )
        for c in report.columns
    ]  # fmt: skip
    head = f"<b>{escape(report.name)}</b>: {_coloured(verdict(report.drifted))}"
    sides = (
        f'<div class="quiet">grey: reference {escape(report.reference)}; line: current {escape(report.current)}</div>'
    )
    headers = ["column", "distribution", "test", "statistic", "threshold", "PSI", "by custom", "verdict"]
    return head + sides + table(headers, rows)


def _psi_label(psi: float) -> str:
    return "little" if psi < 0.1 else "moderate" if psi < 0.25 else "large"


def _overlay(column: ColumnDrift) -> str:
    """Draw the reference as grey bars and the current data as a line over them."""
    width, height = 132, 30
    top = max([*column.reference, *column.current, 1e-9])
    step = width / len(column.labels)

    def y(share: float) -> float:
        return round(height - share / top * (height - 2), 1)

    bars = "".join(
        f'<rect x="{i * step:.1f}" y="{y(share)}" width="{max(step - 1, 1):.1f}" height="{height - y(share):.1f}"/>'
        for i, share in enumerate(column.reference)
    )
    points = " ".join(
        f"{i * step:.1f},{y(share)} {(i + 1) * step - 1:.1f},{y(share)}" for i, share in enumerate(column.current)
    )
    drawn = (
        f'<g fill="{drawing.GREY}" fill-opacity=".45">{bars}</g>'
        f'<polyline points="{points}" fill="none" stroke="{drawing.BLUE}" stroke-width="1.5"/>'
    )
    return drawing.image(drawn, width, height, f"{column.column}: distribution then (bars) and now (line)")


@body.register
def _(graph: Graph) -> str:
    more = '<div class="quiet">there is more than is drawn</div>' if graph.truncated else ""
    return drawing.lineage(graph) + more


@body.register
def _(detail: Detail) -> str:
    parts = [f"<b>{escape(detail.kind)} {escape(detail.name)}</b> <span class=quiet>{escape(detail.id)}</span>"]
    parts.append(_fields(detail.facts))
    if detail.source:
        parts.append(f"<pre>{escape(detail.source)}</pre>")
    for output in detail.outputs:
        if output.data:
            parts.append(f'<img alt="output" src="data:{escape(output.mime)};base64,{escape(output.data)}">')
        elif output.text:
            parts.append(f"<pre>{escape(output.text)}</pre>")
    return "".join(parts)


@body.register
def _(slice_: Slice) -> str:
    parts = [f"<b>the slice of {escape(slice_.ref)}</b>: {len(slice_.cells)} cells"]
    parts += [f'<div class="bad">✕ not certain: {escape(reason)}</div>' for reason in slice_.uncheckable]
    for file in slice_.files:
        known = (file.hash or "hash not known")[:16]
        parts.append(f'<div class="quiet">needs {escape(file.path)} ({escape(known)})</div>')
    for one in slice_.cells:
        raises = f" raises {escape(one.raises)}" if one.raises else ""
        parts.append(f'<div class="quiet">[{one.execution_count}]{raises}</div><pre>{escape(one.source)}</pre>')
    return "".join(parts)


@body.register
def _(found: Verdict) -> str:
    rows = [(_call(reason.execution_count), reason.verdict, reason.what) for reason in found.reasons]
    head = f"{escape(found.ref)}: {_coloured(escape(found.verdict))}"
    return head + (table(["cell", "verdict", "why"], rows) if rows else "")


def _call(count: int | None) -> str:
    return "" if count is None else f"[{count}]"


@body.register
def _(found: NotebookVerdict) -> str:
    basis = "" if found.recorded else " (never recorded: judged by its source and execution counts)"
    head = f"<b>{escape(found.notebook)}</b>: {_coloured(escape(found.verdict))}{basis}"
    return head + table(["cell", "begins", "verdict", "why"], cell_rows(found))


@body.register
def _(found: Impact) -> str:
    nodes = impacted(found)
    return body(Records(nodes)) if nodes else f'<span class="quiet">nothing comes from {escape(found.ref)}</span>'


def sections(panel: Panel) -> dict[str, str]:
    """Return the sections of the panel by title."""
    lists: dict[str, tuple[str, Any]] = {
        "Runs": ("runs", panel.runs), "Pipelines": ("pipelines", panel.pipelines), "Models": ("models", panel.models),
        "Drift": ("reports", panel.reports),
    }  # fmt: skip
    drawn = {
        title: body(Records(records)) if records else f'<span class="quiet">{escape(FILLED_BY[key])}</span>'
        for title, (key, records) in lists.items()
    }
    if panel.reports:
        drawn["Drift"] += body(panel.reports[0])
    lineage = body(panel.lineage) if panel.lineage.nodes else f'<span class="quiet">{FILLED_BY["runs"]}</span>'
    return {"Runs": drawn.pop("Runs"), "Lineage": lineage, **drawn}


@body.register
def _(panel: Panel) -> str:
    return "".join(f"<h4>{title}</h4>{inside}" for title, inside in sections(panel).items())


@body.register
def _(demo: DemoResult) -> str:
    parts = [body(demo.run)]
    parts += [body(part) for part in (demo.model, demo.gate) if part is not None]
    if demo.drift:
        parts.append(f"<div>{escape(demo.drift.sentence)}</div>")
    return "".join(parts)


def _alert(text: str) -> str:
    return f'<div role="alert" class="bad">{escape(text)}</div>'
