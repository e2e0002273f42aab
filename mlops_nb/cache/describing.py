"""How a heap describes containers and objects: past every method that a user could have written."""

from __future__ import annotations

import collections
import functools
import gc
import marshal
import types
from typing import Any

from mlops_nb.cache.code import REMEMBERING
from mlops_nb.cache.heap import Heap, Refused, Token, describes
from mlops_nb.cache.memory import contents, described
from mlops_nb.capture.values.kinds import ATOM_IDS, attributes, kind_of, module_of
from mlops_nb.capture.values.looks import kinds_of
from mlops_nb.capture.values.shapes import CONTAINERS, MANY, is_full

#: Containers that hold nothing but what they show.
PLAIN = {list: "list", tuple: "tuple", dict: "dict", collections.OrderedDict: "ordered", collections.Counter: "counter"}
#: Numbers, whose hashes are the same in every process.
NUMBERS = frozenset(map(id, (int, float, bool, complex)))
ENTRIES = 1 << 20  # of one container
CACHE = type(functools.lru_cache(len))


# -- containers -----------------------------------------------------------------------------------------------


@describes("list", "dict")
def _container(heap: Heap, value: Any, kind: type) -> list[Token]:
    if kind is collections.defaultdict:
        shape: list[Token] = ["default", heap.ref(value.default_factory)]
    elif kind in PLAIN:
        shape = [PLAIN[kind]]
    elif issubclass(kind, tuple) and hasattr(kind, "_fields") and "__new__" in vars(kind):
        return ["named", heap.ref(kind), *map(heap.ref, tuple.__iter__(value))]
    else:
        raise Refused(f"a {module_of(kind)}.{kind.__name__} cannot be kept")
    if len(value) > ENTRIES:
        raise Refused(f"a {kind.__name__} of more than {ENTRIES:,} entries cannot be looked at")
    if (whole := _whole(heap, value, kind)) is not None:
        return [*shape, *whole]
    if isinstance(value, dict):
        return [*shape, *(part for key, held in value.items() for part in (_key(heap, key), heap.ref(held)))]
    return [*shape, *map(heap.ref, value)]


def _whole(heap: Heap, value: Any, kind: type) -> list[Token] | None:
    """Take a large container of built-in values at the speed of C; None if it is small or holds anything else."""
    if len(value) < MANY or kind not in (list, tuple, dict):
        return None
    kinds = kinds_of(value) | kinds_of(value.values()) if kind is dict else kinds_of(value)
    if kinds <= ATOM_IDS:
        return [len(value), heap.hash(marshal.dumps(value, 2))]
    if not kinds <= ATOM_IDS | CONTAINERS:
        return None
    order: dict[int, Any] = {}
    level = [value]
    while level:
        level = [held for held in gc.get_referents(*level) if id(type(held)) not in ATOM_IDS]
        before = len(order)
        order.update((id(held), held) for held in level)
        if len(order) != before + len(level) or not kinds_of(level) <= CONTAINERS or len(order) > ENTRIES:
            return None
        if not order.keys().isdisjoint(heap.numbers) or any(type(held) in (set, frozenset) for held in level):
            return None
    if not order.keys().isdisjoint(heap.inner) and any(heap.inner.get(one) != heap.number for one in order):
        raise Refused("two large containers share a part")
    heap.inner.update(dict.fromkeys(order, heap.number))
    heap.kept.append(list(order.values()))
    return [len(value), heap.hash(marshal.dumps(value, 2))]


def _key(heap: Heap, key: Any) -> Token:
    """Describe a key: by its hash, which must not be one that a user wrote."""
    if type(key) is tuple:
        return ("key", *(_key(heap, part) for part in key))
    if id(type(key)) not in ATOM_IDS and kind_of(type(key)) not in ("class", "function", "scalar", "static"):
        raise Refused("a dictionary has objects for keys")
    return heap.ref(key)


