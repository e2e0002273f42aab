"""Entries: what cells made, by key, in the project's store; bounded in size, the least worth goes first.

An entry's worth is what it saves for each byte, halved with every week in which nobody used it. A pickle is code, so an
entry is signed with a key of this user's that lies outside of the project: one that came with somebody's folder is not
loaded.
"""

from __future__ import annotations

import functools
import hashlib
import hmac
import json
import os
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mlops_nb import hooks
from mlops_nb.errors import StoreError, UsageError
from mlops_nb.ids import canonical_json, digest
from mlops_nb.project import Project
from mlops_nb.proof import referenced

DEFAULTS = {"size_gb": 5.0, "min_seconds": 0.05}
WEEK = 7 * 86400.0


@dataclass(frozen=True)
class Conditions:
    """What must hold besides an equal key: files and lists of folders by content, random states, hashes of texts."""

    files: dict[str, str] = field(default_factory=dict)
    folders: dict[str, str] = field(default_factory=dict)
    random: dict[str, str] = field(default_factory=dict)
    hashing: int | None = None


@dataclass(frozen=True)
class Entry:
    """What a cell made, where it lies, and what it cost in seconds."""

    number: int
    key: str
    execution: int
    content: str
    size: int
    cost: float
    load: float
    conditions: Conditions
    source: str  # its address
    parts: dict[str, str]  # of the key, so that a change can be named
    files: dict[str, str] = field(default_factory=dict)  # that it wrote, by path: their content


