"""The user's own modules: those that lie in the project or beside the notebook, or were made in the session."""

from __future__ import annotations

import os
import sys
import sysconfig
from pathlib import Path
from typing import Any


class LocalModules:
    """Knows which modules are the user's, and notices those that a cell imported."""

    def __init__(self, root: Path) -> None:
        self.folders = tuple({f"{root}{os.sep}", f"{os.path.realpath(root)}{os.sep}"})
        self.machinery = tuple(
            f"{path}{os.sep}"
            for path in {sys.prefix, sys.base_prefix, *(sysconfig.get_paths()[k] for k in ("stdlib", "purelib"))}
        )
        self.known: dict[str, bool] = {"__main__": True}
        self.count = len(sys.modules)

    def __call__(self, name: str) -> bool:
        """Whether a module, by its name, is the user's own."""
        known = self.known.get(name)
        if known is None:
            module = sys.modules.get(name)
            if module is None:
                return False
            self.known[name] = known = self._is_local(module)
        return known

    def _is_local(self, module: Any) -> bool:
        own = vars(module)
        file = own.get("__file__")
        if file is None:  # made in the session; those that Cython makes for itself are nobody's
            return not str(own.get("__name__")).startswith("_cython_") and own.get("__spec__") is None and own.get("__loader__") is None
        path = os.path.abspath(file)
        here = (*self.folders, f"{os.getcwd()}{os.sep}")
        return path.startswith(here) and not path.startswith(self.machinery)

    def imported(self) -> list[Path]:
        """Return the files of the user's modules that have been imported since this was last asked."""
        if len(sys.modules) == self.count:
            return []
        self.count = len(sys.modules)
        fresh = [name for name in list(sys.modules) if name not in self.known and self(name)]
        files = [vars(sys.modules[name]).get("__file__") for name in fresh]
        return [Path(file) for file in files if file]
