"""The result of the demo."""

from __future__ import annotations

from html import escape

from mlops_nb.demo import DemoResult
from mlops_nb.surfaces import html, text


@text.drawn.register
def _(demo: DemoResult) -> str:
    parts = [text.to_text(demo.run)]
    if demo.model:
        alias = f", alias {demo.model.alias}" if demo.model.alias else ""
        parts.append(f"model  {demo.model.name} version {demo.model.version}{alias}")
    if demo.gate:
        parts.append(text.to_text(demo.gate))
    if demo.drift:
        parts.append(f"drift  {demo.drift.sentence}")
    parts.append("next\n" + "\n".join(f"  {line}" for line in demo.next))
    return "\n\n".join(parts)


@html.drawn.register
def _(demo: DemoResult) -> str:
    parts = [html.body(demo.run)]
    parts += [html.body(part) for part in (demo.model, demo.gate) if part is not None]
    if demo.drift:
        parts.append(f"<div>{escape(demo.drift.sentence)}</div>")
    return "".join(parts)
