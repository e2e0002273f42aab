"""The notebook as it was when one of its cells ran: every cell that had run by then, as it ran, in that order."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from mlops_nb.capture import cells
from mlops_nb.errors import UsageError
from mlops_nb.lineage.references import resolve
from mlops_nb.lineage.slices import trace_of
from mlops_nb.project import Project
from mlops_nb.records import Record
from mlops_nb.verbs import verb


@dataclass(frozen=True)
class RanCell(Record):
    """A cell as it ran."""

    execution: str
    cell: str | None
    count: int | None
    status: str
    error: str | None
    source: str


@dataclass(frozen=True)
class RanNotebook(Record):
    """A notebook as it was when an execution ran, the last of its cells; ``file`` is where it was written."""

    ref: str
    run: str
    notebook: str | None
    ran: datetime | None
    cells: list[RanCell]
    file: str | None


@verb("at")
def at(project: Project, ref: str, *, to: str | None = None) -> RanNotebook:
    """Show the notebook as it was when a cell ran: the cells that had run by then, as they ran, with their outputs.

    Args:
        ref: an execution, or what one made: cell:3, var:NAME, models:/NAME/1, an ID
        to: write it to this file, as a notebook (.ipynb)

    Raises:
        NotFound: the reference means nothing here.
        UsageError: no recorded cell made it, or the file is there already or no .ipynb.
    """
    node = resolve(project, ref)
    execution = max(trace_of(project, node).executions)
    run, notebook, process = project.store.rows(
        "SELECT run.id, run.notebook, execution.process FROM execution JOIN run ON run.id = execution.run"
        " WHERE execution.id = ?",
        execution,
    )[0]
    rows = project.store.rows(
        "SELECT id FROM execution WHERE run = ? AND process = ? AND parent IS NULL AND id <= ? ORDER BY id",
        run, process, execution,
    )  # fmt: skip
    ran = [(row["id"], cells.load(project, row["id"])) for row in rows]
    if to is not None:
        _write(project, Path(to), ran, ref)
    found = [RanCell(one.id, one.cell, one.count, one.status, one.error, one.source) for _, one in ran]
    return RanNotebook(ref, ran[-1][1].run, notebook, ran[-1][1].started, found, to)


def _write(project: Project, path: Path, ran: list[tuple[int, cells.Execution]], ref: str) -> None:
    if path.suffix != ".ipynb":
        raise UsageError(f"{path} is no .ipynb - a notebook is written as one")
    if path.exists():
        raise UsageError(f"{path} is there already - give another name, nothing is written over")
    shown = [_cell(project, number, one) for number, one in ran]
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    told = {"ref": ref, "run": ran[-1][1].run}
    metadata = {"kernelspec": kernel, "language_info": {"name": "python"}, "mlops_nb": told}
    content = {"cells": shown, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _cell(project: Project, number: int, one: cells.Execution) -> dict[str, Any]:
    outputs: list[dict[str, Any]] = [
        {"output_type": "display_data", "metadata": {}, "data": {output.mime: _data(output)}}
        for output in cells.outputs(project, number)
    ]
    if one.error:
        name, _, value = one.error.partition(": ")
        outputs.append({"output_type": "error", "ename": name, "evalue": value, "traceback": []})
    return {
        "cell_type": "code", "id": one.id, "execution_count": one.count, "outputs": outputs,
        "metadata": {"mlops_nb": {"cell": one.cell, "execution": one.id}},
        "source": one.source.splitlines(keepends=True),
    }  # fmt: skip


def _data(output: cells.Output) -> Any:
    if output.mime == "application/json" and output.text is not None:
        try:
            return json.loads(output.text)
        except ValueError:  # it was cut, or kept as its text
            return output.text
    return output.text if output.data is None else output.data
