"""Trials: a mixture of two programs, run on a stage as ``mlops reproduce`` runs a slice, and the metric it comes to.

The user's files are only read. A program that has run in this environment with the same inputs is not run twice: what
it came to is kept in the store, unless something in it cannot be checked (the network, a thread), which nobody can know
to be the same. What is drawn by chance can be kept: it is one draw, and a repetition is another program.
"""

from __future__ import annotations

import json
import math
import os
import time
from dataclasses import dataclass
from functools import cached_property

from mlops_nb.capture import environments
from mlops_nb.comparison.programs import Chosen, Mixture, Programs
from mlops_nb.errors import StepFailed
from mlops_nb.ids import canonical_json, digest, file_digest
from mlops_nb.pipelines.engine import Engine
from mlops_nb.project import CHARTER
from mlops_nb.reproduction.places import place_of
from mlops_nb.reproduction.replays import Replay, replayed
from mlops_nb.reproduction.reproduce import failure
from mlops_nb.reproduction.rungs import apart
from mlops_nb.reproduction.seeds import hashed, under
from mlops_nb.reproduction.stages import Script
from mlops_nb.store.db import Store
from mlops_nb.verbs import Progress

NEAR = 1e-9  # how far apart, for their size, two values of a metric are that are taken for the same
#: Environment variables that tell a session from another, and nothing that a program should depend on.
PASSING = ("MLOPS_", "JPY_", "JUPYTER", "KERNEL", "IPYTHON", "PYTEST", "PAPERMILL", "SSH_", "VSCODE", "TERM", "COLUMNS",
           "LINES", "OLDPWD", "PWD", "SHLVL", "_", "XDG_SESSION", "GIT_", "WINDOWID")  # fmt: skip


def same(a: float, b: float) -> bool:
    """Whether two values of a metric are the same but for rounding."""
    return apart(a, b) <= NEAR


def is_by_chance(doubt: str) -> bool:
    """Whether a doubt is about numbers drawn without a seed."""
    return "without a seed" in doubt


@dataclass(frozen=True)
class Trial:
    """What a program came to: the metric, or why there is none."""

    value: float | None
    failure: str | None = None


class Trials:
    """Runs mixtures, within a budget of runs."""

    def __init__(self, programs: Programs, metric: str, budget: int, seed: int | None, progress: Progress) -> None:
        self.programs, self.budget, self.seed, self.progress = programs, budget, seed, progress
        self.metric = metric.rpartition("/")[2] if "/" in metric and not self._logged(metric) else metric
        self.runs = self.reused = 0
        self._seen: dict[str, Trial] = {}
        self._engine = Engine()

    def close(self) -> None:
        """End the process that runs them."""
        self._engine.stop()

    def _logged(self, metric: str) -> bool:
        store = self.programs.a.project.store
        return store.value("SELECT 1 FROM metric WHERE name = ?", metric) is not None

    def of(self, chosen: Chosen, again: int = 0) -> Trial | None:
        """Return what A with some changes comes to; None where the budget is spent.

        Args:
            chosen: the changes
            again: 0, or the number of the repetition, which has another order of sets, to see what chance does
        """
        script = self.programs.mixture(chosen)
        key = self._key(script, again)
        if key in self._seen:
            return self._seen[key]
        found = self._kept(key)
        if found is None:
            if self.runs >= self.budget:
                return None
            self.runs += 1
            found = self._run(script, key, again, self._label(chosen))
        self._seen[key] = found
        return found

    def _label(self, chosen: Chosen) -> str:
        name = "A" if not chosen else "B" if chosen == self.programs.everything else self.programs.name(chosen)
        return f"run {self.runs}: {name}"

    # -- one run --------------------------------------------------------------------------------------------------

    def _run(self, script: Script, key: str, again: int, what: str) -> Trial:
        place = place_of(script, here=True)
        variables = under(self.seed) or hashed(again + 1, place.variables)
        try:
            with replayed(
                script, lambda done, total: self.progress(what, done, total), place, self._engine, variables
            ) as replay:
                self.progress(what, 1, 1)
                metrics = _metrics(replay)
                if failed := failure(script, replay):
                    return Trial(None, failed)
        except StepFailed as error:
            return Trial(None, str(error))
        if self.metric not in metrics:
            return Trial(None, f"it logs no {self.metric}")
        if not self._unsure:
            self._keep(key, metrics)
        return Trial(metrics[self.metric])

    @cached_property
    def _unsure(self) -> bool:
        doubts = {*self.programs.a.slice.uncheckable, *self.programs.b.slice.uncheckable}
        return not all(is_by_chance(doubt) for doubt in doubts)

    # -- what is kept ---------------------------------------------------------------------------------------------

    def _key(self, script: Script, again: int) -> str:
        """Return what tells a program with its inputs, here, from every other."""
        settings = {name: value for name, value in os.environ.items() if not name.startswith(PASSING)}
        parts = [
            [(cell.source, cell.raises) for cell in script.slice.cells],
            sorted((file.path, file.hash) for file in script.slice.files),
            sorted((thing.reference, thing.node) for thing in script.loaded()),
            script.folder, isinstance(script, Mixture) or sorted(thing.node for thing in script.made()),
            digest(canonical_json(settings).encode()), environments.environment().hash,
            file_digest(charter) if (charter := script.project.root / CHARTER).is_file() else "", self.seed, again,
        ]  # fmt: skip
        return digest(canonical_json(parts).encode())

    def _kept(self, key: str) -> Trial | None:
        text = None if self._unsure else self._store.value("SELECT metrics FROM trial WHERE key = ?", key)
        metrics = json.loads(text) if text else {}
        if self.metric not in metrics:
            return None
        self.reused += 1
        value = metrics[self.metric]
        return Trial(math.nan if value is None else value)

    def _keep(self, key: str, metrics: dict[str, float]) -> None:
        kept = {name: value if math.isfinite(value) else None for name, value in metrics.items()}
        with self._store.write() as store:
            store.execute(
                "INSERT INTO trial (key, metrics, environment, at) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
                key, canonical_json(kept), environments.environment_id(store), time.time(),
            )  # fmt: skip

    @property
    def _store(self) -> Store:
        return self.programs.a.project.store


def _metrics(replay: Replay) -> dict[str, float]:
    """Return the last value of each metric that a replay logged."""
    rows = replay.project.store.rows("SELECT name, value FROM metric ORDER BY id")
    return {row["name"]: math.nan if row["value"] is None else row["value"] for row in rows}
