"""Artifacts: content with a stable ID; the same bytes are the same artifact wherever they lie."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from mlops_nb.capture import columns, nodes, runs
from mlops_nb.errors import NotFound
from mlops_nb.project import Project
from mlops_nb.records import Record, moment
from mlops_nb.verbs import verb


@dataclass(frozen=True)
class Artifact(Record):
    """A file's content: its stable ID, hash, size in bytes, where it was last seen, and whether a copy is kept."""

    id: str
    name: str
    hash: str
    size: int
    stored: bool
    created: datetime | None


def observe_file(project: Project, path: Path, digest: str, size: int, *, stored: bool = False) -> int:
    """Enter a file's content and place, inside a transaction; return the row ID of its artifact."""
    store = project.store
    place = project.relative(path)
    row = store.execute("SELECT id FROM artifact WHERE hash = ?", digest).fetchone()
    if row is None:
        number = nodes.add_node(store, "file", place, public=digest[:16])
        store.execute(
            "INSERT INTO artifact (id, hash, size, stored) VALUES (?, ?, ?, ?)", number, digest, size, int(stored)
        )
    else:
        number = int(row[0])
        if stored:
            store.execute("UPDATE artifact SET stored = 1 WHERE id = ?", number)
    store.execute(
        "INSERT INTO location (artifact, path, seen_at) VALUES (?, ?, ?)"
        " ON CONFLICT (artifact, path) DO UPDATE SET seen_at = excluded.seen_at",
        number, place, time.time(),
    )  # fmt: skip
    return number


def load(project: Project, number: int) -> Artifact:
    """Return an artifact by its row ID."""
    row = project.store.rows(
        """
        SELECT node.public, artifact.hash, artifact.size, artifact.stored, node.created_at,
            (SELECT path FROM location WHERE artifact = artifact.id ORDER BY seen_at DESC LIMIT 1) AS path, node.name
        FROM artifact JOIN node USING (id) WHERE artifact.id = ?
        """,
        number,
    )[0]
    return Artifact(
        row["public"], row["path"] or row["name"], row["hash"], row["size"], bool(row["stored"]),
        moment(row["created_at"]),
    )  # fmt: skip


def at_path(project: Project, path: Path) -> int | None:
    """Return the row ID of the artifact last seen at a path, or None."""
    found = project.store.value(
        "SELECT artifact FROM location WHERE path = ? ORDER BY seen_at DESC LIMIT 1", project.relative(path)
    )
    return None if found is None else int(found)


@verb("log-artifact", records=True)
def log_artifact(project: Project, path: str) -> Artifact:
    """Keep a copy of a file as an artifact of the present run.

    Args:
        path: the file

    Raises:
        NotFound: there is no such file.
        UsageError: it is a table with a column that mlops.toml denies.
    """
    runs.active(project)
    source = Path(path)
    if not source.is_file():
        raise NotFound(f"no file {path!r} in {Path.cwd()} - give the path of an existing file")
    columns.refuse(project, source)
    with project.store.write():
        digest, size = project.content.put_file(source)
        number = observe_file(project, source, digest, size, stored=True)
        nodes.was_written(project, number, f"file:{project.relative(source)}")
    return load(project, number)


def resolve_path(project: Project, text: str) -> Path:
    """Return the file that a path written in a reference means: as it is, or below the project's root.

    Raises:
        NotFound: no file can have such a name.
    """
    path = Path(text)
    try:
        return path if path.is_absolute() or path.exists() else project.root / path
    except OSError as error:
        raise NotFound(f"no file {text[:60]!r}…: {error.strerror} - give the path of a file") from error
