"""Copies of fitted models, where ``[capture] models = true`` asks for them.

Not by default: a notebook refits dozens of times, and what is worth keeping is named with one line, ``mlops.register``.
A copy is made when the cell has ended, of what a variable still holds, in the format that the registry writes.
"""

from __future__ import annotations

import functools
import json
import time
from typing import Any

from mlops_nb.capture import nodes
from mlops_nb.errors import MlopsError, NotFound
from mlops_nb.ids import canonical_json
from mlops_nb.lineage.references import resolve
from mlops_nb.project import Project
from mlops_nb.registry import formats

BUDGET = 0.1  # seconds of one cell after which no further copy is begun


class Keeping:
    """Keeps copies of the models of one session."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self._slow: set[type] = set()

    def keep(self, held: dict[int, Any]) -> None:
        """Keep what some fits have trained, as far as a format is safe and it does not take long."""
        begun = time.perf_counter()
        for fit, model in held.items():
            kind, at = type(model), time.perf_counter()
            if at - begun > BUDGET or kind in self._slow:
                continue
            try:
                data, types = formats.dump(model, ())
            except MlopsError:  # of a class that nobody vouches for: register says which, when it is asked
                self._slow.add(kind)
                continue
            if time.perf_counter() - at > BUDGET:
                self._slow.add(kind)
            self.project.store.defer(functools.partial(_record, self.project, fit, data, types))


def _record(project: Project, fit: int, data: bytes, types: list[str]) -> None:
    project.store.execute(
        "INSERT INTO kept_model (fit, content, format, trusted) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
        fit, project.content.put(data), formats.FORMAT, canonical_json(types),
    )  # fmt: skip


def load_fit(project: Project, fit: str) -> Any:
    """Return the copy of a model that was kept of a fit.

    Args:
        project: the project
        fit: the fit: ``fit:LogisticRegression`` or an ID that ``mlops.fits()`` shows

    Raises:
        NotFound: no copy was kept.
        Untrusted: its bytes hold types that were not recorded with it; nothing has been constructed.
    """
    number = resolve(project, fit)
    row = project.store.row("SELECT content, trusted FROM kept_model WHERE fit = ?", number)
    if row is None:
        raise NotFound(f"no copy of {fit!r} is kept - say models = true under [capture] in mlops.toml, or register it")
    model = formats.load(project.content.get(row["content"]), json.loads(row["trusted"]))
    nodes.was_read(project, number, f"fit:{fit}")
    return model
