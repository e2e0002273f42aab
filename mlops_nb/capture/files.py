"""Which files a cell opened, and which of them are data rather than the machinery of Python.

What Python itself opens is seen exactly, through the audit hook. Readers in native code (pyarrow, duckdb, h5py)
bypass it; until they are observed too, name their files with ``mlops.log_artifact`` or ``mlops.dataset``.
"""

from __future__ import annotations

import functools
import os
import sys
import sysconfig
import time
from dataclasses import dataclass, field
from pathlib import Path

from mlops_nb import hooks, ids

#: Inside Python's own folders only these are data; everything else there is code, fonts, caches.
DATA = frozenset(
    {".csv", ".tsv", ".zip", ".gz", ".bz2", ".xz", ".zst", ".parquet", ".feather", ".arrow", ".npy", ".npz", ".pkl"}
    | {".pickle", ".joblib", ".h5", ".hdf5", ".xlsx", ".xls", ".sqlite", ".db", ".jsonl", ".skops", ".onnx"}
)
HIDDEN = ("/.mlops/", "/.git/", "/__pycache__/", "/.ipynb_checkpoints/", "/.ipython/", "/.jupyter/", "/.cache/")
WRITES = frozenset("wax+")
TICK = 0.02  # seconds by which a file's time of change may lag behind the clock
RACY = 2.0  # seconds: a file this young may change again without its time of change showing it


def _machinery() -> tuple[str, ...]:
    paths = {sys.prefix, sys.base_prefix, sysconfig.get_path("stdlib"), *map(os.path.realpath, (sys.prefix,))}
    return tuple(f"{path}/" for path in paths if path)


def _ways(mode: str | None, flags: int) -> set[str]:
    """Return what opening a file in a mode (or by the flags of ``os.open``) does with it.

    Appending depends on what is there already, and so is reading too; truncating is not.
    """
    if mode is None:
        writes = bool(flags & (os.O_WRONLY | os.O_RDWR))
        reads = not writes or not flags & (os.O_TRUNC | os.O_EXCL)
    else:
        writes = bool(WRITES & set(mode))
        reads = not {"w", "x"} & set(mode)
    return {way for way, done in (("read", reads), ("wrote", writes)) if done}


@dataclass
class Opened:
    """A file that a cell opened, in which ways, and its content as far as that is certain."""

    path: Path
    ways: set[str]
    began: float  # when the cell did
    ours: bool  # whether an earlier cell of this session wrote it
    hashes: dict[Path, tuple[tuple[int, ...], str]]  # by path: what the file looked like, and its hash
    changed: bool = False

    @functools.cached_property
    def content(self) -> tuple[str, int] | None:
        """The file's hash and size in bytes; None if it is gone or cannot be read."""
        try:
            with hooks.unheard():
                before = self._mark()
                known = self.hashes.get(self.path)
                if known is None or known[0] != before:
                    known = (before, ids.file_digest(self.path))
                size, written, *_ = after = self._mark()
        except OSError:
            return None
        if time.time() - written / 1e9 > RACY:
            self.hashes[self.path] = known
        self.changed = after != before or (not self.ours and written / 1e9 > self.began - TICK)
        return known[1], size

    def _mark(self) -> tuple[int, ...]:
        seen = self.path.stat()
        return seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns, seen.st_ino

    @property
    def unsure(self) -> bool:
        """Whether what the cell read may not be what is there now: it, or somebody, has changed the file since."""
        return "wrote" in self.ways or self.content is None or self.changed


@dataclass
class FileObserver:
    """Collects the files opened while a cell runs."""

    root: str
    opened: dict[str, set[str]] = field(default_factory=dict)
    written: set[str] = field(default_factory=set)
    began: float = 0.0
    hashes: dict[Path, tuple[tuple[int, ...], str]] = field(default_factory=dict)
    watching: bool = False
    _machinery: tuple[str, ...] = field(default_factory=_machinery)

    def start(self) -> None:
        """Listen from now on; :attr:`watching` says whether what is heard is kept."""
        hooks.listen_to_opens(self._heard)

    def stop(self) -> None:
        """Stop listening."""
        hooks.stop_listening(self._heard)

    def begin(self) -> None:
        """Forget what was seen and watch."""
        self.opened, self.began = {}, time.time()
        self.watching = True

    def end(self) -> list[Opened]:
        """Stop watching; return the data files that were opened.

        One that is not there counts where the cell read it in the project: it was removed since, or its absence was
        seen. Elsewhere that is Python looking for its own parts.
        """
        self.watching = False
        found = [
            Opened(Path(path), ways, self.began, path in self.written, self.hashes)
            for path, ways in self.opened.items()
            if os.path.isfile(path) or ("read" in ways and path.startswith(f"{self.root}/"))
        ]
        self.written |= {path for path, ways in self.opened.items() if "wrote" in ways}
        return found

    def _heard(self, path: str, mode: str | None, flags: int) -> None:
        if not self.watching:
            return
        full = path if path.startswith("/") else os.path.abspath(path)
        if not self._is_data(full):
            return
        ways = self.opened.setdefault(full, set())
        known = "wrote" in ways  # what the cell wrote itself is no input of it
        opening = _ways(mode, flags)
        ways |= opening - {"read"} if known else opening

    def _is_data(self, path: str) -> bool:
        if path.startswith(("/proc/", "/sys/", "/dev/", "/etc/")) or path.endswith((".py", ".pyc", ".so", ".ipynb")):
            return False
        if any(part in path for part in HIDDEN):
            return False
        suffix = os.path.splitext(path)[1].lower()
        if path.startswith(f"{self.root}/"):
            return not path.startswith(self._machinery) or suffix in DATA
        return suffix in DATA
