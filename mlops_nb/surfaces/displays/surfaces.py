"""The panel: what it shows, section by section."""

from __future__ import annotations

from html import escape
from typing import Any

from mlops_nb.records import Records
from mlops_nb.surfaces import html, text
from mlops_nb.surfaces.panel import Panel


@text.drawn.register
def _(panel: Panel) -> str:
    sections: list[tuple[str, str, list[Any]]] = [
        ("Runs", "runs", panel.runs), ("Pipelines", "pipelines", panel.pipelines),
        ("Models", "models", panel.models), ("Drift", "reports", panel.reports),
    ]  # fmt: skip
    parts = [f"{panel.status.project}: {panel.status.runs} runs, {panel.status.executions} cells"]
    for title, key, records in sections:
        parts.append(f"{title}\n{text.to_text(Records(records)) if records else text.FILLED_BY[key]}")
    return "\n\n".join(parts)


def sections(panel: Panel) -> dict[str, str]:
    """Return the sections of the panel by title."""
    lists: dict[str, tuple[str, Any]] = {
        "Runs": ("runs", panel.runs), "Pipelines": ("pipelines", panel.pipelines), "Models": ("models", panel.models),
        "Drift": ("reports", panel.reports),
    }  # fmt: skip
    drawn = {
        title: html.body(Records(records)) if records else f'<span class="quiet">{escape(text.FILLED_BY[key])}</span>'
        for title, (key, records) in lists.items()
    }
    if panel.reports:
        drawn["Drift"] += html.body(panel.reports[0])
    lineage = (
        html.body(panel.lineage) if panel.lineage.nodes else f'<span class="quiet">{text.FILLED_BY["runs"]}</span>'
    )
    return {"Runs": drawn.pop("Runs"), "Lineage": lineage, **drawn}


@html.drawn.register
def _(panel: Panel) -> str:
    return "".join(f"<h4>{title}</h4>{inside}" for title, inside in sections(panel).items())
