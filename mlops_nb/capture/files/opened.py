"""What a cell used: a file, a folder of files that is one dataset, a database, or something on another machine.

Its content is found off the cell's path. A hash is kept with what the file looked like (size, times, inode), so a
large file that has not changed is not read again; a file so young that a change might not show is always read.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import threading
import time
from dataclasses import dataclass, field
from io import FileIO
from pathlib import Path

from mlops_nb import hooks, ids
from mlops_nb.capture.files.watches import SKIPPED, Watches
from mlops_nb.store.db import Store

Mark = tuple[int, int, int, int]  # size in bytes, times of writing and of change in nanoseconds, inode
Content = tuple[str, int]  # hash, and size in bytes

TICK = 0.02  # seconds by which a file's time of change may lag behind the clock
RACY = 2.0  # seconds: a file this young may change again without its time of change showing it
LARGE = 1 << 20  # bytes; below, hashing again is as fast as looking the hash up
LOGS = ("-wal", "-journal", "-shm", ".wal")  # what databases write beside their file


def mark_of(path: str | Path | int) -> Mark:
    """Return what a file looks like: when that is the same, so is its content.

    Raises:
        OSError: the file is not there.
    """
    seen = os.stat(path)
    return seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns, seen.st_ino


def state_of(path: str) -> tuple[Mark, ...]:
    """Return what a file and the logs that a database keeps beside it look like."""
    found = []
    for place in (path, *(path + log for log in LOGS)):
        with contextlib.suppress(OSError):
            found.append(mark_of(place))
    return tuple(found)


class Hashes:
    """The hashes of files by what the files looked like; they outlive the session.

    So does the hash of a small file, which would be had as quickly again: who looks later whether an input has changed
    need not open it, as a kernel that watches it could not tell that from a read of its own.
    """

    def __init__(self, watches: Watches) -> None:
        self.watches = watches
        self.known: dict[Path, tuple[Mark, str]] = {}
        self._new: dict[Path, tuple[Mark, str]] = {}

    def open(self, path: Path) -> FileIO:
        """Hold a file as it is now, to be hashed even if it is removed or replaced meanwhile.

        Raises:
            OSError: the file cannot be read.
        """
        with hooks.unheard(), self.watches.unseen(str(path)):
            return FileIO(path)

    def of(self, path: Path, handle: FileIO, *, part: bool = False) -> tuple[str, Mark, bool]:
        """Return a file's hash, what it looks like now, and whether it stayed so while it was read; close it.

        Args:
            path: the file
            handle: the file, open
            part: whether it is one of many, of which the small ones are not kept

        Raises:
            OSError: the file cannot be read.
        """
        before = mark_of(handle.fileno())
        known = self.known.get(path)
        if known is None or known[0] != before:
            known = (before, hashlib.file_digest(handle, "sha256").hexdigest())
        after = mark_of(handle.fileno())
        with hooks.unheard(), self.watches.unseen(str(path)):
            handle.close()
        if time.time() - max(after[1:3]) / 1e9 > RACY and self.known.get(path) != known:
            self.known[path] = known
            if before[0] >= LARGE or not part:
                self._new[path] = known
        return known[1], after, after == before

    def load(self, store: Store) -> None:
        """Take over what earlier sessions have hashed."""
        for row in store.rows("SELECT * FROM hashed"):
            mark = (row["size"], row["written"], row["changed"], row["inode"])
            self.known[Path(row["path"])] = (mark, row["hash"])

    def save(self, store: Store) -> None:
        """Keep, inside a transaction, what has been hashed since."""
        new, self._new = self._new, {}
        for path, (mark, address) in new.items():
            store.execute(
                "INSERT INTO hashed (path, size, written, changed, inode, hash) VALUES (?, ?, ?, ?, ?, ?)"
                " ON CONFLICT (path) DO UPDATE SET size = excluded.size, written = excluded.written,"
                " changed = excluded.changed, inode = excluded.inode, hash = excluded.hash",
                str(path), *mark, address,
            )  # fmt: skip


@dataclass
class Opened:
    """A thing that a cell used, in which ways, and its content as far as that is certain.

    ``ways`` are ``read`` (what was there before the cell), ``wrote`` and ``removed``: what a cell wrote first and read
    back it has not read, and what it appended to or changed in place it has read and written.
    """

    path: Path
    ways: set[str]
    began: float  # when the cell did
    ours: bool  # whether an earlier cell of this session wrote it
    hashes: Hashes
    kind: str = "file"  # or directory, database, code, external
    via: str = "python"  # or native, process, sql, network
    foreign: bool = False  # whether another process may have done it
    source: Path | None = None  # where it was moved from
    target: Path | None = None  # where it was moved to
    name: str = ""  # what is not a file is called so
    suffixes: tuple[str, ...] = ()  # of a directory: which files belong to it
    changed: bool = False
    overtaken: bool = False  # whether a later cell changed it before it was hashed
    _handle: FileIO | None = field(default=None, repr=False)
    _known: tuple[Mark, str] | None = field(default=None, repr=False)
    _pinned: Mark | None = field(default=None, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)
    members: dict[str, Content] = field(default_factory=dict)  # of a directory: by relative path

    @property
    def content(self) -> Content | None:
        """The hash and size in bytes; None if it is gone, cannot be read or is no file. Found when first asked for."""
        with self._lock:
            return self._content

    @functools.cached_property
    def _content(self) -> Content | None:
        if self.kind == "external":
            return None
        try:
            return self._folder(self.place) if self.kind == "directory" else self._file(self.place)
        except OSError:
            return None

    @property
    def place(self) -> Path:
        """Where its content is now."""
        return self.target or self.path

    def pin(self) -> None:
        """Hold a file as it is now, so that what comes after cannot take its content away."""
        if self.kind not in ("directory", "external"):
            with contextlib.suppress(OSError):
                known = self.hashes.known.get(self.place)
                if known is not None and known[0] == mark_of(self.place):
                    self._known = known
                else:
                    self._handle = self.hashes.open(self.place)
                    self._pinned = mark_of(self._handle.fileno())

    @property
    def pending(self) -> bool:
        """Whether it is held, and not hashed yet."""
        return self._pinned is not None and "_content" not in vars(self)

    def settle(self) -> None:
        """Hash it now, before it changes, if nobody notices the time that takes."""
        if self.pending:
            if self._pinned is not None and self._pinned[0] < LARGE:
                self.content  # noqa: B018  # computed once, and kept
            else:
                self.overtaken = True

    def _file(self, path: Path) -> Content:
        handle, self._handle = self._handle, None
        if self._known is not None:
            (mark, address), steady = self._known, True
        else:
            opened, part = handle or self.hashes.open(path), self.kind == "directory"
            address, mark, steady = self.hashes.of(path, opened, part=part)
        young = not self.ours and (mark[1] if self.target else max(mark[1:3])) / 1e9 > self.began - TICK
        self.changed |= young or not steady
        self.overtaken |= self._pinned is not None and mark[:2] != self._pinned[:2]  # a move changes the other times
        return address, mark[0]

    def _folder(self, place: Path) -> Content:
        size = 0
        for member in members_of(place, self.suffixes):
            self.members[member] = self._file(place / member)
            size += self.members[member][1]
        return ids.digest(self.manifest.encode()), size

    @property
    def manifest(self) -> str:
        """The text that stands for a directory: which files belong to it, and their hashes."""
        files = (f"{address}  {name}" for name, (address, _) in sorted(self.members.items()))
        return "\n".join([" ".join(self.suffixes), *files]) + "\n"

    @property
    def unsure(self) -> bool:
        """Whether what the cell read may not be what is there now: it, or somebody, has changed it since."""
        return self.doubt is not None

    @property
    def doubt(self) -> str | None:
        """Why what the cell read is not certain, if it is not."""
        if self.kind == "external":
            return "it is on another machine or server: what it answered is not kept"
        if self.content is None:
            return "it was not there, or cannot be read"
        if "wrote" in self.ways and "read" in self.ways:
            return "the cell changed it after it had read it"
        if self.overtaken:
            return "it was changed before its content could be taken"
        if self.changed:
            return "it changed while the cell ran"
        if self.kind == "database" and any(_size(f"{self.path}{log}") for log in ("-wal", ".wal")):
            return "a part of it is in a write-ahead log"
        return None


def members_of(folder: Path, suffixes: tuple[str, ...]) -> list[str]:
    """Return the relative paths, sorted, of the files of a dataset that is a folder; no suffixes means every file."""
    found: list[str] = []
    with hooks.unheard():
        for place, folders, names in os.walk(folder):
            folders[:] = [name for name in folders if name not in SKIPPED]
            paths = (os.path.relpath(os.path.join(place, name), folder) for name in names)
            found += [path for path in paths if not suffixes or _suffix(path) in suffixes]
    return sorted(found)


def same_folder(folder: Path, manifest: str) -> bool:
    """Whether a folder still holds the files of a manifest, and no other of their kind."""
    head, *lines = manifest.splitlines()
    known = {name: address for address, _, name in (line.partition("  ") for line in lines)}
    names = members_of(folder, tuple(head.split()))
    return names == sorted(known) and all(known[name] == ids.file_digest(folder / name) for name in names)


def _suffix(name: str) -> str:
    return os.path.splitext(name)[1].lower()


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size
    except OSError:
        return 0


def base_of(path: str) -> str:
    """Return the database that a log beside it belongs to, or the path itself."""
    for log in LOGS:
        if path.endswith(log) and os.path.exists(base := path[: -len(log)]):
            return base
    return path


def changed_since(path: str, moment: float) -> bool:
    """Whether a file, or a log that a database keeps beside it, has changed since a moment."""
    for place in (path, *(path + log for log in LOGS)):
        try:
            if os.stat(place).st_ctime > moment - TICK:
                return True
        except OSError:
            continue
    return False
