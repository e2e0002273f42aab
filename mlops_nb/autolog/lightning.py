"""PyTorch Lightning: ``Trainer.fit``, with what was logged by the end of each epoch."""

from __future__ import annotations

import functools
import sys
import time
from collections.abc import Callable
from types import ModuleType
from typing import Any

from mlops_nb.autolog import values
from mlops_nb.autolog.fits import Training
from mlops_nb.autolog.recorder import Recorder

STOPPING = ("monitor", "mode", "patience", "min_delta", "stopped_epoch")


def watch(lightning: ModuleType, recorder: Recorder) -> Callable[[], None]:
    """Record what is trained; ``lightning`` is ``pytorch_lightning`` or ``lightning.pytorch``."""
    trainer_class = lightning.Trainer
    original = trainer_class.fit
    tell = recorder.guarded(functools.partial(_tell, recorder))

    class Epochs(lightning.Callback):  # type: ignore[misc, name-defined]
        """Keeps what was logged by the end of each epoch."""

        def __init__(self) -> None:
            self.metrics: list[tuple[str, float, int]] = []
            self._keep = recorder.guarded(self._keep_metrics)

        def on_train_epoch_end(self, trainer: Any, module: Any) -> None:
            self._keep(trainer)

        def _keep_metrics(self, trainer: Any) -> None:
            found = trainer.callback_metrics.items()
            self.metrics += [(name, float(value), trainer.current_epoch) for name, value in found]

    @functools.wraps(original)
    def fit(self: Any, *args: Any, **kwargs: Any) -> Any:
        if recorder.call(sys._getframe()) is None:
            return original(self, *args, **kwargs)
        epochs = Epochs()
        self.callbacks.append(epochs)
        started, begun = time.time(), time.perf_counter()
        try:
            result = original(self, *args, **kwargs)
        finally:
            if epochs in self.callbacks:
                self.callbacks.remove(epochs)
        tell(self, epochs.metrics, started, time.perf_counter() - begun)
        return result

    trainer_class.fit = fit
    return functools.partial(setattr, trainer_class, "fit", original)


def _tell(
    recorder: Recorder, trainer: Any, metrics: list[tuple[str, float, int]], started: float, seconds: float
) -> None:
    module = trainer.lightning_module
    kind = type(module)
    training = Training(f"{kind.__module__}.{kind.__qualname__}", started=started, seconds=seconds)
    training.metrics += metrics
    training.parameters = {"epochs": values.plain(trainer.max_epochs)}
    if trainer.optimizers:
        optimizer = trainer.optimizers[0]
        training.parameters |= {"optimizer_name": type(optimizer).__name__, **values.parameters(optimizer.defaults)}
    for callback in trainer.callbacks:
        if type(callback).__name__ == "EarlyStopping":
            found = {name: getattr(callback, name) for name in STOPPING if hasattr(callback, name)}
            training.parameters |= values.parameters(found)
            if callback.stopped_epoch:
                training.metrics.append(("stopped_epoch", float(callback.stopped_epoch), None))
                training.metrics.append(("best_score", float(callback.best_score), None))
    recorder.fit(training, module)
