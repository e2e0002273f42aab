"""Pipelines: the notebooks of a folder, or those that ``mlops.toml`` names, as steps in order.

    [pipeline.flights]
    notebooks = ["01-ingest.ipynb", "02-features.ipynb"]

Without such a table the notebooks in the project's root are one pipeline, named after the folder.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mlops_nb.capture import runs
from mlops_nb.capture.notebooks import Notebook, read
from mlops_nb.capture.runs import Run
from mlops_nb.errors import MlopsError, NotFound, UsageError
from mlops_nb.pipelines import parameters, planner
from mlops_nb.pipelines.planner import Traffic
from mlops_nb.project import Project
from mlops_nb.records import Json, Record
from mlops_nb.verbs import verb


@dataclass(frozen=True)
class Step(Record):
    """A step of a pipeline and how it went the last time: ran, cached, failed, running, aborted or pending."""

    name: str
    notebook: str
    needs: list[str]
    produces: list[str]
    parameters: dict[str, Json]
    status: str
    seconds: float | None
    reason: str
    run: str | None


@dataclass(frozen=True)
class Pipeline(Record):
    """A pipeline, its steps in order, and its last run; ``problem`` says why it could not run as it stands."""

    name: str
    run: str | None
    steps: list[Step]
    problem: str | None


@dataclass(frozen=True)
class Plan:
    """The notebooks of a pipeline and what they read and write, in the order to run them."""

    name: str
    notebooks: dict[str, Notebook]
    traffic: dict[str, Traffic]

    @classmethod
    def of(cls, project: Project, target: str | None = None) -> Plan:
        """Plan a pipeline by its name, a folder or a notebook; by default the only one there is.

        Raises:
            NotFound: there is no such pipeline or notebook, or nothing to run.
            UsageError: a notebook cannot be read or is not Python, two have one name, or the order is a circle.
        """
        name, paths = _select(project, target)
        if not paths:
            raise NotFound(f'pipeline {name!r} names no notebooks - write [pipeline.{name}] notebooks = ["a.ipynb"]')
        if twice := [path.stem for path in paths if sum(other.stem == path.stem for other in paths) > 1]:
            raise UsageError(f"two notebooks of pipeline {name!r} are called {twice[0]!r} - give one another name")
        notebooks = {path.stem: read(path) for path in paths}
        if foreign := [notebook for notebook in notebooks.values() if notebook.language not in ("python", "ipython")]:
            raise UsageError(f"{foreign[0].path.name} is written in {foreign[0].language} - only Python can be a step")
        traffic = {step: planner.traffic(notebook, project.root) for step, notebook in notebooks.items()}
        ordered = planner.order(traffic)
        return cls(name, {step: notebooks[step] for step in ordered}, {step: traffic[step] for step in ordered})


def declared(project: Project) -> dict[str, list[Path]]:
    """Return the notebooks of each pipeline by its name."""
    tables = project.section("pipeline")
    found = {
        str(name): [project.root / str(path) for path in table.get("notebooks", [])]
        for name, table in tables.items()
        if isinstance(table, dict)
    }
    if not found and (paths := sorted(project.root.glob("*.ipynb"))):
        found[project.root.name] = paths
    return found


def _select(project: Project, target: str | None) -> tuple[str, list[Path]]:
    every = declared(project)
    if target is None:
        if len(every) == 1:
            return next(iter(every.items()))
        if every:
            raise NotFound(f"which pipeline? - there are: {', '.join(map(repr, every))}")
        raise NotFound(f"no notebooks in {project.root} - put one there, or name them in mlops.toml")
    if target in every:
        return target, every[target]
    path = Path(target)
    path = path if path.exists() or path.is_absolute() else project.root / target
    if path.is_dir():
        if notebooks := sorted(path.glob("*.ipynb")):
            return path.resolve().name, notebooks
        raise NotFound(f"no notebooks in {path} - put one there, or name them in mlops.toml")
    if path.is_file():
        return path.stem, [path]
    raise NotFound.naming("pipeline or notebook", target, list(every))


STATUS = {"ok": "ran"}  # how a step's run is called in its pipeline


@verb("pipelines")
def pipelines(project: Project) -> list[Pipeline]:
    """List the pipelines with their steps in order and how each went the last time."""
    return [_pipeline(project, name) for name in declared(project)]


def _pipeline(project: Project, name: str) -> Pipeline:
    last = next((run for run in runs.runs(project, kind="pipeline", limit=200) if run.name == name), None)
    went = {run.name: run for run in runs.children(project, last.id)} if last else {}
    try:
        plan = Plan.of(project, name)
        assigned = parameters.assign(plan.notebooks, {})
    except MlopsError as error:
        return Pipeline(name, last.id if last else None, [], str(error))
    steps = [
        step(
            plan.notebooks[key], project, plan.traffic[key], sorted(planner.needed(key, plan.traffic)),
            assigned[key], went.get(key),
        )
        for key in plan.notebooks
    ]  # fmt: skip
    return Pipeline(name, last.id if last else None, steps, None)


def step(
    notebook: Notebook,
    project: Project,
    traffic: Traffic,
    needs: list[str],
    assigned: dict[str, Json],
    run: Run | None,
) -> Step:
    """Describe a step together with its last run, if it had one."""
    seconds = (run.ended - run.started).total_seconds() if run and run.ended and run.started else None
    return Step(
        name=notebook.path.stem, notebook=project.relative(notebook.path), needs=needs,
        produces=sorted(traffic.writes), parameters=run.parameters if run else assigned,
        status=STATUS.get(run.status, run.status) if run else "pending", seconds=seconds,
        reason=(run.reason or "") if run else "", run=run.id if run else None,
    )  # fmt: skip
