"""The project: a folder with ``.mlops/`` in it, its store, its content and its charter in ``mlops.toml``."""

from __future__ import annotations

import contextlib
import functools
import getpass
import inspect
import math
import os
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlops_nb import hooks
from mlops_nb.errors import NoProject, StoreReadOnly, UsageError
from mlops_nb.ids import canonical_json, digest
from mlops_nb.records import Record
from mlops_nb.store import audit
from mlops_nb.store.audit import AuditEntry
from mlops_nb.store.content import Content
from mlops_nb.store.db import Store
from mlops_nb.verbs import verb

FOLDER = ".mlops"
CHARTER = "mlops.toml"
ENVIRONMENTS = "environments"  # in the folder of a project, those that were built


def find_root(start: Path) -> Path | None:
    """Return the nearest folder at or above ``start`` that is a project; ``MLOPS_HOME`` overrides."""
    if home := os.environ.get("MLOPS_HOME"):
        return Path(home).resolve()
    start = start.resolve()
    for folder in (start, *start.parents):
        if (folder / FOLDER / "lineage.db").exists() or (folder / CHARTER).exists():
            return folder
    return None


class Project:
    """One project, opened: what every verb gets as its first argument."""

    def __init__(self, root: Path) -> None:
        """Open the project at ``root``, creating its store if there is none.

        Raises:
            StoreError: the store cannot be used.
        """
        self.root = root
        self.home = root / FOLDER
        fresh = not self.home.exists()
        self.store = Store(self.home / "lineage.db")
        if fresh:
            with contextlib.suppress(OSError):
                (self.home / ".gitignore").write_text("*\n")
        self.content = Content(self.store, self.home / "blobs")
        self.actor = os.environ.get("MLOPS_ACTOR") or _user()
        #: The run and the cell execution that facts recorded now belong to (row IDs), set by capture.
        self.run: int | None = None
        self.execution: int | None = None

    @classmethod
    def find(cls, start: Path | None = None) -> Project:
        """Open the project at or above a folder (the working folder by default).

        Raises:
            NoProject: there is none.
        """
        start = start or Path.cwd()
        root = find_root(start)
        if root is None:
            raise NoProject(f"no project at or above {start} - start one there with: mlops init")
        return cls(root)

    def relative(self, path: Path) -> str:
        """Name a path as the store does: relative to the root where it lies below it, else absolute."""
        path = path if path.is_absolute() else Path.cwd() / path
        normal = Path(os.path.normpath(path))
        for root in (self.root, Path(os.path.realpath(self.root))):
            with contextlib.suppress(ValueError):
                return normal.relative_to(root).as_posix()
        return normal.as_posix()

    # -- mlops.toml -------------------------------------------------------------------------------------------

    def settings(self) -> dict[str, Any]:
        """Read ``mlops.toml`` as it is now; an absent file is an empty one.

        Raises:
            UsageError: the file is not valid TOML.
        """
        path = self.root / CHARTER
        try:
            with hooks.unheard():
                return tomllib.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise UsageError(f"{path} is not valid TOML: {error}") from error

    def section(self, name: str) -> dict[str, Any]:
        """Return a table of ``mlops.toml`` by its dotted name, empty if it is not there."""
        table: Any = self.settings()
        for part in name.split("."):
            table = table.get(part, {}) if isinstance(table, dict) else {}
        return table if isinstance(table, dict) else {}

    def section_digest(self, name: str) -> str:
        """Return the content address of a table of ``mlops.toml``."""
        return digest(canonical_json(_plain(self.section(name))).encode())


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value if isinstance(value, str | int) or (isinstance(value, float) and math.isfinite(value)) else str(value)


@functools.cache
def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return f"uid {os.getuid()}"


_current: Project | None = None


def current() -> Project:
    """Return the project of this process: the notebook's where capture is on, else the working folder's.

    Raises:
        NoProject: there is none.
    """
    global _current
    if _current is None:
        _current = Project.find()
    return _current


@contextlib.contextmanager
def using(project: Project) -> Iterator[Project]:
    """Make a project the current one inside a block."""
    global _current
    before, _current = _current, project
    try:
        yield project
    finally:
        _current = before


def use(project: Project | None) -> None:
    """Make a project the current one of this process."""
    global _current
    _current = project


# -- verbs ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Status(Record):
    """What a project holds, and whether anything in it is unfinished."""

    project: Path
    runs: int
    running: int
    executions: int
    datasets: int
    files: int
    models: int
    reports: int
    bytes: int


@dataclass(frozen=True)
class Initialized(Record):
    """A project that is ready for use."""

    project: Path
    store: Path
    created: bool


@verb("init", founds=True)
def init(directory: str = ".") -> Initialized:
    """Start a project in a folder, or open the one that is there.

    Args:
        directory: the folder, made if it does not exist

    Raises:
        StoreReadOnly: the folder cannot be written.
    """
    root = Path(directory).resolve()
    created = not (root / FOLDER / "lineage.db").exists()
    try:
        root.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreReadOnly(f"cannot make the project folder {root}: {error} - choose one you may write") from error
    project = Project(root)
    return Initialized(root, project.store.path, created)


@verb("status")
def status(project: Project) -> Status:
    """Show what the project holds and what is running."""

    def count(what: str) -> int:
        return int(project.store.value(f"SELECT count(*) FROM {what}"))

    return Status(
        project=project.root,
        runs=count("run"),
        running=count("unfinished JOIN run USING (id)"),
        executions=count("execution"),
        datasets=count("dataset"),
        files=count("artifact"),
        models=count("model_version"),
        reports=count("drift_report"),
        bytes=_size(project.home),
    )


def _size(home: Path) -> int:
    """Return how many bytes are kept; built environments can be built again, and are links into a cache."""
    kept = (entry for entry in home.iterdir() if entry.name != ENVIRONMENTS)
    files = (path for entry in kept for path in (entry, *entry.rglob("*")))
    return sum(path.stat().st_size for path in files if path.is_file())


@verb("log")
def log(project: Project, about: str | None = None, *, limit: int = 30) -> list[AuditEntry]:
    """Show who did what, newest first: the audit chain.

    Args:
        about: only the acts on this subject, such as a model's name
        limit: at most so many acts
    """
    return audit.entries(project.store, about, limit)


def bound(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a verb's function without its first parameter: it acts on the project at hand."""

    @functools.wraps(function)
    def on_current(*args: Any, **kwargs: Any) -> Any:
        return function(current(), *args, **kwargs)

    signature = inspect.signature(function)
    on_current.__signature__ = signature.replace(  # type: ignore[attr-defined]
        parameters=list(signature.parameters.values())[1:]
    )
    return on_current
