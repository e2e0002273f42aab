"""Checkpoints: the values of a notebook's names, kept in the project and brought back into a kernel.

A checkpoint is a node that the cell made which took it, from all that this cell could see; what a checkpoint brings
back is made by the cell that restores it, from the checkpoint. So lineage leads from a restored value to where it came
from, and a slice says that nothing is replayed through a checkpoint.

A pickle runs code when it is loaded. The only pickles that are loaded are those in the project's own store, by their
hash.
"""

from __future__ import annotations

import functools
import re
import sys
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops_nb import hooks
from mlops_nb.capture import environments, nodes
from mlops_nb.capture.dataflow import Names
from mlops_nb.capture.interrupts import Interrupts
from mlops_nb.capture.observers import OBSERVERS, Seen
from mlops_nb.errors import CheckFailed, NotFound, UsageError
from mlops_nb.lineage.references import resolve
from mlops_nb.project import Project
from mlops_nb.records import Record, moment
from mlops_nb.store.db import Store
from mlops_nb.verbs import verb

if TYPE_CHECKING:
    from mlops_nb.checkpoints.saving import Saved

NAME = re.compile(r"\w[\w.-]*")
LIMIT = 1024.0  # MB of one value
SHOWN = 5  # packages that an error names

_held: dict[int, tuple[int, frozenset[str]]] = {}  # by the cell that is running: its checkpoint, and the names in it


@dataclass(frozen=True)
class Checkpoint(Record):
    """What was kept of a kernel: its names, and those that could not be kept with the reason."""

    id: str
    name: str
    created: datetime | None
    bytes: int
    names: list[str]
    left_out: dict[str, str]


@dataclass(frozen=True)
class RestoredState(Record):
    """What a checkpoint brought back, which names were removed, and those it did not hold, with the reason."""

    id: str
    name: str
    restored: list[str]
    removed: list[str]
    left_out: dict[str, str]


def _session(project: Project, verb: str) -> Any:
    """Return the session of the notebook in which a cell runs here.

    Outside of a cell nobody would see what a checkpoint holds, and what names become.

    Raises:
        UsageError: there is none.
    """
    sessions = sys.modules.get("mlops_nb.capture.session")
    session = None if sessions is None else sessions.current()
    if session is None or session.project is not project or not (session.paused or project.execution):
        raise UsageError(f"{verb} works on the kernel of a notebook - type %mlops {verb} in a cell of it")
    return session


@verb("checkpoint", records=True)
def checkpoint(project: Project, name: str = "checkpoint", *, limit: float = LIMIT) -> Checkpoint:
    """Keep the values of the notebook's names, with what they share, to bring them back into this or another kernel.

    Args:
        name: what to call it; the same name again is a newer checkpoint of that name
        limit: leave out a value that takes more than so many MB

    Raises:
        UsageError: no notebook runs here, or it is not a name.
        CheckFailed: the values cannot be kept together, or not be loaded in a fresh Python.
        StoreFull: the disk is full.
    """
    from mlops_nb.checkpoints import pickles, saving, surroundings

    session = _session(project, "checkpoint")
    if not NAME.fullmatch(name):
        raise UsageError(f"{name!r} cannot be the name of a checkpoint - use letters, digits, - and _")
    shell = session.shell
    with hooks.unheard(), tempfile.TemporaryDirectory(dir=project.home, prefix="checkpoint-") as folder:
        own = pickles.own_objects(session.modules)
        around = surroundings.look(project)
        saved = saving.Saving(shell.user_ns, around, own, int(limit * (1 << 20)), Path(folder)).save(
            saving.names_of(shell)
        )
        content = project.content.put_file(saved.path)
        number = _record(project, name, content, saved)
    if project.execution is not None:
        session.tell(Names(copies={*saved.names}, calls={"getstate"}))
        _held[project.execution] = (number, frozenset(saved.names))
        if _hold not in OBSERVERS:
            OBSERVERS.append(_hold)
    return _load(project, number)


def _record(project: Project, name: str, content: tuple[str, int], saved: Saved) -> int:
    with project.store.write() as store:
        number = nodes.add_node(store, "checkpoint", name)
        address, size = project.content.put_file(saved.path, content)
        store.execute(
            "INSERT INTO checkpoint (id, name, content, bytes, environment, run, created_at)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            number, name, address, size, environments.environment_id(store), project.run, time.time(),
        )  # fmt: skip
        names = {**dict.fromkeys(saved.names), **saved.left_out}
        store.execute_many(
            "INSERT INTO checkpoint_name (checkpoint, name, reason) VALUES (?, ?, ?)",
            [(number, name, reason) for name, reason in names.items()],
        )
        nodes.was_written(project, number, f"checkpoint:{name}")
    return number


def _hold(seen: Seen) -> None:
    """Join a checkpoint to the versions that it holds; of a name that the same cell made anew, to both."""
    number, names = _held.pop(seen.execution, (0, frozenset()))
    held = {table[name] for table in (seen.read, seen.made) for name in names if name in table}
    if held:
        seen.project.store.defer(functools.partial(_join, seen.project.store, number, held))


