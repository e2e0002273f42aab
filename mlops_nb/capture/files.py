"""Which files a cell opened, and which of them are data rather than the machinery of Python.

What Python itself opens is seen exactly, through the audit hook. Readers in native code (pyarrow, duckdb, h5py)
bypass it; until they are observed too, name their files with ``mlops.log_artifact`` or ``mlops.dataset``.
"""

from __future__ import annotations

import os
import sys
import sysconfig
from dataclasses import dataclass, field
from pathlib import Path

from mlops_nb import hooks

#: Inside Python's own folders only these are data; everything else there is code, fonts, caches.
DATA = frozenset(
    {".csv", ".tsv", ".zip", ".gz", ".bz2", ".xz", ".zst", ".parquet", ".feather", ".arrow", ".npy", ".npz", ".pkl"}
    | {".pickle", ".joblib", ".h5", ".hdf5", ".xlsx", ".xls", ".sqlite", ".db", ".jsonl", ".skops", ".onnx"}
)
HIDDEN = ("/.mlops/", "/.git/", "/__pycache__/", "/.ipynb_checkpoints/", "/.ipython/", "/.jupyter/", "/.cache/")
WRITES = frozenset("wax+")


def _machinery() -> tuple[str, ...]:
    paths = {sys.prefix, sys.base_prefix, sysconfig.get_path("stdlib"), *map(os.path.realpath, (sys.prefix,))}
    return tuple(f"{path}/" for path in paths if path)


@dataclass
class FileObserver:
    """Collects the files opened while a cell runs."""

    root: str
    opened: dict[str, set[str]] = field(default_factory=dict)
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
        self.opened = {}
        self.watching = True

    def end(self) -> dict[Path, set[str]]:
        """Stop watching; return each data file with ``read`` and ``wrote``."""
        self.watching = False
        return {Path(path): ways for path, ways in self.opened.items() if os.path.isfile(path)}

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
        if any(part in path for part in HIDDEN) or path == f"{self.root}/mlops.toml":
            return False  # tables of mlops.toml are inputs one by one
        suffix = os.path.splitext(path)[1].lower()
        if path.startswith(self.root):
            return not path.startswith(self._machinery) or suffix in DATA
        return suffix in DATA
