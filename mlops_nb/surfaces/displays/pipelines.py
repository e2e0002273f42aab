"""Pipelines and their runs."""

from __future__ import annotations

from html import escape

from mlops_nb.pipelines.executor import PipelineRun
from mlops_nb.pipelines.pipelines import Pipeline, Step
from mlops_nb.records import Records
from mlops_nb.surfaces import html, text

text.COLUMNS[Step] = [
    ("step", lambda s: s.name), ("status", lambda s: s.status), ("time", lambda s: text.seconds(s.seconds)),
    ("why", lambda s: "see the error" if s.status == "failed" else s.reason),
]  # fmt: skip


@text.drawn.register
def _(pipeline: Pipeline) -> str:
    body = text.to_text(Records(pipeline.steps)) if pipeline.steps else pipeline.problem or ""
    return f"{pipeline.name}\n{body}"


@html.drawn.register
def _(pipeline: Pipeline) -> str:
    inside = html.body(Records(pipeline.steps)) if pipeline.steps else html.alert(pipeline.problem or "")
    return f"<b>{escape(pipeline.name)}</b>{inside}"


@text.drawn.register
def _(run: PipelineRun) -> str:
    lines = [text.to_text(Records(run.steps))] if run.steps else []
    if run.pending:
        lines.append(f"not reached: {', '.join(run.pending)}")
    return "\n".join(lines)


@html.drawn.register
def _(run: PipelineRun) -> str:
    parts = [html.body(Records(run.steps))] if run.steps else []
    if run.pending:
        parts.append(f'<div class="quiet">not reached: {escape(", ".join(run.pending))}</div>')
    if run.failure:
        parts.append(html.alert(run.failure))
    return "".join(parts)
