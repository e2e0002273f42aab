"""LightGBM: ``lgb.train``, by which its scikit-learn estimators train too."""

from __future__ import annotations

import functools
import inspect
import sys
import time
from collections.abc import Callable
from types import ModuleType
from typing import Any

from mlops_nb.autolog import boosters
from mlops_nb.autolog.fits import Training
from mlops_nb.autolog.frames import Call, subject_of
from mlops_nb.autolog.recorder import Recorder

PASSED = frozenset({"fit", "train"})
#: Arguments that are no parameters, as in MLflow.
UNLOGGED = frozenset(
    {"params", "train_set", "valid_sets", "valid_names", "fobj", "feval", "init_model", "learning_rates", "callbacks",
     "evals_result"}
)  # fmt: skip
#: Where the function is looked up: replaced in its own module too, so that it is still pickled by its name.
PLACES = ("lightgbm", "lightgbm.engine", "lightgbm.sklearn")


def watch(lightgbm: ModuleType, recorder: Recorder) -> Callable[[], None]:
    """Record what is trained; ``lightgbm`` is the package."""
    original = lightgbm.train
    signature = inspect.signature(original)
    tell = recorder.guarded(functools.partial(_tell, recorder))

    @functools.wraps(original)
    def train(*args: Any, **kwargs: Any) -> Any:
        made = recorder.call(sys._getframe())
        if made is None or (len(made.inside) > 1 and subject_of(made, PASSED) is None):
            return original(*args, **kwargs)
        history: dict[str, Any] = {}
        try:
            given = signature.bind(*args, **kwargs)
            given.arguments["callbacks"] = [
                *(given.arguments.get("callbacks") or ()), lightgbm.record_evaluation(history)
            ]  # fmt: skip
        except TypeError:  # called with arguments that it does not take: it says so itself
            return original(*args, **kwargs)
        started, begun = time.time(), time.perf_counter()
        booster = original(*given.args, **given.kwargs)
        tell(made, given, booster, history, started, time.perf_counter() - begun)
        return booster

    places = [module for name in PLACES if getattr(module := sys.modules.get(name), "train", None) is original]
    for module in places:
        module.train = train  # type: ignore[union-attr]

    def undo() -> None:
        for module in places:
            module.train = original  # type: ignore[union-attr]

    return undo


def _tell(
    recorder: Recorder, call: Call, given: inspect.BoundArguments, booster: Any, history: Any, started: float,
    seconds: float,
) -> None:  # fmt: skip
    estimator = subject_of(call, PASSED)
    data = given.arguments["train_set"]
    training = Training("lightgbm.basic.Booster", started=started, seconds=seconds)
    training.rows, training.features = int(data.num_data()), int(data.num_feature())
    boosters.read(training, given, UNLOGGED, estimator)
    best = booster.best_iteration  # counted from 1; 0 where nothing was to stop it early
    rounds = boosters.read_history(training, history, best - 1 if best > 0 else None)
    if best > 0:
        training.metrics += [("best_iteration", float(best), None), ("stopped_iteration", float(rounds), None)]
    recorder.fit(training, booster if estimator is None else estimator)
