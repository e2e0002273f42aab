"""The record of a cell: all that it made, written as one thing, and put back where the same is found.

What is written is read again at once, and must come out as it is. What is read is described again before anything is
put in its place, and must be what was written. Only then is it put.
"""

from __future__ import annotations

import importlib
import pickle
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from mlops_nb.cache import changes, pickling
from mlops_nb.cache.heap import Heap, Refused, Token
from mlops_nb.cache.replaying import Shown
from mlops_nb.capture.variables import INPUT, OWN, RESULT


@dataclass
class Made:
    """What a cell made of the names and the objects that it found."""

    values: dict[str, Any]  # of the names that it bound
    deleted: list[str]
    states: dict[int, Any]  # of the objects that it changed in place, by number
    result: Any

    def describe(self, found: Heap) -> tuple[Heap, str]:
        """Return what it made as a heap beside the one that it found, and the digest of it."""
        heap = Heap(found.namespace, found.is_local, found)
        roots: list[Token] = [[name, [heap.ref(value)]] for name, value in self.values.items()]
        roots += [[number, [heap.ref(state)]] for number, state in self.states.items()]
        roots.append([heap.ref(self.result)])
        heap.drain()
        return heap, heap.digest(roots, self.deleted)

    def parts(self) -> tuple[Any, ...]:
        """Return what is pickled."""
        return self.values, self.deleted, self.states, self.result


@dataclass(frozen=True)
class CellRecord:
    """A cell's work, ready to be written or put back."""

    made: Made
    shown: list[Shown]
    random: dict[str, Any]


def made_by(found: Heap, identities: Mapping[str, int], bound: set[str], result: Any) -> Made:
    """Return what a cell made.

    Args:
        found: what it found
        identities: of what names were bound to before
        bound: the names that its syntax binds
        result: what it ended with, or None

    Raises:
        Refused: it changed what cannot be put back in place.
    """
    namespace = found.namespace
    used = {name for name in found.uses if name in namespace}
    again = {name for name in used if not found.knows(namespace[name])}  # a name whose object went may get its address
    values = {
        name: value for name, value in namespace.items()
        if type(name) is str and not _is_shells(name)
        and (identities.get(name) != id(value) or name in bound or name in again)
    }  # fmt: skip
    deleted = [name for name in identities if name not in namespace and not _is_shells(name)]
    states = {number: changes.state(found.object(number)) for number in changes.changed(found)}
    return Made(values, deleted, states, result)


def _is_shells(name: str) -> bool:
    return name in OWN or RESULT.fullmatch(name) is not None or INPUT.fullmatch(name) is not None


def write(record: CellRecord, found: Heap, modules: frozenset[str], room: float) -> tuple[bytes, Heap, float]:
    """Return the bytes of a record, the heap of what is in it and was found, and how long reading it takes.

    Args:
        record: the record
        found: what the cell found
        modules: those that were loaded before it
        room: how many bytes are worth it

    Raises:
        Refused: it is too large, cannot be written, or would not come out as it is.
    """
    made, told = record.made.describe(found)
    if made.hashed > room:
        raise Refused("keeping it would take as long as running it")
    _check_memory(found, made, record.made)
    data = pickling.dumps(record.made.parts(), found)
    began = time.perf_counter()
    if Made(*pickling.loads(data, found)).describe(found)[1] != told:
        raise Refused("a copy of what it made is not the same in every way")
    load = time.perf_counter() - began
    loaded = [name for name, module in list(sys.modules.items()) if name not in modules and type(module) is ModuleType]
    return pickle.dumps((loaded, data, told, record.shown, record.random), 5), made, load


def _check_memory(found: Heap, made: Heap, what: Made) -> None:
    """Make sure that no array which is copied shares its memory with anything; frames copy when they are written to."""
    for holders in made.memory.values():
        fresh = {number for _, number in holders if number >= made.first or number in what.states}
        if fresh and len(holders) > 1 and any(kind == "array" for kind, _ in holders):
            raise Refused("arrays that it made or changed share memory")
    for name, value in what.values.items():
        if id(value) in found.inner:
            raise Refused(f"{name} is a part of a large container")


def read(data: bytes, found: Heap) -> CellRecord:
    """Return a record from its bytes, for a cell that finds the same.

    Raises:
        Refused: it does not come out as what was written.
    """
    loaded, inner, told, shown, random = pickle.loads(data)
    for name in loaded:
        if name not in sys.modules:
            try:
                importlib.import_module(name)
            except Exception as error:
                raise Refused(f"{name}, which it loaded, cannot be imported by itself") from error
    made = Made(*pickling.loads(inner, found))
    for number, state in made.states.items():
        if not changes.fits(found.object(number), state):
            raise Refused("an array that it changes has another shape")
    if made.describe(found)[1] != told:
        raise Refused("what was kept of it does not come out as it was")
    return CellRecord(made, shown, random)


def put(made: Made, found: Heap) -> None:
    """Do again what a cell did to names and objects."""
    for number, state in made.states.items():
        changes.put(found.object(number), state)
    found.namespace.update(made.values)
    for name in made.deleted:
        found.namespace.pop(name, None)
