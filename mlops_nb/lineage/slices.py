"""The slice of a value: the least program, in the order in which it ran, that makes it again.

Its parts are executions, not cells: a cell that ran twice may be in it twice, with the source it had then, also when
the notebook has lost it since. It is walked backwards from what made the value: the versions that a cell read, what
those became from, the files it read as the cells of the same run had written them last, and the hidden state it used.
Whatever cannot be checked on the way is said; a slice with such a thing in it may fall short.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from mlops_nb.capture.nodes import FOREIGN, VERSIONS
from mlops_nb.errors import UsageError
from mlops_nb.lineage import programs
from mlops_nb.lineage.facts import Named, RunFacts, Step, read_run
from mlops_nb.lineage.moments import before
from mlops_nb.lineage.programs import SliceCell
from mlops_nb.lineage.references import resolve
from mlops_nb.project import Project
from mlops_nb.records import Json, Record
from mlops_nb.store.db import LATEST, Store
from mlops_nb.verbs import verb


@dataclass(frozen=True)
class SliceFile(Record):
    """A file that a slice needs and does not write itself: its place, and the hash of its content if it is known."""

    path: str
    hash: str | None
    stored: bool


@dataclass(frozen=True)
class Slice(Record):
    """The least program that makes a value again, the files it needs, and what nobody can be sure of."""

    ref: str
    cells: list[SliceCell]
    files: list[SliceFile]
    uncheckable: list[str]

    def heading(self) -> list[str]:
        """Return what it is a slice of, what is not certain of it, and what it needs."""
        unsure = [f"Not certain: {reason}" for reason in self.uncheckable]
        needs = [f"Needs {file.path} (sha256 {file.hash or 'not known'})" for file in self.files]
        return [f"The slice of {self.ref}.", *unsure, *needs]

    def told(self) -> dict[str, Json]:
        """Return the same for the metadata of a notebook."""
        return {"ref": self.ref, "uncheckable": [*self.uncheckable], "files": [file.to_json() for file in self.files]}


@dataclass
class Trace:
    """What a backward walk found: executions, versions, files from outside, and doubts."""

    facts: RunFacts
    executions: set[int] = field(default_factory=set)
    versions: set[int] = field(default_factory=set)
    files: dict[str, int] = field(default_factory=dict)
    doubts: list[str] = field(default_factory=list)
    _read: dict[str, int] = field(default_factory=dict)  # the last execution that read a file

    @property
    def steps(self) -> list[Step]:
        """The executions in the order in which they ran."""
        return [self.facts.steps[number] for number in sorted(self.executions) if number in self.facts.steps]

    def doubt(self, *reasons: str) -> None:
        """Note what cannot be checked, once."""
        self.doubts.extend(reason for reason in reasons if reason not in self.doubts)

    def back_from(self, *, executions: list[int], version: int | None = None) -> Trace:
        """Walk backwards from executions, or from a version of a variable."""
        pending = [*executions]
        if version is not None:
            self._version(version, pending)
        while pending:
            execution = pending.pop()
            if execution in self.executions:
                continue
            self.executions.add(execution)
            self.doubt(*self.facts.doubts.get(execution, ()))
            for number in self.facts.reads.get(execution, ()):
                self._version(number, pending)
            for thing in self.facts.used(execution):
                pending.extend(self._makers(execution, thing))
        return self

    def _makers(self, execution: int, thing: Named) -> Iterable[int]:
        """Need a file, dataset or model that a cell used: who in this run made it, or it from outside."""
        written = self.facts.written(execution, thing)
        if thing.place in written and not self.facts.is_of(written[thing.place], thing):
            count = self.facts.steps[written.pop(thing.place)].count
            self.doubt(f"{thing.place} was changed by something that was not recorded after cell [{count}] wrote it")
        for place, writer in written.items():
            reasons = self.facts.doubts_about.get((writer, f"{thing.scheme}:{place}"), ())
            self.doubt(*(f"{place}: {reason}" for reason in reasons if reason == FOREIGN))
        if not written and thing.node and thing.scheme in ("file", "url"):
            reasons = self.facts.doubts_about.get((execution, thing.reference), ())
            self.doubt(*(f"{thing.place}: {reason}" for reason in reasons))
            if thing.scheme == "file":
                self._file(thing, execution)
        return written.values()

    def _file(self, thing: Named, execution: int) -> None:
        """Need a file from outside: as it was when it was read last, if it was read in several versions."""
        if self.files.get(thing.place, thing.node) != thing.node:
            self.doubt(f"{thing.place} was read in more than one version")
        if execution >= self._read.get(thing.place, 0):
            self._read[thing.place] = execution
            self.files[thing.place] = thing.node

    def _version(self, version: int, pending: list[int]) -> None:
        """Need a version: the cell that made it, and what it became from."""
        while version not in self.versions:
            self.versions.add(version)
            self.doubt(*self.facts.doubts.get(version, ()))
            if (maker := self.facts.makers.get(version)) is not None:
                pending.append(maker)
            if (earlier := self.facts.became.get(version)) is None:
                return
            version = earlier


def trace_of(project: Project, node: int, facts: RunFacts | None = None, end: int = LATEST) -> Trace:
    """Walk backwards from a node over everything in its run that it depended on, as known before a row ID.

    Raises:
        UsageError: no cell made it.
    """
    store = project.store
    kind, execution = maker_of(store, node, end)
    if execution is None:
        doubt = store.value("SELECT reason FROM doubt WHERE node = ?", node)
        raise UsageError(
            doubt or f"no recorded cell made this {kind} - a slice is of a value, a cell, a file, a dataset or a model"
        )
    if facts is None:
        facts = read_run(project, store.value("SELECT run FROM execution WHERE id = ?", execution))
    if kind in VERSIONS:
        return Trace(facts).back_from(executions=[], version=node)
    return Trace(facts).back_from(executions=[execution])


def maker_of(store: Store, node: int, end: int = LATEST) -> tuple[str, int | None]:
    """Return the kind of a node and the execution, not inside another, that it is or that wrote it last."""
    kind = str(store.value("SELECT kind FROM node WHERE id = ?", node))
    execution: int | None = node
    if kind != "execution":
        execution = store.value(
            "SELECT max(edge.source) FROM edge JOIN execution ON execution.id = edge.source"
            " WHERE target = ? AND kind = 'wrote' AND edge.source < ?",
            node, end,
        )  # fmt: skip
    while execution is not None:
        above = store.value("SELECT parent FROM execution WHERE id = ?", execution)
        if above is None:
            break
        execution = above
    return kind, execution


def slice_of(project: Project, ref: str, as_of: str | None = None) -> Slice:
    """Return the slice of what a reference means, or meant at a moment: a value, a cell, a file, a dataset, a model.

    Raises:
        NotFound: it means nothing here, or nothing had been recorded then.
        UsageError: it is a thing that no single cell made, such as a run.
    """
    end = before(project, as_of)
    return slice_from(project, ref, trace_of(project, resolve(project, ref, end), end=end))


def slice_from(project: Project, ref: str, trace: Trace) -> Slice:
    """Return what a backward walk found as a slice."""
    trace.doubt(*trace.facts.gaps)
    for step in trace.steps:
        trace.doubt(*programs.without_secrets(step.count, step.source))
    return Slice(
        ref=ref,
        cells=[
            SliceCell(step.id, step.cell, step.count, step.source, step.error if step.status == "failed" else None)
            for step in trace.steps
        ],
        files=[_file(project.store, path, node) for path, node in sorted(trace.files.items())],
        uncheckable=trace.doubts,
    )


def _file(store: Store, path: str, node: int) -> SliceFile:
    row = store.row("SELECT hash, stored FROM artifact WHERE id = ?", node)
    return SliceFile(path, row["hash"] if row else None, bool(row and row["stored"]))


@verb("slice")
def slice(project: Project, ref: str, *, to: str | None = None, as_of: str | None = None) -> Slice:
    """Show the least program that makes a value again, with its cells as they ran then.

    Args:
        ref: a variable, cell, file, dataset, model or ID
        to: write it to this file too, as a notebook (.ipynb) or a script (.py)
        as_of: of what the reference meant at the end of this date, or at this date and time

    Raises:
        NotFound: the reference means nothing, or nothing had been recorded then.
        UsageError: the file is of another kind, or is there already, or the moment cannot be read.
    """
    found = slice_of(project, ref, as_of)
    if to is not None:
        programs.save(found, Path(to))
    return found
