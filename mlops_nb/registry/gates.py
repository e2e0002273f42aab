"""Gates: a version's metrics held against the success criteria that the charter wrote down.

[charter.criteria]
auc = ">= 0.75"
brier = "<= 0.15"
reproduced = ">= 1"      # whether the version came out again when it was tried last, by ``mlops reproduce``
"""

from __future__ import annotations

import json
import operator
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mlops_nb.capture import nodes, runs
from mlops_nb.capture.sections import read_section
from mlops_nb.errors import NotFound, UsageError
from mlops_nb.ids import canonical_json
from mlops_nb.lineage.references import resolve
from mlops_nb.project import Project
from mlops_nb.records import Record, to_json
from mlops_nb.verbs import verb

SECTION = "charter.criteria"
REPRODUCED = "reproduced"  # no metric that anybody logs: the store knows
LIMIT = re.compile(r"^\s*(>=|<=|>|<)\s*(-?\d+(?:\.\d+)?(?:[eE]-?\d+)?)\s*$")
COMPARE = {">=": operator.ge, "<=": operator.le, ">": operator.gt, "<": operator.lt}


@dataclass(frozen=True)
class Criterion(Record):
    """One success criterion, the value it was held against, and the verdict; a missing value fails."""

    name: str
    value: float | None
    limit: str
    passed: bool


@dataclass(frozen=True)
class Gate(Record):
    """The verdict on a model version, criterion by criterion."""

    model: str
    version: int
    passed: bool
    criteria: list[Criterion]

    @property
    def exit_code(self) -> int:
        """0, or 1 where the version is refused."""
        return 0 if self.passed else 1


def hold(metrics: Mapping[str, float], criteria: Mapping[str, Any]) -> list[Criterion]:
    """Compare metrics with criteria.

    Raises:
        UsageError: a criterion is not of the form ``">= 0.75"``, or a metric is not a number.
    """
    verdicts = []
    for name, limit in criteria.items():
        match = LIMIT.match(str(limit))
        if match is None:
            raise UsageError(f'[{SECTION}] {name} = {limit!r} is no criterion - write it like {name} = ">= 0.75"')
        value = metrics.get(name)
        if isinstance(value, str | bool | list | dict):
            raise UsageError(f"metric {name!r} is {value!r}, which is no number - give it as {name}=0.9")
        passed = value is not None and bool(COMPARE[match[1]](value, float(match[2])))
        verdicts.append(Criterion(name, None if value is None else float(value), str(limit), passed))
    return verdicts


@verb("gate", records=True)
def gate(project: Project, model: str, *, metrics: dict[str, float] | None = None) -> Gate:
    """Hold a model version against the success criteria in mlops.toml and record the verdict.

    Args:
        model: the model's name, or models:/NAME/VERSION
        metrics: the values on unseen data; without them, the metrics of the present run

    Raises:
        NotFound: there is no such version.
        UsageError: a criterion is not well formed, or there is none.
    """
    run = runs.active(project)
    reference = model if ":" in model else f"models:/{model}"
    number = resolve(project, reference)
    row = project.store.row("SELECT name, version FROM model_version WHERE id = ?", number)
    if row is None:
        raise NotFound(f"{reference!r} is not a model - see `mlops models`")
    nodes.was_read(project, number, reference)
    criteria = read_section(project, SECTION)
    if not criteria:
        raise UsageError(f"mlops.toml has no [{SECTION}] - write down what success means before judging a model")
    values = metrics if metrics is not None else runs.get(project, runs.public_id(project, run)).metrics
    logged = {name: value for name, value in values.items() if name != REPRODUCED}
    verdicts = hold(logged | _reproduced(project, number), criteria)
    passed = all(verdict.passed for verdict in verdicts)
    with project.store.write() as store:
        store.execute(
            "INSERT INTO gate (id, model, run, passed, criteria, charter, checked_at) VALUES (?, ?, ?, ?, ?, ?, ?)",
            store.next_id(), number, run, int(passed), canonical_json(to_json(verdicts)),
            project.section_digest(SECTION), time.time(),
        )  # fmt: skip
    return Gate(row["name"], row["version"], passed, verdicts)


def _reproduced(project: Project, number: int) -> dict[str, float]:
    """Return whether a model version came out again, as a metric; nothing if that was never tried."""
    again = project.store.value("SELECT again FROM reproduction WHERE node = ? ORDER BY id DESC LIMIT 1", number)
    return {} if again is None else {REPRODUCED: float(again)}


def last(project: Project, number: int) -> tuple[Gate, str] | None:
    """Return the last verdict on a model version and the digest of the criteria it used."""
    row = project.store.row(
        "SELECT gate.*, name, version FROM gate JOIN model_version ON model_version.id = gate.model"
        " WHERE gate.model = ? ORDER BY gate.id DESC LIMIT 1",
        number,
    )
    if row is None:
        return None
    criteria = [Criterion(**criterion) for criterion in json.loads(row["criteria"])]
    return Gate(row["name"], row["version"], bool(row["passed"]), criteria), row["charter"]


def held(project: Project, number: int) -> Gate | None:
    """Hold the metrics of a version's last gate against the criteria as they are now; None if it had none.

    Nothing is recorded; whether the version came out again is asked anew.

    Raises:
        UsageError: a criterion is not well formed.
    """
    if (judged := last(project, number)) is None:
        return None
    found, _ = judged
    values = {one.name: one.value for one in found.criteria if one.value is not None}
    verdicts = hold(values | _reproduced(project, number), project.section(SECTION))
    return Gate(found.model, found.version, all(one.passed for one in verdicts), verdicts)
