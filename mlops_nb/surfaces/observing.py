"""Who looks at cells: what the layers above capture add to it, imported when there is something to look at.

Until a notebook has imported pandas, a cell costs one look into a dict.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from mlops_nb.capture.observers import KEEPERS, OBSERVERS, Observer, Seen
from mlops_nb.project import Project


@dataclass
class Lazy:
    """An observer that is made when a module it needs is there."""

    needs: str
    place: str
    observer: Observer | None = None

    def __call__(self, seen: Seen) -> None:
        """Hand a cell on."""
        if self.needs in sys.modules:
            self._made()(seen)

    def kept(self, project: Project, number: int, subject: Any) -> None:
        """Hand on that an object was kept, to an observer who cares."""
        if self.needs in sys.modules and (tell := getattr(self._made(), "kept", None)):
            tell(project, number, subject)

    def _made(self) -> Observer:
        if self.observer is None:
            module, _, name = self.place.partition(":")
            make: Callable[[], Any] = getattr(importlib.import_module(f"mlops_nb.{module}"), name)
            self.observer = make()
        return self.observer


def start() -> None:
    """Add the observers of tables and columns."""
    crossings = Lazy("pandas", "data.crossings:Crossings")
    OBSERVERS.extend((Lazy("pandas", "lineage.recorder:Recorder"), crossings))
    KEEPERS.append(crossings.kept)


def stop() -> None:
    """Take them away again."""
    OBSERVERS[:] = [observer for observer in OBSERVERS if not isinstance(observer, Lazy)]
    KEEPERS[:] = [keeper for keeper in KEEPERS if not isinstance(getattr(keeper, "__self__", None), Lazy)]
