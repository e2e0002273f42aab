"""A session: capture attached to one IPython shell.

It observes at the boundaries of cells (IPython's ``pre_run_cell`` and ``post_run_cell`` events and the syntax
tree IPython has parsed anyway) and never rewrites, traces or wraps the user's code. Whatever goes wrong in here
is told once, recorded as a gap, and never reaches the cell.
"""

from __future__ import annotations

import ast
import asyncio
import contextlib
import functools
import os
import sqlite3
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mlops_nb import project as projects
from mlops_nb.capture import (
    artifacts,
    cells,
    conditions,
    dataflow,
    environments,
    launchers,
    notebooks,
    processes,
    runs,
    syscalls,
    usage,
)
from mlops_nb.capture.ambient import Ambient
from mlops_nb.capture.dataflow import Names
from mlops_nb.capture.files.observer import FileObserver
from mlops_nb.capture.files.opened import Opened
from mlops_nb.capture.gaps import Gaps
from mlops_nb.capture.interrupts import Interrupts
from mlops_nb.capture.journal import Journal
from mlops_nb.capture.modules import LocalModules
from mlops_nb.capture.moves import Moves
from mlops_nb.capture.observers import OBSERVERS, Seen
from mlops_nb.capture.outputs import OutputMark, Outputs
from mlops_nb.capture.running import running_cells
from mlops_nb.capture.values.eyes import Eyes
from mlops_nb.capture.variables import Touched, Variables
from mlops_nb.capture.walks import ADDRESS, Walk
from mlops_nb.errors import MlopsError, StoreBusy, StoreError
from mlops_nb.project import Project
from mlops_nb.secrets import known
from mlops_nb.store.failures import is_of_the_store

MOMENT = 0.1  # seconds that the first cell may wait for the store
STOPPED = (KeyboardInterrupt, asyncio.CancelledError)  # by the stop button: a cell that awaits is cancelled


@dataclass
class Frame:
    """A cell that is running, and its source as it is kept; cells run by a cell lie inside its frame."""

    number: int
    cell: str | None
    source: str
    shown: OutputMark
    info: Any  # IPython's own
    tree: ast.AST | None = None
    doubt: str | None = None  # why not all that it did is known
    broke: bool = False  # whether a cell inside it raised, so that not everything in it ran


def _guarded(method: Callable[..., None]) -> Callable[..., None]:
    """Keep any failure of capture away from the user's cell: the edge where everything is caught."""

    @functools.wraps(method)
    def safely(self: Session, *args: Any) -> None:
        before = self.interrupts.hold()
        try:
            method(self, *args)
        except (Exception, KeyboardInterrupt) as error:
            self.torn = True
            self.gaps.tell(error)
        finally:
            self.interrupts.release(before)

    return safely


