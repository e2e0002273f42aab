"""A Provenance Run Crate: the notebook as it ran, each cell as a step, with the files that still are what they were.

A notebook is a workflow whose steps are the executions of its cells; a pipeline is a workflow whose steps are
notebooks. Each step has a plan (HowToStep and the code), an act (CreateAction with inputs and results) and the act
of whoever ran it (ControlAction), all under the OrganizeAction of the run. Variables, parameters and metrics are
PropertyValues. What nothing has the bytes of any more stays in the crate under the URI of its hash.

Source: https://w3id.org/ro/wfrun/provenance/0.5 on https://w3id.org/ro/crate/1.1
"""

from __future__ import annotations

import json
from pathlib import Path

from mlops_nb._version import __version__
from mlops_nb.errors import UsageError
from mlops_nb.ids import digest
from mlops_nb.lineage.export import asrun
from mlops_nb.lineage.export.columns import Columns, derived
from mlops_nb.lineage.export.facts import CellFacts, RunFacts
from mlops_nb.lineage.export.graph import CRATE, METADATA, PROFILES, WORKFLOW, Entity, Graph, ref, refs, time
from mlops_nb.lineage.export.names import PRODUCER, Names
from mlops_nb.lineage.export.payload import Payload, safe
from mlops_nb.project import Project

STATUS = {"ok": "Completed", "cached": "Completed", "failed": "Failed", "aborted": "Failed", "running": "Active"}
UNLICENSED = "No licence is stated: ask the author. State one as license in [export] of mlops.toml."
BIOSCHEMAS = "https://bioschemas.org/profiles/ComputationalWorkflow/1.0-RELEASE"

Step = tuple[str, Entity, Entity]  # what a step is called, its plan and its act


def write(project: Project, names: Names, run: RunFacts, folder: Path) -> tuple[int, list[str]]:
    """Write the crate of a run into an empty folder; return how many entities it has, and what it only names.

    Raises:
        UsageError: the run has no cells, so it is no workflow.
    """
    if not any(isinstance(part, CellFacts) for part in run.parts()):
        raise UsageError(f"run {run.record.id} recorded no cells to put into a crate - use --format prov")
    crate = _Crate(project, names, folder)
    crate.describe(run)
    text = json.dumps(names.plain_json(crate.graph.to_json()), indent=2, ensure_ascii=False) + "\n"
    (folder / METADATA).write_text(text, encoding="utf-8")
    return len(crate.graph.entities), crate.payload.missing


