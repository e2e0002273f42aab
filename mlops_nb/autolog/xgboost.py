"""XGBoost: ``xgb.train``, by which its scikit-learn estimators train too."""

from __future__ import annotations

import functools
import inspect
import sys
import time
from collections.abc import Callable
from types import ModuleType
from typing import Any

from mlops_nb.autolog import boosters
from mlops_nb.autolog.closures import cell_of
from mlops_nb.autolog.fits import Training
from mlops_nb.autolog.frames import Call, subject_of
from mlops_nb.autolog.recorder import Recorder

PASSED = frozenset({"fit", "train", "call", "inner_f"})
#: Arguments that are no parameters, as in MLflow.
UNLOGGED = frozenset(
    {"params", "dtrain", "evals", "obj", "feval", "evals_result", "xgb_model", "callbacks", "learning_rates"}
)


def watch(xgboost: ModuleType, recorder: Recorder) -> Callable[[], None]:
    """Record what is trained; ``xgboost`` is the package."""
    cell = cell_of(xgboost.train)
    train = cell.cell_contents
    signature = inspect.signature(train)
    tell = recorder.guarded(functools.partial(_tell, recorder))

    @functools.wraps(train)
    def call(*args: Any, **kwargs: Any) -> Any:
        made = recorder.call(sys._getframe())
        if made is None or (len(made.inside) > 2 and subject_of(made, PASSED) is None):
            return train(*args, **kwargs)
        if kwargs.get("evals") and kwargs.get("evals_result") is None:
            kwargs["evals_result"] = {}  # where XGBoost leaves what each iteration was evaluated to
        started, begun = time.time(), time.perf_counter()
        booster = train(*args, **kwargs)
        tell(made, signature.bind(*args, **kwargs), booster, started, time.perf_counter() - begun)
        return booster

    cell.cell_contents = call
    return functools.partial(setattr, cell, "cell_contents", train)


def _tell(
    recorder: Recorder, call: Call, given: inspect.BoundArguments, booster: Any, started: float, seconds: float
) -> None:
    estimator = subject_of(call, PASSED)
    data = given.arguments["dtrain"]
    training = Training("xgboost.core.Booster", started=started, seconds=seconds)
    training.rows, training.features = int(data.num_row()), int(data.num_col())
    boosters.read(training, given, UNLOGGED, estimator)
    best = booster.best_iteration if given.arguments["early_stopping_rounds"] else None
    rounds = boosters.read_history(training, given.arguments["evals_result"] or {}, best)
    if best is not None:
        training.metrics += [("best_iteration", float(best), None), ("stopped_iteration", float(rounds - 1), None)]
    recorder.fit(training, booster if estimator is None else estimator)