def _join(store: Store, number: int, held: Iterable[int]) -> None:
    for version in held:
        nodes.add_edge(store, version, number, "holds")


@verb("restore", records=True)
def restore(project: Project, checkpoint: str, *, keep: bool = False, force: bool = False) -> RestoredState:
    """Bring back the names of a checkpoint as they were; names that did not exist then are removed.

    Args:
        checkpoint: its name, of which the newest is meant, or its ID
        keep: leave the names that did not exist then
        force: also where the environment is another, or the working folder is gone

    Raises:
        UsageError: no notebook runs here.
        NotFound: there is no such checkpoint, or the working folder is gone.
        CheckFailed: the environment is another, or the values cannot be loaded; nothing has been changed.
        StoreCorrupt: what was kept is missing or damaged.
    """
    from mlops_nb.checkpoints import saving, surroundings

    session = _session(project, "restore")
    number = _find(project, checkpoint)
    found, namespace = _load(project, number), session.shell.user_ns
    if not force:
        _check_environment(project, number, found)
    state = _state(project, number, found, namespace)
    if force and not (project.root / state["folder"]).is_dir():
        state["folder"] = Path.cwd()
    surround, values = surroundings.ready(project, state), state["values"]
    removed = sorted(saving.names_of(session.shell).keys() - values.keys() - found.left_out.keys()) if not keep else []
    _doubt(project, number, found)  # before anything is bound, so that nothing restored is ever taken for clean
    session.tell(Names(binds={*values}, rebinds={*values}, deletes={*removed}))
    interrupts = Interrupts()
    before = interrupts.hold()
    try:
        surround()
        namespace.update(values)
        for name in removed:
            namespace.pop(name, None)
    finally:
        interrupts.release(before)
    return RestoredState(found.id, found.name, sorted(values), removed, found.left_out)


def _state(project: Project, number: int, found: Checkpoint, namespace: dict[str, Any]) -> dict[str, Any]:
    """Load what was kept, for a namespace that is not touched."""
    from mlops_nb.checkpoints import pickles

    with hooks.unheard():
        data = project.content.get(project.store.value("SELECT content FROM checkpoint WHERE id = ?", number))
    try:
        state: dict[str, Any] = pickles.load(data, namespace)
    except Exception as error:  # whatever the user's classes raise
        raise CheckFailed(
            f"checkpoint {found.name!r} cannot be loaded here: {type(error).__name__}: {error} - nothing was changed"
        ) from error
    return state


def _find(project: Project, text: str) -> int:
    """Return the row ID of a checkpoint by its name or ID."""
    try:
        return resolve(project, f"checkpoint:{text.removeprefix('checkpoint:')}")
    except NotFound as error:
        rows = project.store.rows(
            "SELECT checkpoint.id FROM checkpoint JOIN node USING (id) WHERE public >= ? AND public < ? LIMIT 2",
            text, f"{text}g",
        )  # fmt: skip
        if len(rows) != 1 or len(text) < 4:
            raise error from None
        return int(rows[0]["id"])


def _check_environment(project: Project, number: int, found: Checkpoint) -> None:
    kept = environments.load(
        project.store, project.store.value("SELECT environment FROM checkpoint WHERE id = ?", number)
    )
    here = environments.environment()
    if kept is None or kept.hash == here.hash:
        return
    changes = [f"{name} {old or 'none'} → {new or 'none'}" for name, (old, new) in kept.changes_to(here).items()]
    both = ((kept.python, here.python), (kept.platform, here.platform))
    changes = [f"{old} → {new}" for old, new in both if old != new] + changes
    more = f", and {len(changes) - SHOWN} more" if len(changes) > SHOWN else ""
    raise CheckFailed(
        f"checkpoint {found.name!r} was made in another environment: {', '.join(changes[:SHOWN])}{more} -"
        " restore it there, or use --force"
    )


def _doubt(project: Project, number: int, found: Checkpoint) -> None:
    nodes.was_read(project, number, f"checkpoint:{found.name}")
    if project.execution is not None:
        with project.store.write() as store:
            why = f"it restored values from checkpoint {found.name!r} ({found.id}), through which nothing is replayed"
            nodes.add_doubt(store, project.execution, why)


@verb("checkpoints")
def checkpoints(project: Project) -> list[Checkpoint]:
    """List the checkpoints of the project, newest first."""
    return [_load(project, row["id"]) for row in project.store.rows("SELECT id FROM checkpoint ORDER BY id DESC")]


def _load(project: Project, number: int) -> Checkpoint:
    row = project.store.rows("SELECT * FROM checkpoint JOIN node USING (id) WHERE id = ?", number)[0]
    names = project.store.rows("SELECT name, reason FROM checkpoint_name WHERE checkpoint = ? ORDER BY name", number)
    return Checkpoint(
        id=row["public"], name=row["name"], created=moment(row["created_at"]), bytes=row["bytes"],
        names=[row["name"] for row in names if row["reason"] is None],
        left_out={row["name"]: row["reason"] for row in names if row["reason"] is not None},
    )  # fmt: skip
