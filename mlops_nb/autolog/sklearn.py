"""scikit-learn: fits, scores, metric functions, cross-validation and searches.

Every ``fit`` of scikit-learn runs inside ``sklearn.base.config_context``, a name that this module replaces: neither
classes nor methods are touched, and no frame is added to a traceback. Public functions check their arguments in a
wrapper that keeps the function itself in the cell of a closure: what stands in the cell is replaced, and the function
that everybody imports, pickles and compares is the one it was.
"""

from __future__ import annotations

import functools
import inspect
import sys
import time
from collections.abc import Callable
from types import FrameType, FunctionType, ModuleType
from typing import Any

from mlops_nb.autolog import training_metrics, values
from mlops_nb.autolog.closures import cell_of
from mlops_nb.autolog.estimators import parameters_of, shape
from mlops_nb.autolog.fits import Training
from mlops_nb.autolog.frames import Call, name_in, subject_of
from mlops_nb.autolog.naming import UNKNOWN
from mlops_nb.autolog.recorder import Recorder

Undo = Callable[[], None]

FITS = frozenset({"fit", "fit_transform", "fit_predict"})
#: Frames between the user's call and a fit: scikit-learn's own, and those of its decorators.
PASSED = FITS | {"wrapper", "wrapped", "call", "config_context"}
#: What prepares data is recorded as a part of a pipeline only, as in MLflow.
PREPARING = (
    "sklearn.preprocessing", "sklearn.impute", "sklearn.feature_extraction", "sklearn.feature_selection",
    "sklearn.compose",
)  # fmt: skip
VALIDATIONS = ("cross_validate", "cross_val_score")


# -- fits -----------------------------------------------------------------------------------------------------


def watch_fits(base: ModuleType, recorder: Recorder) -> Undo:
    """Record what is fitted; ``base`` is ``sklearn.base``."""
    original = base.config_context
    tell = recorder.guarded(functools.partial(_tell_fit, recorder))

    def config_context(**options: Any) -> Any:
        context, frame = original(**options), sys._getframe(1)
        if "fit_method" not in frame.f_code.co_freevars or (call := recorder.call(frame)) is None:
            return context
        local = frame.f_locals
        method, estimator = local["fit_method"], local["estimator"]
        if method.__name__ not in FITS or subject_of(call, PASSED) is not estimator:
            return context
        return _Watched(context, functools.partial(tell, method, estimator, local["args"], local["kwargs"]))

    base.config_context = config_context  # type: ignore[attr-defined]
    return functools.partial(setattr, base, "config_context", original)


class _Watched:
    """A context manager that tells when it has ended well, and how long that took."""

    def __init__(self, context: Any, tell: Callable[..., None]) -> None:
        self._context, self._tell = context, tell

    def __enter__(self) -> Any:
        self._started, self._begun = time.time(), time.perf_counter()
        return self._context.__enter__()

    def __exit__(self, kind: Any, value: Any, traceback: Any) -> Any:
        seconds = time.perf_counter() - self._begun
        swallowed = self._context.__exit__(kind, value, traceback)
        if kind is None:
            self._tell(self._started, seconds)
        return swallowed


def _tell_fit(
    recorder: Recorder, method: Any, estimator: Any, args: Any, kwargs: Any, started: float, seconds: float
) -> None:
    kind = type(estimator)
    if kind.__module__.startswith(PREPARING):
        return
    given = _given(method, estimator, args, kwargs)
    training = Training(f"{kind.__module__}.{kind.__qualname__}", started=started, seconds=seconds)
    training.rows, training.features = shape(given.get("X"))
    search = "cv_results_" in vars(estimator)
    training.parameters = parameters_of(estimator, training, deep=not search)
    if search:
        _read_search(estimator, training)
    if given.get("y") is not None:
        training_metrics.read(recorder, estimator, given["X"], given["y"], given.get("sample_weight"), training)
    recorder.fit(training, estimator)


@functools.lru_cache(maxsize=256)
def _signature(function: Any) -> inspect.Signature:
    return inspect.signature(function)


