"""Metrics on the training data under MLflow's keys, read off a fitted estimator where that is cheap and harmless.

They need a prediction of the training data, which the user did not ask for. So it must not cost (a few rows are
predicted first, and tell what the rest would), run code of the user, print, warn, change the estimator, or draw from
a random state that the notebook goes on to use. Where that is not sure the fit says why it has none.
"""

from __future__ import annotations

import contextlib
import functools
import sys
import time
import types
import warnings
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from mlops_nb.autolog import values
from mlops_nb.autolog.estimators import KNOWN_DATA
from mlops_nb.autolog.fits import Training
from mlops_nb.autolog.recorder import Recorder

TRUSTED = ("builtins", "numpy", "scipy", "sklearn.", "xgboost.", "lightgbm.")
#: Estimators that predicting changes: it draws from a random state of theirs, or their trees count what they are asked.
CHANGING = frozenset({"IterativeImputer", "LabelPropagation", "LabelSpreading"})
COUNTING = "sklearn.neighbors"
FEW, MORE = 10, 1000  # rows predicted to learn what all would cost
CLASSIFIER_COST, REGRESSOR_COST = 1e-6, 1e-7  # seconds a row that the metric functions take
FUNCTIONS = (type, types.FunctionType, types.BuiltinFunctionType, types.MethodType)

Metrics = dict[str, Callable[[], Any]]


def read(recorder: Recorder, estimator: Any, data: Any, labels: Any, weight: Any, training: Training) -> None:
    """Add metrics on the training data to what is recorded of a fit, or a note why there are none."""
    allowed = recorder.allowance(training.seconds or 0.0)
    begun = time.perf_counter()
    try:
        reason = _reason(estimator, data) if allowed > 0 else "the time for them in this cell is spent"
        if reason is None:
            with _unnoticed():
                reason = _read(estimator, data, labels, weight, training, begun + allowed)
    except Exception as error:  # a prediction may fail for reasons of its own, as of a search that does not refit
        reason = f"predicting failed with {type(error).__name__}"
    recorder.spent(time.perf_counter() - begun)
    if reason is not None:
        training.notes.append(f"no training metrics: {reason}")


# -- whether to predict ---------------------------------------------------------------------------------------


def _reason(estimator: Any, data: Any) -> str | None:
    """Return why an estimator must not be made to predict, or None."""
    if "sklearn.metrics" not in sys.modules:
        return "sklearn.metrics is not imported"
    if type(data) is not list and not type(data).__module__.startswith(KNOWN_DATA):
        return f"predicting a {type(data).__name__} may run code of yours"
    parameters = estimator.get_params(deep=True)
    for part in (estimator, *_flat(parameters.values())):
        kind = type(part)
        owner = str(part.__module__ if kind in FUNCTIONS else kind.__module__)
        if owner.startswith(("numpy.random", COUNTING)) or kind.__name__ in CHANGING:
            return "predicting would change its state"
        if not owner.startswith(TRUSTED):
            return "predicting may run code of yours"
    if any(name.endswith("verbose") and value for name, value in parameters.items()):
        return "it is verbose, and predicting would print"
    return None


def _flat(parts: Iterable[Any]) -> Iterator[Any]:
    for part in parts:
        if type(part) in (list, tuple):
            yield from _flat(part)
        elif type(part) is dict:
            yield from _flat(part.values())
        else:
            yield part


@contextlib.contextmanager
def _unnoticed() -> Iterator[None]:
    """Hide warnings inside a block, and put numpy's random state back after it.

    ``warnings.catch_warnings``, which scikit-learn's metrics use themselves, makes Python forget which warnings it has
    shown, and show them again: inside the block it does not tell Python.
    """
    filters: list[Any] = warnings.filters  # type: ignore[assignment]
    hide = ("ignore", None, Warning, None, 0)
    random = sys.modules["numpy.random"]
    state = random.get_state(legacy=False)
    filters.insert(0, hide)
    told = vars(warnings).get("_filters_mutated")
    if told is not None:
        warnings._filters_mutated = lambda: None  # type: ignore[attr-defined]
    try:
        yield
    finally:
        with contextlib.suppress(ValueError):
            filters.remove(hide)
        if told is not None:
            warnings._filters_mutated = told  # type: ignore[attr-defined]
        random.set_state(state)


