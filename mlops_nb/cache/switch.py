"""``%mlops cache``: switch the cell cache of this notebook on and off, and see what it did."""

from __future__ import annotations

from dataclasses import dataclass

from mlops_nb.cache import entries
from mlops_nb.cache.cellcache import CellCache
from mlops_nb.capture import session as sessions
from mlops_nb.errors import UsageError
from mlops_nb.project import Project
from mlops_nb.records import Record
from mlops_nb.verbs import verb


@dataclass(frozen=True)
class CachedCell(Record):
    """What the cache did about one cell: restored from an earlier execution, or run, and why.

    ``deciding`` is in seconds of the processor, ``saved`` in seconds.
    """

    count: int | None
    cell: str | None
    execution: str
    restored_from: str | None
    reason: str
    deciding: float
    saved: float


@dataclass(frozen=True)
class CellCacheState(Record):
    """Whether the cache is on in this process, what it holds in bytes, and the cells of the last run that it saw."""

    on: bool
    entries: int
    size: int
    limit: int
    restored: int
    saved: float
    cells: list[CachedCell]


_cache: CellCache | None = None


@verb("cache")
def cache(project: Project, switch: str | None = None) -> CellCacheState:
    """Show what the cell cache did, or switch it on or off in this notebook.

    Args:
        switch: on, off, or nothing to look only

    Raises:
        UsageError: it is neither, or no notebook is recorded in this process.
    """
    global _cache
    if switch not in (None, "on", "off"):
        raise UsageError(f"cache is switched on or off, not {switch!r} - without a word it shows what was done")
    session = sessions.current()
    if switch is not None and session is None:
        raise UsageError("no notebook is recorded here - use %mlops cache on in one, after %load_ext mlops_nb")
    if _cache is not None and (switch == "off" or _cache.session is not session):
        stop()
    if switch == "on" and _cache is None:
        started = CellCache(session)
        started.attach()
        _cache = started
    return _state(project)


def stop() -> None:
    """Switch the cache off, if it is on."""
    global _cache
    if _cache is not None:
        ending, _cache = _cache, None
        ending.detach()


def _state(project: Project) -> CellCacheState:
    store = project.store
    rows = store.rows(
        "SELECT execution.count, execution.cell, node.public, before.public AS original, cached.* FROM cached"
        " JOIN execution ON execution.id = cached.execution JOIN node ON node.id = cached.execution"
        " LEFT JOIN node AS before ON before.id = cached.original WHERE execution.run ="
        " (SELECT run FROM execution JOIN cached ON cached.execution = execution.id ORDER BY execution.id DESC LIMIT 1)"
        " ORDER BY cached.execution"
    )
    cells = [
        CachedCell(row["count"], row["cell"], row["public"], row["original"], row["reason"], row["deciding"],
                   row["saved"])
        for row in rows
    ]  # fmt: skip
    held = store.rows("SELECT count(*), coalesce(sum(size), 0) FROM kept_cell")[0]
    return CellCacheState(
        on=_cache is not None, entries=held[0], size=held[1], limit=int(1e9 * entries.setting(project, "size_gb")),
        restored=sum(cell.restored_from is not None for cell in cells), saved=sum(cell.saved for cell in cells),
        cells=cells,
    )  # fmt: skip
