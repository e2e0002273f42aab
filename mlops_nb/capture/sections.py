"""Tables of ``mlops.toml`` that a run depended on: inputs like any file, but one table at a time."""

from __future__ import annotations

from typing import Any

from mlops_nb.capture import nodes
from mlops_nb.ids import digest
from mlops_nb.project import Project


def section_id(project: Project, name: str) -> str:
    """Return the public ID of a table of ``mlops.toml`` as it is now."""
    return digest(f"{name} {project.section_digest(name)}".encode())[:16]


def read_section(project: Project, name: str) -> dict[str, Any]:
    """Return a table of ``mlops.toml`` and record that the cell running now read it."""
    section, public = project.section(name), section_id(project, name)
    with project.store.write() as store:
        row = store.execute("SELECT id FROM node WHERE public = ?", public).fetchone()
        number = int(row[0]) if row else nodes.add_node(store, "config", name, public=public)
        nodes.was_read(project, number, f"config:{name}")
    return section
