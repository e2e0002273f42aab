"""statsmodels: every ``fit`` returns its results in a wrapper, and making one is what is watched."""

from __future__ import annotations

import functools
import sys
import time
from collections.abc import Callable
from types import FrameType, ModuleType
from typing import Any

from mlops_nb.autolog import values
from mlops_nb.autolog.estimators import shape
from mlops_nb.autolog.fits import Training
from mlops_nb.autolog.recorder import Recorder

FITS = frozenset({"fit", "fit_regularized", "fit_constrained"})
#: What MLflow reads off results; what takes longest comes last.
METRICS = (
    "aic", "bic", "centered_tss", "df_model", "df_resid", "ess", "f_pvalue", "fvalue", "llf", "mse_model", "mse_resid",
    "mse_total", "rsquared", "rsquared_adj", "scale", "ssr", "uncentered_tss", "condition_number",
)  # fmt: skip


class Results:
    """Records results; of those that one call of the user makes, the last."""

    def __init__(self, recorder: Recorder) -> None:
        self.recorder = recorder
        self._waiting: tuple[FrameType, Training, Any] | None = None

    def made(self, frame: FrameType, results: Any) -> None:
        """Take note of results made inside a frame of statsmodels."""
        call = self.recorder.call(frame)
        if call is None or call.entry.f_code.co_name not in FITS:
            return
        if self._waiting is not None and self._waiting[0] is not call.entry:
            self.record()
        local, code = call.entry.f_locals, call.entry.f_code
        model = local.get("self")
        training = Training(f"{type(model).__module__}.{type(model).__qualname__}")
        training.rows, training.features = _shape(model)
        names = code.co_varnames[1 : code.co_argcount + code.co_kwonlyargcount]
        given = {name: local[name] for name in names if name in local}
        training.parameters = values.parameters(given | dict(local.get("kwargs") or {}))
        self._waiting = call.entry, training, results

    def record(self) -> None:
        """Record what is waiting: its call has ended."""
        if self._waiting is None:
            return
        (_, training, results), self._waiting = self._waiting, None
        until = time.perf_counter() + self.recorder.allowance(0.0)
        shadow = _shadow(results)
        for name in METRICS:
            if time.perf_counter() > until:
                training.notes.append(f"no {name} and what follows it: it would take too long")
                break
            try:
                value = values.number(getattr(shadow, name, None))
            except Exception:  # not every model has every metric; some raise when asked
                continue
            if value is not None:
                training.metrics.append((name, value, None))
        self.recorder.fit(training, results)


def _shape(model: Any) -> tuple[int | None, int | None]:
    data = vars(model)
    return shape(data.get("endog"))[0], shape(data.get("exog"))[1]


def _shadow(results: Any) -> Any:
    """Return results with the same content and a cache of their own: what is computed must not change the user's."""
    shadow = object.__new__(type(results))
    vars(shadow).update(vars(results), _cache={})
    return shadow


def watch(wrapper: ModuleType, recorder: Recorder) -> Callable[[], None]:
    """Record what is fitted; ``wrapper`` is ``statsmodels.base.wrapper``."""
    wrapping = wrapper.ResultsWrapper
    original = wrapping.__init__
    results = Results(recorder)
    made, record = recorder.guarded(results.made), recorder.guarded(results.record)

    @functools.wraps(original)
    def initialise(self: Any, inner: Any, *args: Any, **kwargs: Any) -> None:
        original(self, inner, *args, **kwargs)
        made(sys._getframe(), inner)

    wrapping.__init__ = initialise
    recorder.at_end.append(record)

    def undo() -> None:
        wrapping.__init__ = original
        recorder.at_end.remove(record)

    return undo
