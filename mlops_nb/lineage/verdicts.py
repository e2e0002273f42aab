"""Whether a value is what its notebook says: clean, stale, tainted or uncheckable, and why.

A value is *clean* if running the notebook from top to bottom, as it stands now, would let every cell behind it read
just what it read. It is *stale* if a cell behind it was edited or ran again since. It is *tainted* if it needs what the
notebook does not have in this order: a deleted cell, a cell run twice, a name that another cell would have bound on the
way. It is *uncheckable* if anything behind it cannot be looked at. The worst that is found is the verdict, and every
reason names the cell; where nothing is known, the answer is never clean.
"""

from __future__ import annotations

import ast
import contextlib
import functools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from mlops_nb.capture import dataflow, notebooks
from mlops_nb.capture.cells import is_as_kept
from mlops_nb.capture.dataflow import Names
from mlops_nb.capture.files.opened import Mark, mark_of
from mlops_nb.capture.moves import present_path
from mlops_nb.capture.notebooks import Notebook
from mlops_nb.capture.walks import ADDRESS
from mlops_nb.errors import MlopsError
from mlops_nb.ids import file_digest
from mlops_nb.lineage.facts import RunFacts, Step
from mlops_nb.lineage.references import resolve
from mlops_nb.lineage.slices import Trace, trace_of
from mlops_nb.project import Project
from mlops_nb.records import Record

#: From best to worst; the worst reason decides.
VERDICTS = ("clean", "stale", "tainted", "uncheckable")


@dataclass(frozen=True)
class Reason(Record):
    """What speaks against a value: how bad it is, the cell, and what it is in words."""

    verdict: str
    cell: str | None
    execution_count: int | None
    what: str


@dataclass(frozen=True)
class Verdict(Record):
    """Whether a value is what its notebook says."""

    ref: str
    verdict: str
    reasons: list[Reason]

    @property
    def exit_code(self) -> int:
        """0 if it is clean, else 1."""
        return 0 if self.verdict == "clean" else 1


def worst(reasons: Sequence[Reason]) -> str:
    """Return the verdict that reasons come to."""
    return max((reason.verdict for reason in reasons), key=VERDICTS.index, default="clean")


@dataclass(frozen=True)
class Page:
    """A notebook as it stands now: the source of each code cell by its ID, in order, and where parameters go.

    ``counts`` are the execution counts that were saved with cells, which tell of those that ran unrecorded.
    """

    sources: Mapping[str, str]
    injected_at: int = 0
    counts: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, notebook: Notebook) -> Page:
        """Return a notebook as it was saved last."""
        counts = {cell.id: cell.count for cell in notebook.code if cell.count is not None}
        return cls({cell.id: cell.source for cell in notebook.code}, notebooks.injected_at(notebook.code), counts)

    def with_injected(self, source: str) -> Page:
        """Return the page with the parameters that a run was given, where papermill puts them."""
        cells = [*self.sources.items()]
        cells.insert(self.injected_at, (notebooks.INJECTED, source))
        return Page(dict(cells), self.injected_at, self.counts)

    @property
    def positions(self) -> dict[str, int]:
        """The place of each cell among the code cells, from 0."""
        return {cell: number for number, cell in enumerate(self.sources)}


def page_of(path: Path) -> Page | None:
    """Return a notebook as it was saved last, or None if it cannot be read."""
    with contextlib.suppress(MlopsError, OSError):
        return Page.of(notebooks.read(path))
    return None


