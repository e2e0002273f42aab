"""OpenLineage 2-0-2: a START and a terminal event for the run, for each step and for each cell in it.

Jobs are what recurs (a pipeline, a notebook, a cell in it), runs are what ran, datasets are what was read and made.
All of a project lies in one namespace, in which a file is called by its path and the rest as in our references;
variables lie in ``inmemory://``, as the naming rules say. Whatever is ours alone is a facet with our prefix.

Source: https://openlineage.io/spec/2-0-2/OpenLineage.json and the facets beside it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from mlops_nb._version import __version__
from mlops_nb.capture.runs import Run
from mlops_nb.ids import digest
from mlops_nb.lineage.export.columns import Columns, Origin
from mlops_nb.lineage.export.facets import (
    CORE,
    Facets,
    dataset_facets,
    ended,
    facet,
    metrics_of,
    missed,
    own_facet,
    parameters_of,
    statistics,
    tags,
    transformation,
)  # fmt: skip
from mlops_nb.lineage.export.facts import CellFacts, RunFacts, Thing, Touch
from mlops_nb.lineage.export.names import PRODUCER, Names, run_uuid
from mlops_nb.project import Project

ENDS = {"ok": "COMPLETE", "cached": "COMPLETE", "failed": "FAIL", "aborted": "ABORT", "running": "RUNNING"}
SCHEMES = {"dataset": "dataset:", "model": "models:/", "drift": "drift:", "config": "config:", "fit": "fit:"}


def events(project: Project, names: Names, run: RunFacts) -> list[dict[str, Any]]:
    """Return the events of a run, of its steps and of their cells, each START before its end."""
    return list(_Writer(project, names.project, run).run(run))


class _Writer:
    """Writes the events of one export."""

    def __init__(self, project: Project, namespace: str, root: RunFacts) -> None:
        self.project, self.namespace = project, namespace
        self.root = root.above or root.record
        self.scope = ""  # the job whose kernel holds the variables

    # -- runs, steps and cells --------------------------------------------------------------------------------

    def run(self, run: RunFacts) -> Iterator[dict[str, Any]]:
        """Yield the events of a run and of what is in it."""
        record = run.record
        name = _job_name(record, run.above)
        facets = self._engine(run)
        if run.above is not None:
            facets["parent"] = self._parent(run.above, _job_name(run.above, None))
        job = self._job(name, record.kind.upper(), run.actor, {})
        yield self._event("START", record.started, self._run(record.id, record.started, facets), job)
        for step in run.steps:
            yield from self.run(step)
        if run.stands_for is None:  # the cells of a cached step ran in another run
            for cell in run.cells:
                yield from self._cell(cell, run, name)
        facets |= ended(record.status, record.reason) | self._record(run)
        columns = Columns.of_run(self.project, run)
        yield self._event(
            ENDS[record.status], record.ended or _last_seen(run), self._run(record.id, record.started, facets), job,
            [self._input(Touch(thing, False)) for thing in run.inputs],
            [self._output(thing, columns) for thing in run.outputs],
        )  # fmt: skip

    def _cell(self, cell: CellFacts, run: RunFacts, name: str) -> Iterator[dict[str, Any]]:
        record, self.scope = cell.record, name
        facets = self._engine(run) | {"parent": self._parent(run.record, name)}
        code = facet("SourceCodeJobFacet", language="PYTHON", sourceCode=record.source)
        part = record.cell or digest(record.source.encode())[:8]
        job = self._job(f"{name}.{part}", "CELL", run.actor, {"sourceCode": code})
        yield self._event("START", record.started, self._run(record.id, record.started, facets), job)
        facets |= ended(record.status, record.error) | metrics_of(cell.metrics)
        if cell.doubts:
            facets["extractionError"] = missed(1, cell.doubts)
        if record.count is not None:
            facets["tags"] = tags({"execution_count": str(record.count)})
        columns = Columns.of_cell(self.project, cell)
        made = {touch.thing.key: touch.thing for touch in cell.writes}
        yield self._event(
            ENDS[record.status], record.ended or record.started, self._run(record.id, record.started, facets), job,
            [self._input(touch) for touch in _once(cell.reads)],
            [self._output(thing, columns) for thing in made.values()],
        )  # fmt: skip

    def _event(
        self, kind: str, at: datetime | None, run: Facets, job: Facets,
        inputs: list[Facets] | None = None, outputs: list[Facets] | None = None,
    ) -> dict[str, Any]:  # fmt: skip
        assert at is not None
        return {
            "eventType": kind, "eventTime": at.isoformat(timespec="microseconds").replace("+00:00", "Z"), "run": run,
            "job": job, "inputs": inputs or [], "outputs": outputs or [], "producer": PRODUCER,
            "schemaURL": f"{CORE}/RunEvent",
        }  # fmt: skip

    def _run(self, public: str, started: datetime | None, facets: Facets) -> Facets:
        assert started is not None
        return {"runId": run_uuid(public, started), "facets": dict(facets)}

    def _job(self, name: str, kind: str, actor: str, facets: Facets) -> Facets:
        known = {
            "jobType": facet("JobTypeJobFacet", processingType="BATCH", integration="MLOPS_NB", jobType=kind),
            "ownership": facet("OwnershipJobFacet", owners=[{"name": f"user:{actor}", "type": "RAN"}]),
        }
        return {"namespace": self.namespace, "name": name, "facets": known | facets}

    def _parent(self, record: Run, name: str) -> Facets:
        def named(run: Run, job: str) -> Facets:
            assert run.started is not None
            return {
                "run": {"runId": run_uuid(run.id, run.started)}, "job": {"namespace": self.namespace, "name": job},
            }  # fmt: skip

        return facet("ParentRunFacet", **named(record, name), root=named(self.root, _job_name(self.root, None)))

    def _engine(self, run: RunFacts) -> Facets:
        if run.environment is None:
            return {}
        name, _, version = run.environment.python.partition(" ")
        members = {"name": name, "version": version, "openlineageAdapterVersion": __version__}
        return {"processing_engine": facet("ProcessingEngineRunFacet", **members)}

    def _record(self, run: RunFacts) -> Facets:
        """Return what is known of a run beyond its data."""
        here, facets = run.environment, metrics_of(run.metrics)
        known = {"git_commit": run.commit, "program": run.program, "notebook": run.record.notebook}
        facets["tags"] = tags(known | {"run": run.record.id, "cached_from": run.stands_for})
        if run.record.parameters:
            facets["executionParameters"] = parameters_of(run.record.parameters)
        if here is not None:
            facets["mlops_environment"] = own_facet(
                python=here.python, platform=here.platform, packages=here.packages, hash=here.hash
            )
        if run.gaps:  # what capture missed: the specification has a word for it
            facets["extractionError"] = missed(len(run.cells), run.gaps)
        return facets

    # -- datasets ---------------------------------------------------------------------------------------------

    def _identity(self, thing: Thing) -> dict[str, str]:
        if thing.in_memory:
            return {"namespace": "inmemory://", "name": f"{self.namespace}/{self.scope}/{thing.name}"}
        name = f"figure:{thing.id}" if thing.kind == "figure" else f"{SCHEMES.get(thing.kind, '')}{thing.name}"
        return {"namespace": self.namespace, "name": name}

    def _input(self, touch: Touch) -> Facets:
        facets = dataset_facets(touch.thing)
        if touch.unsure:
            facets.pop("version", None)  # what was read is not known any more
        found: Facets = self._identity(touch.thing) | {"facets": facets}
        if size := statistics(touch.thing):
            found["inputFacets"] = {"inputStatistics": facet("InputStatisticsInputDatasetFacet", **size)}
        return found

    def _output(self, thing: Thing, columns: Columns) -> Facets:
        facets = dataset_facets(thing)
        if lineage := self._column_lineage(thing, columns):
            facets["columnLineage"] = lineage
        found: Facets = self._identity(thing) | {"facets": facets}
        if size := statistics(thing):
            found["outputFacets"] = {"outputStatistics": facet("OutputStatisticsOutputDatasetFacet", **size)}
        return found

    def _column_lineage(self, thing: Thing, columns: Columns) -> Facets | None:
        """Return what each column came from; of a thing without columns, what all of it came from."""

        def fields(origins: list[Origin]) -> list[Facets]:
            return [self._field(origin, columns.inputs[origin.key]) for origin in origins]

        if thing.columns:
            made = {name: {"inputFields": fields(columns.origins(thing, name))} for name in thing.columns}
            return facet("ColumnLineageDatasetFacet", fields=made)
        whole = fields(columns.origins(thing))
        return facet("ColumnLineageDatasetFacet", fields={}, dataset=whole) if whole else None

    def _field(self, origin: Origin, source: Thing) -> Facets:
        ways = [transformation(how) for how in origin.how]
        if origin.doubt:  # no subtype: which one it is would be a claim
            ways = [{"type": "INDIRECT", "description": origin.doubt}]
        return self._identity(source) | {"field": origin.column, "transformations": ways}


def _job_name(record: Run, above: Run | None) -> str:
    """Return what recurs: a pipeline, a step of it, a notebook or a script."""
    if above is not None:
        return f"{above.name}.{record.name}"
    return record.notebook or record.name


def _last_seen(run: RunFacts) -> datetime | None:
    """Return when a run that has not ended was last seen to do something."""
    times = [run.record.started, *(at for cell in run.cells for at in (cell.record.started, cell.record.ended))]
    return max(at for at in (*times, *map(_last_seen, run.steps)) if at is not None)


def _once(touches: Iterable[Touch]) -> list[Touch]:
    return list({touch.thing.key: touch for touch in touches}.values())
