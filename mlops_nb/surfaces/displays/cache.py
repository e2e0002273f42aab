"""The cell cache."""

from __future__ import annotations

from html import escape

from mlops_nb.cache.switch import CachedCell, CellCacheState
from mlops_nb.records import Records
from mlops_nb.surfaces import html, text

text.COLUMNS[CachedCell] = [
    ("cell", lambda c: "" if c.count is None else f"[{c.count}]"),
    ("", lambda c: "ran" if c.restored_from is None else "restored"),
    ("why", lambda c: c.reason if c.restored_from is None else f"as execution {c.restored_from}"),
    ("saved", lambda c: text.seconds(c.saved) if c.restored_from else ""),
]  # fmt: skip


def _state(state: CellCacheState) -> str:
    switched = "on" if state.on else "off"
    held = (
        f"{state.entries} {'entry' if state.entries == 1 else 'entries'}, {_size(state.size)} of {_size(state.limit)}"
    )
    done = f"; {state.restored} of {len(state.cells)} cells restored, {text.seconds(state.saved)} saved"
    return f"cell cache {switched}: {held}{done if state.cells else ''}"


def _size(size: int) -> str:
    for unit, least in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if size >= least:
            return f"{size / least:.1f} {unit}"
    return f"{size} bytes"


@text.drawn.register
def _(state: CellCacheState) -> str:
    return "\n".join([_state(state), *([text.to_text(Records(state.cells))] if state.cells else [])])


@html.drawn.register
def _(state: CellCacheState) -> str:
    return f"<b>{escape(_state(state))}</b>{html.body(Records(state.cells)) if state.cells else ''}"
