"""What a value is at this moment, so that a change in place is seen by looking again.

A look is a fingerprint over everything reachable from a value, with the identities of what can change, and the names
that its functions use when they are called. It never asks the value: no ``__eq__``, ``__hash__``, ``__repr__`` or
``__getattr__`` of a user's class is called, nothing is kept alive except the memory that copy-on-write needs to show a
write, and whatever cannot be looked into is said to be so: it counts as changed by whoever touches it.

Large numeric frames are told by the addresses of their blocks: a pin (a shallow copy) makes pandas copy a block before
it writes to it. Everything else is hashed with xxh3, which is for noticing changes and for nothing else.
"""

from __future__ import annotations

import collections
import dis
import functools
import gc
import io
import marshal
import pickle
import sys
import types
import weakref
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from xxhash import xxh3_128

from mlops_nb.capture.kinds import ATOMS, attributes, kind_of

NODES = 20_000  # objects that a look visits
HASHED = 256 << 20  # bytes of memory that it hashes
SMALL = 1 << 20  # bytes of a frame that are hashed whatever the addresses say
EVERYTHING = "*"  # among the names that a function uses: it may use any
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


class Eyes:
    """Looks at values on behalf of one notebook."""

    def __init__(self, namespace: dict[str, Any], is_local: Callable[[str], bool]) -> None:
        """Look from a notebook's namespace; ``is_local`` says whether a module is the user's own."""
        self.namespace = namespace
        self.is_local = is_local

    def look(self, value: Any, before: Look | None = None) -> Look:
        """Return what a value is now; ``before`` is what the same object was, if that is known."""
        if type(value) in ATOMS:
            return NOTHING
        if before is not None and before.print is None and before.doubt is None and not before.pins:
            return before  # it was too large or too tangled, and still is
        walk = _Walk(self)
        try:
            walk.over(value)
        except TooLarge:
            return Look(None, frozenset({id(value)} | walk.seen.keys()), frozenset(walk.globals))
        except Exception as error:  # a type that behaves as none should: it cannot be checked
            walk.doubt = walk.doubt or f"looking at it raised {type(error).__name__}"
            walk.blind = True
        return walk.result()