class Entries:
    """The entries of one project."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self.known: dict[str, list[Entry]] = {}
        store = project.store
        files: dict[int, dict[str, str]] = {}
        for row in store.rows("SELECT * FROM kept_file"):
            files.setdefault(row["kept"], {})[row["path"]] = row["content"]
        self.parts: dict[str, dict[str, str]] = {}  # by address of a source: those of its newest entry
        for row in store.rows(
            "SELECT kept_cell.*, source FROM kept_cell JOIN execution ON execution.id = execution ORDER BY kept_cell.id"
        ):
            given = json.loads(row["conditions"])
            if not hmac.compare_digest(given.pop("signature", ""), self._sign(row["key"], row["content"])):
                continue
            entry = Entry(
                row["id"], row["key"], row["execution"], row["content"], row["size"], row["cost"], row["load"],
                Conditions(**given["conditions"]), row["source"], given["parts"], files.get(row["id"], {}),
            )  # fmt: skip
            self._know(entry)
        #: By address of a source: the seconds that its last run took.
        self.costs: dict[str, float] = {
            row["source"]: row["wall"]
            for row in store.rows(
                "SELECT source, wall FROM execution JOIN usage ON usage.execution = execution.id"
                " LEFT JOIN cached ON cached.execution = usage.execution WHERE original IS NULL"
                " ORDER BY execution.id"
            )
        }

    def _know(self, entry: Entry) -> None:
        self.known.setdefault(entry.key, []).append(entry)
        self.parts[entry.source] = entry.parts

    def _sign(self, key: str, content: str) -> str:
        return sign(f"{key} {content}")

    def add(self, entry: Entry, data: bytes, files: dict[str, Path]) -> None:
        """Keep an entry soon: its bytes are written, and entered, off the caller's path.

        Args:
            entry: the entry
            data: the bytes at its content address
            files: by content address, where a file that the cell wrote lies; if it is another by then, nothing is kept
        """
        self._know(entry)
        blobs = [data]

        def write() -> None:
            for address, path in files.items():
                with hooks.unheard():
                    blobs.append(path.read_bytes())
                if digest(blobs[-1]) != address:
                    raise StoreError(f"{path} was changed before what wrote it could be kept")
            for blob in blobs:
                self.project.content.put(blob)

        self.project.store.defer(functools.partial(self._enter, entry, blobs), write)

    def _enter(self, entry: Entry, blobs: list[bytes]) -> None:
        store = self.project.store
        for blob in blobs:  # a collection may have taken one meanwhile
            self.project.content.put(blob)
        facts: dict[str, Any] = {"conditions": vars(entry.conditions), "parts": entry.parts}
        facts |= {"signature": self._sign(entry.key, entry.content)}
        store.execute(
            "INSERT INTO kept_cell (id, key, execution, content, size, cost, load, conditions, used_at)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            entry.number, entry.key, entry.execution, entry.content, entry.size, entry.cost, entry.load,
            canonical_json(facts), time.time(),
        )  # fmt: skip
        for path, address in entry.files.items():
            store.execute("INSERT INTO kept_file (kept, path, content) VALUES (?, ?, ?)", entry.number, path, address)
        self._evict()

    def used(self, entry: Entry) -> None:
        """Note that an entry was used."""
        self.project.store.defer(functools.partial(self._touch, entry.number, time.time()))

    def _touch(self, number: int, now: float) -> None:
        self.project.store.execute("UPDATE kept_cell SET used_at = ? WHERE id = ?", now, number)

    def drop(self, entry: Entry) -> None:
        """Forget an entry that cannot be used."""
        self.project.store.defer(functools.partial(self._remove, [entry.number]))

    # -- bounding ---------------------------------------------------------------------------------------------

    def _evict(self) -> None:
        """Remove, inside a transaction, what is worth least until the rest is small enough."""
        rows = self.project.store.execute("SELECT * FROM kept_cell").fetchall()
        size, most, gone = sum(row["size"] for row in rows), setting(self.project, "size_gb") * 1e9, []
        for row in sorted(rows, key=_worth):
            if size <= most:
                break
            size -= row["size"]
            gone.append(row["id"])
        if gone:
            self._remove(gone)

    def _remove(self, numbers: list[int]) -> None:
        """Remove entries, inside a transaction, and the content that nobody else refers to."""
        store = self.project.store
        addresses: set[str] = set()
        for number in numbers:
            rows = store.execute("SELECT content FROM kept_file WHERE kept = ? UNION"
                                 " SELECT content FROM kept_cell WHERE id = ?", number, number)  # fmt: skip
            addresses |= {row[0] for row in rows.fetchall()}
            store.execute("DELETE FROM kept_file WHERE kept = ?", number)
            store.execute("DELETE FROM kept_cell WHERE id = ?", number)
        for key, entries in self.known.items():
            self.known[key] = [entry for entry in entries if entry.number not in numbers]
        spare = addresses - referenced(store)
        store.execute_many("DELETE FROM content WHERE hash = ?", [(address,) for address in spare])
        store.defer(functools.partial(self._unlink, spare))  # once that is committed

    def _unlink(self, addresses: set[str]) -> None:
        for address in addresses:
            if self.project.store.execute("SELECT 1 FROM content WHERE hash = ?", address).fetchone() is None:
                self.project.content.path(address).unlink(missing_ok=True)


def setting(project: Project, name: str) -> float:
    """Return a setting of ``[cache]`` in mlops.toml: ``size_gb``, or ``min_seconds`` below which a cell is just run.

    Raises:
        UsageError: it is no number.
    """
    value = project.section("cache").get(name, DEFAULTS[name])
    if not isinstance(value, int | float) or isinstance(value, bool) or value < 0:
        raise UsageError(f"[cache] {name} in mlops.toml must be a number, not {value!r} - such as {DEFAULTS[name]}")
    return float(value)


def _worth(row: Any) -> float:
    age = max(time.time() - row["used_at"], 0.0)
    return float((row["cost"] - row["load"]) / max(row["size"], 1) * 0.5 ** (age / WEEK))


# -- signing --------------------------------------------------------------------------------------------------


def sign(text: str) -> str:
    """Return a signature of a text that only this user can make."""
    return hmac.new(_secret(), text.encode(), hashlib.sha256).hexdigest()


@functools.cache
def _secret() -> bytes:
    """Return a key of this user's, made when it is first needed."""
    home = os.environ.get("XDG_STATE_HOME") or os.path.expanduser("~/.local/state")
    path = Path(home, "mlops-nb", "cache.key")
    with hooks.unheard():
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            temporary = path.with_name(f"{path.name}.{os.getpid()}")
            with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as handle:
                handle.write(os.urandom(32))
            try:
                os.link(temporary, path)  # another process may have been first
            except FileExistsError:
                pass
            finally:
                temporary.unlink()
        return path.read_bytes()
