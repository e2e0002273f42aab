"""A heap: everything that can be reached from some names, numbered, and described without an address in it.

Two kernels whose heaps have one digest hold the same values, shared in the same way: what happens to the one by code
that is left to no chance happens to the other. So a heap is both the key of a cell's inputs and a map of them: object
7 of this kernel is object 7 of the other, and what a cell did can be said as what became of object 7.

Nothing of a user's class is called for it. What cannot be described whole (a generator, an open file, a lock, memory of
a GPU, a figure) is refused, never left out. The describing itself is in ``describing``, ``code`` and ``memory``.
"""

from __future__ import annotations

import builtins
import io
import marshal
import weakref
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from xxhash import xxh3_128

from mlops_nb.capture.values.kinds import ATOM_IDS, kind_of
from mlops_nb.capture.values.looks import EVERYTHING, SEEDS
from mlops_nb.ids import digest

OBJECTS = 20_000  # that a heap describes
BYTES = 1 << 30  # of memory that it hashes
LONG = 1 << 12  # characters from which a text is told by its hash
Token = Any  # what ``marshal`` writes the same in every process: atoms, tuples and lists of tokens


class Refused(Exception):
    """Why a cell is run rather than kept or restored, in words."""


Describe = Callable[["Heap", Any, type], list[Token]]
#: By kind of a thing: how it is described, with what it holds as references.
DESCRIBING: dict[str, Describe] = {}


def describes(*kinds: str) -> Callable[[Describe], Describe]:
    """Register how things of some kinds are described."""

    def register(describe: Describe) -> Describe:
        DESCRIBING.update(dict.fromkeys(kinds, describe))
        return describe

    return register


