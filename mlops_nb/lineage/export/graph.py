"""The graph of an RO-Crate: entities by their ``@id``, in the flat JSON-LD that RO-Crate 1.1 asks for."""

from __future__ import annotations

import base64
import mimetypes
from datetime import datetime
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import quote

Entity = dict[str, Any]

CONTEXT = [
    "https://w3id.org/ro/crate/1.1/context",
    {
        "sha256": "https://w3id.org/ro/terms/workflow-run#sha256",
        "buildInstructions": "https://codemeta.github.io/terms/buildInstructions",
    },
]
METADATA = "ro-crate-metadata.json"
CRATE = "https://w3id.org/ro/crate/1.1"
WORKFLOW = "https://w3id.org/workflowhub/workflow-ro-crate/1.0"
#: What the crate conforms to, from the general to the special: the newest that is published, and that validators know.
PROFILES = {
    "https://w3id.org/ro/wfrun/process/0.5": ("Process Run Crate", "0.5"),
    "https://w3id.org/ro/wfrun/workflow/0.5": ("Workflow Run Crate", "0.5"),
    "https://w3id.org/ro/wfrun/provenance/0.5": ("Provenance Run Crate", "0.5"),
    WORKFLOW: ("Workflow RO-Crate", "1.0"),
}
TYPES = {
    ".ipynb": "application/x-ipynb+json", ".parquet": "application/vnd.apache.parquet", ".csv": "text/csv",
    ".skops": "application/zip", ".json": "application/json", ".txt": "text/plain", ".md": "text/markdown",
}  # fmt: skip


class Graph:
    """The entities of one crate."""

    def __init__(self) -> None:
        self.entities: dict[str, Entity] = {}

    def add(self, id_: str, type_: str | list[str], **members: Any) -> Entity:
        """Add an entity, or return the one that is there, and refer to it by :func:`ref`."""
        if id_ not in self.entities:
            known = {name: value for name, value in members.items() if value is not None}
            self.entities[id_] = {"@id": id_, "@type": type_} | known
        return self.entities[id_]

    def to_json(self) -> Entity:
        """Return the JSON-LD document: the descriptor and the root first, the rest in the order of its making."""
        return {"@context": CONTEXT, "@graph": [_compact(entity) for entity in self.entities.values()]}


def _compact(entity: Entity) -> Entity:
    """Leave out what is empty, and give a list of one as that one."""
    lists = {name: value for name, value in entity.items() if isinstance(value, list)}
    return {name: value for name, value in entity.items() if value != []} | {
        name: value[0] for name, value in lists.items() if len(value) == 1
    }


def ref(entity: Entity) -> Entity:
    """Return a reference to an entity."""
    return {"@id": entity["@id"]}


def refs(entities: list[Entity]) -> list[Entity]:
    """Return references to entities, each once."""
    return [{"@id": id_} for id_ in dict.fromkeys(entity["@id"] for entity in entities)]


def file_id(path: str) -> str:
    """Return the ``@id`` of a file in the crate."""
    return quote(path)


def content_id(address: str) -> str:
    """Return the ``@id`` of content that is not in the crate: its hash, as a URI (RFC 6920)."""
    return f"ni:///sha-256;{base64.urlsafe_b64encode(bytes.fromhex(address)).decode().rstrip('=')}"


def media_type(path: str) -> str:
    """Return the media type of a file by its name."""
    suffix = PurePosixPath(path).suffix.lower()
    return TYPES.get(suffix) or mimetypes.guess_type(path)[0] or "application/octet-stream"


def time(at: datetime | None) -> str | None:
    """Return a time as the profiles ask for it."""
    return None if at is None else at.isoformat(timespec="milliseconds")
