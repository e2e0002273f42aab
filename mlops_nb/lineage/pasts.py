"""Pasts: the notebook as it was when an execution ran, put together from the record alone.

A notebook file keeps one version; the record has every cell as it ran. The notebook as it was at an execution are the
cells that its session had run by then, each with the source of its last execution, in the order of the notebook as far
as that is known. A cell that has been deleted since stands behind the one that ran before it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from mlops_nb.capture import notebooks
from mlops_nb.capture.cells import SKIPPED, is_as_kept
from mlops_nb.capture.moves import present_path
from mlops_nb.errors import UsageError
from mlops_nb.lineage import programs
from mlops_nb.lineage.facts import Step, read_run
from mlops_nb.lineage.programs import SliceCell
from mlops_nb.lineage.references import resolve
from mlops_nb.lineage.slices import maker_of
from mlops_nb.lineage.verdicts import Page, located, page_of
from mlops_nb.project import Project
from mlops_nb.records import Json, Record, moment
from mlops_nb.verbs import verb


@dataclass(frozen=True)
class PastCell(SliceCell):
    """A cell as it had run last, and what the notebook did to it since: ``edited``, ``deleted``, or nothing."""

    since: str | None = None

    def said(self) -> str:
        """Return what stands above the cell in a script."""
        return super().said() + (f", {self.since} since" if self.since else "")


@dataclass(frozen=True)
class Past(Record):
    """The notebook as it was when an execution ran, and what is not known of it or missing in it."""

    ref: str
    execution: str
    execution_count: int | None
    started: datetime | None
    notebook: str | None
    cells: list[PastCell]
    missing: list[str]

    def heading(self) -> list[str]:
        """Return when it was, what the notebook has changed since, and what is missing."""
        when = "" if self.started is None else f", {self.started.astimezone():%Y-%m-%d %H:%M:%S}"
        what = self.notebook or "The session"
        since = {how: [f"[{cell.execution_count}]" for cell in self.cells if cell.since == how] for how in SINCE}
        changed = [f"Cells {', '.join(counts)} were {how} since." for how, counts in since.items() if counts]
        missing = [f"Missing: {reason}" for reason in self.missing]
        return [f"{what} as it was when [{self.execution_count}] ran ({self.execution}{when}).", *changed, *missing]

    def told(self) -> dict[str, Json]:
        """Return the same for the metadata of a notebook."""
        known = self.to_json()
        known["cells"] = {cell.execution: cell.since for cell in self.cells if cell.since}
        return known


SINCE = ("edited", "deleted")


@verb("at")
def at(project: Project, ref: str, *, to: str | None = None) -> Past:
    """Show the notebook as it was when an execution ran, from the record.

    Args:
        ref: a cell or an execution, as cell:3 or its ID, or what one made: a variable, file, dataset or model
        to: write it to this file too, as a notebook (.ipynb) or a script (.py)

    Raises:
        NotFound: the reference means nothing.
        UsageError: no recorded cell made it, or the file is of another kind or is there already.
    """
    found = past_of(project, ref)
    if to is not None:
        programs.save(found, Path(to))
    return found


def past_of(project: Project, ref: str) -> Past:
    """Return the notebook as it was when what a reference means ran, or was made.

    Raises:
        NotFound: it means nothing.
        UsageError: no recorded cell made it.
    """
    store = project.store
    kind, execution = maker_of(store, resolve(project, ref))
    if execution is None:
        raise UsageError(f"no recorded cell made this {kind} - name a cell, as in cell:3, or what one made")
    run = store.rows(
        "SELECT run.id, run.notebook, started.started_at FROM execution AS started"
        " JOIN run ON run.id = started.run WHERE started.id = ?",
        execution,
    )[0]
    facts = read_run(project, run["id"])
    page = page_of(present_path(project, run["notebook"], run["id"])) if run["notebook"] else None
    steps = [step for step in facts.steps.values() if step.number <= execution]
    if page is not None:
        steps = sorted([*_known(steps, page)], key=lambda step: step.number)
        injected = [step.source for step in steps if step.cell == notebooks.INJECTED]
        page = page.with_injected(injected[-1]) if injected else page
    cells = [_cell(step, page) for step in _ordered(_latest(steps), page)]
    missing = [*facts.gaps]
    if run["notebook"] and page is None:
        missing.append(f"{run['notebook']} is gone or cannot be read: what was edited or deleted since is not known")
    for cell in cells:
        missing += programs.without_secrets(cell.execution_count, cell.source)
        if cell.source == SKIPPED:
            missing.append(f"cell [{cell.execution_count}] asked not to be kept ({SKIPPED})")
    here = facts.steps[execution]
    return Past(
        ref=ref, execution=here.id, execution_count=here.count, started=moment(run["started_at"]),
        notebook=run["notebook"], cells=cells, missing=missing,
    )  # fmt: skip


def _known(steps: Sequence[Step], page: Page) -> list[Step]:
    """Return executions with their cells, as far as they can be told by their source."""
    found = {step.number: step for step in steps} | {step.number: step for step in located(steps, page)}
    return [*found.values()]


def _latest(steps: Sequence[Step]) -> list[Step]:
    """Return the last execution of each cell in the order of their first; one without an ID is a cell of its own."""
    found: dict[str, Step] = {}
    for step in steps:
        found[step.cell or step.id] = step
    return [*found.values()]


def _ordered(steps: Sequence[Step], page: Page | None) -> list[Step]:
    """Put cells into the order of the notebook; what is not in it stays behind what ran before it."""
    if page is None:
        return [*steps]
    places = page.positions
    placed = sorted((step for step in steps if step.cell in places), key=lambda step: places[str(step.cell)])
    for number, step in enumerate(steps):
        if step.cell not in places:
            placed.insert(placed.index(steps[number - 1]) + 1 if number else 0, step)
    return placed


def _cell(step: Step, page: Page | None) -> PastCell:
    since = None
    if page is not None and step.cell not in page.sources:
        since = "deleted"
    elif page is not None and step.cell is not None and not is_as_kept(page.sources[step.cell], step.source):
        since = "edited"
    raises = step.error if step.status == "failed" else None
    return PastCell(step.id, step.cell, step.count, step.source, raises, since)