def _given(method: Any, estimator: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments of a fit by name; the data is X and y, whatever the method calls them."""
    signature = _signature(method)
    given = dict(signature.bind(estimator, *args, **kwargs).arguments)
    names = [*signature.parameters][1:3]
    return given | {name: given.get(own) for name, own in zip(("X", "y"), names, strict=False)}


def _read_search(search: Any, training: Training) -> None:
    """Read every candidate of a search, and its best, under MLflow's keys."""
    training.kind = "search"
    found = vars(search)
    if "best_params_" in found:
        best = values.parameters(found["best_params_"])
        training.parameters |= {f"best_{name}": value for name, value in best.items()}
    if (score := values.number(found.get("best_score_"))) is not None:
        training.metrics.append(("best_cv_score", score, None))
    results = found.get("cv_results_") or {}
    columns = {name: column for name, column in results.items() if not name.startswith(("param", "split"))}
    for position, parameters in enumerate(results.get("params", ())):
        metrics = {name: values.number(column[position]) for name, column in columns.items()}
        known = {name: value for name, value in metrics.items() if value is not None}
        training.candidates.append((values.parameters(parameters), known))


# -- functions ------------------------------------------------------------------------------------------------


def watch_metrics(metrics: ModuleType, recorder: Recorder) -> Undo:
    """Record what metric functions return; ``metrics`` is ``sklearn.metrics``."""
    tell = recorder.guarded(functools.partial(_tell_metric, recorder))
    functions = [getattr(metrics, name) for name in metrics.__all__]
    return _replace([function for function in functions if type(function) is FunctionType], tell)


def watch_validations(selection: ModuleType, recorder: Recorder) -> Undo:
    """Record what cross-validations return; ``selection`` is ``sklearn.model_selection``."""
    tell = recorder.guarded(functools.partial(_tell_validation, recorder))
    return _replace([getattr(selection, name) for name in VALIDATIONS], tell)


def _replace(functions: list[FunctionType], tell: Callable[..., None]) -> Undo:
    """Have the functions behind some checking wrappers tell what they return; return how to undo it."""
    checking = [function for function in functions if "func" in function.__code__.co_freevars]
    replaced = [(cell := cell_of(function), cell.cell_contents) for function in checking or functions]
    for cell, function in replaced:
        cell.cell_contents = _telling(function, tell)

    def undo() -> None:
        for cell, function in replaced:
            cell.cell_contents = function

    return undo


def _telling(function: Any, tell: Callable[..., None]) -> Any:
    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        started, begun = time.time(), time.perf_counter()
        result = function(*args, **kwargs)
        tell(sys._getframe(), function, args, kwargs, result, started, time.perf_counter() - begun)
        return result

    call.__signature__ = _signature(function)  # type: ignore[attr-defined]  # asked for at every call
    return call


def _tell_metric(
    recorder: Recorder, frame: FrameType, function: Any, _args: Any, _kwargs: Any, result: Any, _started: float,
    _seconds: float,
) -> None:  # fmt: skip
    value = values.number(result)
    call = recorder.call(frame) if value is not None else None
    if value is None or call is None:
        return
    if (scored := _scored(call)) is not None:
        model, data = scored
        dataset = name_in(call.caller, data) or UNKNOWN
        recorder.metric(f"{type(model).__name__}_score", dataset, value, model)
    elif len(call.inside) == 2:  # the function and its wrapper: called by the user and not by another function
        dataset, model = recorder.predictions.of_call(call.caller)
        recorder.metric(function.__name__, dataset, value, model)


def _scored(call: Call) -> tuple[Any, Any] | None:
    """Return the estimator and the data of ``estimator.score(data, …)`` if that is the call."""
    code, local = call.entry.f_code, call.entry.f_locals
    if code.co_name != "score" or "self" not in code.co_varnames[:1] or code.co_argcount < 2:
        return None
    return local.get("self"), local.get(code.co_varnames[1])


def _tell_validation(
    recorder: Recorder, frame: FrameType, function: Any, args: Any, kwargs: Any, result: Any, started: float,
    seconds: float,
) -> None:  # fmt: skip
    call = recorder.call(frame)
    if call is None or len(call.inside) != 2:
        return
    given = _signature(function).bind(*args, **kwargs).arguments
    estimator = given["estimator"]
    kind = type(estimator)
    training = Training(f"{kind.__module__}.{kind.__qualname__}", "cross-validation", started, seconds)
    training.rows, training.features = shape(given.get("X"))
    training.parameters = parameters_of(estimator, training)
    columns = result if type(result) is dict else {"test_score": result}
    folds: list[dict[str, float]] = []
    for name, column in columns.items():
        numbers = [values.number(value) for value in column]
        if numbers and None not in numbers:
            folds = folds or [{} for _ in numbers]
            for fold, value in zip(folds, numbers, strict=True):
                fold[name] = value or 0.0
            training.metrics.append((f"mean_{name}", float(column.mean()), None))
            training.metrics.append((f"std_{name}", float(column.std()), None))
    training.candidates = [({}, fold) for fold in folds]
    recorder.fit(training)
