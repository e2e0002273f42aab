"""Artifacts: content with a stable ID; the same bytes are the same artifact wherever they lie."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from mlops_nb.capture import columns, nodes, runs
from mlops_nb.capture.files.opened import Opened, same_folder
from mlops_nb.errors import NotFound
from mlops_nb.ids import digest, file_digest
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


def observe_file(project: Project, path: Path, address: str, size: int, *, stored: bool = False) -> int:
    """Enter a file's content and place, inside a transaction; return the row ID of its artifact."""
    store = project.store
    place = project.relative(path)
    row = store.execute("SELECT id FROM artifact WHERE hash = ?", address).fetchone()
    if row is None:
        number = nodes.add_node(store, "file", place, public=address[:16])
        store.execute(
            "INSERT INTO artifact (id, hash, size, stored) VALUES (?, ?, ?, ?)", number, address, size, int(stored)
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


def record_use(project: Project, execution: int, opened: Opened) -> None:
    """Enter, inside a transaction, how a cell used a file: by its content, and with what is not certain about it."""
    store = project.store
    scheme, place = ("file", project.relative(opened.path)) if opened.kind != "external" else ("url", opened.name)
    reference = f"{scheme}:{place}"
    number = _used(project, opened, place)
    if "read" in opened.ways:
        changed = nodes.OVERWRITTEN if opened.unsure and scheme == "file" else scheme
        nodes.add_edge(store, number, execution, "read", f"{changed}:{place}")
    if "wrote" in opened.ways:
        nodes.add_edge(store, execution, number, "wrote", reference)
    if "removed" in opened.ways:
        nodes.add_edge(store, number, execution, "removed", reference)
    if "read" in opened.ways and opened.doubt:
        nodes.add_doubt(store, execution, opened.doubt, reference)
    if opened.foreign:
        nodes.add_doubt(store, execution, nodes.FOREIGN, reference)
    opened.hashes.save(store)


def record_questions(project: Project, execution: int, listed: Sequence[str], doubts: Sequence[str]) -> None:
    """Enter, inside a transaction, which folders a cell asked for, and what of its files could not be seen."""
    for folder in listed:
        project.store.execute(
            "INSERT INTO listing (execution, place) VALUES (?, ?) ON CONFLICT DO NOTHING",
            execution, project.relative(Path(folder)),
        )  # fmt: skip
    for reason in doubts:
        nodes.add_doubt(project.store, execution, reason)


def _used(project: Project, opened: Opened, place: str) -> int:
    """Return the row ID of the node that stands for what was used."""
    if opened.kind == "external":
        public = digest(f"url:{place}".encode())[:16]
        number = project.store.execute("SELECT id FROM node WHERE public = ?", public).fetchone()
        return int(number[0]) if number else nodes.add_node(project.store, "external", place, public=public)
    if opened.content is not None and opened.overtaken:
        return nodes.add_node(project.store, "file", place)
    if opened.content is None:
        known = at_path(project, opened.path) if "removed" in opened.ways else None
        return nodes.add_node(project.store, "file", place) if known is None else known
    number = observe_file(project, opened.path, *opened.content)
    if opened.kind == "directory":
        project.store.execute(
            "INSERT INTO folder (artifact, manifest) VALUES (?, ?) ON CONFLICT DO NOTHING",
            number, project.content.put(opened.manifest.encode()),
        )  # fmt: skip
        _join_members(project, opened, number)
    return number


def _join_members(project: Project, opened: Opened, folder: int) -> None:
    """Connect a folder with its files: those that were read make it up, those that were written come from it."""
    for name, (address, size) in opened.members.items():
        member = observe_file(project, opened.path / name, address, size)
        if "wrote" in opened.ways:
            nodes.add_edge(project.store, folder, member, "holds")
        if "read" in opened.ways:
            nodes.add_edge(project.store, member, folder, "holds")


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


def is_at(project: Project, number: int, path: Path) -> bool:
    """Whether a file, or a folder of files, has the content of an artifact now."""
    if path.is_file():
        return bool(project.store.value("SELECT hash FROM artifact WHERE id = ?", number) == file_digest(path))
    manifest = project.store.value("SELECT manifest FROM folder WHERE artifact = ?", number)
    return manifest is not None and path.is_dir() and same_folder(path, project.content.text(manifest))


def content_of(project: Project, path: Path, address: str, stored: bool) -> bytes | None:
    """Return the bytes of a file as it was: kept in the store, or lying at its place unchanged; None if neither.

    Args:
        project: the project
        path: where the file was
        address: the hash of its content
        stored: whether a copy was kept
    """
    if stored:
        return project.content.get(address)
    data = path.read_bytes() if path.is_file() else None
    return data if data is not None and digest(data) == address else None


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
        address, size = project.content.put_file(source)
        number = observe_file(project, source, address, size, stored=True)
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
