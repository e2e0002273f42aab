"""Who looks at cells: what the layers above capture add to it, imported when there is something to look at.

Until a notebook has imported pandas, a cell costs one look into a dict.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from mlops_nb.capture.observers import OBSERVERS, Observer, Seen


@dataclass
class Lazy:
    """An observer that is made when a module it needs is there."""

    needs: str
    place: str
    observer: Observer | None = None

    def __call__(self, seen: Seen) -> None:
        """Hand a cell on."""
        if self.observer is None:
            if self.needs not in sys.modules:
                return
            module, _, name = self.place.partition(":")
            make: Callable[[], Any] = getattr(importlib.import_module(f"mlops_nb.{module}"), name)
            self.observer = make()
        self.observer(seen)


def start() -> None:
    """Add the observers of tables and columns."""
    OBSERVERS.extend((Lazy("pandas", "lineage.recorder:Recorder"), Lazy("pandas", "data.crossings:Crossings")))


def stop() -> None:
    """Take them away again."""
    OBSERVERS[:] = [observer for observer in OBSERVERS if not isinstance(observer, Lazy)]