@describes("set")
def _set(heap: Heap, value: Any, kind: type) -> list[Token]:
    if kind not in (set, frozenset):
        raise Refused(f"a {module_of(kind)}.{kind.__name__} cannot be kept")
    return [kind.__name__, *(_element(heap, held) for held in value)]


def _element(heap: Heap, value: Any) -> Token:
    if type(value) in (tuple, frozenset):
        heap.by_hash = True
        return (type(value).__name__, *(_element(heap, part) for part in value))
    if id(type(value)) not in ATOM_IDS:
        raise Refused("a set holds objects")
    heap.by_hash |= id(type(value)) not in NUMBERS
    return value


@describes("deque")
def _deque(heap: Heap, value: Any, kind: type) -> list[Token]:
    if kind is not collections.deque:
        raise Refused(f"a {module_of(kind)}.{kind.__name__} cannot be kept")
    return ["deque", value.maxlen, *map(heap.ref, value)]


# -- objects --------------------------------------------------------------------------------------------------


@describes("python")
def _python(heap: Heap, value: Any, kind: type) -> list[Token]:
    if module_of(kind).partition(".")[0] in REMEMBERING:
        raise Refused(f"a {module_of(kind)}.{kind.__name__} cannot be kept")
    if issubclass(kind, BaseException):
        raise Refused("an exception cannot be kept")
    base = [heap.ref(made) for made in (_atom(value, kind),) if made is not None]
    return ["object", heap.ref(kind), base, [[name, heap.ref(held)] for name, held in attributes(value, kind)]]


def _atom(value: Any, kind: type) -> Any:
    """Return what an instance of a user's kind of number or text is as a plain one."""
    for base in (float, complex, str, bytes):
        if issubclass(kind, base):
            return getattr(base, "__getnewargs__")(value)[0]  # noqa: B009
    if issubclass(kind, int):
        return int.__index__(value)
    return None


@describes("opaque")
def _opaque(heap: Heap, value: Any, kind: type) -> list[Token]:
    """Describe what only an extension can read, by how it would be pickled; its parts are taken by value."""
    module = module_of(kind)
    if heap.is_local(module) or kind is CACHE or module.partition(".")[0] in REMEMBERING:
        raise Refused(f"a {module}.{kind.__name__} cannot be kept")
    if kind is types.CellType:
        return ["cell", heap.ref(value.cell_contents) if is_full(value) else "empty"]
    if kind is types.MappingProxyType:
        return ["proxy", *map(heap.ref, gc.get_referents(value))]
    if module == "itertools" or hasattr(kind, "__next__"):
        raise Refused(f"a {kind.__name__} cannot be kept")
    if kind is bytearray:
        return ["bytearray", heap.owner(-id(value), "array"), len(value), heap.hash(bytes(value))]
    if module == "array":
        heap.owner(-id(value), "array")
    return ["opaque", heap.ref(kind), _reduced(heap, value, kind)]


def _reduced(heap: Heap, value: Any, kind: type) -> Token:
    try:
        parts = value.__reduce_ex__(5)
    except Exception as error:
        raise Refused(f"a {module_of(kind)}.{kind.__name__} cannot be pickled") from error
    heap.kept.append(parts)
    if type(parts) is str:
        return ("global", parts)
    if len(parts) > 3 and (parts[3] is not None or (len(parts) > 4 and parts[4] is not None)):
        raise Refused(f"a {module_of(kind)}.{kind.__name__} cannot be kept")
    return tuple(_value(heap, part) for part in parts[:3])


def _value(heap: Heap, part: Any) -> Token:
    """Describe a part of a pickle: what was made for it by what it holds, anything else by reference."""
    kind = type(part)
    if kind in (tuple, list):
        return (kind.__name__, *(_value(heap, held) for held in part))
    if kind is dict:
        return ("dict", *((_value(heap, key), _value(heap, held)) for key, held in part.items()))
    if kind_of(kind) == "array" and not part.dtype.hasobject:
        return ("array", described(part.dtype), part.shape, contents(heap, part))
    return heap.ref(part)
