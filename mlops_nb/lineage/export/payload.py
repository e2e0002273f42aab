"""What lies in a crate and what its acts touch: files with their bytes, and values without a file."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from mlops_nb.capture.environments import Environment
from mlops_nb.ids import canonical_json, digest
from mlops_nb.lineage.export import contents
from mlops_nb.lineage.export.facts import Metric, Thing
from mlops_nb.lineage.export.graph import METADATA, Entity, Graph, content_id, file_id, media_type, ref
from mlops_nb.project import Project
from mlops_nb.records import Json

KINDS = {bool: "Boolean", int: "Integer", float: "Float"}
SUFFIXES = {"image/png": ".png", "image/jpeg": ".jpg", "image/svg+xml": ".svg"}
PARAMETER = "https://bioschemas.org/profiles/FormalParameter/1.0-RELEASE"
REQUIREMENTS = "https://pip.pypa.io/en/stable/reference/requirements-file-format/"


class Payload:
    """The data of one crate, written into its folder as it is named."""

    def __init__(self, project: Project, graph: Graph, folder: Path) -> None:
        self.project, self.graph, self.folder = project, graph, folder
        self.data: list[Entity] = []  # in the order in which the root lists them
        self.missing: list[str] = []  # what is named, and has no bytes any more
        self._taken = {METADATA}
        self._things: dict[tuple[int, str], Entity] = {}

    # -- things -----------------------------------------------------------------------------------------------

    def things(self, things: Iterable[Thing]) -> list[Entity]:
        """Add things: the bytes where something still has them, the hash where nothing has, else the name."""
        return [self._thing(thing) for thing in things]

    def _thing(self, thing: Thing) -> Entity:
        if thing.key not in self._things:
            about = f"{thing.kind} {thing.name}" + (f", version {thing.version[:16]}" if thing.version else "")
            about, name = ". Uncheckable: ".join((about, *thing.doubts)), f"#{thing.kind}-{thing.id}"
            if thing.in_memory:
                entity = self.graph.add(name, "PropertyValue", name=thing.name, description=about)
            elif thing.hash is None:
                entity = self.graph.add(name, "CreativeWork", name=thing.name, description=about)
            else:
                entity = self._content(thing, thing.hash, ". ".join(filter(None, (about, thing.about))))
            self._things[thing.key] = entity
        return self._things[thing.key]

    def _content(self, thing: Thing, address: str, about: str) -> Entity:
        path = _path(thing)
        inside = self._free(path, address)
        if contents.copy(self.project, thing.number, address, self.folder / inside):
            size = (self.folder / inside).stat().st_size
            other = path if inside != path else None
            return self._entity(inside, size, address, "File", name=thing.name, description=about, alternateName=other)
        self.missing.append(thing.name)
        entity = self.graph.add(
            content_id(address), "File", name=thing.name, sha256=address, encodingFormat=media_type(path),
            contentSize=None if thing.size is None else str(thing.size), alternateName=path,
            description=f"{about}. Not in the crate: nothing has these bytes any more.",
        )  # fmt: skip
        self.data.append(entity)
        return entity

    # -- files ------------------------------------------------------------------------------------------------

    def file(self, path: str, data: bytes, type_: str | list[str], **members: Any) -> Entity:
        """Write a file of our own making and add it."""
        inside = self._free(path, digest(data))
        (self.folder / inside).parent.mkdir(parents=True, exist_ok=True)
        (self.folder / inside).write_bytes(data)
        return self._entity(inside, len(data), digest(data), type_, **members)

    def environment(self, here: Environment) -> Entity:
        """Add the interpreter, whose requirement is the list of everything that was installed."""
        name = f"#environment-{here.hash[:16]}"
        if name in self.graph.entities:
            return self.graph.entities[name]
        lines = [f"# {here.python} on {here.platform}", *(f"{key}=={here.packages[key]}" for key in here.packages), ""]
        listed = self.file(
            f"environments/{here.hash[:16]}.txt", "\n".join(lines).encode(), "File", name="The installed packages",
            description="Every distribution that was installed, with its version.",
            conformsTo=ref(self.graph.add(REQUIREMENTS, "WebPageElement", name="Requirements file format")),
        )  # fmt: skip
        python, _, version = here.python.partition(" ")
        return self.graph.add(
            name, "SoftwareApplication", name=python, softwareVersion=version, operatingSystem=here.platform,
            softwareRequirements=ref(listed), url="https://www.python.org/",
        )  # fmt: skip

    def _entity(self, path: str, size: int, address: str, type_: str | list[str], **members: Any) -> Entity:
        self._taken.add(path)
        entity = self.graph.add(
            file_id(path), type_, sha256=address, contentSize=str(size), encodingFormat=media_type(path), **members
        )
        self.data.append(entity)
        return entity

    def _free(self, path: str, address: str) -> str:
        """Return the path itself, or where another version of what is there can stand."""
        return path if path not in self._taken else f"versions/{address[:16]}/{path}"

    # -- values and formal parameters -------------------------------------------------------------------------

    def metric(self, metric: Metric) -> Entity:
        """Add a logged value."""
        value: Json = "NaN" if metric.value is None else metric.value
        step = None if metric.step is None else f"at step {metric.step}"
        return self.graph.add(f"#metric-{metric.id}", "PropertyValue", name=metric.name, value=value, description=step)

    def parameter(self, run: str, workflow: Entity, name: str, value: Json) -> tuple[Entity, Entity]:
        """Add the value of a run's parameter, and the formal parameter of its workflow; return both."""
        key = f"parameter-{digest(name.encode())[:8]}"
        plain = type(value) in (str, bool, int, float)
        given = self.graph.add(
            f"#{key}-{run}", "PropertyValue", name=name, value=value if plain else canonical_json(value)
        )
        return given, self._formal(workflow, key, name, KINDS.get(type(value), "Text"), given)

    def ports(self, workflow: Entity, way: str, entities: list[Entity]) -> list[Entity]:
        """Add a formal parameter for each file that went into a workflow or came out of it."""
        return [
            self._formal(workflow, f"{way}-{digest(entity['@id'].encode())[:8]}", entity["name"], "File", entity)
            for entity in entities
            if entity["@type"] == "File"
        ]

    def _formal(self, workflow: Entity, key: str, name: str, kind: str, example: Entity) -> Entity:
        formal = self.graph.add(
            f"{workflow['@id']}#{key}", "FormalParameter", name=name, additionalType=kind, workExample=ref(example),
            conformsTo={"@id": PARAMETER},
        )  # fmt: skip
        known = example.setdefault("exampleOfWork", [])
        if ref(formal) not in known:
            known.append(ref(formal))
        return formal


def safe(name: str) -> str:
    """Return a name as the part of a path."""
    return re.sub(r"[^\w.-]", "_", name).lstrip(".") or "_"


def _path(thing: Thing) -> str:
    """Return where a thing's bytes stand in the crate, if nothing else does."""
    if thing.kind == "dataset":
        return f"datasets/{safe(thing.name)}/{thing.version}.parquet"
    if thing.kind == "model":
        return f"models/{safe(thing.name)}/{thing.version}.skops"
    if thing.kind == "figure":
        return f"figures/{thing.id}{SUFFIXES.get(thing.mime or '', '')}"
    return thing.name
