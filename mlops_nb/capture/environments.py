"""The environment a process runs in: Python, platform and every installed distribution; git beside it.

One row per distinct environment. The hash covers what can change a result (interpreter, platform, packages, and the
commit or archive of those that came from no registry), not the git state, which belongs to the process: a commit does
not make an environment another one. Folders that packages came from are kept, and are not in the hash: another machine
has them elsewhere.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import platform
import re
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mlops_nb.ids import canonical_json, digest
from mlops_nb.records import Record
from mlops_nb.store.db import Store

DIST_INFO = re.compile(r"^(?P<name>.+?)-(?P<version>[^-]+)\.(dist|egg)-info$")
CODE = ("*.py", "*.toml", "*.cfg", "*.sql", "*.sh", "*.R", "*.pyx")  # files that hold no table's values
DIFF_LIMIT = 1 << 20  # bytes of a dirty diff that are kept
RECENT = 0.2  # seconds in which nobody installs a package and goes on to run a cell
ACCOUNT = re.compile(r"(?<=https://)[^/@]+@|(?<=http://)[^/@]+@")  # the user and password in an address

#: Where a package came from that no registry gave, by its name: its ``direct_url.json`` (PEP 610).
Origins = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Environment(Record):
    """Where code ran: interpreter, platform, packages by name, and the origins of those that no registry gave."""

    hash: str
    python: str
    platform: str
    packages: dict[str, str]
    origins: dict[str, dict[str, Any]] = field(default_factory=dict)

    @classmethod
    def of(cls, python: str, system: str, packages: dict[str, str], origins: Origins) -> Environment:
        """Return an environment with its hash."""
        bound = {name: commit for name, origin in origins.items() if (commit := commit_of(origin))}
        address = digest(canonical_json([python, system, packages, *([bound] if bound else [])]).encode())
        return cls(address, python, system, packages, {name: dict(origin) for name, origin in origins.items()})

    @property
    def version(self) -> str:
        """The version of Python, such as 3.11.7."""
        return self.python.rpartition(" ")[2]

    def described(self, name: str) -> str | None:
        """Return the version of a package, with the commit or hash of one that came from no registry; or None."""
        version, commit = self.packages.get(name), commit_of(self.origins.get(name, {}))
        return f"{version} ({commit[:12]})" if version and commit else version

    def changes_to(self, other: Environment) -> dict[str, tuple[str | None, str | None]]:
        """Return the packages that are not the same in another environment, with both versions; None is no package."""
        names = sorted(self.packages.keys() | other.packages.keys())
        both = {name: (self.described(name), other.described(name)) for name in names}
        return {name: (old, new) for name, (old, new) in both.items() if old != new}


def commit_of(origin: Mapping[str, Any]) -> str | None:
    """Return what binds the content of a package that came from no registry: a commit or a hash; of a folder, None."""
    if commit := origin.get("vcs_info", {}).get("commit_id"):
        return str(commit)
    archive = origin.get("archive_info", {})
    hashes = archive.get("hashes") or {}
    return hashes.get("sha256") or (str(archive["hash"]).partition("=")[2] if archive.get("hash") else None)


def canonical(name: str) -> str:
    """Return a package's name as registries normalise it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


@functools.cache
def _packages(folders: tuple[str, ...], _changed: tuple[int, ...]) -> tuple[dict[str, str], Origins]:
    """Read names, versions and origins: off the names of ``*.dist-info`` folders, whose metadata take 70 ms to read."""
    found: dict[str, str] = {}
    origins: dict[str, dict[str, Any]] = {}
    for folder in folders:
        try:
            entries = sorted(os.listdir(folder))
        except OSError:
            continue
        for entry in entries:
            if not (match := DIST_INFO.match(entry)) or (name := canonical(match["name"])) in found:
                continue
            found[name] = match["version"]
            if origin := _origin(f"{folder}/{entry}/direct_url.json"):
                origins[name] = origin
    return dict(sorted(found.items())), dict(sorted(origins.items()))


def _origin(path: str) -> dict[str, Any] | None:
    """Read where a package came from, without the account in the address; None if it came from a registry."""
    try:
        with open(path, encoding="utf-8") as file:
            origin = json.load(file)
        return {**origin, "url": ACCOUNT.sub("", origin["url"])}
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _installed() -> tuple[tuple[str, ...], tuple[int, ...]]:
    """Return the folders of installed packages, and when something came or went in each: 5 µs."""
    folders = tuple(path for path in sys.path if path.endswith(("site-packages", "dist-packages")))
    changed = []
    for folder in folders:
        with contextlib.suppress(OSError):
            changed.append(os.stat(folder).st_mtime_ns)
    return folders, tuple(changed)