def _cost(estimator: Any, data: Any, rows: int) -> float:
    """Return about how many seconds predicting all rows takes: a fixed part, and one for each row."""

    def took(head: Any) -> float:
        begun = time.perf_counter()
        estimator.predict(head)
        return time.perf_counter() - begun

    few = took(_head(data, FEW))
    if rows <= MORE:
        return few
    return few + max(took(_head(data, MORE)) - few, 0.0) / (MORE - FEW) * rows


def _head(data: Any, rows: int) -> Any:
    return data.iloc[:rows] if hasattr(type(data), "iloc") else data[:rows]


# -- predicting -----------------------------------------------------------------------------------------------


def _read(estimator: Any, data: Any, labels: Any, weight: Any, training: Training, until: float) -> str | None:
    from sklearn import config_context
    from sklearn.base import is_classifier, is_regressor

    classifies = is_classifier(estimator)
    if not classifies and not is_regressor(estimator):
        return None
    rows = training.rows or 0
    with config_context(skip_parameter_validation=True):
        cost = rows * (CLASSIFIER_COST if classifies else REGRESSOR_COST)
        if cost < until - time.perf_counter():  # else there is no need to find out what predicting takes
            cost += _cost(estimator, data, rows)
        if (left := until - time.perf_counter()) < cost:
            return (
                f"predicting {rows:,} rows takes {cost:.2g} s or more, and {max(left, 0.0):.2g} s of this cell are left"
            )
        predicted = estimator.predict(data)
        metrics = (_of_classifier if classifies else _of_regressor)(labels, predicted, weight)
        if classifies and hasattr(estimator, "predict_proba"):
            if time.perf_counter() + cost < until:
                metrics |= _of_probabilities(labels, estimator.predict_proba(data), weight)
            else:
                training.notes.append("no training_log_loss and training_roc_auc: predicting again takes too long")
        found = {}
        for name, metric in metrics.items():
            with contextlib.suppress(Exception):  # not every metric is defined for every kind of label
                if (value := values.number(metric())) is not None:
                    found[name] = value
        if (score := _score(estimator, data, labels, weight, found, until - cost)) is not None:
            found["score"] = score
    training.metrics.extend((f"training_{name}", value, None) for name, value in found.items())
    return None


def _of_classifier(labels: Any, predicted: Any, weight: Any) -> Metrics:
    from sklearn.metrics import accuracy_score, precision_recall_fscore_support

    @functools.cache
    def weighted() -> Any:
        return precision_recall_fscore_support(
            labels, predicted, average="weighted", sample_weight=weight, zero_division=0
        )

    return {
        "precision_score": lambda: weighted()[0],
        "recall_score": lambda: weighted()[1],
        "f1_score": lambda: weighted()[2],
        "accuracy_score": lambda: accuracy_score(labels, predicted, sample_weight=weight),
    }


def _of_probabilities(labels: Any, probabilities: Any, weight: Any) -> Metrics:
    from sklearn.metrics import log_loss, roc_auc_score

    scores = probabilities[:, 1] if probabilities.shape[1] == 2 else probabilities
    return {
        "log_loss": lambda: log_loss(labels, probabilities, sample_weight=weight),
        "roc_auc": lambda: roc_auc_score(
            labels, scores, average="weighted", sample_weight=weight, multi_class="ovo"
        ),
    }  # fmt: skip


def _of_regressor(labels: Any, predicted: Any, weight: Any) -> Metrics:
    from sklearn.metrics import mean_absolute_error, mean_squared_error, r2_score

    squared = functools.cache(lambda: mean_squared_error(labels, predicted, sample_weight=weight))
    return {
        "mean_squared_error": squared,
        "mean_absolute_error": lambda: mean_absolute_error(labels, predicted, sample_weight=weight),
        "r2_score": lambda: r2_score(labels, predicted, sample_weight=weight),
        "root_mean_squared_error": lambda: squared() ** 0.5,
    }


def _score(estimator: Any, data: Any, labels: Any, weight: Any, found: dict[str, float], until: float) -> float | None:
    """Return what ``estimator.score`` returns, without predicting again where that is one of the metrics."""
    from sklearn.base import ClassifierMixin, RegressorMixin

    last = estimator
    while (steps := getattr(last, "steps", None)) is not None:
        last = steps[-1][1]
    scoring = getattr(type(last), "score", None)
    same = {ClassifierMixin.score: "accuracy_score", RegressorMixin.score: "r2_score"}.get(scoring)
    if same in found:
        return found[same]
    if scoring is None or time.perf_counter() > until:
        return None
    given = (data, labels) if weight is None else (data, labels, weight)
    with contextlib.suppress(Exception):
        return values.number(estimator.score(*given))
    return None
