"""Drift reports."""

from __future__ import annotations

from html import escape

from mlops_nb.monitoring.drift import ColumnDrift, DriftReport
from mlops_nb.surfaces import drawing, html, text

text.COLUMNS[DriftReport] = [
    ("report", lambda r: r.name), ("verdict", lambda r: verdict(r.drifted)),
    ("columns", lambda r: [c.column for c in r.columns if c.drifted]), ("created", lambda r: r.created),
]  # fmt: skip


def verdict(drifted: bool) -> str:
    """Say whether data has drifted."""
    return "drifted" if drifted else "stable"


@text.drawn.register
def _(report: DriftReport) -> str:
    rows = [(c.column, c.test, c.statistic, c.threshold, c.psi, verdict(c.drifted)) for c in report.columns]
    head = f"{report.name}: {verdict(report.drifted)} - {report.current} against {report.reference}"
    return f"{head}\n{text.table(['column', 'test', 'statistic', 'threshold', 'PSI', 'verdict'], rows)}"


@html.drawn.register
def _(report: DriftReport) -> str:
    rows = [
        (
            c.column, html.Markup(_overlay(c)), c.test, c.statistic, c.threshold, c.psi, _psi_label(c.psi),
            verdict(c.drifted),
        )
        for c in report.columns
    ]  # fmt: skip
    head = f"<b>{escape(report.name)}</b>: {html.coloured(verdict(report.drifted))}"
    sides = (
        f'<div class="quiet">grey: reference {escape(report.reference)}; line: current {escape(report.current)}</div>'
    )
    headers = ["column", "distribution", "test", "statistic", "threshold", "PSI", "by custom", "verdict"]
    return head + sides + html.table(headers, rows)


def _psi_label(psi: float) -> str:
    return "little" if psi < 0.1 else "moderate" if psi < 0.25 else "large"


def _overlay(column: ColumnDrift) -> str:
    """Draw the reference as grey bars and the current data as a line over them."""
    width, height = 132, 30
    top = max([*column.reference, *column.current, 1e-9])
    step = width / len(column.labels)

    def y(share: float) -> float:
        return round(height - share / top * (height - 2), 1)

    bars = "".join(
        f'<rect x="{i * step:.1f}" y="{y(share)}" width="{max(step - 1, 1):.1f}" height="{height - y(share):.1f}"/>'
        for i, share in enumerate(column.reference)
    )
    points = " ".join(
        f"{i * step:.1f},{y(share)} {(i + 1) * step - 1:.1f},{y(share)}" for i, share in enumerate(column.current)
    )
    drawn = (
        f'<g fill="{drawing.GREY}" fill-opacity=".45">{bars}</g>'
        f'<polyline points="{points}" fill="none" stroke="{drawing.BLUE}" stroke-width="1.5"/>'
    )
    return drawing.image(drawn, width, height, f"{column.column}: distribution then (bars) and now (line)")
