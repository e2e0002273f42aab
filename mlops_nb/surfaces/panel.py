"""The panel: what the project holds, at one look; the same sections as the sidebar."""

from __future__ import annotations

from dataclasses import dataclass

from mlops_nb import project as projects
from mlops_nb.capture import runs
from mlops_nb.capture.runs import Run
from mlops_nb.lineage import graph
from mlops_nb.lineage.graph import Graph
from mlops_nb.monitoring import drift
from mlops_nb.monitoring.drift import DriftReport
from mlops_nb.pipelines import pipelines
from mlops_nb.pipelines.pipelines import Pipeline
from mlops_nb.project import Project, Status
from mlops_nb.records import Record
from mlops_nb.registry import versions
from mlops_nb.registry.versions import ModelVersion
from mlops_nb.verbs import verb


@dataclass(frozen=True)
class Panel(Record):
    """Runs, lineage, pipelines, models and drift of a project."""

    status: Status
    runs: list[Run]
    lineage: Graph
    pipelines: list[Pipeline]
    models: list[ModelVersion]
    reports: list[DriftReport]


@verb("panel")
def panel(project: Project, *, limit: int = 12) -> Panel:
    """Show the project at one look: runs, lineage, pipelines, models and drift.

    Args:
        limit: at most so many of each
    """
    return Panel(
        status=projects.status(project),
        runs=runs.runs(project, limit=limit),
        lineage=graph.lineage(project, limit=60),
        pipelines=pipelines.pipelines(project),
        models=versions.models(project)[:limit],
        reports=drift.reports(project, limit=limit),
    )