def environment() -> Environment:
    """Return the environment of this process as it is now."""
    python = f"{platform.python_implementation()} {platform.python_version()}"
    return Environment.of(python, f"{platform.system()} {platform.machine()}", *_packages(*_installed()))


def installed_in(folder: Path) -> tuple[dict[str, str], Origins]:
    """Return what is installed in a folder of packages, and the origins of it."""
    return _packages((str(folder),), (os.stat(folder).st_mtime_ns,))


def environment_id(store: Store, here: Environment | None = None) -> int:
    """Return the row ID of an environment, the present one unless it is given; inside a transaction."""
    here = here or environment()
    row = store.execute("SELECT id FROM environment WHERE hash = ?", here.hash).fetchone()
    if row is not None:
        return int(row[0])
    number = store.next_id()
    store.execute(
        "INSERT INTO environment (id, hash, captured_at, python, platform, packages, origins)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        number, here.hash, time.time(), here.python, here.platform, canonical_json(here.packages),
        canonical_json(here.origins),
    )  # fmt: skip
    return number


class Watch:
    """Notices when packages come, go or change under a running process, as by ``%pip install``."""

    def __init__(self) -> None:
        self._seen = _installed()
        self._hash = environment().hash
        self._looked = time.monotonic()

    def changed(self, *, sure: bool) -> bool:
        """Whether the environment is another than at the last look; unless it must be ``sure``, a recent one will do.

        A look lets other threads in, which costs a trivial cell a third of its time.
        """
        now = time.monotonic()
        if not sure and now - self._looked < RECENT:
            return False
        self._looked = now
        seen = _installed()
        if seen == self._seen:
            return False
        self._seen, before = seen, self._hash
        self._hash = environment().hash
        return self._hash != before


def add_change(store: Store, execution: int, during: bool, here: Environment | None = None) -> None:
    """Record, inside a transaction, that the environment is another since a cell, or was found so when it began.

    Args:
        store: the store
        execution: the row ID of the cell
        during: whether it changed while the cell ran
        here: what it is now; the next cell may have changed it again when the transaction comes
    """
    store.execute(
        "INSERT INTO environment_change (execution, during, environment) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
        execution, int(during), environment_id(store, here),
    )  # fmt: skip


def of_execution(store: Store, number: int, *, after: bool = False) -> Environment | None:
    """Return the environment in which a cell began, or the one that it left."""
    changed = store.value(
        "SELECT environment FROM environment_change JOIN execution ON execution.id = execution WHERE process ="
        " (SELECT process FROM execution WHERE id = ?) AND (execution.id < ? OR (execution.id = ? AND during <= ?))"
        " ORDER BY execution.id DESC, during DESC LIMIT 1",
        number, number, number, int(after),
    )  # fmt: skip
    if changed is None:
        changed = store.value(
            "SELECT environment FROM process JOIN execution ON process.id = process WHERE execution.id = ?", number
        )
    return None if changed is None else load(store, changed)


def of_run(store: Store, run: int) -> Environment | None:
    """Return the environment that the last cell of a run left behind, or its process began in."""
    last = store.value("SELECT max(id) FROM execution WHERE run = ? AND parent IS NULL", run)
    if last is not None:
        return of_execution(store, last, after=True)
    began = store.value("SELECT environment FROM process JOIN run ON run.process = process.id WHERE run.id = ?", run)
    return None if began is None else load(store, began)


def load(store: Store, number: int) -> Environment | None:
    """Return a recorded environment."""
    row = store.row("SELECT * FROM environment WHERE id = ?", number)
    if row is None:
        return None
    origins = json.loads(row["origins"]) if row["origins"] else {}
    return Environment(row["hash"], row["python"], row["platform"], json.loads(row["packages"]), origins)


def git_state(folder: Path, *, code_only: bool = False) -> tuple[str | None, bytes]:
    """Return the commit checked out at a folder and the diff of what is not committed, of all files or only of code."""

    def git(*arguments: str) -> bytes | None:
        try:
            done = subprocess.run(
                ["git", *arguments], cwd=folder, capture_output=True, timeout=3, check=True, stdin=subprocess.DEVNULL
            )
        except (OSError, subprocess.SubprocessError):
            return None
        return done.stdout

    commit = git("rev-parse", "HEAD")
    if commit is None:
        return None, b""
    diff = (
        git("diff", "--no-ext-diff", "--no-textconv", "--no-color", "HEAD", "--", *(CODE if code_only else ["."]))
        or b""
    )
    if len(diff) > DIFF_LIMIT:  # whole lines: half a secret would not be recognised
        diff = diff[:DIFF_LIMIT].rpartition(b"\n")[0]
    return commit.decode().strip(), diff
