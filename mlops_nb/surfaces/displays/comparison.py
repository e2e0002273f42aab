"""What differs between two runs, models, datasets or notebooks."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from html import escape

from mlops_nb.comparison.cells import CellChange
from mlops_nb.comparison.differences import Difference
from mlops_nb.comparison.environments import PYTHON, EnvironmentChange, EnvironmentDifference
from mlops_nb.comparison.tables import DataChange
from mlops_nb.comparison.values import MetricChange, ParameterChange
from mlops_nb.records import Record, Records
from mlops_nb.surfaces import html, text
from mlops_nb.surfaces.displays import explanations as explanations  # which shows what else a comparison gives

LINES = 30  # of one changed cell
MARK = "*"
LEGEND = f"{MARK} in the lineage of a metric that changed, or of the model"
NOTHING = "no difference found"


def _mark(explains: bool) -> str:
    return MARK if explains else ""


def _short(value: str | None) -> str | None:
    return value[:12] if value and len(value) == 40 else value  # a commit


def _cell_name(change: CellChange) -> str:
    return f"{change.position}{f' of {change.step}' if change.step else ''}"


text.COLUMNS[CellChange] = [
    ("", lambda c: _mark(c.explains)), ("change", lambda c: c.kind), ("cell", _cell_name),
    ("id", lambda c: c.cell), ("lines", lambda c: " / ".join(_lines(c))),
]  # fmt: skip
text.COLUMNS[ParameterChange] = [
    ("", lambda p: _mark(p.explains)), ("parameter", lambda p: p.name), ("change", lambda p: p.kind),
    ("A", lambda p: p.before), ("B", lambda p: p.after),
]  # fmt: skip
text.COLUMNS[DataChange] = [
    ("", lambda d: _mark(d.explains)), ("data", lambda d: d.name), ("change", lambda d: d.kind),
    ("column", lambda d: d.column), ("A", lambda d: d.before), ("B", lambda d: d.after), ("detail", lambda d: d.detail),
]  # fmt: skip
text.COLUMNS[EnvironmentChange] = [
    ("environment", lambda e: e.name), ("A", lambda e: _short(e.before)), ("B", lambda e: _short(e.after)),
    ("", lambda e: "imported by a cell" if e.imported else "needed by what a cell imports" if e.needed else ""),
]  # fmt: skip
text.COLUMNS[MetricChange] = [
    ("metric", lambda m: m.name), ("A", lambda m: m.before), ("B", lambda m: m.after),
    ("difference", lambda m: None if m.difference is None else f"{m.difference:+.4g}"),
]  # fmt: skip


def _lines(change: CellChange) -> Iterator[str]:
    """Yield the lines of a cell that differ, with ``-`` and ``+`` before them."""
    if change.kind == "moved":
        yield f"  {(change.after or '').partition(chr(10))[0]}"
        return
    old, new = ((source or "").splitlines() for source in (change.before, change.after))
    found = [line for line in difflib.ndiff(old, new) if line[0] in "-+"]
    yield from found[:LINES]
    if len(found) > LINES:
        yield f"  … {len(found) - LINES} more lines"


@text.drawn.register
def _(found: Difference) -> str:
    parts = [f"{found.a} → {found.b}"]
    if found.metrics:
        parts.append(text.to_text(Records(found.metrics)))
    if found.cells:
        heads = (f"{_mark(c.explains):<2}{c.kind} cell {_cell_name(c)}" for c in found.cells)
        bodies = ("\n".join(f"    {line}" for line in _lines(c)) for c in found.cells)
        parts.append("cells\n" + "\n".join(f"{head}\n{body}" for head, body in zip(heads, bodies, strict=True)))
    parts += [text.to_text(changes) for changes in _tables(found) if changes]
    if len(parts) == 1:
        parts.append(NOTHING)
    elif _is_marked(found):
        parts.append(LEGEND)
    if found.unknown:
        parts.append("not known\n" + "\n".join(f"  {reason}" for reason in found.unknown))
    parts += [text.to_text(found.explanation)] if found.explanation else []
    return "\n\n".join(parts)


@html.drawn.register
def _(found: Difference) -> str:
    parts = [f"<b>{escape(found.a)}</b> → <b>{escape(found.b)}</b>"]
    if found.metrics:
        parts.append(html.body(Records(found.metrics)))
    for change in found.cells:
        head = escape(f"{_mark(change.explains)} {change.kind} cell {_cell_name(change)}".strip())
        lines = "\n".join(map(_coloured, _lines(change)))
        parts.append(f"<h4>{head}</h4><pre>{lines}</pre>")
    parts += [html.body(changes) for changes in _tables(found) if changes]
    if len(parts) == 1:
        parts.append(f'<div class="quiet">{NOTHING}</div>')
    elif _is_marked(found):
        parts.append(f'<div class="quiet">{LEGEND}</div>')
    if found.unknown:
        reasons = "".join(f"<li>{escape(reason)}</li>" for reason in found.unknown)
        parts.append(f"<h4>not known</h4><ul>{reasons}</ul>")
    parts += [html.body(found.explanation)] if found.explanation else []
    return "".join(parts)


def _weighed(found: EnvironmentDifference) -> str:
    """Say how much of what differs can change a result."""
    matters = sum(change.imported or change.needed or change.name == PYTHON for change in found.changes)
    count = f"{len(found.changes)} difference{'s' if len(found.changes) != 1 else ''}"
    return f"{count}, {matters or 'none'} of what the cells import, of what that needs, or of Python"


@text.drawn.register
def _(found: EnvironmentDifference) -> str:
    parts = [f"{found.a} → {found.b}: {_weighed(found) if found.changes else NOTHING}"]
    parts += [text.to_text(Records(found.changes))] if found.changes else []
    return "\n".join([*parts, *(f"not known: {reason}" for reason in found.unknown)])


@html.drawn.register
def _(found: EnvironmentDifference) -> str:
    weighed = _weighed(found) if found.changes else NOTHING
    head = f'<b>{escape(found.a)}</b> → <b>{escape(found.b)}</b><div class="quiet">{weighed}</div>'
    rest = html.body(Records(found.changes)) if found.changes else ""
    return head + rest + "".join(f"<div>not known: {escape(reason)}</div>" for reason in found.unknown)


def _tables(found: Difference) -> Iterator[Records[Record]]:
    yield Records(found.parameters)
    yield Records(found.data)
    yield Records(found.environment)


def _is_marked(found: Difference) -> bool:
    return any(change.explains for changes in (found.cells, found.parameters, found.data) for change in changes)


def _coloured(line: str) -> str:
    colour = {"-": "bad", "+": "good"}.get(line[:1])
    return f'<span class="{colour}">{escape(line)}</span>' if colour else escape(line)
