"""The notebook of a run as it ran: the receipt where one is kept, else one put together from the recorded cells.

Either way secrets and places of the user's machine are taken out of it, so it is a copy with a hash of its own.
"""

from __future__ import annotations

import json
from typing import Any

from mlops_nb.capture import cells
from mlops_nb.capture.notebooks import receipt
from mlops_nb.lineage.export.facts import CellFacts, RunFacts
from mlops_nb.lineage.export.names import Names
from mlops_nb.project import Project


def notebook(project: Project, names: Names, run: RunFacts) -> tuple[bytes, str]:
    """Return a run's notebook and a sentence on where it is from."""
    if (kept := _receipt(project, run)) is not None:
        return _bytes(names.plain_json(kept)), "The notebook as it ran, with its outputs."
    content = {
        "cells": [_cell(project, cell) for cell in run.cells],
        "metadata": {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    return _bytes(names.plain_json(content)), "The cells in the order in which they ran, put together from the record."


def pipeline(names: Names, run: RunFacts, notebooks: list[str]) -> bytes:
    """Return what a pipeline's run was: its steps in order, as a file of its own."""
    steps = [
        {"name": step.record.name, "notebook": notebook, "status": step.record.status}
        for step, notebook in zip(run.steps, notebooks, strict=True)
    ]
    return _bytes(names.plain_json({"pipeline": run.record.name, "run": run.record.id, "steps": steps}))


def _receipt(project: Project, run: RunFacts) -> Any:
    store = project.store
    kept = store.row(
        "SELECT node.public, run.name FROM run JOIN node ON node.id = run.parent"
        " WHERE run.id = (SELECT coalesce(original, id) FROM run WHERE id = ?)",
        run.number,
    )
    if kept is None:
        return None
    try:
        return json.loads(receipt(project, kept["public"], kept["name"]).read_text(encoding="utf-8"))
    except (OSError, ValueError):  # gone, or half written by a process that died
        return None


def _cell(project: Project, cell: CellFacts) -> dict[str, Any]:
    shown = [_output(output) for output in cells.outputs(project, cell.number)]
    if cell.record.error:
        name, _, value = cell.record.error.partition(": ")
        shown.append({"output_type": "error", "ename": name, "evalue": value, "traceback": []})
    return {
        "cell_type": "code", "id": cell.record.id, "metadata": {}, "execution_count": cell.record.count,
        "source": cell.record.source, "outputs": shown,
    }  # fmt: skip


def _output(output: cells.Output) -> dict[str, Any]:
    data: Any = output.text if output.data is None else output.data
    if output.mime == "application/json":
        try:
            data = json.loads(data)
        except ValueError:  # it was cut, or kept as its text
            return {"output_type": "display_data", "data": {"text/plain": data}, "metadata": {}}
    return {"output_type": "display_data", "data": {output.mime: data}, "metadata": {}}


def _bytes(content: Any) -> bytes:
    return (json.dumps(content, indent=1, ensure_ascii=False) + "\n").encode(errors="replace")
