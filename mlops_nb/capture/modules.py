"""The user's own modules: those that no installer has put among the packages, or that were made in the session."""

from __future__ import annotations

import os
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlops_nb.capture.values.kinds import FROZEN

PACKAGES = tuple(f"{os.sep}{folder}{os.sep}" for folder in ("site-packages", "dist-packages"))


@dataclass(frozen=True)
class Source:
    """Where the code of a module came from when it was imported last."""

    spec: Any
    path: Path | None
    written: int  # nanoseconds

    @classmethod
    def of(cls, module: Any) -> Source:
        """Look at a module as it is now."""
        own = vars(module)
        file = own.get("__file__")
        return cls(own.get("__spec__"), Path(file) if file else None, _written(file))

    def is_outdated(self, module: Any, reloads: bool) -> bool:
        """Whether a module has been imported again since, or its file was written while something may reload it."""
        return vars(module).get("__spec__") is not self.spec or (reloads and _written(self.path) != self.written)


def _written(file: str | Path | None) -> int:
    try:
        return os.stat(file).st_mtime_ns if file else 0
    except OSError:
        return 0


class LocalModules:
    """Knows which modules are the user's, and notices those that a cell imported."""

    def __init__(self, root: Path) -> None:
        self.machinery = tuple(
            f"{path}{os.sep}"
            for path in {sys.prefix, sys.base_prefix, *(sysconfig.get_paths()[k] for k in ("stdlib", "purelib"))}
        )
        self.folders = tuple({f"{root}{os.sep}", f"{os.path.realpath(root)}{os.sep}"})
        self.before = frozenset(sys.modules)  # those of whatever runs the notebook among them
        self.known: dict[str, bool] = {"__main__": True}
        self.sources: dict[str, Source] = {}  # of the user's modules that were imported meanwhile
        self.present: frozenset[str] = frozenset()
        self.count = 0

    def __call__(self, name: str) -> bool:
        """Whether a module, by its name, is the user's own."""
        known = self.known.get(name)
        if known is None:
            module = sys.modules.get(name)
            if module is None:
                return False
            self.known[name] = known = self._is_local(name, module)
        return known

    def _is_local(self, name: str, module: Any) -> bool:
        own = vars(module)
        file = own.get("__file__")
        if file is None:  # made in the session; those that Cython makes for itself are nobody's
            made_here = own.get("__spec__") is None and own.get("__loader__") is None
            return made_here and not str(own.get("__name__")).startswith("_cython_")
        path = os.path.abspath(file)
        if path.startswith(self.machinery) or any(map(path.__contains__, PACKAGES)):
            return False
        if name.partition(".")[0] in FROZEN:
            return False
        return name not in self.before or path.startswith((*self.folders, f"{os.getcwd()}{os.sep}"))

    def loaded(self) -> list[Path]:
        """Return the files of the user's modules that have been imported or reloaded since this was last asked."""
        fresh: list[str] = []
        if len(sys.modules) != self.count:
            present = frozenset(sys.modules)
            fresh = [name for name in present - self.present if self(name)]
            self.count, self.present = len(present), present
        self.sources |= {name: Source.of(sys.modules[name]) for name in fresh}
        reloads = "IPython.extensions.autoreload" in sys.modules  # it may put new code into a module without a reload
        for name, known in list(self.sources.items()):
            module = sys.modules.get(name)
            if module is not None and known.is_outdated(module, reloads):
                self.sources[name] = Source.of(module)
                fresh.append(name)
        return [path for name in fresh if (path := self.sources[name].path) is not None]
