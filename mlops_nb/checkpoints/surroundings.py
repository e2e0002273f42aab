"""Surroundings: what belongs to the state of a kernel and has no name: random state, and the working folder."""

from __future__ import annotations

import importlib
import os
import random
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from mlops_nb.errors import NotFound
from mlops_nb.project import Project

#: By the module that must have been imported: how its random state is read, and how it is set.
RANDOM: dict[str, tuple[Callable[[Any], Any], Callable[[Any, Any], Any]]] = {
    "random": (lambda module: module.getstate(), lambda module, state: module.setstate(state)),
    "numpy.random": (
        lambda module: module.get_state(legacy=False),
        lambda module, state: module.set_state(state),
    ),
    "torch": (lambda module: module.get_rng_state(), lambda module, state: module.set_rng_state(state)),
}
_ = random  # imported, so that its state is there to be read


def look(project: Project) -> dict[str, Any]:
    """Return the surroundings as they are now."""
    states = {name: read(sys.modules[name]) for name, (read, _) in RANDOM.items() if name in sys.modules}
    return {"random": states, "folder": project.relative(Path.cwd())}


def ready(project: Project, kept: Mapping[str, Any]) -> Callable[[], None]:
    """Import what is needed to set surroundings, and return what then sets them.

    Raises:
        NotFound: the working folder is gone.
    """
    folder = project.root / kept["folder"]
    if not folder.is_dir():
        raise NotFound(f"no folder {str(folder)!r}, in which the checkpoint was made - make it, or use --force")
    modules = {name: importlib.import_module(name) for name in kept["random"]}

    def act() -> None:
        os.chdir(folder)
        for name, state in kept["random"].items():
            RANDOM[name][1](modules[name], state)

    return act
