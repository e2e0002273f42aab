"""Records as HTML: what a notebook shows. Colours are JupyterLab's own, with plain ones where it is not there.

No script and nothing fetched: the same in JupyterLab, Notebook, nbviewer and a saved HTML file. A notebook that is not
trusted loses styles and inline SVG, so pictures are images of their own, and a verdict has a sign beside its colour.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

from mlops_nb.records import Records
from mlops_nb.surfaces import displays
from mlops_nb.surfaces.text import cell, columns_of

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

GOOD = {"ok", "ran", "cached", "passed", "kept", "stable", "clean", "identical", "equivalent"}
SHORT = 26  # letters of a cell that is kept on one line
BAD = {"failed", "aborted", "refused", "missed", "broken", "drifted", "different", "not"}
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
    return f"<td{short}>{coloured(text) if header in JUDGED else text}</td>"


def coloured(text: str) -> str:
    """Give a verdict its sign and its colour."""
    word = text.partition(" ")[0]
    if word in SIGNS:
        sign, colour = SIGNS[word]
        return f'<span class="{colour}">{sign} {text}</span>'
    if word in GOOD or word in BAD:
        return f'<span class="good">✓ {text}</span>' if word in GOOD else f'<span class="bad">✕ {text}</span>'
    return text


def body(record: Any) -> str:
    """Return the inside of a record's HTML."""
    displays.load(type(record))
    return drawn(record)


@functools.singledispatch
def drawn(record: Any) -> str:
    """Return the inside of a record's HTML; a kind with an HTML of its own registers it here."""
    known = {name: value for name, value in vars(record).items() if value not in (None, "", [], {})}
    return fields(known)


def fields(fields: Mapping[str, object]) -> str:
    """Lay out names and values, numbers too to the left."""
    texts = {name: escape(cell(value)) for name, value in fields.items()}
    rows = [(name, Markup(coloured(text) if name in JUDGED else text)) for name, text in texts.items()]
    return table(["", ""], rows)


@drawn.register
def _(records: Records) -> str:  # type: ignore[type-arg]
    if not records:
        return '<span class="quiet">none</span>'
    columns = columns_of(type(records[0]))
    if columns is None:
        return "".join(body(record) for record in records)
    return table([name for name, _ in columns], [[get(record) for _, get in columns] for record in records])


def alert(text: str) -> str:
    """Show what went wrong."""
    return f'<div role="alert" class="bad">{escape(text)}</div>'
