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
RACY = 2.0  # seconds: a file this young may change again without its time of change showing it


def _machinery() -> tuple[str, ...]:
    paths = {sys.prefix, sys.base_prefix, sysconfig.get_path("stdlib"), *map(os.path.realpath, (sys.prefix,))}
    return tuple(f"{path}/" for path in paths if path)


@dataclass
class Opened:
    """A file that a cell opened, in which ways, and its content as far as that is certain."""

    path: Path
    ways: set[str]
    began: float  # when the cell did
    hashes: dict[Path, tuple[tuple[int, ...], str]]  # by path: what the file looked like, and its hash

    @functools.cached_property
    def content(self) -> tuple[str, int] | None:
        """The file's hash and size in bytes; None if it is gone or cannot be read."""
        try:
            with hooks.unheard():
                seen = self.path.stat()
                mark = (seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns, seen.st_ino)
                known = self.hashes.get(self.path)
                if known is None or known[0] != mark:
                    known = (mark, ids.file_digest(self.path))
                    if time.time() - seen.st_mtime > RACY:
                        self.hashes[self.path] = known
        except OSError:
            return None
        self.changed_since = max(seen.st_mtime, self.path.stat().st_mtime) >= self.began
        return known[1], seen.st_size

    changed_since: bool = False

    @property
    def unsure(self) -> bool:
        """Whether what the cell read may not be what is there now: it, or somebody, has written the file since."""
        return "read" in self.ways and self.changed_since


@dataclass
class FileObserver:
    """Collects the files opened while a cell runs."""

    root: str
    opened: dict[str, set[str]] = field(default_factory=dict)
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
        """Stop watching; return the data files that were opened and are still there."""
        self.watching = False
        return [
            Opened(Path(path), ways, self.began, self.hashes)
            for path, ways in self.opened.items()
            if os.path.isfile(path)
        ]

    def _heard(self, path: str, mode: str | None, flags: int) -> None:
        if not self.watching:
            return
        full = path if path.startswith("/") else os.path.abspath(path)
        if not self._is_data(full):
            return
        writing = WRITES & set(mode) if mode else flags & (os.O_WRONLY | os.O_RDWR)
        reading = "r" in mode or "+" in mode if mode else not flags & os.O_WRONLY
        ways = self.opened.setdefault(full, set())
        if writing:
            ways.add("wrote")
        if reading and "wrote" not in ways:  # what the cell wrote itself is no input of it
            ways.add("read")

    def _is_data(self, path: str) -> bool:
        if path.startswith(("/proc/", "/sys/", "/dev/", "/etc/")) or path.endswith((".py", ".pyc", ".so", ".ipynb")):
            return False
        if any(part in path for part in HIDDEN):
            return False
        suffix = os.path.splitext(path)[1].lower()
        if path.startswith(self.root):
            return not path.startswith(self._machinery) or suffix in DATA
        return suffix in DATA
