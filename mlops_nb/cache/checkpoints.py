"""Checkpoints: the values of a kernel at a moment, kept by content, and put back into a later one."""

from __future__ import annotations

import json
import pickle
import time
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from mlops_nb.capture import nodes
from mlops_nb.capture.environments import Environment, environment, environment_id, load
from mlops_nb.errors import NotFound, Untrusted, UsageError
from mlops_nb.ids import canonical_json, digest, new_id
from mlops_nb.project import Project
from mlops_nb.records import Record, moment
from mlops_nb.verbs import verb

SHOWN = 5  # differences of environments that an error names


@dataclass(frozen=True)
class LeftOut(Record):
    """A name that a checkpoint does not hold, and why."""

    name: str
    reason: str


@dataclass(frozen=True)
class Checkpoint(Record):
    """The values of a kernel at a moment, of ``size`` bytes: which names it holds, and which it cannot."""

    id: str
    name: str | None
    created: datetime | None
    size: int
    names: list[str]
    left_out: list[LeftOut]


@verb("checkpoint", records=True)
def checkpoint(project: Project, name: str | None = None) -> Checkpoint:
    """Keep the values of all names of this notebook, and the states of its random generators.

    Args:
        name: what to call it; without one it has its ID

    Raises:
        UsageError: no notebook is recorded in this process, or nothing of it can be saved.
    """
    from mlops_nb.cache import snapshots
    from mlops_nb.cache.settings import random_states

    session = _session("checkpoint")
    try:
        values, names, left_out = snapshots.dumps(project, session.shell.user_ns)
    except snapshots.NotSaved as why:
        raise UsageError(f"nothing can be saved: {why} - delete the names that hold it") from None
    session.frames[0].reads |= {*names}
    data = pickle.dumps((values, random_states()), 5)
    store, public = project.store, new_id()
    with store.write():
        number = nodes.add_node(store, "checkpoint", name or public, public=public)
        store.execute(
            "INSERT INTO checkpoint (id, name, content, signature, size, names, left_out, environment, run, created_at)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            number, name, project.content.put(data), _signature(data), len(data), canonical_json(names),
            canonical_json(left_out), environment_id(store), project.run, time.time(),
        )  # fmt: skip
        nodes.was_written(project, number, f"checkpoint:{public}")
    return _load(project, number)


@verb("restore", records=True)
def restore(project: Project, checkpoint: str, *, any_environment: bool = False) -> Checkpoint:
    """Put the values of a checkpoint back into this notebook; other names stay as they are.

    Args:
        checkpoint: its name, its ID or a prefix of that; of several with one name, the latest
        any_environment: also where other packages are installed than when it was made

    Raises:
        NotFound: there is no such checkpoint.
        UsageError: the environment is another, or the values cannot be loaded in it; nothing was changed.
        Untrusted: it was not made by this user here.
    """
    from mlops_nb.cache import snapshots
    from mlops_nb.cache.settings import set_random

    session = _session("restore")
    row = _find(project, checkpoint)
    _check_environment(load(project.store, row["environment"]), checkpoint, any_environment)
    data = project.content.get(row["content"])
    if _signature(data) != row["signature"]:
        raise Untrusted(
            f"checkpoint {checkpoint!r} was not made by this user - a checkpoint is code, and is not loaded"
        )
    namespace: dict[str, Any] = session.shell.user_ns
    try:
        values, states = pickle.loads(data)
        found = snapshots.loads(values, namespace)
    except Exception as error:  # what the values' own code raises
        raise UsageError(
            f"checkpoint {checkpoint!r} cannot be loaded here ({type(error).__name__}: {error}) - nothing was changed"
        ) from error
    session.frames[0].binds |= found.keys()
    namespace.update(found)
    set_random(states)
    nodes.was_read(project, row["id"], f"checkpoint:{row['public']}")
    return _load(project, row["id"])


@verb("checkpoints")
def checkpoints(project: Project, *, limit: int = 20) -> list[Checkpoint]:
    """List the checkpoints, newest first.

    Args:
        limit: at most so many
    """
    rows = project.store.rows("SELECT id FROM checkpoint ORDER BY id DESC LIMIT ?", limit)
    return [_load(project, row["id"]) for row in rows]


def _session(what: str) -> Any:
    from mlops_nb.capture import session as sessions  # the command line has no use for it

    session = sessions.current()
    if session is None or not session.frames:
        raise UsageError(f"no notebook is recorded here - use %mlops {what} in one, after %load_ext mlops_nb")
    return session


def _signature(data: bytes) -> str:
    from mlops_nb.cache.entries import sign

    return sign(f"checkpoint {digest(data)}")


def _find(project: Project, text: str) -> Any:
    select = "SELECT checkpoint.*, node.public FROM checkpoint JOIN node USING (id)"
    row = project.store.row(f"{select} WHERE checkpoint.name = ? ORDER BY checkpoint.id DESC LIMIT 1", text)
    if row is None:
        rows = project.store.rows(f"{select} WHERE public >= ? AND public < ?", text, f"{text}g")
        if len(rows) != 1 or not text:
            known = [
                row["name"] or row["public"] for row in project.store.rows(f"{select} ORDER BY checkpoint.id DESC")
            ]
            raise NotFound.naming("checkpoint", text, known, "make one with %mlops checkpoint")
        row = rows[0]
    return row


def _check_environment(then: Environment | None, name: str, any_environment: bool) -> None:
    now = environment()
    if then is None or then.hash == now.hash:
        return
    if then.python != now.python:
        raise UsageError(
            f"checkpoint {name!r} was made with {then.python}, this is {now.python} - use a kernel of that"
        )
    if not any_environment:
        changed = [f"{package} {old or 'none'} -> {new or 'none'}"
                   for package, (old, new) in then.changes_to(now).items()]  # fmt: skip
        told = ", ".join(changed[:SHOWN]) + (f" and {len(changed) - SHOWN} more" if len(changed) > SHOWN else "")
        raise UsageError(
            f"checkpoint {name!r} was made in another environment ({told or then.platform}) - its values may not work"
            " here; --any-environment restores it all the same"
        )


def _load(project: Project, number: int) -> Checkpoint:
    row = project.store.rows(
        "SELECT checkpoint.*, node.public FROM checkpoint JOIN node USING (id) WHERE id = ?", number
    )[0]
    left = [LeftOut(name, reason) for name, reason in json.loads(row["left_out"]).items()]
    return Checkpoint(
        row["public"], row["name"], moment(row["created_at"]), row["size"], json.loads(row["names"]), left
    )
