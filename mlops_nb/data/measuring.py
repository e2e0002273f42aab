"""Measuring tables in the background: their fingerprint and profile, without holding up a cell or the kernel's exit.

A table is pinned, hashed block by block on a thread of its own, and let go. When the store closes, what is waiting gets
a moment more; what is left after it is recorded as not measured.
"""

from __future__ import annotations

import functools
import sys
import threading
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlops_nb.data.datasets import profile, without_denied
from mlops_nb.data.fingerprints import Pulse, frame_fingerprint, to_column, to_table
from mlops_nb.errors import UsageError
from mlops_nb.ids import canonical_json
from mlops_nb.lineage.tracing.kinds import as_text
from mlops_nb.project import Project
from mlops_nb.store.db import Store

if TYPE_CHECKING:
    import pandas as pd

EXIT_SECONDS = 1.0  # the store's closing waits so long for what is not measured yet
FEW = 64 << 20  # bytes that any machine has
HELD = 4  # tables are pinned up to this part of the machine's memory
SMALL = 1 << 20  # bytes that are measured on the cell's path, where a table cannot be pinned


class Stopped(Exception):
    """The store is closing."""


@dataclass(frozen=True)
class Waiting:
    """A table to be measured, for a version of a variable."""

    node: int
    frame: pd.DataFrame
    bytes: int


