"""Checkpoints, and what was brought back from one."""

from __future__ import annotations

from html import escape

from mlops_nb.checkpoints.checkpoints import Checkpoint, RestoredState
from mlops_nb.surfaces import html, text

text.COLUMNS[Checkpoint] = [
    ("checkpoint", lambda c: c.name), ("made", lambda c: c.created), ("size", lambda c: size(c.bytes)),
    ("names", lambda c: len(c.names)), ("left out", lambda c: [*c.left_out]), ("id", lambda c: c.id),
]  # fmt: skip


def size(amount: int) -> str:
    """Return a number of bytes as a person reads it."""
    return f"{amount / 1e6:.1f} MB" if amount >= 1e5 else f"{amount / 1e3:.1f} kB"


def lines(found: Checkpoint | RestoredState) -> list[str]:
    """Return what was kept or brought back, a fact a line; what was left out stands by itself."""
    if isinstance(found, Checkpoint):
        return [f"checkpoint {found.name} ({found.id}), {size(found.bytes)}: {', '.join(found.names) or 'no names'}"]
    told = [f"checkpoint {found.name} ({found.id}): restored {', '.join(found.restored) or 'nothing'}"]
    return told + ([f"removed, as they were not there: {', '.join(found.removed)}"] if found.removed else [])


@text.drawn.register(Checkpoint)
@text.drawn.register(RestoredState)
def _(found: Checkpoint | RestoredState) -> str:
    missing = [f"  {name}: {why}" for name, why in found.left_out.items()]
    return "\n".join([*lines(found), *(["left out:", *missing] if missing else [])])


@html.drawn.register(Checkpoint)
@html.drawn.register(RestoredState)
def _(found: Checkpoint | RestoredState) -> str:
    head, *more = lines(found)
    parts = [f"<b>{escape(head)}</b>", *(f"<div>{escape(line)}</div>" for line in more)]
    return "".join(parts) + (html.table(["left out", "why"], found.left_out.items()) if found.left_out else "")
