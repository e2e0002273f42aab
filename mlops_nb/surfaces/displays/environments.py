"""Locked and restored environments."""

from __future__ import annotations

from html import escape

from mlops_nb.environments.containers import Exported
from mlops_nb.environments.locks import Lock
from mlops_nb.environments.restored import Restored
from mlops_nb.surfaces import html, text


def _lines_of_lock(found: Lock) -> list[str]:
    whose = f"the environment of {found.ref}" if found.ref else "the environment that is here"
    lines = [f"{whose}: {found.python}, {found.platform}, {len(found.packages)} packages locked"]
    lines += [f"left out, as it was installed from a folder: {name}" for name in found.local]
    return [*lines, *found.notes, *(f"wrote {file}" for file in found.files)]


def _lines_of_exported(found: Exported) -> list[str]:
    whose = f"the environment of {found.ref}" if found.ref else "the environment that is here"
    lines = [
        f"{whose}, as a container",
        *(f"left out, as it was installed from a folder: {name}" for name in found.local),
    ]
    return [*lines, *found.notes, *(f"wrote {file}" for file in found.files)]


def _lines_of_restored(found: Restored) -> list[str]:
    how = f"built in {found.seconds:.1f} s" if found.built else "there already"
    exact = "as it was recorded" if not found.differences else "not all as it was recorded:"
    lines = [f"the environment of {found.ref}: {found.packages} packages, {how}, {exact}"]
    lines += [*found.differences, *found.notes]
    return [*lines, f"kernel {found.kernel}", f"python {found.python}"]


@text.drawn.register
def _(found: Lock) -> str:
    return "\n".join(_lines_of_lock(found))


@text.drawn.register
def _(found: Exported) -> str:
    return "\n".join(_lines_of_exported(found))


@text.drawn.register
def _(found: Restored) -> str:
    return "\n".join(_lines_of_restored(found))


def _html(lines: list[str]) -> str:
    head, *rest = map(escape, lines)
    return f"<b>{head}</b>" + "".join(f'<div class="quiet">{line}</div>' for line in rest)


@html.drawn.register
def _(found: Lock) -> str:
    return _html(_lines_of_lock(found))


@html.drawn.register
def _(found: Exported) -> str:
    return _html(_lines_of_exported(found))


@html.drawn.register
def _(found: Restored) -> str:
    return _html(_lines_of_restored(found))
