"""Autolog, attached to one session: the frameworks that are watched, and what is looked at when a cell has ended."""

from __future__ import annotations

import functools
import importlib
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

from mlops_nb.autolog import widgets
from mlops_nb.autolog.imports import Imports, Told
from mlops_nb.autolog.own import OwnEstimators
from mlops_nb.autolog.recorder import Recorder
from mlops_nb.capture import nodes, runs
from mlops_nb.capture.observers import KEEPERS, OBSERVERS, Seen
from mlops_nb.project import Project

#: A module that a session may import: the function here that begins to watch it, given the module and the recorder, and
#: returns how to undo that. It is imported when the module is.
PLUGINS = {
    "sklearn.base": "sklearn:watch_fits",
    "sklearn.metrics": "sklearn:watch_metrics",
    "sklearn.model_selection": "sklearn:watch_validations",
    "xgboost": "xgboost:watch",
    "lightgbm": "lightgbm:watch",
    "statsmodels.base.wrapper": "statsmodels:watch",
    "keras": "keras:watch",
    "pytorch_lightning": "lightning:watch",
    "lightning.pytorch": "lightning:watch",
}


class Autolog:
    """Watches the frameworks of one session."""

    def __init__(self, project: Project) -> None:
        self.recorder = Recorder(project)
        self._own = OwnEstimators(self.recorder)
        self._keep = _keeper(project)
        self._undo: list[Callable[[], None]] = []
        self._imports = Imports({name: self._told(plugin) for name, plugin in PLUGINS.items()})

    def attach(self) -> None:
        """Begin to watch."""
        OBSERVERS.append(self.observe)
        KEEPERS.append(self.kept)
        self._imports.start()

    def detach(self) -> None:
        """Put everything back."""
        self._imports.stop()
        OBSERVERS.remove(self.observe)
        KEEPERS.remove(self.kept)
        for undo in reversed(self._undo):
            undo()
        self._undo.clear()

    def _told(self, plugin: str) -> Told:
        place, _, function = plugin.partition(":")

        def watch(module: ModuleType) -> None:
            begin = getattr(importlib.import_module(f"mlops_nb.autolog.{place}"), function)
            self._undo.append(begin(module, self.recorder))

        return self.recorder.guarded(watch)

    def observe(self, seen: Seen) -> None:
        """Look at a cell that has ended: its predictions, its widgets, and which variables hold what it fitted."""
        self.recorder.enter(seen.execution)
        for end in self.recorder.at_end:
            end()
        if "sklearn.base" in sys.modules:
            for name in seen.made:
                self._own.look(seen.namespace.get(name))
        if seen.tree is not None:
            self.recorder.predictions.learn(seen.tree)
        found = widgets.parameters(seen.read, seen.namespace) if "ipywidgets" in sys.modules else {}
        held = {name: fit for name in seen.made
                if (fit := self.recorder.fit_of(seen.namespace.get(name))) is not None}  # fmt: skip
        if held and self._keep is not None:  # what has a name; IPython holds every result too
            self._keep({fit: seen.namespace[name] for name, fit in held.items() if not name.startswith("_")})
        if found or held:
            seen.project.store.defer(functools.partial(_record, seen, found, held))

    def kept(self, project: Project, number: int, subject: Any) -> None:
        """Record which fit made an object that is kept, by its identity."""
        fit = self.recorder.fit_of(subject)
        if fit is not None and project.store is self.recorder.project.store:
            project.store.defer(functools.partial(nodes.add_edge, project.store, fit, number, "wrote"))


def _keeper(project: Project) -> Callable[[dict[int, Any]], None] | None:
    if project.section("capture").get("models", False) is not True:
        return None
    from mlops_nb.autolog.keeping import Keeping  # with the formats of the registry: only where it is asked for

    return Keeping(project).keep


def _record(seen: Seen, parameters: dict[str, Any], held: dict[str, int]) -> None:
    """Record, inside a transaction, parameters and which variables came from which fit."""
    runs.observe_parameters(seen.project, seen.run, parameters)
    for name, fit in held.items():
        nodes.add_edge(seen.project.store, fit, seen.made[name], "wrote")


# -- the one of this process ----------------------------------------------------------------------------------

_autolog: Autolog | None = None


def attach(project: Project) -> None:
    """Begin to watch, unless ``mlops.toml`` says otherwise."""
    global _autolog
    if _autolog is None and project.section("capture").get("autolog", True) is not False:
        _autolog = Autolog(project)
        _autolog.attach()


def detach() -> None:
    """Put everything back."""
    global _autolog
    if _autolog is not None:
        watching, _autolog = _autolog, None
        watching.detach()
