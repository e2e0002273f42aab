"""The cell cache of one session: asks before a cell whether it may be restored, and keeps what is worth it afterwards.

It stands behind capture in IPython's chain of syntax trees. The tree of a cell that is certain to be restored is
replaced by one call that puts back what it made; any other goes on untouched. All that can fail is done before that:
the record is loaded, and described again, while the cell could still run. Capture sees the same cell, bound and changed
names and all, so lineage is what it would be.
"""

from __future__ import annotations

import ast
import functools
import sys
import time
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

from mlops_nb.cache import privacy, records, replaying
from mlops_nb.cache.effects import Alarm, check_settings, effects_of, is_plain
from mlops_nb.cache.entries import Entries, Entry, setting
from mlops_nb.cache.heap import Refused
from mlops_nb.cache.questions import SECRET, Question, answer, ask
from mlops_nb.cache.records import CellRecord
from mlops_nb.cache.relogging import relog
from mlops_nb.cache.scanning import is_of_library
from mlops_nb.cache.settings import set_random
from mlops_nb.capture.observers import OBSERVERS, Seen
from mlops_nb.errors import MlopsError
from mlops_nb.ids import digest

RATE = 200e6  # bytes a second that are kept at least
LARGE = 1e9  # bytes that are kept of a cell where time does not count
CALL = "__mlops_nb_restore__"


