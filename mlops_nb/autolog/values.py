"""Values of parameters as JSON: real types where there are, a name where there is only an object."""

from __future__ import annotations

import math
import types
from collections.abc import Mapping
from typing import Any

from mlops_nb.records import Json

#: MLflow's limits.
TEXT_LIMIT, KEY_LIMIT = 6000, 250
ITEMS_LIMIT = 100  # values of one list, as of a grid, that are kept
NAMED = (type, types.FunctionType, types.BuiltinFunctionType, types.MethodType)


def plain(value: Any, depth: int = 4) -> Json:
    """Return a parameter's value in JSON types; no method of an object that a user may have written is called."""
    kind = type(value)
    if value is None or kind is bool or kind is int:
        return value  # type: ignore[no-any-return]
    if kind is str:
        return value if len(value) <= TEXT_LIMIT else f"{value[: TEXT_LIMIT - 3]}..."
    if kind is float:
        return value if math.isfinite(value) else str(value)
    if kind in (list, tuple, set, frozenset) and depth:
        return [plain(item, depth - 1) for item in list(value)[:ITEMS_LIMIT]]
    if kind is dict and depth:
        return {_key(name): plain(item, depth - 1) for name, item in list(value.items())[:ITEMS_LIMIT]}
    if kind.__module__ == "numpy":
        return _of_numpy(value, depth)
    if kind in NAMED:
        return f"{getattr(value, '__module__', None) or kind.__module__}.{getattr(value, '__qualname__', '?')}"
    return f"{kind.__name__}()"


def parameters(values: Mapping[str, Any]) -> dict[str, Json]:
    """Return named values in JSON types."""
    return {_key(name): plain(value) for name, value in values.items()}


def number(value: Any) -> float | None:
    """Return a metric's value, or None where it is not one number."""
    kind = type(value)
    if kind is float or kind is int:
        return float(value)
    if kind.__module__ == "numpy" and hasattr(kind, "item") and getattr(value, "shape", None) == ():
        value = value.item()
        return float(value) if type(value) in (float, int) else None
    return None


def _key(name: Any) -> str:
    text = name if type(name) is str else str(name) if type(name) in (int, float, bool) else type(name).__name__
    return text if len(text) <= KEY_LIMIT else f"{text[: KEY_LIMIT - 3]}..."


def _of_numpy(value: Any, depth: int) -> Json:
    if type(value).__name__ == "ufunc":
        return f"numpy.{value.__name__}"
    shape = getattr(value, "shape", None)
    if shape == () and not hasattr(value, "fields"):
        item = value.item()
        return plain(item, depth - 1) if type(item) in (bool, int, float, str) else str(value)
    if shape is not None and len(shape) == 1 and shape[0] <= ITEMS_LIMIT and value.dtype.kind in "biufU":
        return plain(value.tolist(), depth)
    return f"{type(value).__name__}{tuple(shape) if shape is not None else '()'}"
