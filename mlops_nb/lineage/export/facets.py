"""Facets: what OpenLineage lets be said about runs, jobs and datasets beside their names.

A facet of the specification carries the published version of its schema; one of ours has our prefix in its name.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from mlops_nb.ids import canonical_json
from mlops_nb.lineage.export.facts import Metric, Thing
from mlops_nb.lineage.export.names import PRODUCER
from mlops_nb.lineage.tracing.kinds import IDENTITY
from mlops_nb.records import Json

SPEC = "https://openlineage.io/spec"
CORE = f"{SPEC}/2-0-2/OpenLineage.json#/$defs"
#: The published version of each facet, by the name of its definition.
VERSIONS = {
    "ColumnLineageDatasetFacet": "1-2-0",
    "DataQualityMetricsDatasetFacet": "1-0-1",
    "DatasetTypeDatasetFacet": "1-0-1",
    "DatasetVersionDatasetFacet": "1-0-1",
    "ErrorMessageRunFacet": "1-0-1",
    "ExecutionParametersRunFacet": "1-0-0",
    "ExtractionErrorRunFacet": "1-1-2",
    "JobTypeJobFacet": "2-0-4",
    "OutputStatisticsOutputDatasetFacet": "1-0-2",
    "InputStatisticsInputDatasetFacet": "1-0-0",
    "OwnershipJobFacet": "1-0-1",
    "ParentRunFacet": "1-2-0",
    "ProcessingEngineRunFacet": "1-1-1",
    "SchemaDatasetFacet": "1-2-0",
    "SourceCodeJobFacet": "1-0-1",
    "StorageDatasetFacet": "1-0-1",
    "TagsDatasetFacet": "1-0-0",
    "TagsRunFacet": "1-0-0",
}
TYPES = {"file": "FILE", "dataset": "TABLE", "model": "MODEL", "figure": "FIGURE"}
FORMATS = {
    "parquet": "parquet",
    "orc": "orc",
    "avro": "avro",
    "json": "json",
    "csv": "csv",
    "txt": "text",
    "xml": "xml",
}
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)  # those of a profile, see data.datasets

Facets = dict[str, Any]


def facet(definition: str, **members: Any) -> Facets:
    """Return a facet of the specification; members that are None are left out."""
    url = f"{SPEC}/facets/{VERSIONS[definition]}/{definition}.json#/$defs/{definition}"
    return _facet(url, members)


def own_facet(**members: Any) -> Facets:
    """Return a run facet that only we know."""
    return _facet(f"{CORE}/RunFacet", members)


def _facet(url: str, members: Facets) -> Facets:
    return {"_producer": PRODUCER, "_schemaURL": url} | {k: v for k, v in members.items() if v is not None}


def ended(status: str, reason: str | None) -> Facets:
    """Return the facet of how a run failed, if it did."""
    if status not in ("failed", "aborted") or not reason:
        return {}
    return {"errorMessage": facet("ErrorMessageRunFacet", message=reason, programmingLanguage="PYTHON")}


def metrics_of(metrics: Iterable[Metric]) -> Facets:
    """Return the facet of logged values, if there are any."""
    listed = [
        {"name": metric.name, "value": metric.value} | ({} if metric.step is None else {"step": metric.step})
        for metric in metrics
    ]
    return {"mlops_metrics": own_facet(metrics=listed)} if listed else {}


def missed(total: int, sentences: Sequence[str]) -> Facets:
    """Return the facet of what capture missed, or cannot be sure of, among so many cells."""
    errors = [{"errorMessage": sentence} for sentence in sentences]
    return facet("ExtractionErrorRunFacet", totalTasks=total, failedTasks=len(errors), errors=errors)


def tags(values: dict[str, str | None]) -> Facets:
    """Return the facet of a run's tags; those without a value are left out."""
    known = [{"key": key, "value": value, "source": "MLOPS_NB"} for key, value in sorted(values.items()) if value]
    return facet("TagsRunFacet", tags=known)


def parameters_of(values: dict[str, Json]) -> Facets:
    """Return the facet of a run's parameters, each as its text or its JSON."""
    given = [{"key": key, "value": _text(value)} for key, value in sorted(values.items())]
    return facet("ExecutionParametersRunFacet", parameters=given)


def _text(value: Json) -> str:
    return value if isinstance(value, str) else canonical_json(value)


def statistics(thing: Thing) -> dict[str, int]:
    """Return how large a thing is, as far as it is known."""
    known = {"rowCount": thing.rows, "size": thing.size, "fileCount": 1 if thing.kind == "file" else None}
    return {name: value for name, value in known.items() if value is not None}


def transformation(relation: str) -> Facets:
    """Return how a column went into another; whether the result hides it is known only where nothing was changed."""
    kind, _, subtype = relation.partition("/")
    known: Facets = {"type": kind, "subtype": subtype}
    return known | {"masking": False} if relation == IDENTITY else known


def dataset_facets(thing: Thing) -> Facets:
    """Return what is known of a thing itself: its type, version, schema and profile."""
    kind = TYPES.get(thing.kind, thing.kind.upper())
    facets = {"datasetType": facet("DatasetTypeDatasetFacet", datasetType=kind)}
    version = thing.version or (thing.id if thing.in_memory or thing.kind == "figure" else None)
    if version is not None:
        facets["version"] = facet("DatasetVersionDatasetFacet", datasetVersion=version)
    if thing.kind == "file" and (known := FORMATS.get(thing.name.rpartition(".")[2].lower())):
        facets["storage"] = facet("StorageDatasetFacet", storageLayer="file", fileFormat=known)
    if thing.doubts:
        doubts = [{"key": "uncheckable", "value": doubt, "source": "MLOPS_NB"} for doubt in thing.doubts]
        facets["tags"] = facet("TagsDatasetFacet", tags=doubts)
    if thing.columns:
        facets["schema"] = facet(
            "SchemaDatasetFacet",
            fields=[
                {"name": name} | ({"type": facts["type"]} if "type" in facts else {}) | {"ordinal_position": position}
                for position, (name, facts) in enumerate(_profiles(thing), 1)
            ],
        )
        measured = {name: _measures(facts) for name, facts in _profiles(thing) if "nulls" in facts}
        if measured:
            facets["dataQualityMetrics"] = facet(
                "DataQualityMetricsDatasetFacet", rowCount=thing.rows, columnMetrics=measured
            )
    return facets


def _profiles(thing: Thing) -> list[tuple[str, dict[str, Any]]]:
    return [(name, facts if isinstance(facts, dict) else {}) for name, facts in (thing.columns or {}).items()]


def _measures(facts: dict[str, Any]) -> Facets:
    """Return the profile of a column in the words of the specification, which knows numbers only."""
    known = {"nullCount": facts["nulls"], "distinctCount": facts.get("distinct")}
    known |= {side: facts.get(side) for side in ("min", "max") if isinstance(facts.get(side), int | float)}
    quantiles = facts.get("quantiles") or []
    if len(quantiles) == len(QUANTILES) and None not in quantiles:
        known["quantiles"] = dict(zip(map(str, QUANTILES), quantiles, strict=True))
    return {name: value for name, value in known.items() if value is not None}