class Measurer:
    """Measures the tables of one project, one after the other."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self.store = store = project.store
        self.known: set[int] = set()  # versions that are measured, or will be
        self._waiting: deque[Waiting] = deque()
        self._held = 0
        self._change = threading.Condition()
        self._stopping = False
        self._thread: threading.Thread | None = None
        store.before_close.append(self.close)

    def add(self, node: int, frame: pd.DataFrame) -> None:
        """Have a version of a variable measured, once; the cell does not wait for it."""
        if node in self.known:
            return
        self.known.add(node)
        size = _size(frame)
        if not pinnable():
            if size <= SMALL:
                self._measure(Waiting(node, frame, size))
            else:
                self._refuse(
                    node, "it can change while it is read - pandas 3 or its copy-on-write mode allows to measure it"
                )
            return
        with self._change:
            held = self._held + size
            if self._waiting and held > FEW and held > _memory() // HELD:
                self._refuse(node, "too many large tables were waiting to be measured")
                return
            self._waiting.append(Waiting(node, frame.copy(deep=False), size))
            self._held += size
            self._change.notify_all()
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._work, name="mlops-nb-measurer", daemon=True)
            self._thread.start()

    def wait(self, seconds: float) -> bool:
        """Wait until everything is measured; return whether it is."""
        with self._change:
            return self._change.wait_for(lambda: not self._waiting, seconds)

    def close(self) -> None:
        """Measure for a moment more, then stop, and record what was not measured."""
        if self._thread is None or not self._thread.is_alive():
            return
        self.wait(EXIT_SECONDS)
        with self._change:
            self._stopping = True
            self._change.notify_all()
        self._thread.join(EXIT_SECONDS)
        for waiting in list(self._waiting):
            self._refuse(waiting.node, "its session ended before it was measured")
        self._waiting.clear()

    # -- the thread -------------------------------------------------------------------------------------------

    def _work(self) -> None:
        while True:
            with self._change:
                self._change.wait_for(lambda: self._waiting or self._stopping)
                if self._stopping:
                    return
                waiting = self._waiting[0]
            try:
                self._measure(waiting)
            except Stopped:
                return
            except Exception as error:  # the edge: the thread outlives any one table
                self._refuse(waiting.node, f"{type(error).__name__} while it was measured")
            with self._change:
                if self._waiting and self._waiting[0] is waiting:
                    self._waiting.popleft()
                    self._held -= waiting.bytes
                del waiting
                self._change.notify_all()

    def _pulse(self) -> None:
        if self._stopping:
            raise Stopped

    def _measure(self, waiting: Waiting) -> None:
        frame = waiting.frame
        if reason := strange(frame, self._pulse):
            self._refuse(waiting.node, reason)
            return
        try:
            allowed, left_out = without_denied(self.project, frame)
            print_ = frame_fingerprint(allowed, self._pulse)
            columns = self._profile(allowed, left_out)
        except UsageError:  # its message quotes the data
            self._refuse(waiting.node, "it cannot be stored as a table: two columns have one name, or one mixes types")
            return
        self.store.defer(functools.partial(_record, self.store, waiting.node, print_, len(frame), columns))

    def _profile(self, frame: pd.DataFrame, left_out: dict[str, str]) -> str:
        import pyarrow as pa

        found: dict[str, Any] = {label: {"type": kind, "denied": True} for label, kind in left_out.items()}
        names = to_table(frame.iloc[:0]).column_names
        for place in range(frame.shape[1]):
            self._pulse()
            found |= profile(pa.table({names[place]: to_column(frame.iloc[:, place])}), sampled=True)
        return canonical_json(found)

    def _refuse(self, node: int, reason: str) -> None:
        self.store.defer(functools.partial(_record_reason, self.store, node, reason))


def _record_reason(store: Store, node: int, reason: str) -> None:
    """Record, inside a transaction, why it is not known what a table is."""
    store.execute(
        "INSERT INTO table_print (id, fingerprint, reason) VALUES (?, NULL, ?) ON CONFLICT DO NOTHING", node, reason
    )


def _record(store: Store, node: int, print_: str, rows: int, columns: str) -> None:
    """Record, inside a transaction, what a table is; the same data has one profile."""
    store.execute(
        "INSERT INTO table_profile (fingerprint, rows, columns) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
        print_, rows, columns,
    )  # fmt: skip
    store.execute(
        "INSERT INTO table_print (id, fingerprint, reason) VALUES (?, ?, NULL) ON CONFLICT DO NOTHING", node, print_
    )


def pinnable() -> bool:
    """Whether a shallow copy of a DataFrame stays as it is while the original changes."""
    pandas = sys.modules["pandas"]
    return int(pandas.__version__.partition(".")[0]) >= 3 or pandas.options.mode.copy_on_write is True


def _size(frame: pd.DataFrame) -> int:
    return sum(int(block.values.nbytes) for block in frame._mgr.blocks)


@functools.cache
def _memory() -> int:
    import psutil

    return int(psutil.virtual_memory().total)


def strange(frame: pd.DataFrame, pulse: Pulse) -> str | None:
    """Return why a table cannot be read without running code of what is in it, or None."""
    labels = [as_text(label) for label in frame.columns]
    if None in labels:
        return "it has a column whose label is neither text nor a number"
    for place, label in enumerate(labels):
        if reason := _strange_column(f"column {label!r}", frame.iloc[:, place], pulse):
            return reason
    levels = (frame.index.get_level_values(place) for place in range(frame.index.nlevels))
    return next((reason for level in levels if (reason := _strange_column("the index", level, pulse))), None)


def _strange_column(which: str, values: Any, pulse: Pulse) -> str | None:
    kind = values.dtype
    if kind == "category":
        values, kind = kind.categories, kind.categories.dtype
    if type(kind).__module__.partition(".")[0] not in ("numpy", "pandas"):
        return f"{which} is of a type that is not pandas' own"
    if kind.kind != "O" or not type(kind).__module__.startswith("numpy"):
        return None
    plain, objects = _plain(), values.to_numpy()
    for start in range(0, len(objects), 50_000):  # not to hold the interpreter for long
        pulse()
        kinds = {id(found): found for found in map(type, objects[start : start + 50_000].tolist())}
        for number in kinds.keys() - plain:
            return f"{which} holds objects of the type {type.__getattribute__(kinds[number], '__name__')}"
    return None


@functools.cache
def _plain() -> frozenset[int]:
    """Return the identities of types whose values cannot change, and have no code but Python's and pandas' own."""
    import datetime
    import decimal

    pandas, numpy = sys.modules["pandas"], sys.modules["numpy"]
    kinds = [str, bytes, int, float, bool, type(None), decimal.Decimal]
    kinds += [datetime.datetime, datetime.date, datetime.time, datetime.timedelta]
    kinds += [pandas.Timestamp, pandas.Timedelta, pandas.Period, pandas.Interval, type(pandas.NaT), type(pandas.NA)]
    kinds += [kind for kind in vars(numpy).values() if isinstance(kind, type) and issubclass(kind, numpy.generic)]
    return frozenset(map(id, kinds))
