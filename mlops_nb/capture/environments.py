"""The environment a process runs in: Python, platform and every installed distribution; git beside it.

One row per distinct environment. The hash covers what can change a result (interpreter, platform, packages), not
the git state, which belongs to the process: a commit does not make an environment another one.
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
from dataclasses import dataclass
from pathlib import Path

from mlops_nb.ids import canonical_json, digest
from mlops_nb.records import Record
from mlops_nb.store.db import Store

DIST_INFO = re.compile(r"^(?P<name>.+?)-(?P<version>[^-]+)\.(dist|egg)-info$")
CODE = ("*.py", "*.toml", "*.cfg", "*.sql", "*.sh", "*.R", "*.pyx")  # files that hold no table's values
DIFF_LIMIT = 1 << 20  # bytes of a dirty diff that are kept
RECENT = 0.2  # seconds in which nobody installs a package and goes on to run a cell


@dataclass(frozen=True)
class Environment(Record):
    """Where code ran: interpreter, platform and packages by name."""

    hash: str
    python: str
    platform: str
    packages: dict[str, str]

    def changes_to(self, other: Environment) -> dict[str, tuple[str | None, str | None]]:
        """Return the packages that are not the same in another environment, with both versions; None is no package."""
        old, new = self.packages, other.packages
        names = sorted(old.keys() | new.keys())
        return {name: (old.get(name), new.get(name)) for name in names if old.get(name) != new.get(name)}


@functools.cache
def _packages(folders: tuple[str, ...], _changed: tuple[int, ...]) -> dict[str, str]:
    """Read names and versions off the ``*.dist-info`` folder names: 0.3 ms where reading metadata takes 70."""
    found: dict[str, str] = {}
    for folder in folders:
        try:
            entries = sorted(entry.name for entry in Path(folder).iterdir())
        except OSError:
            continue
        for entry in entries:
            if match := DIST_INFO.match(entry):
                found.setdefault(re.sub(r"[-_.]+", "-", match["name"]).lower(), match["version"])
    return dict(sorted(found.items()))


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
    packages = _packages(*_installed())
    python = f"{platform.python_implementation()} {platform.python_version()}"
    system = f"{platform.system()} {platform.machine()}"
    address = digest(canonical_json([python, system, packages]).encode())
    return Environment(address, python, system, packages)


def environment_id(store: Store, here: Environment | None = None) -> int:
    """Return the row ID of an environment, the present one unless it is given; inside a transaction."""
    here = here or environment()
    row = store.execute("SELECT id FROM environment WHERE hash = ?", here.hash).fetchone()
    if row is not None:
        return int(row[0])
    number = store.next_id()
    store.execute(
        "INSERT INTO environment (id, hash, captured_at, python, platform, packages) VALUES (?, ?, ?, ?, ?, ?)",
        number, here.hash, time.time(), here.python, here.platform, canonical_json(here.packages),
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


def load(store: Store, number: int) -> Environment | None:
    """Return a recorded environment."""
    row = store.row("SELECT * FROM environment WHERE id = ?", number)
    if row is None:
        return None
    return Environment(row["hash"], row["python"], row["platform"], json.loads(row["packages"]))


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
