"""Whether a thing came out again."""

from __future__ import annotations

from html import escape

from mlops_nb.reproduction.places import RESTORED
from mlops_nb.reproduction.reproduce import Compared, Reproduction
from mlops_nb.surfaces import html, text

HEADERS = ["result", "kind", "verdict", "rung", ""]


def _rows(compared: list[Compared]) -> list[tuple[object, ...]]:
    return [(one.name, one.kind, one.verdict, one.rung, one.detail) for one in compared]


def _sentence(found: Reproduction) -> str:
    cells = "the one cell" if found.slice == 1 else f"the {found.slice} cells"
    rung = f"by {found.rung}, " if found.rung else ""
    where = "in its environment, restored" if found.environment == RESTORED else "in the environment that is here"
    return f"{rung}from {cells} of its slice {where}"


@text.drawn.register
def _(found: Reproduction) -> str:
    parts = [f"{found.ref}: {found.verdict}, {_sentence(found)}"]
    parts += [found.reason] if found.reason else []
    parts += [text.table(HEADERS, _rows(found.compared))] if found.compared else []
    return "\n".join(parts)


@html.drawn.register
def _(found: Reproduction) -> str:
    head = f"<b>{escape(found.ref)}</b>: {html.coloured(escape(found.verdict))}"
    parts = [head, f'<div class="quiet">{escape(_sentence(found))}</div>']
    parts += [f"<div>{escape(found.reason)}</div>"] if found.reason else []
    parts += [html.table(HEADERS, _rows(found.compared))] if found.compared else []
    return "".join(parts)