class _Walk:
    """One pass over everything that can be reached from a value."""

    def __init__(self, eyes: Eyes) -> None:
        self.eyes = eyes
        self.tokens: list[Any] = []
        self.seen: dict[int, int] = {}
        self.reach: set[int] = set()
        self.globals: set[str] = set()
        self.pins: list[Any] = []
        self.doubt: str | None = None
        self.blind = False
        self.hashed = 0
        self.stack: list[Any] = []
        self.kept: list[Any] = []  # temporary objects, so that no identity comes twice in one look

    def result(self) -> Look:
        print_ = None if self.blind else xxh3_128(marshal.dumps(self.tokens, 2)).digest()
        return Look(print_, frozenset(self.reach), frozenset(self.globals), self.doubt, tuple(self.pins))

    def over(self, value: Any) -> None:
        self.stack.append(value)
        tokens, stack, seen = self.tokens, self.stack, self.seen
        while stack:
            value = stack.pop()
            kind = type(value)
            if kind in ATOMS:
                tokens.append(value)
                continue
            number = seen.get(id(value))
            if number is not None:
                tokens.append((number,))
                continue
            seen[id(value)] = len(seen)
            if len(seen) > NODES:
                raise TooLarge
            name, _, why = kind_of(kind).partition(":")
            if name == "live":
                self._live(value, why)
            else:
                getattr(self, f"_{name}")(value, kind)

    def _push(self, values: Iterable[Any]) -> None:
        self.stack.extend(reversed(list(values)))

    def _mark(self, value: Any, kind: type) -> None:
        """Note a thing that can change: who it is matters, as another name may lead to it."""
        self.reach.add(id(value))
        self.tokens.append(id(value))
        self._type(kind)

    def _type(self, kind: type) -> None:
        self.tokens.append(id(kind))
        if kind.__flags__ & 512 and self.eyes.is_local(_module_of(kind)):
            self.stack.append(kind)  # its methods use names, and its attributes can change

    def _hash(self, data: Any) -> None:
        size = data.nbytes if type(data) is memoryview else len(data)
        self.hashed += size
        if self.hashed > HASHED:
            raise TooLarge
        self.tokens.append(xxh3_128(data).digest())

    def _unseen(self, value: Any, why: str | None = None) -> None:
        self.reach.add(id(value))
        self.blind = True
        self.doubt = self.doubt or why

    # -- kinds ------------------------------------------------------------------------------------------------

    def _atom(self, value: Any, kind: type) -> None:
        self.tokens.append(value)

    def _static(self, value: Any, kind: type) -> None:
        self.tokens.append(id(value))
        if kind is types.BuiltinFunctionType and type(value.__self__) is not types.ModuleType:
            self.stack.append(value.__self__)

    def _live(self, value: Any, why: str) -> None:
        self._unseen(value, f"{why} cannot be checked")
        if type(value) is types.GeneratorType:
            self._names(value.gi_code)
            if value.gi_frame is not None:
                self._push(value.gi_frame.f_locals.values())
        elif type(value) is types.CoroutineType:
            self._names(value.cr_code)
            if value.cr_frame is not None:
                self._push(value.cr_frame.f_locals.values())

    def _tangled(self, value: Any, kind: type) -> None:
        self._unseen(value)
        self.reach.update(id(held) for name, held in attributes(value, kind) if name in ("figure", "_parent_figure"))

    def _list(self, value: Any, kind: type) -> None:
        items = list.__iter__(value) if issubclass(kind, list) else tuple.__iter__(value)
        if kind is list or not issubclass(kind, tuple):
            self._mark(value, kind)
        else:
            self._type(kind)
        if kind in (list, tuple) and self._plain(value):
            return
        self._push(items)
        self.tokens.append(len(value) if kind in (list, tuple) else -1)
        self._rest(value, kind)

    def _dict(self, value: Any, kind: type) -> None:
        self._mark(value, kind)
        if kind is dict and self._plain(value):
            return
        pairs = list(dict.items(value))
        self.tokens.append(len(pairs))
        self._push(part for pair in pairs for part in pair)
        if kind is not dict:
            self.stack.append(getattr(value, "default_factory", None) if _is_defaultdict(kind) else None)
            self._rest(value, kind)

    def _set(self, value: Any, kind: type) -> None:
        if issubclass(kind, set):
            self._mark(value, kind)
        else:
            self._type(kind)
        items = list(set.__iter__(value) if issubclass(kind, set) else frozenset.__iter__(value))
        self.tokens.append(len(items))
        if {*map(type, items)} in ({int}, {str}, {bytes}):
            items.sort()  # the order of a set depends on its past
        self._push(items)
        self._rest(value, kind)

    def _deque(self, value: Any, kind: type) -> None:
        self._mark(value, kind)
        self.tokens.append(value.maxlen)
        self._push(collections.deque.__iter__(value))
        self._rest(value, kind)

    def _rest(self, value: Any, kind: type) -> None:
        """Go on with the attributes of an instance of a user's class that has a built-in base."""
        if kind.__flags__ & 512:
            for name, held in attributes(value, kind):
                self.tokens.append(name)
                self.stack.append(held)

    def _plain(self, value: Any) -> bool:
        """Take a container of built-in values at the speed of C; False if there is something else in it."""
        if len(value) == 0:
            self.tokens.append(0)
            return True
        held = value.values() if type(value) is dict else value
        if {*map(type, held)} <= ATOMS and (type(value) is not dict or {*map(type, value)} <= ATOMS):
            self._hash(marshal.dumps(value, 2))
            return True
        if len(value) < 64:
            return False
        try:
            data = marshal.dumps(value, 2)
        except ValueError:
            return False
        order: dict[int, None] = {}
        level = [value]
        while level:
            inner = {id(held): held for held in gc.get_referents(*level) if type(held) not in ATOMS}
            level = [held for number, held in inner.items() if number not in order]
            order.update(dict.fromkeys(inner))
            if len(order) > NODES * 5:
                raise TooLarge
        self._hash(data)
        self.reach.update(order)
        self.tokens.append(xxh3_128(marshal.dumps([*order], 2)).digest())
        return True

    # -- code -------------------------------------------------------------------------------------------------

    def _function(self, value: types.FunctionType, kind: type) -> None:
        self._mark(value, types.FunctionType)
        own = value.__globals__ is self.eyes.namespace
        local = own or self.eyes.is_local(value.__module__ or "")
        self._push(cell.cell_contents for cell in value.__closure__ or () if _is_full(cell))
        if value.__dict__:
            self._push(part for pair in value.__dict__.items() for part in pair)
        if not local:
            return
        code = value.__code__
        self.tokens.append(id(code))
        self._push(value.__defaults__ or ())
        if value.__kwdefaults__:
            self._push(value.__kwdefaults__.values())
        if own:
            self._names(code)
        else:  # of a module of the user's: what it uses is reached through that module
            names = global_names(code)
            self.globals.update(names & {EVERYTHING})
            self._push(value.__globals__[name] for name in sorted(names) if name in value.__globals__)

    def _names(self, code: types.CodeType) -> None:
        self.globals |= global_names(code)

    def _class(self, value: type, kind: type) -> None:
        if not self.eyes.is_local(_module_of(value)):
            self.tokens.append(id(value))
            return
        self.reach.add(id(value))
        self.tokens.append(id(value))
        own = type.__dict__["__dict__"].__get__(value)
        for name, held in list(own.items()):
            if name not in ("__dict__", "__weakref__", "_abc_impl", "__module__", "__doc__", "__annotations_cache__"):
                self.tokens.append(name)
                self.stack.append(held)
        self._push(type.__dict__["__bases__"].__get__(value))

    def _module(self, value: types.ModuleType, kind: type) -> None:
        self.tokens.append(id(value))
        self.reach.add(id(value))
        own = types.ModuleType.__getattribute__(value, "__dict__")
        if self.eyes.is_local(own.get("__name__") or ""):
            for name, held in list(own.items()):
                if not name.startswith("__"):
                    self.tokens.append(name)
                    self.stack.append(held)

    def _method(self, value: types.MethodType, kind: type) -> None:
        self._push((value.__func__, value.__self__))

    def _descriptor(self, value: Any, kind: type) -> None:
        if issubclass(kind, property):
            self._push(part for part in (value.fget, value.fset, value.fdel) if part is not None)
        else:
            self.stack.append(value.__func__)

    # -- data -------------------------------------------------------------------------------------------------

    def _array(self, value: Any, kind: type) -> None:
        import numpy as np

        plain = value if kind is np.ndarray else np.ndarray.view(value, np.ndarray)
        self._mark(value, kind)
        self.tokens.append((str(plain.dtype), plain.shape, plain.strides))
        owner = value
        while type(owner.base) is not type(None) and issubclass(type(owner.base), np.ndarray):
            owner = owner.base
            self.reach.add(id(owner))
        if owner.base is not None:
            self.reach.add(id(owner.base))
        self.reach.add(-owner.__array_interface__["data"][0])
        if plain.dtype.hasobject:
            if plain.dtype != object:
                self._unseen(value)
                return
            self._push(plain.ravel().tolist())
        elif plain.size:
            if plain.nbytes > HASHED:
                raise TooLarge
            self._hash(np.ascontiguousarray(plain).reshape(-1).view(np.uint8).data)
        if kind is not np.ndarray:
            self._rest(value, kind)

    def _scalar(self, value: Any, kind: type) -> None:
        self.tokens.append(id(kind))
        self.tokens.append(value.tobytes() if hasattr(kind, "tobytes") and not value.dtype.hasobject else str(value))

    def _frame(self, value: Any, kind: type) -> None:
        """A DataFrame or a Series: by its blocks, its axes, its names and its notes."""
        self._mark(value, kind)
        manager = value._mgr
        self.tokens.append(tuple(block.mgr_locs.as_array.tobytes() for block in manager.blocks))
        large = 0
        for block in manager.blocks:
            large += self._values(block.values)
        for axis in manager.axes:
            self._index(axis, type(axis))
        if kind.__name__ == "Series":
            self.stack.append(value._name)
        self.stack.append(value._attrs)
        self.tokens.append(value._flags._allows_duplicate_labels)
        if large:
            self.pins.append(type(value).copy(value, deep=False))
            if not _copies_on_write():
                raise TooLarge

    def _index(self, value: Any, kind: type) -> None:
        self.tokens.append(id(kind))
        self._push(value.names)
        if kind.__name__ == "RangeIndex":
            self.tokens.append((value.start, value.stop, value.step))
        elif kind.__name__ == "MultiIndex":
            self._push((*value._levels, *value._codes))
        else:
            self.pins.extend([value] * (self._values(value._data) > 0))

    def _values(self, values: Any) -> int:
        """Take the values of a block or an index; return how many bytes are told by their address alone."""
        import numpy as np

        kind = type(values)
        self.tokens.append(kind.__name__)
        if kind is np.ndarray:
            if values.dtype == object:
                self._objects(values)
                return 0
            self.tokens.append((str(values.dtype), values.shape, values.strides))
            address = values.__array_interface__["data"][0]
            self.reach.add(-address)
            if values.nbytes <= SMALL:
                self.tokens.append(xxh3_128(np.ascontiguousarray(values).reshape(-1).view(np.uint8).data).digest())
                return 0
            self.tokens.append(address)
            return int(values.nbytes)
        if (arrow := getattr(values, "_pa_array", None)) is not None:
            if arrow.nbytes <= SMALL:
                self._arrow(arrow)
                return 0
            self.tokens.append(id(arrow))
            return int(arrow.nbytes)
        inner = [held for name in ("_ndarray", "_codes", "_data", "_mask", "_left", "_right")
                 if (held := getattr(values, name, None)) is not None]  # fmt: skip
        if not inner:
            self._opaque(values, kind)
            return 0
        self.tokens.append(str(values.dtype))
        if (categories := getattr(values.dtype, "categories", None)) is not None:
            self._index(categories, type(categories))
        return sum(self._values(held) for held in inner)

    def _arrow(self, array: Any) -> None:
        for chunk in getattr(array, "chunks", (array,)):
            self.tokens.append((str(chunk.type), len(chunk), chunk.offset))
            for buffer in chunk.buffers():
                self.tokens.append(None if buffer is None else xxh3_128(buffer).digest())

    def _objects(self, values: Any) -> None:
        """Take an array of objects: text and numbers at once, anything else one by one."""
        items = values.ravel().tolist()
        if {*map(type, items)} <= ATOMS:
            self._hash(marshal.dumps(items, 2))
        else:
            self.kept.append(items)
            self._push(items)

    def _tensor(self, value: Any, kind: type) -> None:
        self._mark(value, kind)
        self.tokens.append((value.data_ptr(), value._version, str(value.dtype), tuple(value.shape)))
        self.reach.add(-value.untyped_storage().data_ptr())
        if value.device.type != "cpu":
            self._unseen(value, "memory of a GPU cannot be checked")
        elif not value.is_sparse:
            self._hash(memoryview(value.detach().contiguous().view(-1).view(sys.modules["torch"].uint8).numpy()))

    def _polars(self, value: Any, kind: type) -> None:
        self._mark(value, kind)
        frame = value.to_frame() if kind.__name__ == "Series" else value
        self.tokens.append((tuple(frame.columns), tuple(map(str, frame.dtypes)), frame.shape))
        if frame.estimated_size() > HASHED:
            raise TooLarge
        for column in frame.get_columns():
            self.tokens.append(_polars_digest(column))

    def _traits(self, value: Any, kind: type) -> None:
        self._mark(value, kind)
        held = object.__getattribute__(value, "__dict__").get("_trait_values", {})
        for name, trait in list(held.items()):
            if type(trait) in ATOMS or kind_of(type(trait)) in ("traits", "list", "dict"):
                self.tokens.append(name)
                self.stack.append(trait)

    # -- anything else ----------------------------------------------------------------------------------------

    def _python(self, value: Any, kind: type) -> None:
        self._mark(value, kind)
        for name, held in attributes(value, kind):
            self.tokens.append(name)
            self.stack.append(held)
        if issubclass(kind, BaseException):
            self._push(BaseException.args.__get__(value))  # type: ignore[attr-defined]

    def _opaque(self, value: Any, kind: type) -> None:
        """Take what only an extension can read, by its pickle; nothing of the user's own may be in it."""
        self._mark(value, kind)
        if kind is functools.partial:
            self._push((value.func, value.args, value.keywords))
            return
        if kind is _CACHE:
            self.tokens.append(tuple(value.cache_info()))
            self._push((value.__wrapped__, value.__dict__))
            return
        if kind is types.CellType:
            self._push((value.cell_contents,) if _is_full(value) else ())
            return
        if kind is bytearray:
            self._hash(bytes(value))
            return
        if kind is types.SimpleNamespace:
            self._push(part for pair in vars(value).items() for part in pair)
            return
        if kind is types.MappingProxyType:
            self._push(gc.get_referents(value))
            return
        sink = _Sink(self)
        pickler = _Pickler(sink, 5, buffer_callback=sink.buffer)
        pickler.is_local = self.eyes.is_local
        try:
            pickler.dump(value)
        except TooLarge:
            raise
        except Exception:
            self._unseen(value, f"a {_module_of(kind)}.{kind.__name__} cannot be checked")
        self._push(held for held in gc.get_referents(value) if type(held) not in ATOMS and _is_plain_kind(type(held)))


