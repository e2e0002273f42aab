"""The recorder: what the modules of the frameworks tell what they saw, and who keeps it from harming the cell."""

from __future__ import annotations

import functools
import math
import os
import weakref
from collections import Counter
from collections.abc import Callable
from typing import Any

from mlops_nb.autolog import fits
from mlops_nb.autolog.fits import Training
from mlops_nb.autolog.frames import Call, call_of
from mlops_nb.autolog.naming import Predictions
from mlops_nb.capture.runs import REPLAY
from mlops_nb.errors import UsageError
from mlops_nb.project import Project

#: Facts of one cell that are recorded; a loop that makes more is told so once.
LIMIT = 1000
#: What reading training metrics may cost a cell: this many seconds, or this part of what its fits took.
FREE_SECONDS, FREE_PART = 0.03, 0.05


class Recorder:
    """Records fits and metrics of the cell that is running."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self.predictions = Predictions()
        #: Called when a cell has ended.
        self.at_end: list[Callable[[], None]] = []
        self._process = os.getpid()
        self._cell: int | None = None
        self._facts = 0
        self._fitting = self._spent = 0.0
        self._known: dict[int, tuple[weakref.ref[Any], int]] = {}
        self._indices: Counter[tuple[int, str]] = Counter()

    # -- whether to record ------------------------------------------------------------------------------------

    def call(self, frame: Any) -> Call | None:
        """Return the user's call that led to a frame, if it is to be recorded."""
        execution = self.project.execution
        if execution is None or self.project.run is None or os.getpid() != self._process:
            return None
        self.enter(execution)
        return call_of(frame) if self._facts < LIMIT else None

    def enter(self, execution: int) -> None:
        """Record what follows as a cell's."""
        if execution != self._cell:
            self._cell, self._facts, self._fitting, self._spent = execution, 0, 0.0, 0.0

    def guarded(self, tell: Callable[..., None]) -> Callable[..., None]:
        """Keep a failure of ours, or a framework of a version that is not as we know it, away from the call."""

        @functools.wraps(tell)
        def safely(*args: Any, **kwargs: Any) -> None:
            try:
                tell(*args, **kwargs)
            except Exception as error:
                self.project.store.on_gap(error)

        return safely

    def allowance(self, seconds: float) -> float:
        """Return how long the metrics of a fit that took some seconds may take to read.

        A slice that runs again has all the time it needs: nobody waits, and what was recorded has to come again.
        """
        if REPLAY in os.environ:
            return math.inf
        self._fitting += seconds
        return max(FREE_SECONDS, FREE_PART * self._fitting) - self._spent

    def spent(self, seconds: float) -> None:
        """Count what reading metrics took."""
        self._spent += seconds

    # -- what was seen ----------------------------------------------------------------------------------------

    def fit(self, training: Training, subject: Any = None) -> int:
        """Record a call that trained something, and which object it trained; return its row ID."""
        project, run, execution = self.project, self.project.run, self._cell
        assert run is not None and execution is not None
        self._count()
        number = project.store.next_id()
        self._remember(subject, number)
        project.store.defer(functools.partial(fits.add, project, number, run, execution, training))
        return number

    def metric(self, name: str, dataset: str, value: float, subject: Any) -> None:
        """Record what a metric function returned, under MLflow's key ``name[-index]_dataset``."""
        project, run, execution = self.project, self.project.run, self._cell
        assert run is not None and execution is not None
        self._count()
        fit = self.fit_of(subject)
        self._indices[fit or run, name] += 1
        index = self._indices[fit or run, name]
        key = f"{name}-{index}_{dataset}" if index > 1 else f"{name}_{dataset}"
        project.store.defer(functools.partial(fits.add_metrics, project, run, execution, [(key, value, None)], fit=fit))

    def fit_of(self, subject: Any) -> int | None:
        """Return the last fit of an object, by identity."""
        reference, number = self._known.get(id(subject), (None, None))
        return number if reference is not None and reference() is subject else None

    def _remember(self, subject: Any, number: int) -> None:
        if subject is None:
            return
        try:
            self._known[id(subject)] = weakref.ref(subject), number
        except TypeError:  # an object without weak references is not known again
            return
        if len(self._known) > LIMIT:
            self._known = {key: known for key, known in self._known.items() if known[0]() is not None}

    def _count(self) -> None:
        self._facts += 1
        if self._facts == LIMIT:
            self.project.store.on_gap(
                UsageError(
                    f"only the first {LIMIT} fits and metrics of the cell are kept - log a loop's with log_metric"
                )
            )
