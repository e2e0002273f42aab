"""The cell cache and checkpoints."""

from __future__ import annotations

from html import escape

from mlops_nb.cache.checkpoints import Checkpoint
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


def _told(one: Checkpoint) -> str:
    return f"checkpoint {one.name or one.id}: {len(one.names)} names, {_size(one.size)}"


@text.drawn.register
def _(state: CellCacheState) -> str:
    return "\n".join([_state(state), *([text.to_text(Records(state.cells))] if state.cells else [])])


@html.drawn.register
def _(state: CellCacheState) -> str:
    return f"<b>{escape(_state(state))}</b>{html.body(Records(state.cells)) if state.cells else ''}"


@text.drawn.register
def _(one: Checkpoint) -> str:
    return "\n".join([_told(one), *(f"  not in it: {left.name} ({left.reason})" for left in one.left_out)])


@html.drawn.register
def _(one: Checkpoint) -> str:
    left = "".join(f"<div>not in it: {escape(out.name)} ({escape(out.reason)})</div>" for out in one.left_out)
    return f"<b>{escape(_told(one))}</b>{left}"


text.COLUMNS[Checkpoint] = [
    ("checkpoint", lambda c: c.name or c.id), ("ID", lambda c: c.id), ("created", lambda c: c.created),
    ("size", lambda c: _size(c.size)), ("names", lambda c: ", ".join(c.names)),
    ("not in it", lambda c: ", ".join(left.name for left in c.left_out)),
]  # fmt: skip
