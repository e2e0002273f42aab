"""Models and gates."""

from __future__ import annotations

from html import escape

from mlops_nb.registry.gates import Gate
from mlops_nb.registry.versions import ModelVersion
from mlops_nb.surfaces import html, text

text.COLUMNS[ModelVersion] = [
    ("model", lambda m: m.name), ("version", lambda m: m.version), ("aliases", lambda m: m.aliases),
    ("gate", lambda m: "" if m.gate is None else "passed" if m.gate.passed else "refused"),
    ("metrics", lambda m: m.metrics), ("created", lambda m: m.created), ("run", lambda m: m.run),
]  # fmt: skip


@text.drawn.register
def _(gate: Gate) -> str:
    rows = [(c.name, c.value, c.limit, "passed" if c.passed else "missed") for c in gate.criteria]
    head = f"gate of {gate.model} {gate.version}: {'passed' if gate.passed else 'refused'}"
    return f"{head}\n{text.table(['criterion', 'value', 'must be', ''], rows)}"


@html.drawn.register
def _(gate: Gate) -> str:
    rows = [(c.name, c.value, c.limit, "passed" if c.passed else "missed") for c in gate.criteria]
    head = f"gate of {escape(gate.model)} {gate.version}: {html.coloured('passed' if gate.passed else 'refused')}"
    return head + html.table(["criterion", "value", "must be", "verdict"], rows)
