"""Boosting libraries tell alike: parameters of the booster and of the call, and metrics of each iteration."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

from mlops_nb.autolog import values
from mlops_nb.autolog.estimators import parameters_of
from mlops_nb.autolog.fits import Training

History = Mapping[str, Mapping[str, Sequence[float]]]


def read(training: Training, given: inspect.BoundArguments, unlogged: frozenset[str], estimator: Any) -> None:
    """Read the parameters of a training call under MLflow's keys, and those of the estimator that made it."""
    if estimator is not None:
        kind = type(estimator)
        training.estimator = f"{kind.__module__}.{kind.__qualname__}"
        training.parameters |= parameters_of(estimator, training)
    given.apply_defaults()
    call = {name: value for name, value in given.arguments.items() if name not in unlogged}
    training.parameters |= values.parameters(given.arguments["params"] or {}) | values.parameters(call)


def read_history(training: Training, history: History, best: int | None) -> int:
    """Read what each iteration was evaluated to, the best once more as a last step; return how many there were."""
    rounds = 0
    for dataset, metrics in history.items():
        for metric, evaluated in metrics.items():
            key = f"{dataset}-{metric}".replace("@", "_at_")
            rounds = max(rounds, len(evaluated))
            steps = [*enumerate(evaluated)]
            if best is not None and best < len(evaluated):
                steps.append((len(evaluated), evaluated[best]))
            numbers = [(key, values.number(value), step) for step, value in steps]
            training.metrics += [(key, value, step) for key, value, step in numbers if value is not None]
    return rounds
