"""A colleague at another notebook: what the buttons of JupyterLab do to it, as lines of a story that runs by itself."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

from jupyter_client.manager import KernelManager


class Notebook:
    """A notebook file with a kernel of its own; its cells are known by their IDs."""

    def __init__(self, path: str, **cells: str) -> None:
        self.path = Path(path).resolve()
        self.counts: dict[str, int] = {}
        self.cells = cells
        self._save()
        self._kernel = KernelManager()
        # a session of Jupyter Server tells its kernel so which notebook it runs
        self._kernel.start_kernel(
            cwd=str(self.path.parent), env=os.environ | {"JPY_SESSION_NAME": str(self.path)},
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        self._client = self._kernel.blocking_client()
        self._client.wait_for_ready(timeout=60)

    def run(self, *cells: str) -> None:
        """Run cells, by default all from top to bottom, and save."""
        for cell in cells or tuple(self.cells):
            message = self._client.session.msg("execute_request", _request(self.cells[cell]))
            message["metadata"]["cellId"] = cell  # as JupyterLab does
            self._client.shell_channel.send(message)
            reply: dict[str, Any] = self._client._recv_reply(message["header"]["msg_id"], timeout=60)
            if reply["content"]["status"] != "ok":
                raise RuntimeError("\n".join(reply["content"]["traceback"]))
            self.counts[cell] = reply["content"]["execution_count"]
        self._save()

    def edit(self, cell: str, source: str) -> None:
        """Change a cell without running it, and save."""
        self.cells[cell] = source
        self._save()

    def delete(self, cell: str) -> None:
        """Delete a cell; what it made lives on in the kernel. Save."""
        del self.cells[cell]
        self._save()

    def close(self) -> None:
        """Shut the kernel down."""
        self._client.stop_channels()
        self._kernel.shutdown_kernel()

    def _save(self) -> None:
        cells = [
            {
                "cell_type": "code", "id": name, "metadata": {}, "outputs": [], "source": source,
                "execution_count": self.counts.get(name),
            }
            for name, source in self.cells.items()
        ]  # fmt: skip
        kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
        document = {"cells": cells, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}
        self.path.write_text(json.dumps(document, indent=1), encoding="utf-8")


def _request(source: str) -> dict[str, Any]:
    return {
        "code": source, "silent": False, "store_history": True, "user_expressions": {}, "allow_stdin": False,
        "stop_on_error": True,
    }  # fmt: skip
