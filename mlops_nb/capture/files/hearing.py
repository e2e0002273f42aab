"""Hearing: what Python itself does with files, told by its audit events as it happens.

An event comes before the thing is done, so one that fails is heard too: what is there when the cell has ended decides.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Any

from mlops_nb import hooks
from mlops_nb.capture.files.opened import Opened
from mlops_nb.capture.files.places import Places, source_of
from mlops_nb.capture.files.touches import Touches

WRITES = frozenset("wax+")
IMPORTING = "<frozen importlib"  # where Python looks for modules
METADATA = ("importlib/metadata/__init__.py", "importlib_metadata/__init__.py")  # where it looks for what is installed
MODULES = (".pyc", ".py", ".so")


def _uses(mode: str | None, flags: int) -> tuple[bool, bool]:
    """Return whether opening a file in a mode (or by the flags of ``os.open``) reads, and writes, what is in it.

    Appending depends on what is there already, and so is reading too; truncating is not.
    """
    if mode is None:
        writes = bool(flags & (os.O_WRONLY | os.O_RDWR))
        return not writes or not flags & (os.O_TRUNC | os.O_EXCL), writes
    return not {"w", "x"} & set(mode), bool(WRITES & set(mode))


def whole_path(path: Any, folder: int = -1) -> str | None:
    """Return the absolute path that an argument of an audit event means; None if it means none."""
    if isinstance(path, int):
        return None if isinstance(path, bool) else os.readlink(f"/proc/self/fd/{path}")
    if path is None:
        return os.getcwd()
    if isinstance(path, os.PathLike | bytes):
        path = os.fsdecode(path)
    if not isinstance(path, str) or "\0" in path:
        return None
    if path.startswith("/"):
        return os.path.normpath(path) if "/." in path or "//" in path else path
    if folder >= 0:
        return os.path.normpath(os.path.join(os.readlink(f"/proc/self/fd/{folder}"), path))
    return os.path.abspath(path)


class Hearing:
    """What is heard while a cell runs."""

    def __init__(self, places: Places) -> None:
        self.places = places
        self.on = False
        self.failed: str | None = None
        self.pending: dict[str, list[Opened]] = {}  # what earlier cells used and is not hashed yet
        self.begin()
        self.on = False

    def start(self) -> None:
        """Listen from now on."""
        hooks.listen(EVENTS, self._hear)

    def stop(self) -> None:
        """Stop listening."""
        hooks.stop_listening(self._hear)

    def begin(self) -> None:
        """Forget what was heard, and keep what comes."""
        self.touches = Touches()
        self._known: dict[str, str] = {}  # by path as it was given
        self.asked: set[str] = set()  # folders whose content was asked for
        self.made: list[str] = []  # folders
        self.visited: list[str] = []  # folders that Python went to
        self.spawned = False
        self.on = True

    def _hear(self, event: str, args: tuple[Any, ...]) -> None:
        if self.on:
            try:
                EVENTS[event](self, *args)
            except Exception as error:  # nothing may reach the cell; it is told as a doubt
                self.failed = f"{event}: {type(error).__name__}: {error}"

    # -- events -----------------------------------------------------------------------------------------------

    def _open(self, path: Any, mode: str | None, flags: int | None) -> None:
        if type(path) is str and path.endswith(MODULES) and path.startswith(self.places.machinery):
            return  # most of what is opened: an import opens hundreds
        full = self._known.get(path) if type(path) is str else None
        if full is None:
            full = self._data_path(path)
            if type(path) is str:
                self._known[path] = full
        if not full:
            return
        reads, writes = _uses(mode, flags or 0)
        if reads:
            touch = self.touches.read(full)
        if writes:
            self._settle(full)
            touch = self.touches.wrote(full)
        touch.reads += reads and not writes
        touch.writes += writes

    def await_hash(self, opened: Opened) -> None:
        """Have a file that a cell used hashed before anything changes it."""
        waiting = [other for other in self.pending.get(str(opened.place), ()) if other.pending]
        self.pending[str(opened.place)] = [*waiting, opened]

    def _settle(self, path: str) -> None:
        for opened in self.pending.pop(path, ()):
            opened.settle()

    def _data_path(self, path: Any) -> str:
        """Return the data that opening a path means, or an empty text."""
        full = None if isinstance(path, int) else whole_path(path)
        full = source_of(full) if full else ""
        return full if self.places.is_data(full) else ""

    def _rename(self, source: Any, target: Any, source_folder: int = -1, target_folder: int = -1) -> None:
        before, after = whole_path(source, source_folder), whole_path(target, target_folder)
        if before and after and (self.places.is_data(before) or self.places.is_data(after)):
            if not os.path.lexists(before):  # it will fail
                return
            folder = os.path.isdir(before)
            if folder and before in self.made:
                self.made.append(after)
            self.touches.moved(before, after, folder, own=before in self.made)

    def _remove(self, path: Any, folder: int = -1) -> None:
        if (full := whole_path(path, folder)) and self.places.is_data(full):
            self.touches.removed(full)

    def _remove_folder(self, path: Any, folder: int = -1) -> None:
        if full := whole_path(path, folder):
            self.touches.pop(full, None)  # opened to be emptied

    def _link(self, source: Any, target: Any, *_: Any) -> None:
        self._links(whole_path(source), whole_path(target))

    def _symlink(self, source: Any, target: Any, *_: Any) -> None:
        full = whole_path(target)
        self._links(whole_path(os.path.join(os.path.dirname(full or ""), os.fsdecode(source))), full)

    def _links(self, origin: str | None, full: str | None) -> None:
        if full and origin and self.places.is_data(full):
            if os.path.isfile(origin):
                self.touches.read(origin)
            self.touches.wrote(full)

    def _truncate(self, path: Any, length: int) -> None:
        if (full := whole_path(path)) and self.places.is_data(full):
            self._settle(full)
            if length:
                self.touches.read(full)
            self.touches.wrote(full)

    def _make_folder(self, path: Any, _: int = 0, folder: int = -1) -> None:
        if full := whole_path(path, folder):
            self.made.append(full)

    def _go(self, path: Any) -> None:
        self._known = {}
        if full := whole_path(path):
            self.visited.append(full)

    def _list(self, path: Any = None, *_: Any) -> None:
        caller = sys._getframe(3).f_code.co_filename
        if caller.startswith(IMPORTING) or caller.endswith(METADATA):
            return  # Python looks for a module, or for what is installed
        if full := whole_path(path):
            self.asked.add(full)

    def _glob(self, pattern: Any, *_: Any) -> None:
        if full := whole_path(os.path.dirname(os.fsdecode(pattern)) or None):
            while any(sign in full for sign in "*?["):
                full = os.path.dirname(full)
            self.asked.add(full)

    def _connect(self, path: Any) -> None:
        if not isinstance(path, str | bytes | os.PathLike):
            return
        name = os.fsdecode(path)
        if name.startswith("file:"):
            name = name[5:].partition("?")[0]
        if name and name != ":memory:" and (full := whole_path(name)) and self.places.is_data(full):
            touch = self.touches.at(full)
            touch.kind, touch.via = "database", "sql"

    def _spawn(self, *_: Any) -> None:
        self.spawned = True


EVENTS: dict[str, Callable[..., None]] = {
    "open": Hearing._open,
    "os.rename": Hearing._rename,
    "os.remove": Hearing._remove,
    "os.rmdir": Hearing._remove_folder,
    "os.link": Hearing._link,
    "os.symlink": Hearing._symlink,
    "os.truncate": Hearing._truncate,
    "os.mkdir": Hearing._make_folder,
    "os.chdir": Hearing._go,
    "os.listdir": Hearing._list,
    "os.scandir": Hearing._list,
    "glob.glob": Hearing._glob,
    "sqlite3.connect": Hearing._connect,
    **dict.fromkeys(
        ("subprocess.Popen", "os.system", "os.posix_spawn", "os.fork", "os.forkpty", "os.exec", "os.spawn"),
        Hearing._spawn,
    ),
}
