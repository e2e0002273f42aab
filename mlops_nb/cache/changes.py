"""What a cell did to the objects that it found: which look different, what each is now, and how that is put back.

An object that was changed in place is changed in place again, so whoever else holds it sees the change, as when the
cell runs.
"""

from __future__ import annotations

import collections
import random
from typing import Any

from mlops_nb.cache.heap import Heap, Refused
from mlops_nb.capture.values.kinds import attributes, kind_of, module_of


def changed(found: Heap) -> list[int]:
    """Return the numbers of the objects that are not what they were.

    Raises:
        Refused: one became something that cannot be described.
    """
    different = []
    now = Heap(found.namespace, found.is_local, found)  # what is new gets its numbers there, and is no part of this
    for number, before in enumerate(found.tokens):
        value = found.object(number)
        if value is not None and now.describe(value, number) != before:
            different.append(number)
    return different


def state(value: Any) -> Any:
    """Return a copy of what an object holds itself, from which it can be put back.

    Raises:
        Refused: it cannot be put back in place.
    """
    kind = type(value)
    if kind is list:
        return list(value)
    if kind in (dict, collections.defaultdict):
        return list(value.items())
    name = kind_of(kind)
    if name == "array" and value.flags.writeable:
        return value.copy(order="K")
    if name == "frame":
        return value.copy(deep=False)
    if _is_generator(kind):
        return value.__getstate__()
    if name == "python" and _only_dict(value, kind):
        return dict(object.__getattribute__(value, "__dict__"))
    shown = {"function": "a function", "class": "a class", "module": "a module"}.get(name, f"a {kind.__name__}")
    raise Refused(f"it changes {shown} in place")


def put(value: Any, new: Any) -> None:
    """Make an object what it was when its state was taken."""
    kind = type(value)
    if kind is list:
        value[:] = new
    elif kind in (dict, collections.defaultdict):
        value.clear()
        for key, held in new:
            value[key] = held
    elif kind_of(kind) == "array":
        value[...] = new
    elif kind_of(kind) == "frame":
        value._mgr, value._attrs = new._mgr, new._attrs
        value._flags._allows_duplicate_labels = new._flags._allows_duplicate_labels
        if kind.__name__ == "Series":
            value._name = new._name
    elif _is_generator(kind):
        value.__setstate__(new)
    else:
        own = object.__getattribute__(value, "__dict__")
        own.clear()
        own.update(new)


def fits(value: Any, new: Any) -> bool:
    """Whether a state can be put into an object as it is."""
    if kind_of(type(value)) != "array":
        return True
    return bool(value.shape == new.shape and value.dtype == new.dtype and value.flags.writeable)


def _only_dict(value: Any, kind: type) -> bool:
    held = (
        object.__getattribute__(value, "__dict__") if hasattr(kind, "__dictoffset__") and kind.__dictoffset__ else None
    )
    return type(held) is dict and len(attributes(value, kind)) == len(held)


def _is_generator(kind: type) -> bool:
    """Whether a type makes random generators, whose state can be set."""
    return kind is random.Random or (
        module_of(kind).startswith("numpy.random.")
        and kind.__name__ in ("PCG64", "PCG64DXSM", "MT19937", "SFC64", "RandomState")
    )
