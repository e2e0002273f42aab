"""Gaps: what capture missed, told once and kept with the run, so that the run cannot stand for a whole one."""

from __future__ import annotations

import functools
import sys
import warnings

from mlops_nb.store.db import Store

MOST = 20  # messages of a session; more would tell nobody anything


class Gaps:
    """What was missed in one session, each thing once."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._run: int | None = None
        self._missed: set[str] = set()
        self._waiting: list[str] = []  # for the first run

    def tell(self, error: BaseException) -> None:
        """Record whatever capture missed, and say so the first time."""
        message = f"{type(error).__name__}: {error}"
        if message in self._missed or len(self._missed) >= MOST:
            return
        first = not self._missed
        self._missed.add(message)
        self._waiting.append(message)
        self._record()
        if first:
            told = f"mlops_nb could not record this cell ({message}); your result is not affected"
            try:
                warnings.warn(told, RuntimeWarning, stacklevel=2)
            except RuntimeWarning:  # where warnings are errors, this one is still none of the cell's
                sys.stderr.write(f"{told}\n")

    def belong_to(self, run: int) -> None:
        """Record what is missed from now on, and what was before there was a run, with a run (row ID)."""
        self._run = run
        self._record()

    def _record(self) -> None:
        if self._run is not None:
            waiting, self._waiting = self._waiting, []
            for message in waiting:
                self.store.defer(functools.partial(self.enter, self.store.next_id(), message))

    def enter(self, number: int, message: str) -> None:
        """Enter a gap under a row ID, inside a transaction."""
        self.store.execute("INSERT INTO gap (id, run, message) VALUES (?, ?, ?)", number, self._run, message)
