"""Estimators of other classes, such as a notebook's own: seen by what they have learned when the cell has ended."""

from __future__ import annotations

from typing import Any

from mlops_nb.autolog.estimators import parameters_of
from mlops_nb.autolog.fits import Training
from mlops_nb.autolog.frames import FRAMEWORKS
from mlops_nb.autolog.recorder import Recorder

Learned = tuple[tuple[str, int], ...]


class OwnEstimators:
    """Records an estimator that a variable holds, whenever it has learned something else than before."""

    def __init__(self, recorder: Recorder) -> None:
        self.recorder = recorder
        self._learned: dict[int, Learned] = {}
        self._fits: dict[int, int] = {}

    def look(self, value: Any) -> None:
        """Record the value of a variable that a cell has made or changed, if it is such an estimator."""
        learned = _learned(value)
        if not learned or self._learned.get(id(value)) == learned:
            return
        self._learned[id(value)] = learned
        if self.recorder.fit_of(value) not in (None, self._fits.get(id(value))):
            return  # a class derived from one that is watched
        kind = type(value)
        training = Training(f"{kind.__module__}.{kind.__qualname__}")
        training.parameters = parameters_of(value, training)
        training.notes.append("seen when its cell had ended: how it was fitted is not known")
        self._fits[id(value)] = self.recorder.fit(training, value)


def _learned(value: Any) -> Learned:
    """Return the identities of what an estimator has learned: scikit-learn ends the names of that in ``_``."""
    kind = type(value)
    bases = [base for base in kind.__mro__ if base.__module__ == "sklearn.base" and base.__name__ == "BaseEstimator"]
    if not bases or kind.__module__.partition(".")[0] in FRAMEWORKS:
        return ()
    attributes = object.__getattribute__(value, "__dict__")
    return tuple((name, id(item)) for name, item in attributes.items() if name.endswith("_") and name[0] != "_")
