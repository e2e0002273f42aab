"""The single changes between the programs that made a metric in A and in B.

The program of a side is the slice of its metric. A cell that both sides have is in both programs as soon as it is in
one of the two slices: the slice of B may need a cell that A had too and did not use, and a mixture must find it there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mlops_nb.capture.notebooks import INJECTED
from mlops_nb.comparison import cells
from mlops_nb.comparison.cells import Source, meaning
from mlops_nb.comparison.programs import Change, Programs, Slot, values_of
from mlops_nb.comparison.sides import Part, Side, is_injected, loggers
from mlops_nb.lineage.facts import Named, RunFacts
from mlops_nb.lineage.slices import Trace
from mlops_nb.project import Project
from mlops_nb.reproduction.stages import TABLES, Script

HASH = 12  # digits of a hash that are shown


@dataclass
class _Walk:
    """The walk back from a metric in the part of a side that logged it."""

    part: Part
    roots: list[int]

    def __post_init__(self) -> None:
        self.again()

    def again(self) -> None:
        """Walk back from all roots."""
        self.trace = Trace(self.part.facts).back_from(executions=self.roots)

    def sources(self) -> list[Source]:
        """Return the executions up to the metric as cells: those on the way, of other cells how they ran last.

        A cell that is on the way more than once is one cell for each time.
        """
        found: dict[str, int] = {}
        steps = [step for step in self.part.facts.steps.values() if step.number <= max(self.roots)]
        leading = {step.cell for step in steps if step.number in self.trace.executions}
        for step in steps:
            on_the_way = step.number in self.trace.executions
            name = INJECTED if is_injected(step) else step.cell
            if name is None:
                found[f" {step.id}"] = step.number
            elif on_the_way or step.cell not in leading:
                times = sum(key.partition(" ")[0] == name for key in found) if on_the_way else 0
                found[f"{name} {times}" if times else name] = step.number
        return [
            Source(None if key.startswith(" ") else key, None, number, self.part.facts.steps[number].source)
            for key, number in sorted(found.items(), key=lambda item: item[1])
        ]


def between(project: Project, a: Side, b: Side, metric: str) -> Programs | None:
    """Return the programs of a metric on two sides; None where no recorded cell logged it."""
    walks = [_walk(project, side, metric) for side in (a, b)]
    before, after = walks
    if before is None or after is None:
        return None
    one_run = before.part.number == after.part.number
    while True:
        olds, news = before.sources(), after.sources()
        if one_run:  # two models out of one run: what one came from is no cell of the other
            olds, news = ([s for s in found if s.position in walk.trace.executions]
                          for found, walk in ((olds, before), (news, after)))  # fmt: skip
        pairs = cells.matched(olds, news, meaning)
        ours, theirs = before.trace.executions, after.trace.executions
        lacking = [_join(before, [old.position for old, new in pairs if new.position in theirs]),
                   _join(after, [new.position for old, new in pairs if old.position in ours])]  # fmt: skip
        if not any(lacking):
            break
    scripts = [Script.of(project, metric, walk.trace) for walk in (before, after)]
    return _Builder(scripts[0], scripts[1], pairs).programs()


def _join(walk: _Walk, wanted: Sequence[int]) -> bool:
    """Take executions into a walk; return whether any was not on it."""
    lacking = [number for number in wanted if number not in walk.trace.executions]
    walk.roots += lacking
    if lacking:
        walk.again()
    return bool(lacking)


def _walk(project: Project, side: Side, metric: str) -> _Walk | None:
    """Walk back from the last cell that logged a metric, or that trained or registered the model."""
    for part in side.parts:
        roots = [
            number
            for name, number in loggers(project, part).items()
            if part.named(name) == metric and number in part.facts.steps
        ]
        makers = [
            number for number, things in part.facts.wrote.items() if side.model in {thing.node for thing in things}
        ]
        if side.model is not None and metric in side.measured and makers:
            roots = [max(makers)]  # a fit of the model logged it, not the one that came last
        if roots:
            return _Walk(part, roots)
    return None


class _Builder:
    """Finds the single changes between two scripts whose cells are matched."""

    def __init__(self, a: Script, b: Script, pairs: Sequence[tuple[Source, Source]]) -> None:
        self.a, self.b = a, b
        ours = [dict(zip(side.executions, side.slice.cells, strict=True)) for side in (a, b)]
        kept = [(old, new) for old, new in pairs if old.position in ours[0] and new.position in ours[1]]
        displaced = _moved(kept)
        paired = {(0, old.position) for old, _ in kept} | {(1, new.position) for _, new in kept}
        slots = [
            Slot(ours[0][old.position], ours[1][new.position], (old.position, new.position),
                 moved=old.position in displaced)
            for old, new in kept
        ]  # fmt: skip
        slots += [Slot(cell, None, (number, None)) for number, cell in ours[0].items() if (0, number) not in paired]
        slots += [Slot(None, cell, (None, number)) for number, cell in ours[1].items() if (1, number) not in paired]
        self.found = Programs(a, b, slots)

    def programs(self) -> Programs:
        """Return the programs with their changes."""
        found = self.found
        found.slots.sort(key=lambda slot: slot.executions[0] or 0)
        found.slots = found._ordered(frozenset())  # those of B alone stand where B has them
        for place, slot in enumerate(found.slots):
            self._cell(slot)
            found.nearness |= dict.fromkeys(slot.changes, place)
        self._inputs()
        for side, facts in enumerate((self.a.facts, self.b.facts)):
            self._touching(side, facts)
        return found

    def _add(self, change: Change) -> int:
        self.found.changes.append(change)
        return len(self.found.changes) - 1

    def _cell(self, slot: Slot) -> None:
        old, new = slot.old, slot.new
        if old and new and meaning(old.source) == meaning(new.source) and not slot.moved:
            return
        names = _both_set(slot)
        if names is not None:
            before, after = names
            for name in dict.fromkeys([*before, *after]):
                if before.get(name) != after.get(name):
                    slot.values[name] = self._add(Change("parameter", name, before.get(name), after.get(name)))
            return
        here = new or old
        assert here is not None
        label = f"cell [{here.execution_count}]"
        slot.change = self._add(Change("cell", label, old.source if old else None, new.source if new else None))

    def _inputs(self) -> None:
        before, after = ({file.path: file for file in side.slice.files} for side in (self.a, self.b))
        for path in sorted({*before, *after}):
            old, new = before.get(path), after.get(path)
            if old and new and old.hash == new.hash:
                continue
            readers = {place for place, slot in enumerate(self.found.slots) if self._reads(slot, path)}
            changed = {number for place in readers for number in self.found.slots[place].changes}
            if (old is None or new is None) and len(changed) == 1:
                self.found.files[path] = changed.pop()
                continue
            hashes = [(file.hash or "unknown")[:HASH] if file else None for file in (old, new)]
            self.found.files[path] = number = self._add(Change("data", path, *hashes))
            self.found.nearness[number] = max(readers, default=0)
            for other in changed:
                self.found.touching[number].add(other)
                self.found.touching[other].add(number)
        olds, news = ({thing.reference: thing for thing in side.loaded()} for side in (self.a, self.b))
        for reference in olds.keys() & news.keys():
            if olds[reference].node != news[reference].node:
                versions = [self._version(side[reference]) for side in (olds, news)]
                self.found.things[reference] = self._add(Change("data", reference, *versions))

    def _reads(self, slot: Slot, path: str) -> bool:
        sides = zip(slot.executions, (self.a.facts, self.b.facts), strict=True)
        return any(
            thing.scheme == "file" and thing.place == path
            for number, facts in sides if number is not None for thing in facts.used(number)
        )  # fmt: skip

    def _version(self, thing: Named) -> str:
        table = TABLES[thing.scheme][0]
        return f"version {self.a.project.store.value(f'SELECT version FROM {table} WHERE id = ?', thing.node)}"

    def _touching(self, side: int, facts: RunFacts) -> None:
        """Note which changed cells read what another changed cell made."""
        by_execution = {slot.executions[side]: slot.changes for slot in self.found.slots}
        for number, changes in by_execution.items():
            if number is None or not changes:
                continue
            makers = {facts.makers.get(version) for version in facts.reads.get(number, ())}
            made = facts.became.keys() & {*facts.made.get(number, ())}
            makers |= {facts.makers.get(facts.became[version]) for version in made}
            makers |= {writer for thing in facts.used(number) for writer in facts.written(number, thing).values()}
            for maker in makers - {number, None}:
                for one in changes:
                    for other in by_execution.get(maker, set()) - {one}:
                        self.found.touching[one].add(other)
                        self.found.touching[other].add(one)


def _moved(pairs: Sequence[tuple[Source, Source]]) -> set[int]:
    """Return the executions of A whose cells stand elsewhere among the others in B."""
    ordered = sorted(pairs, key=lambda pair: pair[0].position)
    return {source.position for source in cells.moved(ordered, [new.position for _, new in ordered])}


def _both_set(slot: Slot) -> tuple[dict[str, str], dict[str, str]] | None:
    """Return the values that a cell sets before and after, if that is all that it does; papermill's may be new."""
    before, after = values_of(slot.old), values_of(slot.new)
    alone = [cell for cell in (slot.old, slot.new) if cell is not None]
    injected = all(cell.source.startswith("# Parameters\n") for cell in alone)
    whole = (before and after) or (injected and (before or after))
    return (before, after) if whole and not slot.moved else None
