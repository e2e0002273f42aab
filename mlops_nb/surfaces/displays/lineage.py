"""Lineage, slices, verdicts and what a change would reach."""

from __future__ import annotations

from html import escape

from mlops_nb.lineage.asran import RanCell, RanNotebook
from mlops_nb.lineage.columns import ColumnLineage, ColumnLink
from mlops_nb.lineage.details import Detail
from mlops_nb.lineage.graph import Graph, GraphNode
from mlops_nb.lineage.impact import KINDS, Impact
from mlops_nb.lineage.judged import NotebookVerdict
from mlops_nb.lineage.slices import Slice, as_script
from mlops_nb.lineage.tracing.kinds import ALL
from mlops_nb.lineage.verdicts import Verdict
from mlops_nb.records import Records
from mlops_nb.surfaces import drawing, html, text

text.COLUMNS[GraphNode] = [("kind", lambda n: n.kind), ("name", lambda n: n.name), ("id", lambda n: n.id)]  # fmt: skip
text.COLUMNS[ColumnLink] = [
    ("of", lambda link: f"{link.kind} {text.brief(link.name, 40)}"), ("column", lambda link: link.column),
    ("how", lambda link: link.relation), ("", lambda link: "assumed" if link.assumed else ""),
    ("steps", lambda link: link.steps), ("id", lambda link: link.id),
]  # fmt: skip


@text.drawn.register
def _(graph: Graph) -> str:
    names = {node.id: f"{node.kind} {node.name}" for node in graph.nodes}
    if not graph.edges:
        return "\n".join(names.values()) or "nothing has run yet"
    return "\n".join(f"{names[e.source]} -> {names[e.target]} ({e.kind})" for e in graph.edges)


@html.drawn.register
def _(graph: Graph) -> str:
    more = '<div class="quiet">there is more than is drawn</div>' if graph.truncated else ""
    return drawing.lineage(graph) + more


@text.drawn.register
def _(lineage: ColumnLineage) -> str:
    sources = text.to_text(Records(lineage.sources)) if lineage.sources else "nothing that was recorded"
    targets = text.to_text(Records(lineage.targets)) if lineage.targets else "nothing yet"
    return f"{column_name(lineage)} ({lineage.id})\ncomes from\n{sources}\nfeeds\n{targets}"


@html.drawn.register
def _(lineage: ColumnLineage) -> str:
    parts = [f"<b>{escape(column_name(lineage))}</b>"]
    for title, links in (("comes from", lineage.sources), ("feeds", lineage.targets)):
        parts.append(f"<h4>{title}</h4>{html.body(Records(links))}")
    return "".join(parts)


def column_name(lineage: ColumnLineage) -> str:
    """Return what the lineage of columns is of: a thing, or one column of it."""
    return lineage.name if lineage.column == ALL else f"{lineage.name} {lineage.column}".rstrip()


@text.drawn.register
def _(detail: Detail) -> str:
    lines = [f"{detail.kind} {detail.name} ({detail.id})"]
    lines += [f"  {name}: {text.cell(value)}" for name, value in detail.facts.items()]
    if detail.source:
        lines += ["  source:", *(f"    {line}" for line in detail.source.splitlines())]
    lines += [f"  output: {o.text.strip()}" for o in detail.outputs if o.text and o.mime == "text/plain"]
    lines += [f"  {child.kind} {child.name} ({child.id})" for child in detail.children]
    return "\n".join(lines)


@html.drawn.register
def _(detail: Detail) -> str:
    parts = [f"<b>{escape(detail.kind)} {escape(detail.name)}</b> <span class=quiet>{escape(detail.id)}</span>"]
    parts.append(html.fields(detail.facts))
    if detail.source:
        parts.append(f"<pre>{escape(detail.source)}</pre>")
    for output in detail.outputs:
        if output.data:
            parts.append(f'<img alt="output" src="data:{escape(output.mime)};base64,{escape(output.data)}">')
        elif output.text:
            parts.append(f"<pre>{escape(output.text)}</pre>")
    return "".join(parts)


@text.drawn.register
def _(slice_: Slice) -> str:
    return as_script(slice_).rstrip()


@html.drawn.register
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


@text.drawn.register
def _(found: Verdict) -> str:
    return "\n".join(
        [f"{found.ref}: {found.verdict}", *(f"  {reason.verdict}: {reason.what}" for reason in found.reasons)]
    )


@html.drawn.register
def _(found: Verdict) -> str:
    rows = [(_call(reason.execution_count), reason.verdict, reason.what) for reason in found.reasons]
    head = f"{escape(found.ref)}: {html.coloured(escape(found.verdict))}"
    return head + (html.table(["cell", "verdict", "why"], rows) if rows else "")


def _call(count: int | None) -> str:
    return "" if count is None else f"[{count}]"


@text.drawn.register
def _(found: NotebookVerdict) -> str:
    basis = "" if found.recorded else " (never recorded: judged by its source and execution counts)"
    cells = text.table(["cell", "begins", "verdict", "why"], cell_rows(found))
    return f"{found.notebook}: {found.verdict}{basis}\n{cells}"


@html.drawn.register
def _(found: NotebookVerdict) -> str:
    basis = "" if found.recorded else " (never recorded: judged by its source and execution counts)"
    head = f"<b>{escape(found.notebook)}</b>: {html.coloured(escape(found.verdict))}{basis}"
    return head + html.table(["cell", "begins", "verdict", "why"], cell_rows(found))


def cell_rows(found: NotebookVerdict) -> list[tuple[object, ...]]:
    """Return the cells of a judged notebook as the rows of a table."""
    return [
        (f"[{c.execution_count or ' '}]", text.brief(c.source.strip().partition("\n")[0], 40), c.verdict,
         "; ".join(reason.what for reason in c.reasons))
        for c in found.cells
    ]  # fmt: skip


@text.drawn.register
def _(found: Impact) -> str:
    nodes = impacted(found)
    more = "\nthere is more than was looked at" if found.truncated else ""
    return (text.to_text(Records(nodes)) if nodes else f"nothing that was recorded comes from {found.ref}") + more


@html.drawn.register
def _(found: Impact) -> str:
    nodes = impacted(found)
    return html.body(Records(nodes)) if nodes else f'<span class="quiet">nothing comes from {escape(found.ref)}</span>'


def impacted(found: Impact) -> list[GraphNode]:
    """Return everything that a change would reach, what matters most first."""
    return [node for kind in KINDS for node in getattr(found, kind)]


def _said(cell: RanCell) -> str:
    count = "" if cell.count is None else f" [{cell.count}]"
    return f"cell{count}, execution {cell.execution}" + (
        "" if cell.status == "ok" else f", {cell.status}: {cell.error}"
    )


@text.drawn.register
def _(found: RanNotebook) -> str:
    head = f"# {found.notebook or 'The session'} when {found.ref} ran, {text.cell(found.ran)}"
    written = [f"# written to {found.file}"] if found.file else []
    return "\n\n".join(["\n".join([head, *written]), *(f"# %% {_said(cell)}\n{cell.source}" for cell in found.cells)])


@html.drawn.register
def _(found: RanNotebook) -> str:
    head = f"<b>{escape(found.notebook or 'The session')}</b> when {escape(found.ref)} ran"
    written = f'<div class="quiet">written to {escape(found.file)}</div>' if found.file else ""
    shown = "".join(
        f'<div class="quiet">{escape(_said(cell))}</div><pre>{escape(cell.source)}</pre>' for cell in found.cells
    )
    return head + written + shown