class _Crate:
    """A crate that is being written."""

    def __init__(self, project: Project, names: Names, folder: Path) -> None:
        self.project, self.names = project, names
        self.graph = Graph()
        self.payload = Payload(project, self.graph, folder)
        self.acts: list[Entity] = []

    def describe(self, run: RunFacts) -> None:
        """Add everything: the descriptor and the root, then the run with all that is in it."""
        record, settings = run.record, self.project.section("export")
        self.graph.add(METADATA, "CreativeWork", about={"@id": "./"}, conformsTo=[{"@id": CRATE}, {"@id": WORKFLOW}])
        root = self.graph.add(
            "./", "Dataset", name=f"{record.name}: run {record.id}", conformsTo=[{"@id": url} for url in PROFILES],
            datePublished=time(record.ended or record.started), license=str(settings.get("license") or UNLICENSED),
            description=f"Run {record.id} of {record.name} ({record.kind}, {record.status}): its cells as they ran, "
            "what they read and what they made.",
        )  # fmt: skip
        for url, (name, version) in PROFILES.items():
            self.graph.add(url, "CreativeWork", name=name, version=version)
        root["author"] = ref(self._agent(run))
        _, workflow, act = self._run(run)
        root["mainEntity"] = ref(workflow)
        root["hasPart"] = refs(self.payload.data)
        root["mentions"] = refs([act, *self.acts])

    # -- runs and cells ---------------------------------------------------------------------------------------

    def _run(self, run: RunFacts) -> Step:
        """Add a run and everything in it: its workflow and its act."""
        record, payload = run.record, self.payload
        agent = self._agent(run)
        steps = [self._run(step) for step in run.steps]
        workflow = self._workflow(run, [plan["@id"] for _, plan, _ in steps])
        steps += [self._cell(cell, workflow, agent) for cell in run.cells]
        read, made = payload.things(run.inputs), payload.things(run.outputs)
        self._derive(run)
        given = [payload.parameter(record.id, workflow, *item) for item in sorted(record.parameters.items())]
        if steps:
            workflow["@type"] += ["ComputationalWorkflow", "HowTo"]
            workflow["conformsTo"] = {"@id": BIOSCHEMAS}
            workflow["input"] = refs([formal for _, formal in given] + payload.ports(workflow, "input", read))
            workflow["output"] = refs(payload.ports(workflow, "output", made))
        metrics = [payload.metric(metric) for part in run.parts() for metric in part.metrics]
        values = [value for value, _ in given]
        name, made = f"Run of {record.name}", made + metrics
        act = self._act(f"#run-{record.id}", name, run, workflow, agent, read + values, made)
        act["description"] = f"The {record.kind} ended {record.status}. {record.reason or ''}".strip()
        if run.stands_for:
            act["description"] = f"Skipped: nothing had changed since run {run.stands_for}, whose cells are shown."
        if steps:
            self._organize(run, workflow, steps, act, agent)
        self.acts.append(act)
        return record.name, workflow, act

    def _derive(self, run: RunFacts) -> None:
        """Name for each output the inputs whose columns are known to have gone into it."""
        columns = Columns.of_run(self.project, run)
        for thing in run.outputs if run.cells else ():
            sources = [columns.inputs[key] for key, pairs in columns.known(thing).items() if derived(pairs)]
            (entity,) = self.payload.things([thing])
            entity["isBasedOn"] = refs([*entity.get("isBasedOn", []), *self.payload.things(sources)])

    def _cell(self, cell: CellFacts, workflow: Entity, agent: Entity) -> Step:
        record, payload = cell.record, self.payload
        tool = self.graph.add(
            f"{workflow['@id']}#cell-{record.id}", "SoftwareSourceCode", name=cell.label, text=record.source,
            version=digest(record.source.encode())[:16], programmingLanguage=ref(self._language()),
            identifier=record.cell,
        )  # fmt: skip
        read = payload.things(touch.thing for touch in cell.reads)
        made = payload.things(touch.thing for touch in cell.writes) + [
            payload.metric(metric) for metric in cell.metrics
        ]
        act = self._act(f"#cell-{record.id}", f"Execution of {cell.label}", cell, tool, agent, read, made)
        act["description"] = f"Execution {record.count or 'without a number'} of its kernel ended {record.status}."
        act["description"] = " Uncheckable: ".join((act["description"], *cell.doubts))
        if unsure := sorted({touch.thing.name for touch in cell.reads if touch.unsure}):
            act["description"] += f" May have been changed after it was read: {', '.join(unsure)}"
        self.acts.append(act)
        return cell.label, tool, act

    def _act(
        self, id_: str, name: str, part: RunFacts | CellFacts, tool: Entity, agent: Entity,
        read: list[Entity], made: list[Entity],
    ) -> Entity:  # fmt: skip
        status = part.record.status
        reason = part.record.error if isinstance(part, CellFacts) else part.record.reason
        return self.graph.add(
            id_, "CreateAction", name=name, instrument=ref(tool), agent=ref(agent), object=refs(read),
            result=refs(made), startTime=time(part.record.started), endTime=time(part.record.ended),
            actionStatus=f"http://schema.org/{STATUS[status]}ActionStatus",
            error=(reason or status) if STATUS[status] == "Failed" else None,
        )  # fmt: skip

    def _organize(self, run: RunFacts, workflow: Entity, steps: list[Step], act: Entity, agent: Entity) -> None:
        """Add the steps of a workflow as they were planned, and what ran them."""
        record, plans, controls = run.record, [], []
        for position, (label, tool, done) in enumerate(steps, 1):
            name = f"{workflow['@id']}#step-{position}"
            plan = self.graph.add(name, "HowToStep", name=label, position=position, workExample=ref(tool))
            plans.append(plan)
            control = f"#control-{record.id}-{position}"
            links = {"instrument": ref(plan), "object": ref(done)}
            controls.append(self.graph.add(control, "ControlAction", name=f"step {position}", **links))
        workflow |= {"step": refs(plans), "hasPart": refs([tool for _, tool, _ in steps])}
        engine = self.graph.add(
            PRODUCER, "SoftwareApplication", name="mlops-nb", softwareVersion=__version__,
            description="Records the cells of notebooks as they run, and runs pipelines of them.",
        )  # fmt: skip
        self.graph.add(
            f"#organize-{record.id}", "OrganizeAction", name=f"{run.program} runs {record.name}",
            instrument=ref(engine), agent=ref(agent), object=refs(controls), result=ref(act),
            startTime=time(record.started), endTime=time(record.ended),
        )  # fmt: skip

    def _workflow(self, run: RunFacts, notebooks: list[str]) -> Entity:
        """Add the file that a run ran; it becomes a workflow once it has steps."""
        record = run.record
        if run.steps:
            path, about = f"{safe(record.name)}.pipeline.json", "The steps of the pipeline in the order they ran."
            data = asrun.pipeline(self.names, run, notebooks)
        else:
            path = record.notebook or f"{safe(record.name)}.ipynb"
            data, about = asrun.notebook(self.project, self.names, run)
        entity = self.payload.file(path, data, ["File", "SoftwareSourceCode"], name=record.name, description=about)
        entity |= {"programmingLanguage": ref(self._language()), "version": run.commit or digest(data)[:16]}
        if run.environment is not None:
            requirements = self.payload.environment(run.environment)
            entity["softwareRequirements"] = ref(requirements)
            entity["buildInstructions"] = requirements["softwareRequirements"]
        return entity

    def _agent(self, run: RunFacts) -> Entity:
        return self.graph.add(f"#agent-{digest(run.actor.encode())[:16]}", "Person", name=run.actor)

    def _language(self) -> Entity:
        url = "https://www.python.org/"
        return self.graph.add(url, "ComputerLanguage", name="Python", url=url)
