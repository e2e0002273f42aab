"""Proving the store, and collecting what nothing in it refers to."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mlops_nb.project import Project
from mlops_nb.records import Record
from mlops_nb.store import audit
from mlops_nb.store.db import Store
from mlops_nb.verbs import verb


@dataclass(frozen=True)
class Proof(Record):
    """Whether the store is whole, and every problem found."""

    ok: bool
    problems: list[str]

    @property
    def exit_code(self) -> int:
        """0 if the store is whole, else 1."""
        return 0 if self.ok else 1


@verb("fsck")
def fsck(project: Project) -> Proof:
    """Prove the store: the database, every foreign key, every hash and the audit chain.

    Ends with exit code 1 when anything is wrong.
    """
    store = project.store
    problems: list[str] = []
    for row in store.rows("PRAGMA integrity_check"):
        if row[0] != "ok":
            problems.append(f"database: {row[0]}")
    for row in store.rows("PRAGMA foreign_key_check"):
        problems.append(f"row {row['rowid']} of {row['table']} points at a {row['parent']} that does not exist")
    problems.extend(project.content.problems())
    problems.extend(audit.problems(store))
    return Proof(ok=not problems, problems=problems)


@dataclass(frozen=True)
class Collected(Record):
    """What nothing refers to any more."""

    items: int
    bytes: int
    removed: bool


@verb("gc", job=True)
def gc(project: Project, *, dry_run: bool = False) -> Collected:
    """Remove content that nothing refers to.

    Args:
        dry_run: only say what would go
    """
    store = project.store
    with store.write():
        garbage = project.content.unreferenced(referenced(store))
        found = Collected(len(garbage), sum(size for _, size, _ in garbage), removed=not dry_run)
        if not dry_run:
            store.execute_many("DELETE FROM content WHERE hash = ?", [(address,) for address, _, _ in garbage])
            audit.append(store, project.actor, "gc", "content", {"items": found.items, "bytes": found.bytes})
    if not dry_run:
        _remove(store, [(address, path) for address, _, path in garbage if path is not None])
    return found


def _remove(store: Store, files: list[tuple[str, Path]]) -> None:
    """Remove files whose rows are gone, unless somebody has entered the same content again meanwhile."""
    with store.write():
        for address, path in files:
            if store.value("SELECT 1 FROM content WHERE hash = ?", address) is None:
                path.unlink(missing_ok=True)


def referenced(store: Store) -> set[str]:
    """Return every content address that some row points at, read off the schema's foreign keys."""
    found: set[str] = set()
    tables = [row[0] for row in store.rows("SELECT name FROM sqlite_master WHERE type = 'table'")]
    for table in tables:
        for key in store.rows(f"PRAGMA foreign_key_list({table})"):
            if key["table"] == "content":
                column = key["from"]
                found |= {row[0] for row in store.rows(f"SELECT {column} FROM {table} WHERE {column} NOT NULL")}
    found |= {row[0] for row in store.rows("SELECT hash FROM artifact WHERE stored = 1")}
    return found
