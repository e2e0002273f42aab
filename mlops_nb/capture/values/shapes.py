"""How a walk takes built-in containers, code and objects: past every method that a user could have written."""

from __future__ import annotations

import collections
import functools
import gc
import io
import logging
import marshal
import pickle
import sys
import types
from collections.abc import Callable, Iterable, Set
from typing import Any

from xxhash import xxh3_128

from mlops_nb.capture.values.kinds import ATOM_IDS, FROZEN, HEAP, attributes, kind_of, module_of, of_type
from mlops_nb.capture.values.looks import (
    EVERYTHING,
    HASHED,
    NODES,
    TEXT_IDS,
    TooLarge,
    Walk,
    global_names,
    handles,
    kinds_of,
)

MANY = 64  # entries from which a container of containers is taken at once
CONTAINERS = frozenset(map(id, (list, dict, tuple, set, frozenset)))
SORTED = ({id(int)}, {id(str)}, {id(bytes)})
PLAIN = frozenset({"list", "dict", "set", "array", "function"})  # what is looked at also where an extension holds it
_CACHE = type(functools.lru_cache(len))
#: What a class keeps for Python's own use.
CACHES = frozenset({"__dict__", "__weakref__", "_abc_impl", "__module__", "__doc__"}) | {
    "__annotations_cache__", "__slotnames__",
}  # fmt: skip
#: What leads from a logger to every other one, and what it keeps for itself.
TREE = frozenset({"parent", "manager", "root", "_cache"})

_patched: dict[int, tuple[int, int]] = {}  # by identity of a module of a library: what it held at the last look


@handles("static")
def _static(walk: Walk, value: Any, kind: type) -> None:
    walk.tokens.append(id(value))
    if kind is types.BuiltinFunctionType and type(value.__self__) is not types.ModuleType:
        walk.stack.append(value.__self__)


@handles("live")
def _live(walk: Walk, value: Any, kind: type) -> None:
    walk.unseen(value, f"{kind_of(kind).partition(':')[2]} cannot be checked")
    if type(value) is types.GeneratorType:
        walk.use_names(value.gi_code)
        if value.gi_frame is not None:
            walk.push(value.gi_frame.f_locals.values())
    elif type(value) is types.CoroutineType:
        walk.use_names(value.cr_code)
        if value.cr_frame is not None:
            walk.push(value.cr_frame.f_locals.values())


@handles("tangled")
def _tangled(walk: Walk, value: Any, kind: type) -> None:
    walk.unseen(value)
    walk.reach.update(id(held) for name, held in attributes(value, kind) if name in ("figure", "_parent_figure"))


@handles("list")
def _list(walk: Walk, value: Any, kind: type) -> None:
    items = list.__iter__(value) if issubclass(kind, list) else tuple.__iter__(value)
    if kind is list or not issubclass(kind, tuple):
        walk.mark(value, kind)
    else:
        walk.note_type(kind)
    walk.count(list.__len__(value) if issubclass(kind, list) else tuple.__len__(value))
    if kind in (list, tuple) and _plain(walk, value):
        return
    walk.push(items)
    walk.tokens.append(len(value) if kind in (list, tuple) else -1)
    rest(walk, value, kind)


@handles("dict")
def _dict(walk: Walk, value: Any, kind: type) -> None:
    walk.mark(value, kind)
    if value is walk.namespace:
        walk.globals.add(EVERYTHING)
        return
    walk.count(dict.__len__(value))
    if kind is dict and _plain(walk, value):
        return
    ordered = issubclass(kind, collections.OrderedDict)  # it keeps an order of its own
    pairs = list(collections.OrderedDict.items(value) if ordered else dict.items(value))
    walk.tokens.append(len(pairs))
    walk.push(part for pair in pairs for part in pair)
    if kind is not dict:
        if issubclass(kind, collections.defaultdict):
            maker: Any = vars(collections.defaultdict)["default_factory"]
            walk.stack.append(maker.__get__(value))
        rest(walk, value, kind)


@handles("set")
def _set(walk: Walk, value: Any, kind: type) -> None:
    if issubclass(kind, set):
        walk.mark(value, kind)
    else:
        walk.note_type(kind)
    walk.count(set.__len__(value) if issubclass(kind, set) else frozenset.__len__(value))
    items = list(set.__iter__(value) if issubclass(kind, set) else frozenset.__iter__(value))
    walk.tokens.append(len(items))
    if kinds_of(items) in SORTED:
        items.sort()  # the order of a set depends on its past
    walk.push(items)
    rest(walk, value, kind)


