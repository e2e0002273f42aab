"""Shared objects: the versions that one change in place made of several names, for one object or one inside another.

After ``v = t`` and ``v["b"] = 1``, both names have a new version, and neither comes from the other: what reads ``t``
next depends on what ``v`` is all the same. That they share something is not recorded; it is known of versions which one
cell changed, of names with a common past, if the cell used only one of the two, or one was made from the other.
"""

from __future__ import annotations

from mlops_nb.store.db import LATEST, Store


def sharing(store: Store, node: int, before: int = LATEST) -> list[int]:
    """Return the row IDs of the versions of other names that were changed together with a version."""
    rows = store.rows(
        """
        SELECT other.target AS node, mine.source AS old, other.source AS old_other, wrote.source AS cell
        FROM edge AS mine
        JOIN edge AS wrote ON wrote.target = mine.target AND wrote.kind = 'wrote'
        JOIN edge AS wrote_too ON wrote_too.source = wrote.source AND wrote_too.kind = 'wrote'
        JOIN edge AS other ON other.target = wrote_too.target AND other.kind = 'became'
        WHERE mine.target = ? AND mine.kind = 'became' AND other.target <> mine.target AND other.target < ?
        """,
        node, before,
    )  # fmt: skip
    return [row["node"] for row in rows if _share(store, row["old"], row["old_other"], row["cell"])]


def _share(store: Store, one: int, other: int, cell: int) -> bool:
    """Whether two versions are of one object, as far as the cell that changed both tells."""
    pasts = _past(store, one), _past(store, other)
    if one in pasts[1] or other in pasts[0]:
        return True
    used = store.value(
        "SELECT count(*) FROM edge WHERE target = ? AND kind = 'read' AND source IN (?, ?)", cell, one, other
    )
    return used < 2 and not pasts[0].isdisjoint(pasts[1])


def _past(store: Store, version: int) -> set[int]:
    """Return the versions of variables that a version comes from, itself included."""
    rows = store.rows(
        "WITH RECURSIVE past (id) AS (SELECT ? UNION SELECT edge.source FROM edge JOIN past ON edge.target = past.id)"
        " SELECT past.id FROM past JOIN node ON node.id = past.id WHERE node.kind IN ('variable', 'result')",
        version,
    )
    return {row["id"] for row in rows}
