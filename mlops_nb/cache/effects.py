"""What a cell did, as capture saw it, and whether all of it can be done again from a record."""

from __future__ import annotations

import os
import stat
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

from mlops_nb import hooks
from mlops_nb.cache import scanning
from mlops_nb.cache.entries import Conditions
from mlops_nb.cache.heap import Refused
from mlops_nb.cache.questions import SECRET, Question, is_installed, listing, short
from mlops_nb.cache.settings import random_states, settings, told_state
from mlops_nb.capture import columns
from mlops_nb.capture.ambient import RANDOM, SETTINGS
from mlops_nb.capture.dataflow import SEEDING, STATE
from mlops_nb.capture.environments import environment
from mlops_nb.capture.files.opened import Opened
from mlops_nb.capture.observers import Seen
from mlops_nb.errors import UsageError
from mlops_nb.store.db import WRITER

LARGE = 256 << 20  # bytes of a written file that are kept
FAMILIES = {"random": "random", "numpy": "numpy.random", "numpy.random": "numpy.random", "torch": "torch.random"}
#: Events of Python that tell of an effect which nothing else shows.
EVENTS = (
    "socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto", "socket.bind", "urllib.Request",
    "os.chmod", "os.chown", "os.utime", "os.kill", "os.mkdir", "os.rmdir", "os.symlink", "os.link", "os.rename",
    "os.remove", "os.truncate", "signal.pthread_kill", "sys.settrace", "sys.setprofile", "sys.addaudithook",
    "gc.get_objects", "gc.get_referrers", "webbrowser.open", "builtins.input", "ftplib.connect", "smtplib.connect",
    "sqlite3.connect", "subprocess.Popen", "os.system", "os.posix_spawn", "os.fork", "os.exec", "pty.spawn",
    "os.setxattr", "mmap.__new__", "syslog.syslog",
)  # fmt: skip


@dataclass
class Alarm:
    """Hears, while a cell runs, of effects that nothing else shows."""

    heard: set[str] = field(default_factory=set)

    def begin(self) -> None:
        """Forget what was heard."""
        self.heard = set()

    def hear(self, event: str, args: tuple[Any, ...]) -> None:
        """Note an event that is neither the store's nor an import's."""
        own = threading.current_thread().name == WRITER
        if not own and not any("__pycache__" in arg for arg in args if type(arg) is str):
            self.heard.add(event)

    def start(self) -> None:
        """Listen from now on."""
        hooks.listen(EVENTS, self.hear)

    def stop(self) -> None:
        """Stop listening."""
        hooks.stop_listening(self.hear)


@dataclass(frozen=True)
class Effects:
    """What a cell did besides changing values, and what it needed besides them."""

    conditions: Conditions
    random: dict[str, Any]  # states that it left
    files: dict[str, str]  # that it wrote, by path: their content


def effects_of(session: Any, question: Question, seen: Seen, alarm: Alarm) -> Effects:
    """Return the effects of a cell.

    Raises:
        Refused: one cannot be repeated, or may not have been seen.
    """
    _check(session, question, seen)
    if alarm.heard:
        raise Refused(f"it does what cannot be kept ({', '.join(sorted(alarm.heard))})")
    by_hash = _check_code(session, question)
    used, left = _random(question, seen)
    read, written = _files(session, seen)
    by_hash |= question.found.by_hash
    folders = {}
    for folder in seen.listed:
        if any(os.path.dirname(path).startswith(folder) for path in written) or (told := listing(folder)) is None:
            raise Refused(f"it asks which files are in {session.project.relative(Path(folder))}, and changes them")
        folders[folder] = told
    return Effects(Conditions(read, folders, used, SECRET if by_hash else None), left, written)


def _check(session: Any, question: Question, seen: Seen) -> None:
    touched = seen.touched
    assert touched is not None
    if not seen.ok:
        raise Refused("it failed")
    for doubt in (*seen.unsure, *touched.doubts, *(made.doubt for made in touched.made if made.doubt)):
        raise Refused(doubt)
    if session.torn:
        raise Refused("it was not recorded whole")
    if session.ambient.alive or session.ambient.working:
        raise Refused("it leaves a thread or a task running")
    if session.files.hearing.spawned:
        raise Refused("it starts another program")
    if environment().hash != question.parts["(environment)"]:
        raise Refused("it changes the packages")
    helpers = sys.modules.get("matplotlib._pylab_helpers")
    if helpers is not None and helpers.Gcf.figs:
        raise Refused("a figure is open")
    known = {*question.found.uses, *question.names.binds}
    for name in touched.read:
        if name not in known and name.strip("<>") not in {*RANDOM, *SETTINGS, "magics"}:
            raise Refused(f"it gets hold of {name} without naming it")
    for name, value in sys.modules.copy().items():
        if name not in question.modules and type(value) is ModuleType and session.modules(name):
            raise Refused(f"it imports {name}, which is the notebook's own")