@dataclass
class Judge:
    """Judges what one run recorded against the notebook as it stands now."""

    facts: RunFacts
    page: Page | None  # None: it ran in no notebook, so that the order in which cells ran is the only one
    latest: dict[str, int] = field(default_factory=dict)  # the last execution of each cell
    makes: list[tuple[str, set[tuple[str, str]], bool]] = field(default_factory=list)
    above: dict[tuple[int, tuple[str, str]], tuple[str | None, str | None]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        steps = self.facts.steps
        if self.page is not None:
            steps |= {step.number: step for step in located(steps.values(), self.page)}
            injected = [step.source for step in steps.values() if step.cell == notebooks.INJECTED]
            self.page = self.page.with_injected(injected[-1]) if injected else self.page
        self.latest = {step.cell: step.number for step in steps.values() if step.cell is not None}
        if self.page is not None:
            self.makes = [(cell, *self._makes(cell, source)) for cell, source in self.page.sources.items()]
            self.positions = self.page.positions

    def _makes(self, cell: str, source: str) -> tuple[set[tuple[str, str]], bool]:
        """Return what a cell would make if the notebook ran, and whether that is all it could make."""
        number = self.latest.get(cell, 0)
        made = {_slot(self.facts.names[version]) for version in self.facts.made.get(number, ())}
        wrote = {(thing.scheme, thing.place) for thing in self.facts.wrote.get(number, ())}
        if number and is_as_kept(source, self.facts.steps[number].source):
            return made | wrote, True
        names = names_of(source)
        if names is None:  # no Python yet: while an edit is under way it is the cell that it was
            return made | wrote, number > 0
        # no source says which settings and files it makes: an edited cell is taken to make those that it made
        unnamed = wrote | {slot for slot in made if slot[0] != "value"}
        return unnamed | {("value", name) for name in names.binds | names.changes | names.deletes}, not names.unknown

    def reasons(self, trace: Trace) -> list[Reason]:
        """Return everything that speaks against what a trace leads to."""
        found = [Reason("uncheckable", None, None, reason) for reason in [*trace.doubts, *self.facts.gaps]]
        for step in trace.steps:
            found.extend(self._of_step(step))
        found.extend(self._repeated(trace.steps))
        if self.page is not None and not any(reason.verdict == "tainted" for reason in found):
            for step in trace.steps:
                found.extend(self._order(step, trace))
        return list(dict.fromkeys(found))

    def _of_step(self, step: Step) -> Iterator[Reason]:
        """Say whether a cell is still there, as it ran, and did not run again."""

        def reason(verdict: str, what: str) -> Reason:
            return Reason(verdict, step.cell, step.count, what)

        if step.status not in ("ok", "running"):
            yield reason("tainted", f"it needs cell [{step.count}], which {step.status} ({step.error or 'no reason'})")
        if self.page is None or step.cell is None:
            if self.page is not None:
                yield reason("uncheckable", f"the cell of execution [{step.count}] is not known")
            return
        if step.cell not in self.page.sources:
            yield reason("tainted", f"cell [{step.count}] is no longer in the notebook")
        elif not is_as_kept(self.page.sources[step.cell], step.source):
            yield reason("stale", f"cell [{step.count}] was edited since it ran")
        elif self.latest[step.cell] != step.number:
            again = self.facts.steps[self.latest[step.cell]].count
            yield reason("stale", f"cell [{step.count}] ran again as [{again}]")

    def _repeated(self, steps: Sequence[Step]) -> Iterator[Reason]:
        seen: dict[str, Step] = {}
        for step in steps:
            if step.cell is not None and step.cell in seen and self.page is not None:
                earlier = seen[step.cell]
                yield Reason("tainted", step.cell, step.count,
                             f"it needs one cell twice, as [{earlier.count}] and as [{step.count}]")  # fmt: skip
            if step.cell is not None:
                seen[step.cell] = step

    def _order(self, step: Step, trace: Trace) -> Iterator[Reason]:
        """Say what a cell would have read from another cell, had the notebook run from top to bottom."""
        if step.cell not in self.positions:
            return
        here = self.positions[step.cell]
        for slot, maker in self._needs(step, trace):
            wanted = self.facts.steps[maker].cell if maker in self.facts.steps else None
            last, unsure = self._above(here, slot)
            if unsure is not None:
                yield Reason("uncheckable", unsure, None, "a cell that has not run as it stands may bind any name")
                return
            if last != wanted:
                other = self._call(last) if last is not None else "no cell"
                yield Reason("tainted", step.cell, step.count,
                             f"cell [{step.count}] read {slot[1]!r} from {self._call(wanted)}; from top to bottom it"
                             f" would read it from {other}")  # fmt: skip

    def _above(self, here: int, slot: tuple[str, str]) -> tuple[str | None, str | None]:
        """Return the last cell above a place that makes a slot, and a cell there of which nobody can say it."""
        if (here, slot) not in self.above:
            last: str | None = None
            unsure: str | None = None
            for cell, makes, whole in self.makes[:here]:
                if slot in makes:
                    last = cell
                elif not whole:
                    unsure = unsure or cell
            self.above[here, slot] = last, unsure
        return self.above[here, slot]

    def _needs(self, step: Step, trace: Trace) -> Iterator[tuple[tuple[str, str], int | None]]:
        """Yield what a cell read, and the execution that had made it."""
        became = [self.facts.became[made] for made in self.facts.made.get(step.number, ())
                  if made in self.facts.became and made in trace.versions]  # fmt: skip
        for version in [*self.facts.reads.get(step.number, ()), *became]:
            yield _slot(self.facts.names.get(version, ("", ""))), self.facts.makers.get(version)
        for thing in self.facts.used(step.number):
            for place, writer in self.facts.written(step.number, thing).items():
                yield (thing.scheme, place), writer

    def _call(self, cell: str | None) -> str:
        number = self.latest.get(cell or "")
        if number is None:
            return "a cell that has not run" if cell else "an unknown cell"
        return f"cell [{self.facts.steps[number].count}]"


def located(steps: Iterable[Step], page: Page) -> Iterator[Step]:
    """Yield the executions whose cell was not known then, with the only cell of the page that has their source.

    VS Code runs cells before it saves them; where one of its cells ran several times, the last source decides.
    """
    unknown = [step for step in steps if step.cell is None or step.cell.startswith(ADDRESS)]
    last = {step.cell or step.id: step.source for step in unknown}
    taken = [*page.sources.values()]
    cells = {source: cell for cell, source in page.sources.items() if taken.count(source) == 1}
    for step in unknown:
        yield replace(step, cell=cells.get(last[step.cell or step.id]))


def _slot(version: tuple[str, str]) -> tuple[str, str]:
    kind, name = version
    return ("setting" if kind == "ambient" else "value", name)


def names_of(source: str) -> Names | None:
    """Return the names of a cell by its source alone, or None if it is not Python."""
    try:
        return dataflow.analyse(ast.parse(source))
    except SyntaxError:
        from IPython.core.inputtransformer2 import TransformerManager  # slow to import, and seldom needed

        with contextlib.suppress(SyntaxError):
            return dataflow.analyse(ast.parse(TransformerManager().transform_cell(source)))  # type: ignore[no-untyped-call]
    return None


def verdict_of(project: Project, ref: str) -> Verdict:
    """Return the verdict of what a reference means: a variable, a cell, a file, a dataset, a model.

    Raises:
        NotFound: it means nothing here.
        UsageError: no recorded cell made it.
    """
    trace = trace_of(project, resolve(project, ref))
    run = project.store.rows(
        "SELECT run.id, run.notebook FROM run JOIN execution ON execution.run = run.id WHERE execution.id = ?",
        min(trace.executions),
    )[0]
    place: str | None = run["notebook"]
    page = None if place is None else page_of(present_path(project, place, run["id"]))
    reasons = Judge(trace.facts, page).reasons(trace) + changed_inputs(project, trace)
    if place is not None and page is None:
        reasons.append(Reason("uncheckable", None, None, f"the notebook {place} is gone or cannot be read"))
    return Verdict(ref, worst(reasons), reasons)


def changed_inputs(project: Project, trace: Trace) -> list[Reason]:
    """Say which files from outside are not what they were when they were read."""
    found = []
    for place, node in trace.files.items():
        known = project.store.value("SELECT hash FROM artifact WHERE id = ?", node)
        path = project.root / place
        if not path.is_file():
            found.append(Reason("stale", None, None, f"{place} is gone"))
        elif known is not None and _hash(project, path) != known:
            found.append(Reason("stale", None, None, f"{place} has changed since it was read"))
    return found


def _hash(project: Project, path: Path) -> str:
    """Return the hash of a file, which is not opened if it looks as it did when it was hashed last."""
    mark = mark_of(path)
    row = project.store.row("SELECT * FROM hashed WHERE path = ?", str(path))
    if row is not None and mark == (row["size"], row["written"], row["changed"], row["inode"]):
        return str(row["hash"])
    return _digest(path, mark)


@functools.lru_cache(maxsize=256)
def _digest(path: Path, _mark: Mark) -> str:
    return file_digest(path)
