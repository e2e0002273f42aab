"""Aliases: names such as ``champion`` that point at one version; every move is kept."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime

from mlops_nb.capture.sections import read_section
from mlops_nb.errors import GateRefused, UsageError
from mlops_nb.lineage.references import resolve
from mlops_nb.project import Project
from mlops_nb.records import Record, moment
from mlops_nb.registry import gates
from mlops_nb.verbs import verb


@dataclass(frozen=True)
class Alias(Record):
    """One move of an alias: to which version, why, by whom and when."""

    model: str
    alias: str
    version: int
    reason: str
    actor: str
    at: datetime | None


@verb("promote", writes=True)
def promote(project: Project, model: str, version: int, *, alias: str = "champion", reason: str) -> Alias:
    """Point an alias at a model version, if the version has passed its gate.

    Args:
        model: the model's name
        version: the version, as listed by `mlops models`
        alias: the name to point
        reason: why, for those who come later

    Raises:
        NotFound: there is no such version.
        GateRefused: the charter has criteria and the version has not passed them as they are now.
        UsageError: the reason is empty, or the alias is not a name.
    """
    if not reason.strip():
        raise UsageError("promote needs a reason - say why in a few words, for those who come later")
    if not alias or alias == "latest" or set(alias) & set("/@: "):
        raise UsageError(f"an alias cannot be called {alias!r} - use a word such as 'champion'")
    number = resolve(project, f"models:/{model}/{version}")
    _require_gate(project, number, f"{model} {version}")
    store, at = project.store, time.time()
    store.execute(
        "INSERT INTO alias_move (id, model, alias, version, reason, actor, run, at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        store.next_id(), model, alias, version, reason, project.actor, project.run, at,
    )  # fmt: skip
    return Alias(model, alias, version, reason, project.actor, moment(at))


def _require_gate(project: Project, number: int, name: str) -> None:
    if not read_section(project, gates.SECTION):
        return  # a project without criteria has no gate to pass
    found = gates.last(project, number)
    if found is None:
        raise GateRefused(f"{name} has not been through its gate - evaluate it and call mlops.gate first")
    verdict, charter = found
    if charter != project.section_digest(gates.SECTION):
        raise GateRefused(f"the criteria have changed since {name} was judged - evaluate it again")
    if not verdict.passed:
        missed = "; ".join(
            f"{criterion.name} is {'missing' if criterion.value is None else f'{criterion.value:.4g}'}, must be"
            f" {criterion.limit}"
            for criterion in verdict.criteria
            if not criterion.passed
        )
        raise GateRefused(f"the gate refuses {name}: {missed} - improve the model, or change [{gates.SECTION}]")