@handles("deque")
def _deque(walk: Walk, value: Any, kind: type) -> None:
    walk.mark(value, kind)
    walk.count(collections.deque.__len__(value))
    walk.tokens.append(collections.deque.maxlen.__get__(value))
    walk.push(collections.deque.__iter__(value))
    rest(walk, value, kind)


def rest(walk: Walk, value: Any, kind: type) -> None:
    """Go on with the attributes of an instance that has a built-in base."""
    if of_type(kind, "__flags__") & HEAP or of_type(kind, "__dictoffset__"):
        for name, held in attributes(value, kind):
            walk.tokens.append(name)
            walk.stack.append(held)


def _plain(walk: Walk, value: Any) -> bool:
    """Take a container of built-in values at the speed of C; False if there is something else in it."""
    if len(value) == 0:
        walk.tokens.append(0)
        return True
    held = value.values() if type(value) is dict else value
    kinds = kinds_of(held)
    keys = kinds_of(value) if type(value) is dict else set[int]()
    if kinds <= ATOM_IDS and keys <= ATOM_IDS:
        walk.room(_size(held, kinds) + (_size(value, keys) if keys else 0))  # it is copied
        walk.hash(marshal.dumps(value, 2))
        return True
    return len(value) >= MANY and _nested(walk, value)


def _size(items: Iterable[Any], kinds: Set[int]) -> int:
    """Return about how many bytes the texts among built-in values are long."""
    if not kinds & TEXT_IDS:
        return 0
    return sum(map(len if kinds <= TEXT_IDS else sys.getsizeof, items))


def _nested(walk: Walk, value: Any) -> bool:
    """Take containers in a container at the speed of C; False if they hold anything else, or one of them twice.

    What stands in several places would be written out in each of them, and in each of what it holds in turn.
    """
    order: dict[int, None] = {id(value): None}
    level = [value]
    while level:
        level = [held for held in gc.get_referents(*level) if id(type(held)) not in ATOM_IDS]
        before = len(order)
        order.update((id(held), None) for held in level)
        if len(order) != before + len(level) or not kinds_of(level) <= CONTAINERS:
            return False
        if len(order) > NODES * 5:
            raise TooLarge
    walk.hash(marshal.dumps(value, 2))
    walk.reach.update(order)
    walk.tokens.append(xxh3_128(marshal.dumps([*order], 2)).digest())
    return True


@handles("function")
def _function(walk: Walk, value: types.FunctionType, kind: type) -> None:
    if (value.__module__ or "").partition(".")[0] in FROZEN:
        walk.tokens.append(id(value))
        return
    walk.mark(value, types.FunctionType)
    own = value.__globals__ is walk.namespace
    local = own or walk.is_local(value.__module__ or "")
    walk.push(cell.cell_contents for cell in value.__closure__ or () if is_full(cell))
    if value.__dict__:
        walk.push(part for pair in value.__dict__.items() for part in pair)
    if not local:
        return
    code = value.__code__
    walk.tokens += (id(code), value.__name__)
    walk.push((value.__doc__, value.__annotations__, *(value.__defaults__ or ())))
    if value.__kwdefaults__:
        walk.push(value.__kwdefaults__.values())
    if own:
        walk.use_names(code)
    else:  # of a module of the user's: what it uses is reached through that module
        names = global_names(code)
        walk.globals.update(names & {EVERYTHING})
        walk.push(value.__globals__[name] for name in sorted(names) if name in value.__globals__)


@handles("class")
def _class(walk: Walk, value: type, kind: type) -> None:
    if not walk.is_local(module_of(value)):
        walk.tokens.append(id(value))
        return
    walk.reach.add(id(value))
    walk.tokens.append(id(value))
    own = type.__dict__["__dict__"].__get__(value)
    for name, held in list(own.items()):
        if name not in CACHES:
            walk.tokens.append(name)
            walk.stack.append(held)
    walk.push(type.__dict__["__bases__"].__get__(value))


@handles("module")
def _module(walk: Walk, value: types.ModuleType, kind: type) -> None:
    walk.tokens.append(id(value))
    walk.reach.add(id(value))
    own = types.ModuleType.__getattribute__(value, "__dict__")
    if own is walk.namespace:
        walk.globals.add(EVERYTHING)
        return
    name = own.get("__name__") or ""
    if walk.is_local(name) or sys.modules.get(name) is not value:
        for name, held in list(own.items()):
            if not name.startswith("__"):
                walk.tokens.append(name)
                walk.stack.append(held)
        return
    walk.tokens.append(_attributes_of(value, own))


