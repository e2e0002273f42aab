"""Places: which paths are data of the user, and which are the machinery of Python and of the system."""

from __future__ import annotations

import os
import re
import sys
import sysconfig
import tempfile

from mlops_nb.capture.files.watches import SKIPPED

#: These are data wherever they lie, also in Python's own folders and in caches.
DATA = frozenset(
    {".csv", ".tsv", ".zip", ".gz", ".bz2", ".xz", ".zst", ".parquet", ".feather", ".arrow", ".npy", ".npz", ".pkl"}
    | {".pickle", ".joblib", ".h5", ".hdf5", ".xlsx", ".xls", ".sqlite", ".sqlite3", ".db", ".duckdb", ".jsonl", ".nc"}
    | {".ndjson", ".ipc", ".orc", ".avro", ".skops", ".onnx", ".pt", ".pth", ".safetensors"}
)
DATABASES = (".db", ".sqlite", ".sqlite3", ".duckdb", ".ddb")
CODE = (".py", ".r", ".jl", ".sh", ".sql")
NEVER = (".pyc", ".so", ".ipynb", "/mlops.toml", "/history.sqlite", "/history.sqlite-journal")
#: Folders in which nothing is data; packages that are installed may bring some.
HIDDEN = re.compile("|".join(re.escape(f"/{name}/") for name in SKIPPED - {"site-packages", ".venv"}))
SYSTEM = ("/proc/", "/sys/", "/dev/", "/etc/")
#: Where, besides, what a program installed or keeps for itself lies: fonts, time zones, caches, settings.
INSTALLED = ("/usr/", "/lib", "/bin/", "/sbin/", "/opt/", "/var/", "/run/", "/snap/", "/Library/", "/System/")


def _machinery() -> tuple[str, ...]:
    paths = {sys.prefix, sys.base_prefix, sysconfig.get_path("stdlib"), *map(os.path.realpath, (sys.prefix,))}
    paths.add(os.path.dirname(os.path.dirname(__file__)))  # this package
    return tuple(f"{path}/" for path in paths if path)


class Places:
    """What the paths of one project are."""

    def __init__(self, root: str) -> None:
        self.root = root
        self._inside = f"{root}/"
        self._beside = f"{os.path.dirname(root)}/"
        self._temporary = f"{tempfile.gettempdir()}/"
        self.machinery = _machinery()  # folders of Python and of what is installed

    def inside(self, path: str) -> bool:
        """Whether a path lies in the project."""
        return path.startswith(self._inside)

    def is_data(self, path: str) -> bool:
        """Whether a file is data, or code of the project."""
        if path.startswith(SYSTEM) or path.endswith(NEVER) or HIDDEN.search(path):
            return False
        if path.endswith(">") and os.path.basename(path).startswith("<") and not os.path.exists(path):
            return False  # Python looks for the text of a syntax error in "<unknown>", and finds none
        suffix = os.path.splitext(path)[1].lower()
        if suffix in DATA:
            return True
        if path.startswith(self.machinery):
            return False
        return path.startswith(self._inside) or (suffix not in CODE and self._is_the_users(path))

    def _is_the_users(self, path: str) -> bool:
        """Whether a file outside of the project is none that a program installed or keeps for itself."""
        if path.startswith(self._beside) and self._beside != "/":
            return "/." not in path[len(self._beside) - 1 :]
        return "/." not in path and not path.startswith((*INSTALLED, self._temporary))

    def is_asked(self, folder: str) -> bool:
        """Whether a folder is one whose content the user may ask for."""
        place = f"{folder}/"
        return not place.startswith((*SYSTEM, *self.machinery)) and not HIDDEN.search(place)

    def kind(self, path: str) -> str:
        """Return what sort of file a path is by its name."""
        suffix = os.path.splitext(path)[1].lower()
        return "code" if suffix in CODE else "database" if suffix in DATABASES else "file"


def source_of(path: str) -> str:
    """Return the source that a compiled module stands for, or the path itself."""
    folder, name = os.path.split(path)
    if name.endswith(".pyc") and folder.endswith("/__pycache__"):
        return os.path.join(os.path.dirname(folder), f"{name.partition('.')[0]}.py")
    return path
