"""Renames: what Jupyter Server tells of notebooks and folders that were renamed or moved, kept in their projects.

A kernel does not learn of it: the path of its notebook was given to it when it started.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mlops_nb.capture.moves import add_move
from mlops_nb.errors import MlopsError
from mlops_nb.project import Project

CONTENTS = "https://events.jupyter.org/jupyter_server/contents_service/v1"


def follow(server: Any, project_at: Callable[[str], Project]) -> None:
    """Record every rename that a server announces, in the project at the old path if there is one."""
    root = Path(server.root_dir)

    def record(old: str, new: str) -> None:
        try:
            add_move(project_at(old), root / old.strip("/"), root / new.strip("/"))
        except MlopsError as error:  # no project there, or one that cannot be written: renaming goes on as ever
            server.log.debug("mlops-nb did not record that %s is %s now: %s", old, new, error)

    async def heard(logger: Any, schema_id: str, data: dict[str, Any]) -> None:
        if data.get("action") == "rename" and data.get("source_path") and data["source_path"] != data["path"]:
            await asyncio.to_thread(record, data["source_path"], data["path"])

    server.event_logger.add_listener(schema_id=CONTENTS, listener=heard)