class Session:
    """Records every cell that a shell runs into a project."""

    def __init__(self, shell: Any, project: Project, notebook: Path | None) -> None:
        self.shell = shell
        self.project = project
        self.notebook = notebook
        self.walk: Walk | None = None
        self.paused = False
        self.run: int | None = None
        self.owns_run = "MLOPS_RUN" not in os.environ
        self.journal = Journal(project)
        self.modules = LocalModules(project.root)
        self.variables = Variables(project.store, Eyes(shell.user_ns, self.modules))
        self.ambient = Ambient(project.store)
        self.outputs = Outputs(shell)
        self.frames: list[Frame] = []
        self.files = FileObserver(str(project.root))
        self.packages = environments.Watch()
        self.conditions = conditions.Watch()
        self.interrupts = Interrupts()
        self._store_path = os.fsencode(project.store.path)
        self.skipped: list[Any] = []  # IPython's own of cells that run and are not recorded
        self.gaps = Gaps(project.store)
        self.told: Names | None = None  # of the cell that is running, by verbs that know more than its syntax
        self.torn = False  # whether what is known of the variables may be on record nowhere

    # -- attaching --------------------------------------------------------------------------------------------

    def attach(self) -> None:
        """Start to observe."""
        processes.reap(self.project)
        self.project.store.next_id()  # the first takes a write, for which no cell is to wait
        projects.use(self.project)
        self.project.store.on_gap = self.gaps.tell
        self.shell.events.register("pre_run_cell", self.pre_run_cell)
        self.shell.events.register("post_run_cell", self.post_run_cell)
        self.shell.ast_transformers.append(self)
        started = running_cells()
        self.outputs.watch(counted=bool(started) and started[0].info.store_history)
        self.files.hashes.load(self.project.store)
        self.files.start()
        self.variables.adopt(self.shell.user_ns, "was bound before recording began")
        if started and not started[0].only_magics:  # the rest of the cell that loads us is the first to be recorded
            for cell in started:
                self.pre_run_cell(cell.info)
                self.visit(cell.tree)
                self.frames[-1].doubt = cell.doubt
        else:
            self.skipped = [cell.info for cell in started]

    def detach(self) -> None:
        """Stop, end the run and leave nothing behind in the shell."""
        self.shell.events.unregister("pre_run_cell", self.pre_run_cell)
        self.shell.events.unregister("post_run_cell", self.post_run_cell)
        self.shell.ast_transformers.remove(self)
        self.outputs.unwatch()
        self.files.stop()
        self.close()
        projects.use(None)

    def close(self) -> None:
        """End what is still open; a step's run is ended by who started it."""
        ending = [frame.number for frame in self.frames]  # the cell that says %unload_ext
        if self.run is not None and self.owns_run:
            ending.append(self.run)
        try:
            for number in ending:
                runs.finish(self.project, number, "ok")
        except (MlopsError, sqlite3.Error) as error:
            self.gaps.tell(error)
        self.project.store.close()
        self.journal.close()

    def _mend(self) -> None:
        """Begin anew with everything that is bound, so that nothing later leads to what was never recorded."""
        self.torn = False
        self.variables = Variables(self.project.store, self.variables.eyes)
        self.variables.adopt(self.shell.user_ns, "was bound before a cell that could not be recorded had ended")
        self.ambient = Ambient(self.project.store)

    def pause(self, paused: bool) -> None:
        """Stop recording or go on; what the variables became meanwhile is not known."""
        self.paused = paused
        if not paused:
            self.variables.adopt(self.shell.user_ns, "was bound while nothing was recorded")

    def tell(self, names: Names) -> None:
        """Take what the running cell does to names, where a verb knows that and its syntax does not tell."""
        self.told = self.told or Names()
        self.told.add(names)

    # -- the tree that IPython parses anyway ------------------------------------------------------------------

    def visit(self, tree: ast.AST) -> ast.AST:
        """Keep the syntax tree of the running cell and hand it back untouched."""
        if self.frames and self.frames[-1].tree is None:
            self.frames[-1].tree = tree
        return tree

    # -- the two events ---------------------------------------------------------------------------------------

    @_guarded
    def pre_run_cell(self, info: Any) -> None:
        """Record that a cell starts."""
        if self.frames:
            self._forget_ended()
        if self.paused:
            self.skipped.append(info)
            return
        if self.torn and not self.frames:
            self._mend()
        self._look_at_store()
        self.ambient.begin()
        run = self.run if self.run is not None else self._begin_run(info.raw_cell)
        store, project = self.project.store, self.project
        number, started = store.next_id(), time.time()
        shown = self.outputs.mark(counted=info.store_history)
        cell = self._cell(info)
        source = cells.kept_source(info.raw_cell, self.frames[-1].source if self.frames else None)
        frame = Frame(number, cell, source, shown, info)
        self.journal.begin(
            number, run=run, process=processes.process_id(project),
            parent=self.frames[-1].number if self.frames else None, cell=cell,
            count=shown.count if info.store_history else None, source=source, started=started,
        )  # fmt: skip
        if not self.frames:
            self.told = None
            self._look_at_packages(number, during=False)
            self.files.begin(info.raw_cell)
            self.meter = usage.begin()
        self.frames.append(frame)
        project.execution = self.frames[0].number
        self.interrupts.pass_on()

    def _look_at_store(self) -> None:
        """Tell if the store was removed: what is written to a file that has no name any more is lost."""
        store = self.project.store
        try:
            there = syscalls.identity(self._store_path) == store.identity
        except (FileNotFoundError, NotADirectoryError):
            there = False
        except OSError:  # a folder that may not be looked into; the file is open, and still there for all we know
            there = True
        if not there:
            what = f"{store.path} was removed, moved or replaced: what is recorded may be lost"
            self.gaps.tell(StoreError(f"{what} - start anew with %reload_ext mlops_nb"))

    def _forget_ended(self) -> None:
        """Forget cells of whose end nobody told us, as an interrupt at the wrong moment may have it."""
        running = [id(cell.info) for cell in running_cells()]
        if not all(id(frame.info) in running for frame in self.frames):
            for frame in self.frames:
                self.journal.end(frame.number, "aborted", "its end was not told", time.time())
            self.frames.clear()
            self.torn = True
            self.gaps.tell(RuntimeError("the end of a cell was not told"))

    def _cell(self, info: Any) -> str | None:
        """Return the ID of the cell that starts; a front end that sends none leaves it to the notebook file."""
        given: str | None = info.cell_id
        if self.frames or self.notebook is None or (given is not None and not given.startswith(ADDRESS)):
            return given
        if self.walk is None:
            self.walk = Walk(self.notebook, launchers.launcher().executor is not None, self._ran())
        return self.walk.cell(info.raw_cell, given)

    def _ran(self) -> list[str]:
        """Return the sources that the shell has run before this cell."""
        return list(self.shell.history_manager.input_hist_raw)[1:]

    @_guarded
    def post_run_cell(self, result: Any) -> None:
        """Record how the cell ended and what it touched."""
        ended = time.time()
        if not self.frames:
            self._end_skipped(result)
            return
        frame, store = self.frames.pop(), self.project.store
        # without a result, the error is on its way past us
        error = sys.exc_info()[1] if result is None else result.error_in_exec or result.error_before_exec
        status = "ok" if error is None else "aborted" if isinstance(error, STOPPED) else "failed"
        reason = None if error is None else f"{type(error).__name__}: {_message(error)}"
        if reason is not None:
            known.learn_all(self.shell.user_ns)  # the message may show what the cell has bound
            reason = cells.kept_reason(frame.source, reason)
        self.journal.end(frame.number, status, reason, ended)
        if self.frames:
            self.frames[-1].broke |= error is not None
            return
        self.project.execution = None
        spent = self.meter.end()
        opened = self._opened()
        listed, doubts = self.files.listed, self.files.doubts
        names = dataflow.analyse(frame.tree) if frame.tree is not None else Names()
        if self.told is not None:
            names.add(self.told)
        namespace = self.shell.user_ns
        reloaded = any(file.kind == "code" for file in opened)  # which changes what others hold
        sweep = self.ambient.look_at_threads() or reloaded
        touched = self.variables.after(names, namespace, failed=frame.broke or error is not None, sweep=sweep)
        self.ambient.after(names, namespace, touched)
        if frame.doubt:
            touched.doubts.append(frame.doubt)
        self._look_at_packages(frame.number, during=True)
        if self.conditions.changed():
            store.defer(functools.partial(conditions.record, store, processes.process_id(self.project)))
        for version in touched.made:
            known.learn(version.name, namespace.get(version.name))
        outputs = self.outputs.since(frame.shown)

        def record() -> None:
            self._record_variables(frame, touched)
            usage.record(self.project.store, frame.number, spent)
            if outputs:
                cells.add_outputs(self.project, frame.number, outputs)
            self._record_parameters(frame)
            artifacts.record_questions(self.project, frame.number, listed, doubts)
            if opened:
                self.gaps.enter(frame.number, "the files of a cell are not hashed yet")

        store.defer(record)
        if opened:
            self._defer_files(frame.number, opened)
        if OBSERVERS:
            made = {version.name: version.node for version in touched.made}
            seen = Seen(self.project, self.run or 0, frame.number, frame.tree, namespace, touched.read, made, opened)
            self._observe(
                replace(
                    seen, ok=error is None, skipped=cells.skips(frame.source), touched=touched, spent=spent,
                    listed=tuple(listed), unsure=(*doubts, *(["a cell inside it failed"] if frame.broke else [])),
                )
            )  # fmt: skip

    def _record_variables(self, frame: Frame, touched: Touched) -> None:
        try:
            self.variables.record(frame.number, touched)
        except Exception as error:
            self.torn |= not is_of_the_store(error)  # which keeps what it was given, for later
            raise

    def _end_skipped(self, result: Any) -> None:
        info = getattr(result, "info", None)
        if info in self.skipped:
            self.skipped.remove(info)
        elif info is not None and info.raw_cell.strip() and not self.paused:  # of an empty cell only the end is told
            self.torn = True
            self.gaps.tell(RuntimeError("the start of a cell was not told"))

    def _opened(self) -> list[Opened]:
        """Return the files that a cell opened, and those of the user's modules that it imported or reloaded."""
        opened = self.files.end()
        known, files = {file.path for file in opened}, self.files
        loaded = [path for path in self.modules.loaded() if path not in known]
        return opened + [
            Opened(path, {"read"}, files.began, str(path) in files.written, files.hashes, "code") for path in loaded
        ]

    def _look_at_packages(self, execution: int, *, during: bool) -> None:
        if self.packages.changed(sure=during and (self.files.hearing.spawned or "pip" in sys.modules)):
            store = self.project.store
            here = environments.environment()
            store.defer(functools.partial(environments.add_change, store, execution, during, here))

    def _observe(self, seen: Seen) -> None:
        for observer in OBSERVERS:
            try:
                observer(seen)
            except Exception as error:  # the edge: one that looks on must not keep the others from it
                self.gaps.tell(error)

    def _begin_run(self, source: str) -> int:
        if self.notebook is None:  # VS Code says it only when the kernel has started
            self.notebook = notebooks.path_of(self.shell.user_ns, ran=[*self._ran(), source])
        self._follow(processes.born())
        if self.owns_run:
            name = self.notebook.stem if self.notebook else "ipython"
            place = self.project.relative(self.notebook) if self.notebook else None
            run = runs.start(self.project, "notebook", name, notebook=place, soon=True)
            with contextlib.suppress(StoreBusy):  # a cell may kill its process at once, but none waits for another's
                self.project.store.flush(MOMENT)
        else:
            run = runs.row_id(self.project, os.environ["MLOPS_RUN"])
        self.run = self.project.run = run
        self.gaps.belong_to(run)
        return run

    def _follow(self, since: int) -> None:
        """Find the notebook where it is now: nobody tells a kernel of a rename."""
        if self.notebook is not None and not self.notebook.exists():
            place = Moves.of(self.project).present(self.project.relative(self.notebook), since)
            self.notebook = self.project.root / place

    # -- what the cell touched --------------------------------------------------------------------------------

    def _defer_files(self, execution: int, opened: list[Opened]) -> None:
        """Hash files off the cell's path and the store's lock, then record them."""

        def measure() -> None:
            for file in opened:
                file.content  # noqa: B018  # computed once, and kept

        def record() -> None:
            for file in opened:
                artifacts.record_use(self.project, execution, file)
            self.project.store.execute("DELETE FROM gap WHERE id = ?", execution)

        self.project.store.defer(record, measure)

    def _record_parameters(self, frame: Frame) -> None:
        """Record the literals of a parameters cell; a step's parameters are recorded by who started it."""
        if not self.owns_run or self.run is None or not isinstance(frame.tree, ast.Module):
            return
        if cells.skips(frame.source):
            return
        self._follow(self.run)
        first = frame.source.lstrip().partition("\n")[0].strip().lower()
        tagged = self.notebook is not None and frame.cell in notebooks.parameter_cells(self.notebook)
        if tagged or first.startswith("# parameters"):
            given = frame.cell == notebooks.INJECTED  # in place of the defaults
            runs.add_parameters(self.project, self.run, dataflow.literals(frame.tree), replacing=given)


def _message(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # a user's __str__ may raise; its name is enough
        return "(its message cannot be read)"


# -- the one session of a shell -------------------------------------------------------------------------------

_session: Session | None = None


def current() -> Session | None:
    """Return the session of this process, if capture is attached."""
    return _session


def attach(shell: Any) -> Session:
    """Attach capture to a shell, once, in the project at or above its notebook.

    Raises:
        StoreError: the project's store cannot be used.
    """
    global _session
    if _session is None:
        notebook = notebooks.path_of(shell.user_ns, ran=shell.history_manager.input_hist_raw[1:])
        start = notebook.parent if notebook and notebook.parent.is_dir() else Path.cwd()
        session = Session(shell, Project(projects.find_root(start) or start.resolve()), notebook)
        session.attach()
        _session = session
        import atexit

        atexit.register(_session.close)
    return _session


def detach() -> None:
    """Detach capture from its shell."""
    global _session
    if _session is not None:
        import atexit

        session, _session = _session, None
        atexit.unregister(session.close)
        session.detach()
