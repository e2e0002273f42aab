"""Widgets as parameters: the value of a slider or a menu that a cell reads is a parameter of the run."""

from __future__ import annotations

import types
from collections.abc import Iterable, Mapping
from typing import Any

from mlops_nb.autolog import values
from mlops_nb.records import Json


def parameters(names: Iterable[str], namespace: Mapping[str, Any]) -> dict[str, Json]:
    """Return the parameters that widgets among some variables hold, by name."""
    found: dict[str, Json] = {}
    for name in names:
        value: Any = namespace.get(name)
        if type(value) is types.FunctionType:  # what @interact leaves of a function
            value = vars(value).get("widget")
        kind = type(value)
        if not kind.__module__.startswith("ipywidgets."):
            continue
        if kind.__name__ == "interactive":
            found |= {key: values.plain(item) for key, item in dict(value.kwargs).items()}
        elif "value" in value.trait_names() and kind.__name__ not in DISPLAYING:
            found[name] = values.plain(value.value)
    return found


#: Widgets that show something and choose nothing.
DISPLAYING = frozenset(
    {"HTML", "HTMLMath", "Label", "Image", "Audio", "Video", "FloatProgress", "IntProgress", "Valid"}
)
