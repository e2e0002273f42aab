"""Model versions: immutable bytes with their signature, example, environment, intent and the run that made them."""

from __future__ import annotations

import json
import time
import warnings
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from mlops_nb.capture import columns, nodes, observers, runs
from mlops_nb.capture.distributions import packages_of
from mlops_nb.capture.environments import environment, environment_id, load
from mlops_nb.data.datasets import frame_of
from mlops_nb.errors import NotFound, UsageError
from mlops_nb.ids import canonical_json
from mlops_nb.lineage.references import resolve
from mlops_nb.project import Project
from mlops_nb.records import Json, Record, moment
from mlops_nb.registry import formats, gates, signatures
from mlops_nb.registry.gates import Gate
from mlops_nb.verbs import Value, verb


@dataclass(frozen=True)
class ModelVersion(Record):
    """One version of a model."""

    id: str
    name: str
    version: int
    aliases: list[str]
    run: str | None
    created: datetime | None
    metrics: dict[str, float]
    parameters: dict[str, Json]
    signature: dict[str, Json] | None
    intent: str | None
    gate: Gate | None


def get(project: Project, number: int) -> ModelVersion:
    """Return a model version by its row ID."""
    store = project.store
    row = store.rows(
        "SELECT model_version.*, node.public, above.public AS run_id FROM model_version JOIN node USING (id)"
        " LEFT JOIN node AS above ON above.id = model_version.run WHERE model_version.id = ?",
        number,
    )[0]
    run = runs.get(project, row["run_id"]) if row["run_id"] else None
    verdict = gates.last(project, number)
    return ModelVersion(
        id=row["public"], name=row["name"], version=row["version"], run=row["run_id"],
        aliases=[alias for alias, version in aliases_of(project, row["name"]).items() if version == row["version"]],
        created=moment(row["created_at"]), metrics=run.metrics if run else {},
        parameters=run.parameters if run else {}, intent=row["intent"] or None,
        signature=json.loads(row["signature"]) if row["signature"] else None, gate=verdict[0] if verdict else None,
    )  # fmt: skip


def aliases_of(project: Project, model: str) -> dict[str, int]:
    """Return which version each alias of a model points at now."""
    rows = project.store.rows("SELECT alias, version FROM alias_move WHERE model = ? ORDER BY id", model)
    return {row["alias"]: row["version"] for row in rows}


@verb("models")
def models(project: Project, name: str | None = None) -> list[ModelVersion]:
    """List model versions, newest first.

    Args:
        name: only the versions of this model
    """
    rows = project.store.rows("SELECT id FROM model_version WHERE ? IS NULL OR name = ? ORDER BY id DESC", name, name)
    return [get(project, row["id"]) for row in rows]


@verb("register", records=True)
def register(
    project: Project,
    model: Value,
    name: str,
    *,
    example: Value | None = None,
    intent: str | None = None,
    trust: list[str] | None = None,
) -> ModelVersion:
    """Keep a fitted model as the next version of a name, with its environment and lineage.

    Args:
        model: a fitted scikit-learn estimator or pipeline, or the path of a .skops file
        name: the model's name
        example: a few rows of input, or what names them; the signature is read off them
        intent: why this version exists
        trust: types inside the model, by full name, that you vouch for

    Raises:
        UsageError: the object cannot be written in a safe format, or the name is not allowed.
        Untrusted: it contains types that nobody vouches for.
        NotFound: there is no such file.
    """
    run = runs.active(project)
    if not name or set(name) & set("/@:"):
        raise UsageError(f"a model cannot be called {name!r} - use a name without '/', '@' and ':'")
    if isinstance(model, str):
        model = _read(model, trust or [])
    if isinstance(example, str):
        example = Value(frame_of(project, example))
    data, types = formats.dump(model, trust or [])
    signature = signatures.infer(model, example) if example is not None else None
    kept = canonical_json(signatures.example_of(_shown(project, example))) if example is not None else None
    store = project.store
    with store.write():
        number = nodes.add_node(store, "model", name)
        store.execute(
            "INSERT INTO model_version (id, name, version, content, format, flavor, signature, example, trusted,"
            " environment, run, intent, created_at)"
            " VALUES (?, ?, 1 + (SELECT coalesce(max(version), 0) FROM model_version WHERE name = ?),"
            " ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            number, name, name, project.content.put(data), formats.FORMAT, type(model).__name__,
            canonical_json(signature) if signature else None, project.content.put_text(kept) if kept else None,
            canonical_json(types), environment_id(store), run, intent, time.time(),
        )  # fmt: skip
        nodes.was_written(project, number, f"models:/{name}")
    observers.kept(project, number, model)
    return get(project, number)


def _shown(project: Project, example: Any) -> Any:
    """Return an example with nothing in the columns whose values must not be kept: the model still takes them."""
    if not (labels := columns.denied(project, getattr(example, "columns", ()))):
        return example
    shown = example[: signatures.ROWS].copy()
    for label in labels:
        shown[label] = None
    return shown


def _read(path: str, trust: list[str]) -> Any:
    """Read a model file that a person names."""
    source = Path(path)
    if not source.is_file():
        raise NotFound(f"no file {path!r} in {Path.cwd()} - give a fitted model or the path of a .skops file")
    if source.suffix != ".skops":
        raise UsageError(f"{path} is not a .skops file - load it where you trust it, and register the object")
    return formats.read(source, trust)


def load_model(project: Project, reference: str) -> Any:
    """Return a model by reference: ``models:/NAME/1``, ``models:/NAME@champion``, ``models:/NAME/latest``.

    Warns where Python, or the packages whose objects it holds, are not those that it was trained with.

    Raises:
        NotFound: there is no such version or alias.
        Untrusted: its bytes hold types that were not recorded with it; nothing has been constructed.
        StoreCorrupt: its bytes are not what they were.
    """
    runs.active(project)
    reference = reference if ":" in reference else f"models:/{reference}"
    number = resolve(project, reference)
    row = project.store.row("SELECT content, trusted, environment FROM model_version WHERE id = ?", number)
    if row is None:
        raise NotFound(f"{reference!r} is not a model - see `mlops models`")
    data = project.content.get(row["content"])
    if row["environment"] is not None and (other := _mismatch(project, row["environment"], data)):
        told = f"{reference} was trained with {other} - it may predict otherwise, or fail; see `mlops env diff`"
        warnings.warn(told, RuntimeWarning, stacklevel=3)
    model = formats.load(data, json.loads(row["trusted"]))
    nodes.was_read(project, number, reference)
    return model


def _mismatch(project: Project, number: int, data: bytes) -> str | None:
    """Say what a model was trained with that is another here: Python but for its last digit, and its own packages."""
    then, here = load(project.store, number), environment()
    if then is None or then.hash == here.hash:
        return None
    changed = then.changes_to(here)
    own = packages_of(formats.modules(data)) & changed.keys() if changed else set()
    found = [f"{name} {changed[name][0]} (here {changed[name][1] or 'none'})" for name in sorted(own)]
    if then.python.rpartition(".")[0] != here.python.rpartition(".")[0]:
        found.insert(0, f"{then.python} (here {here.python})")
    return ", ".join(found) or None
