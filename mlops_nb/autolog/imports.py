"""To know when a module has been imported, without importing it.

Python has no event for it. A finder in front of ``sys.meta_path`` lets the others find the module, and gives the
loader that they made, which serves this one import, an ``exec_module`` that takes itself away again and then tells.
The module, its ``__loader__`` and its ``__spec__`` are what they would have been.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

Told = Callable[[ModuleType], None]


class Imports:
    """Tells when one of some modules is in use: at once where it is, else when it has been imported."""

    def __init__(self, told: Mapping[str, Told]) -> None:
        self._told = dict(told)

    def start(self) -> None:
        """Begin to tell."""
        for name, tell in self._told.items():
            if (module := sys.modules.get(name)) is not None and _is_ready(module):
                tell(module)
        sys.meta_path.insert(0, self)

    def stop(self) -> None:
        """Leave nothing behind."""
        if self in sys.meta_path:
            sys.meta_path.remove(self)

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Find a module as the other finders do: what Python asks of a finder."""
        if name not in self._told:
            return None
        others = [finder for finder in sys.meta_path if finder is not self and hasattr(finder, "find_spec")]
        spec = next((spec for finder in others if (spec := finder.find_spec(name, path, target)) is not None), None)
        if spec is not None and spec.loader is not None:
            _tell_after(spec.loader, self._told[name])
        return spec


def _is_ready(module: ModuleType) -> bool:
    return not getattr(getattr(module, "__spec__", None), "_initializing", False)


def _tell_after(loader: Any, tell: Told) -> None:
    execute = loader.exec_module

    def exec_module(module: ModuleType) -> None:
        del loader.exec_module
        execute(module)
        tell(module)

    try:
        loader.exec_module = exec_module
    except AttributeError:  # a loader that cannot be told anything, such as that of built-in modules
        pass