class CellCache:
    """The cache of one session."""

    def __init__(self, session: Any) -> None:
        self.session = session
        self.shell = session.shell
        setting(session.project, "size_gb")  # a bad one is told now
        self.least = setting(session.project, "min_seconds")
        self.entries = Entries(session.project)
        self.alarm = Alarm()
        self.asked: int | None = None  # the last cell that was looked at
        self.question: Question | None = None
        self.listener: replaying.Listener | None = None
        self.restored: Entry | None = None
        self.reason = self.source = ""
        self.deciding = 0.0
        self.patched: str | None = None  # what of a library a cell has changed

    def attach(self) -> None:
        """Begin to ask and to keep."""
        self.shell.ast_transformers.append(self)
        OBSERVERS.append(self.ended)
        self.alarm.start()
        for name, version in self.session.variables.known.items():  # what was changed before, nobody can tell in full
            value = self.shell.user_ns.get(name)
            if not version.fresh and type(value) is ModuleType and is_of_library(value, self.session.modules):
                self.patched = name

    def detach(self) -> None:
        """Leave nothing behind."""
        self.alarm.stop()
        OBSERVERS.remove(self.ended)
        self.shell.ast_transformers.remove(self)
        self._forget()

    def _forget(self) -> None:
        if self.listener is not None:
            self.listener.stop()
        self.question = self.listener = self.restored = None
        self.shell.user_ns.pop(CALL, None)  # where the cell did not come to run

    # -- before a cell ----------------------------------------------------------------------------------------

    def visit(self, tree: ast.AST) -> ast.AST:
        """Return the tree of the cell, or one that puts back what it made."""
        frames = self.session.frames
        if len(frames) != 1 or frames[0].number == self.asked or not isinstance(tree, ast.Module):
            return tree
        began = time.thread_time()
        self._forget()
        frame, self.asked = frames[0], frames[0].number
        self.source = digest(frame.source.encode(errors="replace"))
        replaced: ast.AST | None = None
        try:
            replaced = self._decide(frame, tree)
        except Refused as why:
            self.reason = str(why)
        except Exception as error:  # the edge: whatever goes wrong, the cell runs
            self.reason, self.question = f"it could not be decided ({type(error).__name__}: {error})", None
        if replaced is None and self.question is not None:
            self.listener = replaying.Listener(self.shell, (frame.shown.count, frame.shown.count + 1))
            self.alarm.begin()
        self.deciding = time.thread_time() - began
        return replaced if replaced is not None else tree

    def _decide(self, frame: Any, tree: ast.Module) -> ast.AST | None:
        if self.patched is not None:
            raise Refused(f"{self.patched} was changed by a cell")
        cost = self.entries.costs.get(self.source)
        if cost is not None and cost < self.least:
            raise Refused(f"it takes {1000 * cost:.0f} ms")
        self.question = question = ask(self.session, frame, tree)
        entry = answer(self.session, question, self.entries)
        try:
            record = records.read(self.session.project.content.get(entry.content), question.found)
            files = {Path(path): self.session.project.content.get(address) for path, address in entry.files.items()}
        except (Refused, MlopsError) as error:
            self.entries.drop(entry)
            raise Refused(str(error)) from error
        if not all(map(is_plain, files)):
            raise Refused("a file that it writes is a link now, or its folder is gone")
        self.restored, self.reason = entry, "restored"
        self.shell.user_ns[CALL] = functools.partial(self._put, question, entry, record, files)
        return ast.parse(f"{CALL}()")

    def _put(self, question: Question, entry: Entry, record: CellRecord, files: dict[Path, bytes]) -> None:
        """Do again what the cell did."""
        del self.shell.user_ns[CALL]
        before = self.session.interrupts.hold()
        try:
            for path, data in files.items():
                path.write_bytes(data)
            records.put(record.made, question.found)
            replaying.show(self.shell, record.shown, record.made.result)
            set_random(record.random)
            for name in entry.conditions.files:
                self.session.files.hearing.touches.read(name)
        finally:
            self.session.interrupts.release(before)

    # -- after a cell -----------------------------------------------------------------------------------------

    def ended(self, seen: Seen) -> None:
        """Keep what a cell made, if that is worth it, and note what was done about it."""
        if seen.execution != self.asked:
            return
        entry, reason, saved = self.restored, self.reason, 0.0
        try:
            self._watch(seen)
            if entry is not None:
                self.entries.used(entry)
                saved = max(entry.cost - (seen.spent.wall if seen.spent else 0.0), 0.0)
            elif seen.spent is not None:
                self.entries.costs[self.source] = seen.spent.wall
                reason = self._keep(seen) if self.question is not None else reason
        finally:
            self._forget()
            self.asked = None
        facts = (seen.execution, entry and entry.execution, reason, self.deciding, saved)
        self.session.project.store.defer(functools.partial(self._note, facts))

    def _note(self, facts: tuple[Any, ...]) -> None:
        execution, original, *_ = facts
        if original is not None:
            relog(self.session.project, original, execution)
        self.session.project.store.execute(
            "INSERT INTO cached (execution, original, reason, deciding, saved) VALUES (?, ?, ?, ?, ?)", *facts
        )

    def _watch(self, seen: Seen) -> None:
        """Notice when a cell changes a part of a library: what else that changes, nobody can tell."""
        for made in seen.touched.made if seen.touched is not None else ():
            value = seen.namespace.get(made.name)
            if value is sys:  # its streams and its last error come and go; what counts of the rest is a setting
                continue
            if made.became is not None and is_of_library(value, self.session.modules):
                self.patched = made.name

    def _keep(self, seen: Seen) -> str:
        """Keep what a cell made; return why it ran, and what came of that."""
        question, listener, spent = self.question, self.listener, seen.spent
        assert question is not None and listener is not None and spent is not None
        if spent.wall < self.least:
            return f"it takes {1000 * spent.wall:.0f} ms"
        if seen.skipped:
            return "it asks not to be kept"
        try:
            effects = effects_of(self.session, question, seen, self.alarm)
            check_settings(self.session, question)
            result = self._result(seen)
            made = records.made_by(question.found, question.identities, question.names.binds, result)
            self._check_changed(seen, question, made)
            record = CellRecord(made, listener.shown(result), effects.random)
            room = spent.wall * RATE / 2 if self.least else LARGE
            data, heap, load = records.write(record, question.found, question.modules, room)
            if why := privacy.secret_in(data) or privacy.denied_in(self.session.project, heap.all()):
                raise Refused(why)
            if load > spent.wall / 2 and self.least:  # with 0, all that can be kept is
                raise Refused("restoring it would take as long as running it")
        except Refused as why:
            return f"{self.reason}; not kept: {why}"
        conditions = effects.conditions
        if heap.by_hash:
            conditions = replace(conditions, hashing=SECRET)
        entry = Entry(
            self.session.project.store.next_id(), question.key, seen.execution, digest(data),
            len(data) + sum(Path(path).stat().st_size for path in effects.files), spent.wall, load, conditions,
            question.source, question.parts, effects.files,
        )  # fmt: skip
        self.entries.add(entry, data, {address: Path(path) for path, address in effects.files.items()})
        return f"{self.reason}; kept now"

    def _result(self, seen: Seen) -> Any:
        """Return what a cell ended with; None if it showed no result."""
        kept: dict[int, Any] = self.shell.user_ns.get("_oh", {})
        count = self.listener.counts[0] if self.listener else 0
        return kept.get(count)

    def _check_changed(self, seen: Seen, question: Question, made: records.Made) -> None:
        """Make sure that every change that capture saw is one that can be put back."""
        changed = {id(question.found.object(number)) for number in made.states}
        assert seen.touched is not None
        for version in seen.touched.made:
            known = self.session.variables.known.get(version.name)
            if version.kind == "ambient" or version.name in made.values or version.name in made.deleted:
                continue
            if seen.namespace.get(version.name) is sys:
                continue
            if version.became is None and version.kind != "absence":
                if version.kind == "result":
                    continue
                raise Refused(f"it changes {version.name} in a way that was not followed")
            if known is None or not any(number in changed for number in known.look.reach):
                raise Refused(f"it changes {version.name} in a way that was not followed")
