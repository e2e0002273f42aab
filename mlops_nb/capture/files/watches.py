"""Watches: what happened to the files of watched folders, whoever did it.

Readers and writers in native code (pyarrow, polars, duckdb, HDF5, SQLite) and child processes open their files past
Python's audit hook, but not past the kernel: inotify tells every open, close, creation, removal and move in a watched
folder, in order. It does not tell who did it (``origins`` does, where the system lets it). A cell costs one read that
finds nothing; a watched open about a microsecond. What could not be watched is said in :attr:`Watches.blind`.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import struct
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from mlops_nb import hooks
from mlops_nb.capture.files.origins import Origins
from mlops_nb.capture.syscalls import Poll, is_open

ACCESS, OPEN, CLOSE_WRITE, CLOSE_READ = 0x01, 0x20, 0x08, 0x10
CREATE, DELETE, MOVED_FROM, MOVED_TO = 0x100, 0x200, 0x40, 0x80
FOLDER, OVERFLOW, IGNORED = 0x40000000, 0x4000, 0x8000
EVERYTHING = OPEN | CLOSE_WRITE | CLOSE_READ | CREATE | DELETE | MOVED_FROM | MOVED_TO
ONLY_FOLDERS, ONCE = 0x01000000, 0x80000000
HEAD = struct.Struct("iIII")
KIND = "anon_inode:inotify"

#: Folders that hold no data of the user.
SKIPPED = frozenset(
    {".git", ".mlops", ".hg", ".svn", "node_modules", "__pycache__", ".ipynb_checkpoints", ".venv", "site-packages"}
    | {".tox", ".nox", ".mypy_cache", ".ruff_cache", ".pytest_cache", ".ipython", ".jupyter", ".cache", ".local"}
    | {".config", ".conda", ".npm", ".vscode", ".vscode-server", ".idea"}
)
MOST = 10_000  # folders that are watched; each costs the kernel about a kilobyte
SOON = 0.005  # seconds that walking a tree may take at once; the rest is walked by a thread
LINKED = 2  # levels below a linked folder that are walked: a link may lead to the root of the disk


class Event(NamedTuple):
    """One thing that happened to a path; two halves of a move have the same cookie."""

    mask: int
    path: str
    cookie: int = 0


class Watches:
    """The watched folders of one process and the events that nobody has taken yet."""

    def __init__(self) -> None:
        self.blind: str | None = None  # why not every folder is watched
        self.walking = False
        self.origins = Origins()
        self._fd = -1
        self._folders: dict[int, str] = {}
        self._paths: set[str] = set()
        self._awaited: dict[int, str] = {}
        self._backlog: list[Event] = []
        self._own: set[str] = set()
        self._lock = threading.RLock()

    # -- opening and closing ----------------------------------------------------------------------------------

    def open(self) -> None:
        """Begin to watch; where the system cannot, :attr:`blind` says so."""
        if not sys.platform.startswith("linux"):
            self.blind = "this system has no inotify: files that native code or other programs open are not seen"
            return
        with hooks.unheard():
            self._libc = ctypes.CDLL(None, use_errno=True)
            self._fd = self._libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
            if self._fd < 0:
                self.blind = f"inotify cannot be used ({os.strerror(ctypes.get_errno())})"
                return
            self._poll = Poll()
            self._poll.register(self._fd)
            self.origins.open(self._poll)

    def close(self) -> None:
        """Watch nothing any more."""
        with self._lock:
            if self._fd >= 0 and is_open(self._fd, KIND):
                os.close(self._fd)
            self._fd = -1
            self.origins.close()

    def _lost(self) -> None:
        """Give up: a cell has closed our file, and its number may be that of a file of the user's."""
        self.blind = "a cell closed the file that tells what happens in folders: what is not opened by Python is unseen"
        self._poll.unregister(self._fd)
        self._fd = -1

    # -- which folders ----------------------------------------------------------------------------------------

    def add(self, folder: str) -> bool:
        """Watch a folder, not what lies below it; return whether that is new."""
        if self._fd < 0 or folder in self._paths:
            return False
        if len(self._folders) >= MOST:
            self.blind = f"only {MOST} folders are watched, and there are more"
            return False
        number = self._libc.inotify_add_watch(self._fd, os.fsencode(folder), EVERYTHING | ONLY_FOLDERS)
        if number < 0:
            if (code := ctypes.get_errno()) == errno.ENOSPC:
                self.blind = "no more folders can be watched - raise fs.inotify.max_user_watches"
            elif code not in (errno.ENOENT, errno.ENOTDIR):
                self.blind = f"{folder} cannot be watched ({os.strerror(code)})"
            return False
        self._paths.add(folder)
        if self._folders.setdefault(number, folder) != folder:
            return False  # a link to a folder that is watched already
        with self._lock:
            self.origins.add(folder)
        return True

    def add_tree(self, folder: str, depth: int = 1 << 20) -> None:
        """Watch a folder and those below it; what takes longer than a moment is done by a thread."""
        pending = [(folder, depth)]
        self._walk(pending, time.monotonic() + SOON)
        if pending:
            self.walking = True
            threading.Thread(target=self._walk_on, args=(pending,), name="mlops-nb-watches", daemon=True).start()

    def _walk_on(self, pending: list[tuple[str, int]]) -> None:
        self._walk(pending, float("inf"))
        self.walking = False

    def _walk(self, pending: list[tuple[str, int]], until: float) -> None:
        while pending and time.monotonic() < until:
            folder, depth = pending.pop()
            if self.add(folder) and depth:
                linked = min(depth - 1, LINKED)
                for entry in _entries(folder):
                    if entry.name not in SKIPPED and _is_folder(entry):
                        pending.append((entry.path, linked if entry.is_symlink() else depth - 1))

    def await_access(self, path: str) -> None:
        """Tell when a file that is open already is read for the first time from now on."""
        if self._fd >= 0 and path not in self._awaited.values():
            number = self._libc.inotify_add_watch(self._fd, os.fsencode(path), ACCESS | ONCE)
            if number >= 0:
                self._awaited[number] = path

    def discover(self, folder: str) -> list[Event]:
        """Watch a folder that is new; return what it holds as things that were made."""
        with self._lock:
            known, self._backlog = self._backlog, []
            self._follow(CREATE, folder)
            found, self._backlog = self._backlog, known
        return found

    def covers(self, folder: str) -> bool:
        """Whether a folder is watched."""
        return folder in self._paths

    def folders(self) -> Iterable[str]:
        """Return the watched folders."""
        return list(self._folders.values())

    # -- what happened ----------------------------------------------------------------------------------------

    def quiet(self) -> bool:
        """Whether nothing happened since events were last taken, at the cost of one question to the kernel."""
        return self._fd < 0 or not (self._backlog or self._own or self._poll.ready())

    def drain(self) -> tuple[list[Event], set[str] | None]:
        """Return what happened since this was last called, in order, and which of the paths this process used itself.

        The second is None where that cannot be known.
        """
        if self.quiet():
            return [], set()
        with self._lock:
            self._read()
            events, self._backlog = self._backlog, []
            own, self._own = self._own, set()
            new = self.origins.drain()
        return events, None if new is None else own | new

    @contextlib.contextmanager
    def unseen(self, path: str) -> Iterator[None]:
        """Forget the one event that opening or closing a file inside a block makes."""
        with self._lock:
            if self._fd < 0:  # closed, as while the last files are hashed
                yield
                return
            self._read()
            self._own |= self.origins.drain() or set()
            known = len(self._backlog)
            try:
                yield
            finally:
                self._read()
                self.origins.drain()
                name = os.path.basename(os.path.realpath(path))
                for position in range(known, len(self._backlog)):
                    if os.path.basename(self._backlog[position].path) == name:
                        del self._backlog[position]
                        break

    def _read(self) -> None:
        if self._fd >= 0 and not is_open(self._fd, KIND):
            self._lost()
        while self._fd >= 0:
            try:
                data = os.read(self._fd, 1 << 16)
            except BlockingIOError:
                return
            at = 0
            while at < len(data):
                number, mask, cookie, length = HEAD.unpack_from(data, at)
                name = data[at + HEAD.size : at + HEAD.size + length].rstrip(b"\0")
                at += HEAD.size + length
                self._enter(number, mask, cookie, os.fsdecode(name))

    def _enter(self, number: int, mask: int, cookie: int, name: str) -> None:
        if mask & OVERFLOW:
            self._backlog.append(Event(OVERFLOW, ""))
        elif number in self._awaited:
            if mask & ACCESS:
                self._backlog.append(Event(ACCESS, self._awaited[number]))
            del self._awaited[number]
        elif mask & IGNORED:
            self._paths.discard(self._folders.pop(number, ""))
        elif (folder := self._folders.get(number)) is not None and name not in SKIPPED:
            path = f"{folder}/{name}" if name else folder
            self._backlog.append(Event(mask, path, cookie))
            if mask & FOLDER and name:
                self._follow(mask, path)

    def _follow(self, mask: int, path: str) -> None:
        """Keep up with folders that come and go; what a new one holds already was written before it was watched."""
        if mask & MOVED_FROM:
            for number, folder in list(self._folders.items()):
                if folder == path or folder.startswith(f"{path}/"):
                    self._libc.inotify_rm_watch(self._fd, number)
                    del self._folders[number]
                    self._paths.discard(folder)
        elif mask & MOVED_TO:
            self._walk([(path, 1 << 20)], time.monotonic() + SOON)
        elif mask & CREATE and self.add(path):
            for entry in _entries(path):
                kind = FOLDER if _is_folder(entry) else 0
                self._backlog.append(Event(CREATE | kind, entry.path))
                if kind and entry.name not in SKIPPED:
                    self._follow(mask, entry.path)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False


def _entries(folder: str) -> list[os.DirEntry[str]]:
    """Return what a folder holds; of an environment of Python, nothing."""
    try:
        with hooks.unheard(), os.scandir(folder) as found:
            entries = list(found)
    except OSError:
        return []
    return [] if any(entry.name == "pyvenv.cfg" for entry in entries) else entries