class Heap:
    """Everything that can be reached from some names of a notebook."""

    def __init__(self, namespace: dict[str, Any], is_local: Callable[[str], bool], before: Heap | None = None) -> None:
        """Make an empty heap.

        Args:
            namespace: the notebook's
            is_local: whether a module, by its name, is the user's own
            before: a heap whose objects are known: they have their numbers, and are not described again
        """
        self.namespace = namespace
        self.is_local = is_local
        self.numbers: dict[int, int] = dict(before.numbers) if before else {}  # by identity
        self.objects: list[Any] = list(before.objects) if before else []  # arrays by weak reference
        self.tokens: list[list[Token]] = []  # of the objects from ``first`` on
        self.first = len(self.objects)
        self.inner: dict[int, int] = dict(before.inner) if before else {}  # taken whole with a container: its number
        self.memory: dict[int, set[tuple[str, int]]] = {}  # by address: what kind of object has it, and its number
        self.owners: dict[int, int] = {}  # the same, numbered
        self.starts: dict[int, int] = {}  # the address that places in a piece of memory are counted from
        self.uses: list[str] = []  # names that functions use when they are called
        self.codes: list[Any] = []  # of the user's functions
        self.classes: list[type] = []  # the user's
        self.modules: list[Any] = []  # of libraries
        self.by_hash = False  # whether the order of something comes of the hashes of texts, which differ by process
        self.hashed = 0
        self.kept: list[Any] = []  # temporary objects, so that no identity comes twice
        self.parts: dict[str, str] = {}  # by name: what stands for it and what was reached first through it
        if before is not None:
            self.memory = {address: set(known) for address, known in before.memory.items()}
            self.owners, self.starts = dict(before.owners), dict(before.starts)

    # -- taking things in -------------------------------------------------------------------------------------

    def take(self, names: Iterable[str]) -> list[Token]:
        """Take in names and all that is reached from them, functions' globals included; return what each is.

        Raises:
            Refused: something there cannot be described.
        """
        roots: list[Token] = []
        self.uses.extend(names)
        known: set[str] = set()
        position = 0
        while position < len(self.uses):
            name = self.uses[position]
            position += 1
            if name in known or name == SEEDS:
                continue
            known.add(name)
            if name == EVERYTHING:
                raise Refused("it may use any name")
            before = len(self.tokens)
            roots.append([name, self._root(name)])
            self.drain()
            self.parts[name] = digest(marshal.dumps([roots[-1], self.tokens[before:]], 2))[:16]
        return roots

    def _root(self, name: str) -> Token:
        if name == "open" and getattr(self.namespace.get(name), "__wrapped__", None) is io.open:
            return "builtin"  # IPython's own, which only keeps the standard streams from being opened
        if name in self.namespace:
            return [self.ref(self.namespace[name])]
        return "builtin" if hasattr(builtins, name) else "absent"

    def ref(self, value: Any) -> Token:
        """Return what stands for a value where another holds it: itself, or its number."""
        kind = type(value)
        if id(kind) in ATOM_IDS:
            if kind is str and len(value) > LONG:
                return ("text", len(value), self.hash(value.encode("utf-8", "surrogatepass")))
            if kind is bytes and len(value) > LONG:
                return ("bytes", len(value), self.hash(value))
            if value is ...:
                return ("ellipsis",)
            return value
        number = self.numbers.get(id(value))
        if number is None or self.object(number) is not value:  # an array that is gone may have left its identity
            if id(value) in self.inner:
                raise Refused("a part of a large container is reached on its own too")
            if len(self.objects) - self.first >= OBJECTS:
                raise Refused(f"more than {OBJECTS:,} objects are to be looked at")
            number = self.numbers[id(value)] = len(self.objects)
            self.objects.append(_held(value))
        return (number,)

    def drain(self) -> None:
        """Describe every object that has a number and no description yet."""
        while self.first + len(self.tokens) < len(self.objects):
            number = self.first + len(self.tokens)
            self.tokens.append(self.describe(self.object(number), number))

    def describe(self, value: Any, number: int) -> list[Token]:
        """Return an object as it is now, what it holds by reference.

        Raises:
            Refused: it cannot be described.
        """
        kind = type(value)
        self.number = number
        name, _, why = kind_of(kind).partition(":")
        describe = DESCRIBING.get(name)
        if describe is None:
            raise Refused(f"{why or 'a ' + kind.__module__ + '.' + kind.__name__} cannot be kept")
        return describe(self, value, kind)

    def object(self, number: int) -> Any:
        """Return an object by its number; None if it is gone."""
        held = self.objects[number]
        return held() if type(held) is weakref.ref else held

    def all(self) -> Iterator[Any]:
        """Return the objects, those that are gone left out."""
        found = map(self.object, range(len(self.objects)))
        return (value for value in found if value is not None)

    def knows(self, value: Any) -> bool:
        """Whether a value is one of the numbered objects."""
        number = self.numbers.get(id(value))
        return number is not None and self.object(number) is value

    # -- hashing ----------------------------------------------------------------------------------------------

    def hash(self, data: Any) -> bytes:
        """Return the hash of bytes.

        Raises:
            Refused: more has been hashed than anybody waits for.
        """
        self.hashed += data.nbytes if type(data) is memoryview else len(data)
        if self.hashed > BYTES:
            raise Refused(f"more than {BYTES >> 20} MiB are to be looked at")
        return xxh3_128(data).digest()

    def owner(self, address: int, kind: str) -> int | None:
        """Note that the object described now has a piece of memory; return the number of that, unless it is a frame's.

        Frames that share memory copy it before they write to it, so that they do means nothing.
        """
        self.memory.setdefault(address, set()).add((kind, self.number))
        return None if kind == "frame" else self.owners.setdefault(address, len(self.owners))

    def digest(self, *more: Token) -> str:
        """Return what is the same only where all of the heap, and what more is given, is the same."""
        shared = [sorted(holders) for holders in self.memory.values() if {kind for kind, _ in holders} > {"frame"}]
        return digest(marshal.dumps([self.tokens, sorted(shared), *more], 2))


def _held(value: Any) -> Any:
    """Hold an object so that its identity stays its own; an array may not be resized while it is held."""
    if kind_of(type(value)) == "array":
        return weakref.ref(value)
    return value
