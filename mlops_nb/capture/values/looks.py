"""A walk over everything that can be reached from a value, and the look that comes of it.

What is done with a thing of each kind is registered by ``handles``: built-in containers, code and objects in
``shapes``, arrays and frames in ``tables``.
"""

from __future__ import annotations

import dis
import marshal
import types
import weakref
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from xxhash import xxh3_128

from mlops_nb.capture.dataflow import SEEDING
from mlops_nb.capture.values.kinds import ATOM_IDS, HEAP, kind_of, module_of, of_type

NODES = 20_000  # objects that a look visits
HASHED = 256 << 20  # bytes of memory that it hashes
ENTRIES = 1 << 19  # entries of containers that it goes through
LONG = 1 << 16  # bytes or characters from which a text is told by its hash
TEXTS = frozenset({str, bytes})
TEXT_IDS = frozenset(map(id, TEXTS))
EVERYTHING = "*"  # among the names that a function uses: it may use any
SEEDS = "(seed)"  # the same: it may set a random state, and so hide that it has drawn from it before
SEES_ALL = frozenset({"exec", "eval", "globals", "locals", "f_globals", "f_back"})
GLOBAL = frozenset({"LOAD_GLOBAL", "LOAD_NAME", "STORE_GLOBAL", "DELETE_GLOBAL", "STORE_NAME"})


@dataclass(frozen=True, slots=True)
class Look:
    """What was seen of a value; two looks with equal prints saw the same."""

    print: bytes | None  # None: it cannot be compared
    reach: frozenset[int] = frozenset()  # identities of what can change, itself included
    globals: frozenset[str] = frozenset()  # names that its functions use, of the notebook's namespace
    doubt: str | None = None  # why nobody can say what it is
    pins: tuple[Any, ...] = ()  # what keeps the addresses of its blocks from being given out again


NOTHING = Look(b"")


class TooLarge(Exception):
    """A value is too large to be looked at within the time that nobody feels."""


Handler = Callable[["Walk", Any, type], None]
HANDLERS: dict[str, Handler] = {}


def kinds_of(items: Iterable[Any]) -> set[int]:
    """Return the types of things, by identity."""
    return {*map(id, map(type, items))}


def handles(kind: str) -> Callable[[Handler], Handler]:
    """Register what is done with things of a kind."""

    def register(handler: Handler) -> Handler:
        HANDLERS[kind] = handler
        return handler

    return register


class Walk:
    """One pass over everything that can be reached from a value."""

    def __init__(self, namespace: dict[str, Any], is_local: Callable[[str], bool]) -> None:
        self.namespace = namespace
        self.is_local = is_local
        self.tokens: list[Any] = []
        self.seen: dict[int, int] = {}
        self.reach: set[int] = set()
        self.globals: set[str] = set()
        self.pins: list[Any] = []
        self.doubt: str | None = None
        self.blind = False
        self.hashed = 0
        self.entries = 0
        self.stack: list[Any] = []
        self.kept: list[Any] = []  # temporary objects, so that no identity comes twice in one look

    def result(self) -> Look:
        """Return what was seen."""
        print_ = None if self.blind else xxh3_128(marshal.dumps(self.tokens, 2)).digest()
        return Look(print_, frozenset(self.reach), frozenset(self.globals), self.doubt, tuple(self.pins))

    def over(self, value: Any) -> None:
        """Visit a value and everything that can be reached from it."""
        self.stack.append(value)
        tokens, stack, seen = self.tokens, self.stack, self.seen
        while stack:
            value = stack.pop()
            kind = type(value)
            if id(kind) in ATOM_IDS:
                if kind in TEXTS and len(value) > LONG:
                    self.hash(value)
                else:
                    tokens.append(value)
                continue
            number = seen.get(id(value))
            if number is not None:
                tokens.append((number,))
                continue
            seen[id(value)] = len(seen)
            if len(seen) > NODES:
                raise TooLarge
            HANDLERS[kind_of(kind).partition(":")[0]](self, value, kind)

    def push(self, values: Iterable[Any]) -> None:
        """Visit values next, in their order."""
        self.stack.extend(reversed(list(values)))

    def mark(self, value: Any, kind: type) -> None:
        """Note a thing that can change: who it is matters, as another name may lead to it."""
        self.reach.add(id(value))
        self.tokens.append(id(value))
        self.note_type(kind)

    def note_type(self, kind: type) -> None:
        """Note the type of an instance."""
        self.tokens.append(id(kind))
        if of_type(kind, "__flags__") & HEAP and self.is_local(module_of(kind)):
            self.stack.append(kind)  # its methods use names, and its attributes can change

    def hash(self, data: Any) -> None:
        """Take bytes by their hash.

        Raises:
            TooLarge: more has been hashed than anybody waits for.
        """
        size = data.nbytes if type(data) is memoryview else len(data)
        self.room(size)
        self.hashed += size
        # Python keeps the hash of a text with it
        self.tokens.append((len(data), hash(data)) if type(data) is str else xxh3_128(data).digest())

    def room(self, size: int) -> None:
        """Make sure, before so many bytes are copied or hashed, that they are not too many.

        Raises:
            TooLarge: with what has been hashed already, they are.
        """
        if self.hashed + size > HASHED:
            raise TooLarge

    def count(self, entries: int) -> None:
        """Make sure, before so many entries are gone through, that they are not too many.

        Raises:
            TooLarge: with those before them, they are.
        """
        self.entries += entries
        if self.entries > ENTRIES:
            raise TooLarge

    def unseen(self, value: Any, why: str | None = None) -> None:
        """Note a thing that cannot be looked into; ``why`` is a doubt about it, where there is one."""
        self.reach.add(id(value))
        self.blind = True
        self.doubt = self.doubt or why

    def use_names(self, code: types.CodeType) -> None:
        """Note the globals that code uses."""
        self.globals |= global_names(code)


_names: weakref.WeakKeyDictionary[types.CodeType, frozenset[str]] = weakref.WeakKeyDictionary()


def global_names(code: types.CodeType) -> frozenset[str]:
    """Return the global names that code and the functions in it use, and the signs of what else they may do."""
    known = _names.get(code)
    if known is None:
        found = {str(step.argval) for step in dis.get_instructions(code) if step.opname in GLOBAL}
        if SEES_ALL & {*code.co_names} or {*code.co_names} >= {"sys", "modules"} or "__main__" in code.co_consts:
            found.add(EVERYTHING)
        if SEEDING & {*code.co_names}:
            found.add(SEEDS)
        inner = (const for const in code.co_consts if type(const) is types.CodeType)
        _names[code] = known = frozenset(found).union(*map(global_names, inner))
    return known
