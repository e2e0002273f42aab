"""Programs: what made a metric in A and in B, the single changes between the two, and every mixture of them.

A single change is one that can be made alone: the code of a cell (added, removed or moved as well), the value of one
name in a cell that does nothing but set values, as that of parameters, or the version of one input. A file that only
one side read goes with the change of the cell that read it.
"""

from __future__ import annotations

import ast
import difflib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from mlops_nb.lineage.facts import Named
from mlops_nb.lineage.programs import SliceCell
from mlops_nb.lineage.slices import SliceFile
from mlops_nb.records import Record
from mlops_nb.reproduction.stages import Script

LETTERS = 60
Chosen = frozenset[int]


@dataclass(frozen=True)
class Change(Record):
    """A single change from A to B: of a cell, a parameter or data; ``before`` and ``after`` are sources or versions."""

    kind: str
    name: str
    before: str | None
    after: str | None

    @property
    def detail(self) -> str:
        """The change in one line: of a cell, the first lines that differ."""
        if self.kind != "cell":
            return f"{self.before or 'none'} → {self.after or 'none'}"
        if self.before is None or self.after is None:
            return f"{'added' if self.before is None else 'removed'}: {_first(self.before or self.after or '')}"
        if self.before == self.after:
            return f"moved: {_first(self.after)}"
        lines = [line for line in difflib.ndiff(self.before.splitlines(), self.after.splitlines()) if line[0] in "-+"]
        old, new = (next((line[2:] for line in lines if line[0] == sign), "nothing") for sign in "-+")
        return f"{_first(old)} → {_first(new)}"


def _first(text: str) -> str:
    line = text.strip().partition("\n")[0]
    return line if len(line) <= LETTERS else f"{line[: LETTERS - 1]}…"


@dataclass
class Slot:
    """A place in both programs: the cell of A, of B, or of both, and the changes between them (by their numbers)."""

    old: SliceCell | None
    new: SliceCell | None
    executions: tuple[int | None, int | None]
    change: int | None = None
    moved: bool = False
    values: dict[str, int] = field(default_factory=dict)

    @property
    def changes(self) -> set[int]:
        """Every change of this place."""
        return {*self.values.values()} | ({self.change} if self.change is not None else set())

    def cell(self, chosen: Chosen) -> SliceCell | None:
        """Return the cell with the chosen changes, None where there is none then."""
        if self.values:
            return self._with_values(chosen)
        return self.new if self.change in chosen else self.old

    def _with_values(self, chosen: Chosen) -> SliceCell | None:
        wanted = {*self.values.values()}
        if wanted <= chosen:
            return self.new
        if not wanted & chosen:
            return self.old
        old, new = values_of(self.old), values_of(self.new)
        lines = []
        for name in dict.fromkeys([*old, *new]):
            side = new if self.values.get(name) in chosen else old
            lines += [f"{name} = {side[name]}"] if name in side else []
        here = self.old or self.new
        assert here is not None
        return replace(here, source="\n".join(lines))


@dataclass(frozen=True)
class Mixture(Script):
    """A script with some changes: of what it loads, each thing has the version that was chosen."""

    things: Sequence[Named] = ()

    def loaded(self) -> Iterator[Named]:
        """Yield the datasets and models that it loads and does not make itself."""
        yield from self.things


@dataclass
class Programs:
    """The programs of A and B, and the changes between them in the order of the program."""

    a: Script
    b: Script
    slots: list[Slot]
    changes: list[Change] = field(default_factory=list)
    files: dict[str, int] = field(default_factory=dict)  # by path: the change that it comes, goes or differs with
    things: dict[str, int] = field(default_factory=dict)  # by reference: the change of its version
    nearness: dict[int, int] = field(default_factory=dict)  # how late in the program a change takes effect
    touching: dict[int, set[int]] = field(default_factory=lambda: defaultdict(set))  # changes that need each other

    @property
    def everything(self) -> Chosen:
        """All changes."""
        return frozenset(range(len(self.changes)))

    @property
    def nearest_first(self) -> list[int]:
        """The changes, those nearest to the metric first."""
        return sorted(self.everything, key=lambda change: -self.nearness.get(change, 0))

    def name(self, chosen: Iterable[int]) -> str:
        """Name changes."""
        return ", ".join(self.changes[change].name for change in sorted(chosen))

    def together(self, change: int) -> Chosen:
        """Return a change with all those that it may need, directly or not."""
        found, pending = {change}, [change]
        while pending:
            fresh = self.touching[pending.pop()] - found
            found |= fresh
            pending += fresh
        return frozenset(found)

    def mixture(self, chosen: Chosen) -> Script:
        """Return A with some changes; with none it is A as it ran, with all B as it ran."""
        if not chosen:
            return self.a
        if chosen == self.everything:
            return self.b
        found = [cell for slot in self._ordered(chosen) if (cell := slot.cell(chosen)) is not None]
        files = [*self._files(chosen)]
        program = replace(self.a.slice, cells=found, files=files)
        return Mixture(self.a.project, program, self.a.facts, self.a.executions, self.a.folder, [*self._things(chosen)])

    def _ordered(self, chosen: Chosen) -> list[Slot]:
        """Return the places in A's order; what B added or moved stands after what it stands after in B."""
        order = [slot for slot in self.slots if slot.old is not None]
        in_b = sorted((slot for slot in self.slots if slot.new is not None), key=lambda slot: slot.executions[1] or 0)
        last: Slot | None = None
        for slot in in_b:
            if slot.old is None or (slot.moved and slot.change in chosen):
                order = [other for other in order if other is not slot]
                order.insert(order.index(last) + 1 if last is not None else 0, slot)
            if not slot.moved or slot.change in chosen:
                last = slot
        return order

    def _files(self, chosen: Chosen) -> Iterator[SliceFile]:
        before, after = ({file.path: file for file in side.slice.files} for side in (self.a, self.b))
        for path in sorted({*before, *after}):
            side = after if self.files.get(path) in chosen else before
            if path in side:
                yield side[path]

    def _things(self, chosen: Chosen) -> Iterator[Named]:
        before, after = ({thing.reference: thing for thing in side.loaded()} for side in (self.a, self.b))
        for reference in {**before, **after}:
            side = after if self.things.get(reference) in chosen or reference not in before else before
            yield side[reference]


def values_of(cell: SliceCell | None) -> dict[str, str]:
    """Return the text of each value that a cell sets by name, nothing if it does anything else."""
    try:
        body = ast.parse(cell.source).body if cell else []
        found = {}
        for statement in body:
            match statement:
                case (
                    ast.Assign(targets=[ast.Name(id=name)], value=value)
                    | ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value)
                ):
                    ast.literal_eval(value)
                    found[name] = ast.unparse(value)
                case _:
                    return {}
    except (SyntaxError, ValueError):
        return {}
    return found
