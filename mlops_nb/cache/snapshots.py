"""A snapshot: all names of a notebook in one pickle, what they share kept, and read back into another kernel.

What the notebook defines is written by value (cloudpickle), and its functions look their globals up where they did: in
the notebook. Arrays that share memory share it again. Frames are written each for itself, as they copy memory before
they write to it.
"""

from __future__ import annotations

import io
import pickle
import types
from typing import Any

import cloudpickle
from cloudpickle import cloudpickle as inner

from mlops_nb.cache import privacy
from mlops_nb.capture.values.kinds import ATOM_IDS, kind_of
from mlops_nb.capture.variables import INPUT, OWN, RESULT
from mlops_nb.project import Project

NAMESPACE = "namespace"


class NotSaved(Exception):
    """Why a value is not saved, in words."""


def names_of(namespace: dict[str, Any]) -> list[str]:
    """Return the names of a notebook that are the user's."""
    return [name for name in namespace if type(name) is str and not _is_shells(name)]


def _is_shells(name: str) -> bool:
    return (
        name in OWN or name.startswith("__") or RESULT.fullmatch(name) is not None or INPUT.fullmatch(name) is not None
    )


class _Pickler(cloudpickle.Pickler):  # type: ignore[misc]
    """Writes the values of a notebook."""

    def __init__(self, sink: io.BytesIO, namespace: dict[str, Any]) -> None:
        super().__init__(sink, protocol=5)
        self.namespace = namespace

    def persistent_id(self, value: Any) -> str | None:
        return NAMESPACE if value is self.namespace else None

    def reducer_override(self, value: Any) -> Any:
        kind = kind_of(type(value))
        if kind.startswith("live:"):
            raise NotSaved(kind.partition(":")[2])
        if kind in ("frame", "index"):
            return _frame(value)
        if kind == "array" and (view := _view(value)) is not None:
            return view
        return _cell(value) if type(value) is types.CellType else super().reducer_override(value)

    def _dynamic_function_reduce(self, func: Any) -> Any:
        """Write a function with the cells that it shares with others; a notebook's has the notebook's globals."""
        own = func.__globals__ is self.namespace
        code, base, *_ = self._function_getnewargs(func)
        state = inner._function_getstate(func)
        state[1]["__closure__"] = None
        if own:  # they are names of the notebook, and saved as such
            state[1]["__globals__"] = {}
        arguments = (code, self.namespace if own else base, None, None, func.__closure__)
        return inner._make_function, arguments, state, None, None, inner._function_setstate


def _cell(value: Any) -> Any:
    try:
        held = value.cell_contents
    except ValueError:  # an empty one
        return types.CellType, ()
    return types.CellType, (), held, None, None, _fill


def _fill(cell: Any, held: Any) -> None:
    cell.cell_contents = held


def _frame(value: Any) -> Any:
    for block in getattr(getattr(value, "_mgr", None), "blocks", ()):
        held = block.values
        if str(getattr(held, "dtype", "")) == "object" and any(id(type(one)) not in ATOM_IDS for one in held.ravel()):
            raise NotSaved("a column that holds objects")
    return pickle.loads, (pickle.dumps(value, 5),)


def _view(value: Any) -> Any:
    """Return how an array that lies in another's memory is made from that, or None."""
    import numpy as np

    owner = value
    while type(owner.base) is np.ndarray:
        owner = owner.base
    if owner is value or owner.base is not None or type(value) is not np.ndarray or value.dtype.hasobject:
        return None
    if not owner.flags.c_contiguous and not owner.flags.f_contiguous:
        return None
    offset = value.__array_interface__["data"][0] - owner.__array_interface__["data"][0]
    return _viewed, (owner, value.shape, value.dtype, offset, value.strides, value.flags.writeable)


def _viewed(owner: Any, shape: Any, dtype: Any, offset: int, strides: Any, writeable: bool) -> Any:
    import numpy as np

    flat = owner.reshape(-1, order="A").view(np.uint8)
    made = np.ndarray(shape, dtype, flat, offset, strides)
    made.flags.writeable = writeable
    return made


class _Unpickler(pickle.Unpickler):
    """Reads them into a notebook."""

    def __init__(self, source: io.BytesIO, namespace: dict[str, Any]) -> None:
        super().__init__(source)
        self.namespace = namespace

    def persistent_load(self, token: Any) -> Any:
        if token != NAMESPACE:
            raise pickle.UnpicklingError(f"{token!r} means nothing here")
        return self.namespace


def dumps(project: Project, namespace: dict[str, Any]) -> tuple[bytes, list[str], dict[str, str]]:
    """Return the pickle of a notebook's names, which are in it, and why each other one is not.

    Raises:
        NotSaved: nothing can be.
    """
    names = names_of(namespace)
    denied = ((name, privacy.denied_in(project, [namespace[name]])) for name in names)
    left_out = {name: why for name, why in denied if why is not None}
    names = [name for name in names if name not in left_out]
    data = _try({name: namespace[name] for name in names}, namespace)
    if isinstance(data, str):  # something cannot be saved: ask each
        for name in names:
            if isinstance(why := _try({name: namespace[name]}, namespace), str):
                left_out[name] = why
        names = [name for name in names if name not in left_out]
        data = _try({name: namespace[name] for name in names}, namespace)
        if isinstance(data, str):
            raise NotSaved(data)
    return data, names, left_out


def _try(values: dict[str, Any], namespace: dict[str, Any]) -> bytes | str:
    """Return the pickle of values, or why there is none."""
    sink = io.BytesIO()
    try:
        _Pickler(sink, namespace).dump(values)
    except NotSaved as why:
        return f"{why} cannot be saved"
    except RecursionError:
        return "it is nested too deeply"
    except Exception as error:
        return f"{type(error).__name__}: {error}"[:200]
    return privacy.secret_in(sink.getvalue()) or sink.getvalue()


def loads(data: bytes, namespace: dict[str, Any]) -> dict[str, Any]:
    """Return the values of a pickle by name; functions of the notebook look their globals up in this namespace."""
    found: dict[str, Any] = _Unpickler(io.BytesIO(data), namespace).load()
    return found