_CACHE = type(functools.lru_cache(len))


def _is_plain_kind(kind: type) -> bool:
    return kind_of(kind) in ("list", "dict", "set", "array", "function")


def _is_defaultdict(kind: type) -> bool:
    return issubclass(kind, collections.defaultdict)


class _Pickler(pickle.Pickler):
    """Pickles what libraries made; for an object of the user's own class, code of the user's would have to run."""

    is_local: Callable[[str], bool]

    def reducer_override(self, value: Any) -> Any:
        kind = value if issubclass(type(value), type) else type(value)
        if self.is_local(_module_of(kind)):
            raise pickle.PicklingError("a user's own class")
        return NotImplemented


class _Sink(io.RawIOBase):
    """Where a pickle goes: only its hash is kept."""

    def __init__(self, walk: _Walk) -> None:
        self.walk = walk

    def write(self, data: Any) -> int:
        self.walk._hash(bytes(data))
        return len(data)

    def buffer(self, buffer: pickle.PickleBuffer) -> None:
        self.walk._hash(buffer.raw())


def _polars_digest(column: Any) -> bytes:
    hasher = xxh3_128()
    for chunk in column.to_arrow().buffers():
        if chunk is not None:
            hasher.update(chunk)
    return hasher.digest()


def _is_full(cell: Any) -> bool:
    try:
        cell.cell_contents  # noqa: B018  # an empty one raises
    except ValueError:
        return False
    return True


def _module_of(kind: type) -> str:
    found = type.__getattribute__(kind, "__module__")
    return found if type(found) is str else ""


@functools.cache
def _copies_on_write() -> bool:
    import pandas as pd

    return int(pd.__version__.partition(".")[0]) >= 3


_names: weakref.WeakKeyDictionary[types.CodeType, frozenset[str]] = weakref.WeakKeyDictionary()


def global_names(code: types.CodeType) -> frozenset[str]:
    """Return the global names that code and the functions in it use; ``*`` if they may use any."""
    known = _names.get(code)
    if known is None:
        found = {str(step.argval) for step in dis.get_instructions(code) if step.opname in GLOBAL}
        if SEES_ALL & {*code.co_names}:
            found.add(EVERYTHING)
        inner = (const for const in code.co_consts if type(const) is types.CodeType)
        _names[code] = known = frozenset(found).union(*map(global_names, inner))
    return known