def check_settings(session: Any, question: Question) -> None:
    """Refuse a cell that has changed a setting.

    Raises:
        Refused: it has.
    """
    for name, value in settings(session.shell).items():
        if question.parts.get(f"({name})", short(value)) != short(value):
            raise Refused(f"it changes the {name}")


def _check_code(session: Any, question: Question) -> bool:
    """Look through the code of the cell and of the user's functions that it may call."""
    shell, namespace = session.shell, session.shell.user_ns
    code = compile(question.tree, "<cell>", "exec", shell.compile.flags, dont_inherit=True)
    by_hash = scanning.check_code(code)
    scanning.check_effects(question.tree, namespace, session.modules)
    for code, names in question.found.codes:
        by_hash |= scanning.check_code(code)
        scanning.check_function(code, names, session.modules)
        for name in scanning.imported(code):
            if (name in sys.modules and session.modules(name)) or not is_installed(session, name):
                raise Refused(f"{code.co_name} imports {name}, which is the notebook's own")
    return by_hash


def _random(question: Question, seen: Seen) -> tuple[dict[str, str], dict[str, Any]]:
    """Return the random states that a cell needs to be as they were, and those that it left changed."""
    names, before, now = question.names, question.random, random_states()
    assert seen.touched is not None
    all_used = bool(names.calls & STATE) or seen.touched.seeds or bool(names.calls & SEEDING and not names.seeds)
    modules = (getattr(seen.namespace.get(name), "__name__", "") for name in names.seeds)
    seeded = {FAMILIES.get(module, "") for module in modules}
    used, left = {}, {}
    for name, state in now.items():
        told = told_state(state)
        was = told_state(before[name]) if name in before else None
        if told != was or name in seeded:
            left[name] = state
        if was is None and name not in seeded:
            raise Refused(f"it loads {name}, whose state is left to chance")
        if was is not None and (all_used or told != was) and name not in seeded:
            used[name] = was
    return used, left


# -- files ----------------------------------------------------------------------------------------------------


def _files(session: Any, seen: Seen) -> tuple[dict[str, str], dict[str, str]]:
    """Return the files that a cell read and those that it wrote, by path: their content."""
    read: dict[str, str] = {}
    written: dict[str, str] = {}
    for opened in seen.opened:
        place = opened.name or session.project.relative(opened.path)
        if opened.kind != "file" and not (opened.kind == "code" and opened.ways == {"read"}):
            raise Refused(f"it uses {place}, which is a {opened.kind}")
        if opened.foreign or opened.source or opened.target or opened.via == "process":
            raise Refused(f"what it does with {place} cannot be kept")
        if opened.content is None or opened.overtaken:
            raise Refused(f"{place} was not there, or was changed meanwhile")
        if opened.ways == {"read"}:
            if opened.doubt:
                raise Refused(f"{place}: {opened.doubt}")
            read[str(opened.path)] = opened.content[0]
        elif opened.ways == {"wrote"}:
            _check_written(session, opened, place)
            written[str(opened.path)] = opened.content[0]
        else:
            raise Refused(f"it changes {place} in place, or removes it")
    return read, written


def _check_written(session: Any, opened: Opened, place: str) -> None:
    if not session.files.places.inside(str(opened.path)):
        raise Refused(f"it writes {place}, which is not in the project")
    assert opened.content is not None
    try:
        columns.refuse(session.project, opened.path)
    except UsageError as error:
        raise Refused(str(error)) from error
    if opened.content[1] > LARGE:
        raise Refused(f"it writes {place}, which is too large to be kept")
    if not is_plain(opened.path):
        raise Refused(f"it writes {place}, which is a link or has rights of its own")


def is_plain(path: Path) -> bool:
    """Whether a path is, or would be, an ordinary file of its own, in a folder that is there."""
    if not path.exists() and not path.is_symlink():
        return path.parent.is_dir()
    seen = os.lstat(path)
    mask = os.umask(0)
    os.umask(mask)
    return stat.S_ISREG(seen.st_mode) and seen.st_nlink == 1 and stat.S_IMODE(seen.st_mode) == 0o666 & ~mask