def _attributes_of(module: types.ModuleType, own: dict[str, Any]) -> int:
    """Return a number that changes with what a module of a library is bound to, as when a user patches it."""
    quick = hash(tuple(map(id, own.values())))
    known = _patched.get(id(module))
    if known is None or known[0] != quick:
        lazy = "__getattr__" in own  # it brings its parts when they are asked for
        # fmt: off
        held = [id(held) for name, held in list(own.items())
                if name[:1] != "_" and not (lazy and type(held) is types.ModuleType)]
        # fmt: on
        _patched[id(module)] = known = (quick, hash(tuple(held)))
    return known[1]


@handles("logger")
def _logger(walk: Walk, value: logging.Logger, kind: type) -> None:
    walk.mark(value, kind)
    for name, held in attributes(value, kind):
        if name in ("handlers", "filters"):
            walk.tokens.append([id(one) for one in held])
            walk.reach.add(id(held))
        elif name not in TREE:
            walk.tokens.append(name)
            walk.stack.append(held)


@handles("method")
def _method(walk: Walk, value: types.MethodType, kind: type) -> None:
    walk.push((value.__func__, value.__self__))


@handles("descriptor")
def _descriptor(walk: Walk, value: Any, kind: type) -> None:
    if issubclass(kind, property):
        walk.push(part for part in (value.fget, value.fset, value.fdel) if part is not None)
    else:
        walk.stack.append(value.__func__)


@handles("traits")
def _traits(walk: Walk, value: Any, kind: type) -> None:
    walk.mark(value, kind)
    held = object.__getattribute__(value, "__dict__").get("_trait_values", {})
    for name, trait in list(held.items()):
        if id(type(trait)) in ATOM_IDS or kind_of(type(trait)) in ("traits", "list", "dict"):
            walk.tokens.append(name)
            walk.stack.append(trait)


@handles("python")
def _python(walk: Walk, value: Any, kind: type) -> None:
    walk.mark(value, kind)
    for name, held in attributes(value, kind):
        walk.tokens.append(name)
        walk.stack.append(held)
    if issubclass(kind, BaseException):
        walk.push(BaseException.args.__get__(value))  # type: ignore[attr-defined]


@handles("opaque")
def take_opaque(walk: Walk, value: Any, kind: type) -> None:
    """Take what only an extension can read, by its pickle; nothing of the user's own may be in it."""
    walk.mark(value, kind)
    if kind is functools.partial:
        walk.push((value.func, value.args, value.keywords))
        rest(walk, value, kind)
        return
    if kind is _CACHE:
        walk.tokens.append(tuple(value.cache_info()))
        walk.push((value.__wrapped__, value.__dict__))
        return
    if kind is types.CellType:
        walk.push((value.cell_contents,) if is_full(value) else ())
        return
    if kind is bytearray:
        walk.room(len(value))
        walk.hash(bytes(value))
        return
    if kind is memoryview:
        walk.room(value.nbytes)
        walk.hash(value.tobytes())
        walk.stack.append(value.obj)
        return
    if kind is types.SimpleNamespace:
        walk.push(part for pair in vars(value).items() for part in pair)
        return
    if kind is types.MappingProxyType:
        walk.push(gc.get_referents(value))
        return
    if not walk.is_local(module_of(kind)) and sys.getsizeof(value) > HASHED:
        raise TooLarge  # it would be copied
    sink = _Sink(walk)
    pickler = _Pickler(sink, 5, buffer_callback=sink.buffer)
    pickler.is_local = walk.is_local
    try:
        pickler.dump(value)
    except TooLarge:
        raise
    except Exception:
        walk.unseen(value, f"a {module_of(kind)}.{kind.__name__} cannot be checked")
    whole = module_of(kind) in ("builtins", "itertools")  # an iterator: whoever advances it may call what it holds
    held = [held for held in gc.get_referents(value) if id(type(held)) not in ATOM_IDS]
    walk.push(held if whole else [held for held in held if kind_of(type(held)) in PLAIN])


class _Pickler(pickle.Pickler):
    """Pickles what libraries made; for an object of the user's own class, code of the user's would have to run."""

    is_local: Callable[[str], bool]

    def reducer_override(self, value: Any) -> Any:
        kind = value if issubclass(type(value), type) else type(value)
        if self.is_local(module_of(kind)):
            raise pickle.PicklingError("a user's own class")
        return NotImplemented


class _Sink(io.RawIOBase):
    """Where a pickle goes: only its hash is kept."""

    def __init__(self, walk: Walk) -> None:
        self.walk = walk

    def write(self, data: Any) -> int:
        self.walk.hash(bytes(data))
        return len(data)

    def buffer(self, buffer: pickle.PickleBuffer) -> None:
        self.walk.hash(buffer.raw())


def is_full(cell: Any) -> bool:
    """Return whether a variable that functions share has been bound."""
    try:
        cell.cell_contents  # noqa: B018  # an empty one raises
    except ValueError:
        return False
    return True
