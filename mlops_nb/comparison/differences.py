"""Differences: what changed between A and B, what could explain a changed metric first.

Two runs, two model versions (through the runs that made them), two dataset versions, or two notebook files. The record
always has the same lists; those that make no sense for a kind are empty. What could not be compared is in ``unknown``.

The order within each list: first what is in the lineage of a metric that changed, or of the model (the mark
``explains``); then the order of the cells, of the columns, or of the names as they were logged. Packages that the cells
import stand before the rest. Metrics stand by how much they changed for their size.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from mlops_nb import hooks
from mlops_nb.capture import notebooks
from mlops_nb.capture.notebooks import INJECTED, Notebook
from mlops_nb.capture.sources import imported
from mlops_nb.comparison import cells, environments, inputs, sides, tables, values
from mlops_nb.comparison.cells import CellChange, Source
from mlops_nb.comparison.changes import between
from mlops_nb.comparison.environments import EnvironmentChange, Surroundings
from mlops_nb.comparison.explanations import BUDGET, Explanation
from mlops_nb.comparison.explanations import explain as explained
from mlops_nb.comparison.sides import Side
from mlops_nb.comparison.tables import DataChange
from mlops_nb.comparison.trials import Trials
from mlops_nb.comparison.values import MetricChange, ParameterChange
from mlops_nb.errors import NotFound, ParameterError, UsageError
from mlops_nb.lineage.references import resolve
from mlops_nb.pipelines.parameters import declared
from mlops_nb.project import Project
from mlops_nb.records import Json, Record
from mlops_nb.reproduction.seeds import checked
from mlops_nb.verbs import Progress, silent, verb

WORDS = {"run": "a run", "model": "a model version", "dataset": "a dataset version", "notebook": "a notebook"}
SIGNATURE = "signature"


@dataclass(frozen=True)
class Difference(Record):
    """What differs between A and B, and what nobody can know; each list begins with the likeliest causes."""

    a: str
    b: str
    cells: list[CellChange] = field(default_factory=list)
    parameters: list[ParameterChange] = field(default_factory=list)
    data: list[DataChange] = field(default_factory=list)
    environment: list[EnvironmentChange] = field(default_factory=list)
    metrics: list[MetricChange] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    explanation: Explanation | None = None


@verb("diff", job=True)
def diff(
    project: Project,
    a: str,
    b: str,
    *,
    key: list[str] | None = None,
    explain: bool = False,
    metric: str | None = None,
    budget: int = BUDGET,
    seed: int | None = None,
    progress: Progress = silent,
) -> Difference:
    """Show what differs between two runs, models, datasets or notebooks, the likeliest causes first.

    Args:
        a: what it was: a run, a model version, a dataset version, or the path of a notebook
        b: what it is now: another of the same kind
        key: the columns that tell the rows of tables apart
        explain: run A again with one change at a time, to see how much of a metric's difference each accounts for
        metric: the metric to explain; by default the one that changed most for its size
        budget: explain with at most so many runs
        seed: explain with all that is made by chance under this seed
        progress: told how far each run is

    Raises:
        NotFound: one of them means nothing, or is no file; or no such metric differs.
        UsageError: they are of different kinds, or cannot be compared or explained, or the key is none.
    """
    found, pair = _compared(project, a, b, key or ())
    if not explain:
        return found
    if pair is None:
        raise UsageError(f"{a!r} and {b!r} have no metric to explain - give two runs or models")
    if budget < 2:
        raise UsageError(f"budget={budget} is too small - A and B alone take 2 runs")
    change = _to_explain(project, found.metrics, metric)
    programs = between(project, *pair, change.name)
    if programs is None:
        raise UsageError(f"no recorded cell logged {change.name!r} on both sides - there is no program to run again")
    assert change.before is not None and change.after is not None
    with closing(Trials(programs, change.name, budget, checked(seed), progress)) as trials:
        return replace(found, explanation=explained(trials, change.name, (change.before, change.after)))


def _to_explain(project: Project, changes: Sequence[MetricChange], name: str | None) -> MetricChange:
    """Return the metric of a name, or the one that changed most; one that a cell logged before those that were seen."""
    known = {change.name: change for change in changes if change.difference is not None}
    if name is None and not known:
        raise NotFound("no metric differs between A and B, so there is nothing to explain")
    if name is not None and name not in known:
        raise NotFound.naming("metric that differs", name, list(known))
    if name is not None:
        return known[name]
    logged = {row["name"] for row in project.store.rows("SELECT DISTINCT name FROM metric WHERE fit IS NULL")}
    return next((known[name] for name in known if name.rpartition("/")[2] in logged), next(iter(known.values())))


def _compared(project: Project, a: str, b: str, key: Sequence[str]) -> tuple[Difference, tuple[Side, Side] | None]:
    """Return what differs, and the two sides where they are runs or models."""
    with hooks.unheard():
        (kind, left), (other, right) = _meant(project, a), _meant(project, b)
        for ref, found in ((a, kind), (b, other)):
            if found not in WORDS:
                raise UsageError(f"{ref!r} is a {found}, which diff does not compare - give {_ways()}")
        if kind != other:
            raise UsageError(f"{a!r} is {WORDS[kind]} and {b!r} is {WORDS[other]} - give two of one kind: {_ways()}")
        if isinstance(left, Path) or isinstance(right, Path):
            return _notebooks(a, b, notebooks.read(Path(left)), notebooks.read(Path(right))), None
        if kind == "dataset":
            return _datasets(project, a, b, (left, right), key), None
        make = sides.of_run if kind == "run" else sides.of_model
        pair = make(project, left), make(project, right)
        return _runs(project, a, b, pair, key), pair


def _ways() -> str:
    return "two runs (runs:/ID), models (models:/NAME/1), datasets (dataset:NAME/2) or notebooks (PATH.ipynb)"


def _meant(project: Project, ref: str) -> tuple[str, Any]:
    """Return the kind of what a reference means, and its row ID, or the path of a notebook."""
    if ref.endswith(".ipynb"):
        path = Path(ref)
        return "notebook", path if path.exists() else project.root / path
    number = resolve(project, ref)
    return project.store.value("SELECT kind FROM node WHERE id = ?", number), number


# -- runs, and models by their runs ---------------------------------------------------------------------------


def _runs(project: Project, a: str, b: str, pair: tuple[Side, Side], key: Sequence[str]) -> Difference:
    metrics = values.compare_metrics(pair[0].metrics, pair[1].metrics)
    # two versions of a model out of one run differ by what each was made of, not by what the run has
    same = [part.number for part in pair[0].parts] == [part.number for part in pair[1].parts]
    for side in pair:
        side.lead_to(project, () if same else {change.name for change in metrics})
    before, after = (side.cells(leading_only=same) for side in pair)
    data, doubts = inputs.compare(project, *pair, key)
    signatures = _signatures(project, pair[0].model, pair[1].model)
    return Difference(
        a, b, cells.compare(before, after),
        values.compare_parameters(pair[0].parameters, pair[1].parameters, pair[0].names | pair[1].names),
        [*signatures, *data], _environments(pair, [*before, *after]), metrics,
        [*_gaps(pair), *cells.unsure(before, after), *doubts],
    )  # fmt: skip


def _gaps(pair: Sequence[Side]) -> list[str]:
    found = []
    for name, side in zip("AB", pair, strict=True):
        found += [f"{name}: {gap}" for gap in side.gaps]
        if not side.parts:
            found.append(f"the run that made {name} was not recorded")
        if any(part.surroundings.environment is None for part in side.parts):
            found.append(f"the environment of {name} was not recorded")
    uncertain = dict.fromkeys(doubt for side in pair for doubt in side.doubts)
    return found + [f"whether the marks are complete: {doubt}" for doubt in uncertain]


def _environments(pair: tuple[Side, Side], sources: Sequence[Source]) -> list[EnvironmentChange]:
    """Compare the environments of the parts that both have; what differs alike in each is told once."""
    modules = {module for cell in sources for module in imported(cell.source)}
    before, after = ({part.step: part.surroundings for part in side.parts} for side in pair)
    seen: list[tuple[Surroundings, Surroundings]] = []
    for step in before.keys() & after.keys():
        if (both := (before[step], after[step])) not in seen:
            seen.append(both)
    changes = (change for both in seen for change in environments.compare(*both, modules))
    return list(dict.fromkeys(changes))


def _signatures(project: Project, a: int | None, b: int | None) -> list[DataChange]:
    """Compare what two model versions take and give."""
    if a is None or b is None:
        return []
    before, after = (_fields(project, number) for number in (a, b))
    found = []
    for name in dict.fromkeys([*before, *after]):
        if before.get(name) != after.get(name):
            side, _, column = name.partition("/")
            kind = {"added": "column added", "removed": "column removed", "changed": "type"}
            change = kind[values.kind_of(name, before, after)]
            found.append(DataChange(SIGNATURE, change, column, before.get(name), after.get(name), side, True))
    return found


def _fields(project: Project, number: int) -> dict[str, Json]:
    text = project.store.value("SELECT signature FROM model_version WHERE id = ?", number)
    signature: Mapping[str, list[dict[str, Json]]] = json.loads(text) if text else {}
    return {
        f"{side.removesuffix('s')}/{field.get('name', place)}": field.get("tensor-spec", field["type"])
        for side, found in signature.items()
        for place, field in enumerate(found)
    }


# -- datasets and notebooks -----------------------------------------------------------------------------------


def _datasets(project: Project, a: str, b: str, numbers: tuple[int, int], key: Sequence[str]) -> Difference:
    before, after = (inputs.dataset_table(project, number) for number in numbers)
    rows = project.store.rows("SELECT DISTINCT name FROM dataset WHERE id IN (?, ?)", *numbers)
    name = "dataset:" + rows[0]["name"] if len(rows) == 1 else "rows"
    data, doubts = tables.compare(name, before, after, key)
    return Difference(a, b, data=data, unknown=doubts)


def _notebooks(a: str, b: str, left: Notebook, right: Notebook) -> Difference:
    doubts: list[str] = []
    before, after = (_parameters(notebook, name, doubts) for notebook, name in ((left, "A"), (right, "B")))
    python = {left.language, right.language} == {"python"}
    return Difference(
        a, b, cells.compare(_sources(left), _sources(right), python), values.compare_parameters(before, after),
        unknown=doubts,
    )  # fmt: skip


def _sources(notebook: Notebook) -> list[Source]:
    """Return the code cells; in a file without IDs, which are then places, a cell has none."""
    named = any(cell.id != str(place) for place, cell in enumerate(notebook.cells))
    shown = [cell for cell in notebook.code if INJECTED not in cell.tags]
    return [Source(cell.id if named else None, None, place, cell.source) for place, cell in enumerate(shown, 1)]


def _parameters(notebook: Notebook, name: str, doubts: list[str]) -> dict[str, Json]:
    """Return the parameters that a notebook declares, with the values that papermill put in."""
    try:
        found = declared(notebook, ("parameters", INJECTED))
    except ParameterError as error:
        doubts.append(f"the parameters of {name}: {error}")
        return {}
    return {parameter.name: parameter.default for parameter in found.values()}
