"""Results: what a run recorded of the cells of a slice, each under a name that another run of it has too.

A result is known by its hash; its bytes are there where they were kept, or where its file still lies unchanged.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlops_nb.capture import artifacts
from mlops_nb.capture.cells import BINARY
from mlops_nb.errors import NotFound
from mlops_nb.ids import canonical_json, digest
from mlops_nb.project import Project

OURS = b'class="mlops-nb"'  # in the HTML of every record
Key = tuple[int, str, str]  # the position of the cell in the slice, the kind, the name
#: In the key of an automatic metric: how often the run had it before, in cells that a slice may leave out.
COUNTER = re.compile(r"(?<=\w)-\d+_")


@dataclass(frozen=True)
class Result:
    """One thing that a cell made: what it is, the hash of its content, and how to have the content."""

    cell: int
    kind: str  # text, html, image, error, metric, file, dataset, model, table
    name: str
    hash: str
    project: Project
    began: float  # the moments between which its cell ran
    ended: float
    read: Callable[[], bytes]
    trusted: tuple[str, ...] = ()  # types in a model that somebody vouched for
    example: str | None = None  # a model's input example, as JSON

    @property
    def key(self) -> Key:
        """Under which name another run of the slice has the same."""
        return self.cell, self.kind, self.name


def results(project: Project, executions: Sequence[int]) -> dict[Key, Result]:
    """Return everything that some executions (row IDs, in the order of the slice) recorded as made."""
    found: dict[Key, Result] = {}
    for cell, number in enumerate(executions):
        began, ended = _moments(project, number)
        for kind, name, address, read, *model in (
            *_outputs(project, number), *_errors(project, number), *_metrics(project, number),
            *_files(project, number), *_datasets(project, number), *_models(project, number),
            *_tables(project, number),
        ):  # fmt: skip
            result = Result(cell, kind, name, address, project, began, ended, read, *model)
            found[result.key] = result
    return found


Found = Iterator[tuple[Any, ...]]  # kind, name, hash, content; of a model its trusted types and example


def _moments(project: Project, number: int) -> tuple[float, float]:
    row = project.store.rows(
        "SELECT started_at, ended_at FROM execution LEFT JOIN outcome USING (id) WHERE execution.id = ?", number
    )[0]
    return row["started_at"], row["ended_at"] or row["started_at"]


def _kept(project: Project, address: str) -> Callable[[], bytes]:
    return lambda: project.content.get(address)


def _outputs(project: Project, number: int) -> Found:
    """Find what a cell showed; a record of ours is a view of the store, whose facts are compared themselves."""
    rows = project.store.rows("SELECT * FROM output WHERE execution = ? ORDER BY position, mime", number)
    views = {
        row["position"] for row in rows if row["mime"] == "text/html" and OURS in project.content.get(row["content"])
    }
    for row in rows:
        if row["position"] in views:
            continue
        kind = "image" if row["mime"] in BINARY or "svg" in row["mime"] else "html" if "html" in row["mime"] else "text"
        yield kind, f"output {row['position'] + 1} {row['mime']}", row["content"], _kept(project, row["content"])


def _errors(project: Project, number: int) -> Found:
    row = project.store.row("SELECT status, reason FROM outcome WHERE id = ?", number)
    if row is not None and row["status"] == "failed":
        text = str(row["reason"]).encode()
        yield "error", "error", digest(text), lambda: text


def _metrics(project: Project, number: int) -> Found:
    values: dict[str, list[float | None]] = {}
    for row in project.store.rows("SELECT name, value FROM metric WHERE execution = ? ORDER BY id", number):
        values.setdefault(COUNTER.sub("_", row["name"], count=1), []).append(row["value"])
    for name, logged in values.items():
        text = canonical_json(logged).encode()
        yield "metric", name, digest(text), lambda text=text: text


def _files(project: Project, number: int) -> Found:
    for row in project.store.rows(
        "SELECT edge.reference, hash, stored FROM edge JOIN artifact ON artifact.id = edge.target"
        " WHERE edge.source = ? AND kind = 'wrote' AND reference LIKE 'file:%' ORDER BY edge.reference",
        number,
    ):
        place = row["reference"].partition(":")[2]
        yield "file", place, row["hash"], _file(project, project.root / place, row["hash"], bool(row["stored"]))


def _file(project: Project, path: Path, address: str, stored: bool) -> Callable[[], bytes]:
    def read() -> bytes:
        if (data := artifacts.content_of(project, path, address, stored)) is None:
            raise NotFound(f"no copy of {path.name} as it was then is kept")
        return data

    return read


def _datasets(project: Project, number: int) -> Found:
    for row in project.store.rows(
        "SELECT dataset.name, fingerprint, content FROM edge JOIN dataset ON dataset.id = edge.target"
        " WHERE edge.source = ? AND kind = 'wrote'",
        number,
    ):
        yield "dataset", row["name"], row["fingerprint"], _kept(project, row["content"])


def _models(project: Project, number: int) -> Found:
    for row in project.store.rows(
        "SELECT model_version.name, content, trusted, example FROM edge"
        " JOIN model_version ON model_version.id = edge.target WHERE edge.source = ? AND kind = 'wrote'",
        number,
    ):
        example = project.content.text(row["example"]) if row["example"] else None
        types = tuple(json.loads(row["trusted"]))
        yield "model", row["name"], row["content"], _kept(project, row["content"]), types, example


def _tables(project: Project, number: int) -> Found:
    """Tables of the cell that were measured: known by their fingerprint, never by a copy."""

    def read() -> bytes:
        raise NotFound("no copy of a table is kept - mlops.dataset(table, name) keeps one")

    for row in project.store.rows(
        "SELECT node.name, fingerprint FROM edge JOIN node ON node.id = edge.target"
        " JOIN table_print ON table_print.id = node.id"
        " WHERE edge.source = ? AND edge.kind = 'wrote' AND fingerprint IS NOT NULL",
        number,
    ):
        yield "table", row["name"], row["fingerprint"], read
