"""Interrupts: the stop button pressed while capture itself is at work, before or after a cell.

Where it struck there would be half a record, and an error shown that is none of the cell's. So it is held until we are
done. Before a cell it is then passed on, and strikes the cell; after one there is nothing left to stop but the cells
that are queued: it is passed on to the next if that starts at once. Capture that has gone on for longer than anybody
waits is broken off.
"""

from __future__ import annotations

import importlib
import threading
import time
from types import FrameType
from typing import Any

_signal: Any = importlib.import_module("_signal")  # what `signal` wraps, at a tenth of the time
PATIENCE = 1.0  # seconds after which whoever presses stop means us
QUEUED = 0.2  # seconds within which no person starts another cell
AFTER = 0.005  # seconds until a cell that was about to start runs

STOP = _signal.SIGINT


class Interrupts:
    """The interrupts that came while capture was at work."""

    def __init__(self) -> None:
        self.since = 0.0
        self.came: float | None = None

    def hold(self) -> Any:
        """Hold what comes from now on; return who got it before, or None where nothing is held."""
        before = _signal.getsignal(STOP)
        if before is not None:
            self.since = time.monotonic()
            try:
                _signal.signal(STOP, self._keep)
            except ValueError:  # only the main thread is interrupted
                return None
        return before

    def release(self, before: Any) -> None:
        """Let interrupts go where they went before."""
        if before is not None:
            _signal.signal(STOP, before)

    def pass_on(self) -> None:
        """Have an interrupt that was held strike the cell that is about to start."""
        came, self.came = self.came, None
        if came is not None and time.monotonic() - came < QUEUED:
            threading.Thread(target=_strike, name="mlops-nb-interrupt", daemon=True).start()

    def _keep(self, number: int, frame: FrameType | None) -> None:
        self.came = time.monotonic()
        if self.came - self.since > PATIENCE:
            self.came, self.since = None, float("inf")
            raise KeyboardInterrupt("while it was recorded")


def _strike() -> None:
    time.sleep(AFTER)
    if callable(_signal.getsignal(STOP)):  # between cells a kernel ignores it
        _signal.pthread_kill(threading.main_thread().ident or 0, STOP)  # and wake it up, where it sleeps
