"""Keras 3: ``Model.fit``, whose ``History`` says what each epoch was evaluated to."""

from __future__ import annotations

import functools
import inspect
import sys
import time
from collections.abc import Callable
from types import ModuleType
from typing import Any

from mlops_nb.autolog import values
from mlops_nb.autolog.closures import cell_of
from mlops_nb.autolog.estimators import shape
from mlops_nb.autolog.fits import Training
from mlops_nb.autolog.recorder import Recorder

#: Arguments that are no parameters, as in MLflow.
UNLOGGED = frozenset({"self", "x", "y", "callbacks", "validation_data", "verbose"})


def watch(keras: ModuleType, recorder: Recorder) -> Callable[[], None]:
    """Record what is trained; ``keras`` is the package."""
    cell = cell_of(keras.Model.fit, "fn")  # inside the wrapper that shortens tracebacks
    fit = cell.cell_contents
    signature = inspect.signature(fit)
    tell = recorder.guarded(functools.partial(_tell, recorder))

    @functools.wraps(fit)
    def call(*args: Any, **kwargs: Any) -> Any:
        made = recorder.call(sys._getframe())
        if made is None or len(made.inside) > 2:
            return fit(*args, **kwargs)
        started, begun = time.time(), time.perf_counter()
        history = fit(*args, **kwargs)
        tell(signature.bind(*args, **kwargs), history, started, time.perf_counter() - begun)
        return history

    cell.cell_contents = call
    return functools.partial(setattr, cell, "cell_contents", fit)


def _tell(recorder: Recorder, given: inspect.BoundArguments, history: Any, started: float, seconds: float) -> None:
    given.apply_defaults()
    model, kind = given.arguments["self"], type(given.arguments["self"])
    training = Training(f"{kind.__module__}.{kind.__qualname__}", started=started, seconds=seconds)
    training.rows, training.features = shape(given.arguments["x"])
    training.parameters = values.parameters({k: v for k, v in given.arguments.items() if k not in UNLOGGED})
    if getattr(model, "optimizer", None) is not None:
        settings = model.optimizer.get_config()
        training.parameters |= values.parameters({f"optimizer_{name}": value for name, value in settings.items()})
    for name, epochs in history.history.items():
        numbers = [(epoch, values.number(value)) for epoch, value in zip(history.epoch, epochs, strict=False)]
        known = [(name, value, epoch) for epoch, value in numbers if value is not None]
        training.metrics += known
        if known and name.startswith("val_"):  # what MLflow calls the last evaluation
            training.metrics.append((f"validation_{name.removeprefix('val_')}", known[-1][1], None))
    recorder.fit(training, model)
