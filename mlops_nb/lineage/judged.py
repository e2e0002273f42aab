"""The verdicts of a whole notebook: by what its last session recorded, or by its source and execution counts alone."""

from __future__ import annotations

import builtins
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mlops_nb.capture import notebooks
from mlops_nb.capture.dataflow import Names
from mlops_nb.capture.moves import eras_of
from mlops_nb.capture.notebooks import Cell, Notebook
from mlops_nb.errors import UsageError
from mlops_nb.lineage.facts import read_run
from mlops_nb.lineage.slices import Trace
from mlops_nb.lineage.verdicts import VERDICTS, Judge, Page, Reason, changed_inputs, names_of, worst
from mlops_nb.project import Project
from mlops_nb.records import Record


@dataclass(frozen=True)
class CellVerdict(Record):
    """The verdict of one code cell of a notebook: what it showed, and what it made."""

    cell: str
    position: int  # among the code cells, from 1
    execution_count: int | None
    verdict: str  # or "not run", or "not recorded" if the file says that it ran
    reasons: list[Reason]
    source: str


@dataclass(frozen=True)
class NotebookVerdict(Record):
    """The verdicts of every code cell of a notebook, and the worst of them."""

    notebook: str
    recorded: bool  # whether it was judged by what was recorded, or by its source and execution counts alone
    verdict: str
    cells: list[CellVerdict]

    @property
    def exit_code(self) -> int:
        """0 if every cell that ran is clean, else 1."""
        return 0 if self.verdict == "clean" else 1


def verdict_of_notebook(project: Project, notebook: str, live: Mapping[str, str] | None = None) -> NotebookVerdict:
    """Return the verdict of each code cell of a notebook, by its last recorded session or else by its source alone.

    Args:
        project: the project
        notebook: the path of an .ipynb file
        live: the source of each code cell by ID, in order, as an editor shows them now; else as saved

    Raises:
        NotFound: there is no such notebook.
        UsageError: it is not a notebook.
    """
    path = Path(notebook) if Path(notebook).exists() else project.root / notebook
    place = project.relative(path)
    run = _last_session(project, path)
    if run is None:
        return by_source(place, notebooks.read(path))
    facts = read_run(project, run)
    # a notebook with its outputs may be large, and an editor asks at each pause in the typing: it is not read for that
    parametrized = any(step.cell == notebooks.INJECTED for step in facts.steps.values())
    saved = Page.of(notebooks.read(path)) if live is None or parametrized else Page({})
    page = saved if live is None else Page(live, saved.injected_at, saved.counts)
    judge = Judge(facts, page)
    cells = [_cell(project, judge, *cell, number) for number, cell in enumerate(page.sources.items(), 1)]
    return NotebookVerdict(place, True, _worst(cells), [cell for cell in cells if cell.source.strip()])


def _last_session(project: Project, notebook: Path) -> int | None:
    """Return the last run with a cell in it that a person or an executor made of a notebook, under any of its names."""
    for era in eras_of(project, notebook):
        found: int | None = project.store.value(
            "SELECT max(run) FROM execution JOIN run ON run.id = execution.run WHERE run.notebook = ?"
            " AND run.id > ? AND run.id <= ? AND run.kind <> 'step'",
            era.path, era.after, era.until,
        )  # fmt: skip
        if found is not None:
            return found
    return None


def _cell(project: Project, judge: Judge, cell: str, source: str, position: int) -> CellVerdict:
    number = judge.latest.get(cell)
    if number is None:
        count = judge.page.counts.get(cell) if judge.page else None
        return CellVerdict(cell, position, count, "not run" if count is None else "not recorded", [], source)
    trace = Trace(judge.facts).back_from(executions=[number])
    reasons = judge.reasons(trace) + changed_inputs(project, trace)
    return CellVerdict(cell, position, judge.facts.steps[number].count, worst(reasons), reasons, source)


def _worst(cells: Sequence[CellVerdict]) -> str:
    return max((cell.verdict for cell in cells if cell.verdict in VERDICTS), key=VERDICTS.index, default="clean")


# -- a notebook that nobody recorded ------------------------------------------------------------------------------


def by_source(place: str, notebook: Notebook) -> NotebookVerdict:
    """Judge a notebook that was never recorded, by the names in its source and by its execution counts.

    A cell read a name from the cell that bound it last in the order of the counts; from top to bottom it would read it
    from the cell above. An edit after the run leaves no trace in the file, so a clean cell is one that nothing speaks
    against.
    """
    if notebook.language != "python":
        raise UsageError(f"{place} is a notebook of {notebook.language} - only Python can be judged")
    cells = [cell for cell in notebook.code if cell.source.strip()]
    names = [names_of(cell.source) or Names(everything=True) for cell in cells]
    ran = sorted((cell.count, number) for number, cell in enumerate(cells) if cell.count is not None)
    lost = sorted({*range(1, ran[-1][0])} - {count for count, _ in ran}) if ran else []
    found = []
    for number, cell in enumerate(cells):
        reasons = [] if cell.count is None else [*_against(number, cells, names, ran, lost)]
        verdict = "not run" if cell.count is None else worst(reasons)
        found.append(CellVerdict(cell.id, number + 1, cell.count, verdict, reasons, cell.source))
    _inherit(found, names)
    return NotebookVerdict(place, False, _worst(found), found)


def _against(
    number: int,
    cells: Sequence[Cell],
    names: Sequence[Names],
    ran: Sequence[tuple[int, int]],
    lost: Sequence[int],
) -> Iterator[Reason]:
    cell, here = cells[number], cells[number].count or 0

    def reason(verdict: str, what: str) -> Reason:
        return Reason(verdict, cell.id, here, what)

    before = [index for count, index in ran if count < here]
    if any(names[index].unknown for index in [*before, number]):
        yield reason("uncheckable", "a cell may read and bind names that stand nowhere in its source")
    for name in sorted(names[number].reads):
        made = _last(name, before, names)
        above = _last(name, range(number), names)
        if made is None and above is None:
            if not hasattr(builtins, name) and name not in ("get_ipython", "display", "In", "Out", "_"):
                yield reason(
                    "tainted", f"no cell above binds {name!r}: it came from a cell that is gone, or would fail"
                )
        elif made != above:
            read = "a cell that is gone" if made is None else f"cell [{cells[made].count}]"
            now = (
                "no cell" if above is None else f"cell [{cells[above].count}]" if cells[above].count else "one not run"
            )
            yield reason("tainted", f"it read {name!r} from {read}; from top to bottom it would read it from {now}")
    if gone := [count for count in lost if count < here]:
        shown = ", ".join(f"[{count}]" for count in gone[:5]) + (", …" if len(gone) > 5 else "")
        yield reason("uncheckable", f"executions {shown} are not in the notebook: cells were deleted or ran again")


def _last(name: str, cells: Sequence[int], names: Sequence[Names]) -> int | None:
    return next((index for index in reversed(cells) if name in names[index].binds | names[index].changes), None)


def _inherit(found: list[CellVerdict], names: Sequence[Names]) -> None:
    """Let a cell be no better than those above it that made what it reads."""
    for number, cell in enumerate(found):
        if cell.verdict not in VERDICTS:
            continue
        makers = {_last(name, range(number), names) for name in names[number].reads}
        worse = [found[maker] for maker in makers if maker is not None and found[maker].verdict in VERDICTS[1:]]
        reasons = [
            *cell.reasons,
            *(reason for other in worse for reason in other.reasons if reason not in cell.reasons),
        ]
        found[number] = CellVerdict(
            cell.cell, cell.position, cell.execution_count, worst(reasons), reasons, cell.source
        )
