"""Live tables: what the session that is running knows of a version of a variable, at no cost, as it holds the value."""

from __future__ import annotations

import sys
from typing import Any

from mlops_nb.project import Project
from mlops_nb.records import Json


def table_facts(project: Project, number: int, name: str) -> dict[str, Json]:
    """Return rows and columns with their types of a version that a variable still is; nothing of any other.

    Args:
        project: the project
        number: the row ID of the version
        name: the variable
    """
    value = _value(project, number, name)
    kind = type(value)
    if kind.__name__ != "DataFrame" or kind.__module__.partition(".")[0] not in ("pandas", "polars"):
        return {}
    columns: dict[str, Json] = {
        str(column): {"type": str(held)} for column, held in zip(value.columns, value.dtypes, strict=True)
    }
    return {"rows": len(value), "columns": columns}


def _value(project: Project, number: int, name: str) -> Any:
    sessions = sys.modules.get("mlops_nb.capture.session")  # a command line that has none need not import it
    session = None if sessions is None else sessions.current()
    if session is None or session.project is not project:
        return None
    version, value = session.variables.known.get(name), session.shell.user_ns.get(name)
    if version is None or version.node != number or version.identity != id(value):
        return None
    look = session.variables.eyes.look(value, version.look)  # the cell that is running may have changed it
    return value if look.print is not None and look.print == version.look.print else None
