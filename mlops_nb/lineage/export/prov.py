"""W3C PROV-JSON: cells and runs are activities, what they touched entities, people and programs agents.

A cell used what it read and generated what it made; it was associated with the program that ran it, which acted on
behalf of a person, by the plan that is its source; the run that it is in started it. That a cell read one thing and
made another does not show that the one came from the other: a derivation is claimed only where columns are known to
have gone over, and says which; where they only decided about rows or values, an influence.

Source: https://www.w3.org/submissions/2013/SUBM-prov-json-20130424/
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from mlops_nb.ids import canonical_json, digest
from mlops_nb.lineage.export.columns import Columns, Pairs, derived
from mlops_nb.lineage.export.facts import CellFacts, Metric, RunFacts, Thing, Touch
from mlops_nb.lineage.export.names import PRODUCER
from mlops_nb.project import Project
from mlops_nb.records import Json, to_json

PREFIXES = {"mlops": "urn:mlops-nb:", "prov": "http://www.w3.org/ns/prov#"}
FAILED = ("failed", "aborted")

Attributes = dict[str, Any]


def document(project: Project, run: RunFacts) -> dict[str, Any]:
    """Return the PROV-JSON document of a run, its steps and their cells."""
    writer = _Writer(project)
    writer.run(run, None)
    return {"prefix": PREFIXES} | writer.sections


class _Writer:
    """Fills the sections of one document; relations are numbered in the order of their making."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self.sections: dict[str, dict[str, Attributes]] = defaultdict(dict)

    def run(self, run: RunFacts, starter: str | None) -> str:
        """Add a run with all that is in it and return its name."""
        record, program = run.record, self._program(run)
        attributes = {"mlops:notebook": record.notebook, "mlops:git_commit": run.commit, "mlops:gap": list(run.gaps)}
        activity = self._activity("run", run.record, record.name, f"mlops:{record.kind}-run", attributes)
        self._relate("wasAssociatedWith", activity=activity, agent=program)
        if starter:
            self._relate("wasStartedBy", activity=activity, starter=starter, time=_time(record.started))
        for name, value in sorted(record.parameters.items()):
            about = {"prov:label": name, "prov:type": _name("mlops:parameter"), "prov:value": _value(value)}
            parameter = self._entity(f"parameter-{record.id}-{digest(name.encode())[:8]}", about)
            self._relate("used", activity=activity, entity=parameter)
        self._touched(activity, run, record.ended)
        for cell in run.cells:
            self._cell(cell, activity, program)
        for step in run.steps:
            self.run(step, activity)
        if run.stands_for:
            self.sections["activity"].setdefault(f"mlops:run-{run.stands_for}", {"prov:label": "the run repeated"})
            self._relate("wasInformedBy", informed=activity, informant=f"mlops:run-{run.stands_for}")
        return activity

    def _cell(self, cell: CellFacts, run: str, program: str) -> None:
        record = cell.record
        if f"mlops:cell-{record.id}" in self.sections["activity"]:
            return  # a cached step shows the cells of the run that it stands for
        attributes = {"mlops:count": record.count, "mlops:cell": record.cell, "mlops:uncheckable": list(cell.doubts)}
        activity = self._activity("cell", record, cell.label, "mlops:cell-execution", attributes)
        code = digest(record.source.encode())
        about = {"prov:label": cell.label, "prov:type": _name("prov:Plan"), "prov:value": record.source}
        plan = self._entity(f"source-{code[:16]}", about | {"mlops:sha256": code})
        self._relate("wasAssociatedWith", activity=activity, agent=program, plan=plan)
        self._relate("wasStartedBy", activity=activity, starter=run, time=_time(record.started))
        self._touched(activity, cell, record.ended)
        columns = Columns.of_cell(self.project, cell)
        for touch in _once(cell.writes):
            for key, pairs in columns.known(touch.thing).items():
                self._derived(activity, touch.thing, columns.inputs[key], pairs)

    def _derived(self, activity: str, made: Thing, source: Thing, pairs: Pairs) -> None:
        listed = {"mlops:columns": canonical_json(pairs)}
        here, there = self._thing(made), self._thing(source)
        if derived(pairs):
            self._relate("wasDerivedFrom", generatedEntity=here, usedEntity=there, activity=activity, **listed)
        else:
            self._relate("wasInfluencedBy", influencee=here, influencer=there, **listed)

    def _touched(self, activity: str, part: RunFacts | CellFacts, ended: datetime | None) -> None:
        for touch in _once(part.reads):
            doubt = "it may have been changed after it was read" if touch.unsure else None
            entity = self._thing(touch.thing)
            self._relate("used", activity=activity, entity=entity, **{"mlops:unsure": doubt})
        for touch in _once(part.writes):
            entity = self._thing(touch.thing)
            self._relate("wasGeneratedBy", entity=entity, activity=activity, time=_time(ended))
        for metric in part.metrics:
            self._relate("wasGeneratedBy", entity=self._metric(metric), activity=activity, time=_time(ended))

    # -- activities, entities, agents -------------------------------------------------------------------------

    def _activity(self, kind: str, record: Any, label: str, type_: str, more: Attributes) -> str:
        reason = getattr(record, "reason", None) or getattr(record, "error", None)
        name = f"mlops:{kind}-{record.id}"
        self.sections["activity"][name] = _known(
            {
                "prov:startTime": _time(record.started), "prov:endTime": _time(record.ended), "prov:label": label,
                "prov:type": _name(type_), "mlops:status": record.status,
                "mlops:error" if record.status in FAILED else "mlops:reason": reason,
            } | more
        )  # fmt: skip
        return name

    def _thing(self, thing: Thing) -> str:
        profile = canonical_json(thing.columns) if thing.columns else None
        about = {
            "prov:label": thing.name, "prov:type": _name(f"mlops:{thing.kind}"), "mlops:version": thing.version,
            "mlops:sha256": thing.hash, "mlops:size": thing.size, "mlops:rows": thing.rows, "mlops:columns": profile,
            "mlops:about": thing.about or None, "mlops:uncheckable": list(thing.doubts),
        }  # fmt: skip
        place = f"-{digest(thing.name.encode())[:8]}" if thing.kind == "file" else ""  # the same bytes, elsewhere
        return self._entity(f"{thing.kind}-{thing.id}{place}", about)

    def _metric(self, metric: Metric) -> str:
        value = "NaN" if metric.value is None else metric.value
        about = {"prov:label": metric.name, "prov:type": _name("mlops:metric"), "prov:value": _value(value)}
        return self._entity(f"metric-{metric.id}", about | {"mlops:step": metric.step})

    def _entity(self, name: str, attributes: Attributes) -> str:
        self.sections["entity"][f"mlops:{name}"] = _known(attributes)
        return f"mlops:{name}"

    def _program(self, run: RunFacts) -> str:
        """Add the program that ran something, and the person on whose behalf it did; return its name."""
        here = run.environment
        person = f"mlops:agent-{digest(run.actor.encode())[:16]}"
        self.sections["agent"][person] = {"prov:label": run.actor, "prov:type": _name("prov:Person")}
        program = f"mlops:program-{digest(f'{run.actor} {run.program} {here.hash if here else None}'.encode())[:16]}"
        packages = canonical_json(here.packages) if here else None
        self.sections["agent"][program] = _known(
            {
                "prov:label": run.program, "prov:type": _name("prov:SoftwareAgent"), "mlops:recorder": PRODUCER,
                "mlops:python": here and here.python, "mlops:platform": here and here.platform,
                "mlops:packages": packages, "mlops:environment": here and here.hash,
            }
        )  # fmt: skip
        if program not in {acting["prov:delegate"] for acting in self.sections["actedOnBehalfOf"].values()}:
            self._relate("actedOnBehalfOf", delegate=program, responsible=person)
        return program

    def _relate(self, relation: str, **members: Any) -> None:
        known = {name if ":" in name else f"prov:{name}": value for name, value in members.items() if value is not None}
        self.sections[relation][f"_:{relation}{len(self.sections[relation]) + 1}"] = known


def _once(touches: Iterable[Touch]) -> list[Touch]:
    return list({touch.thing.key: touch for touch in touches}.values())


def _known(attributes: Attributes) -> Attributes:
    return {name: value for name, value in attributes.items() if value is not None and value != []}


def _name(value: str) -> Attributes:
    return {"$": value, "type": "prov:QUALIFIED_NAME"}


def _time(at: datetime | None) -> str | None:
    return None if at is None else to_json(at)


def _value(value: Json) -> Json:
    """Return a JSON value as PROV-JSON has it: numbers and texts as they are, the rest as its JSON text."""
    return value if isinstance(value, str | bool | int | float) else canonical_json(value)
