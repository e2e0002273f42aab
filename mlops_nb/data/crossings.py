"""Crossings: tables that passed a boundary (read, written, passed to ``fit``, left by a step), without a call.

Such a table has a fingerprint, a profile and a number of rows, as facts of the version of the variable that held it; no
copy of it is kept. A name of its own and a copy is what ``mlops.dataset(frame, "name")`` gives.
"""

from __future__ import annotations

import ast
import functools
import json
import os
import sys
import weakref
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from mlops_nb.capture.observers import Seen
from mlops_nb.capture.values.eyes import Eyes
from mlops_nb.capture.values.looks import Look
from mlops_nb.data.fingerprints import SCHEME
from mlops_nb.data.measuring import Measurer
from mlops_nb.project import Project
from mlops_nb.records import Json, Record, moment
from mlops_nb.store.db import Store
from mlops_nb.verbs import verb

READ, WRITTEN, FITTED, LEFT = "read", "written", "fit", "step"
UNMEASURED = "it is not measured yet, or its session was killed"
WRITERS = frozenset(
    {"to_csv", "to_parquet", "to_pickle", "to_json", "to_excel", "to_feather", "to_hdf", "to_sql", "to_stata", "to_orc"}
)
LOADERS = frozenset({"load_dataset", "to_pandas", "fetchdf", "df"})
CURRENT = "SELECT 1 FROM dataset WHERE id = ? AND fingerprint LIKE ?"
FITTING = frozenset({"fit", "fit_transform", "fit_predict", "partial_fit"})


@dataclass(frozen=True)
class Crossing(Record):
    """A table that passed a boundary; ``reason`` says why it has no fingerprint, where it has none."""

    id: str
    name: str
    boundary: str
    rows: int | None
    columns: dict[str, Json]
    fingerprint: str | None
    reason: str | None
    dataset: str | None
    created: datetime | None


@verb("tables")
def tables(project: Project, name: str | None = None, *, limit: int = 100) -> list[Crossing]:
    """List tables that were read, written, passed to fit or left by a step, newest first.

    Args:
        name: only those of this variable
        limit: at most so many
    """
    rows = project.store.rows(
        """
        SELECT node.public, node.name, node.created_at, boundary, reason, table_print.fingerprint, table_profile.rows,
            table_profile.columns, dataset.name AS dataset, dataset.version, table_print.id AS measured
        FROM table_crossing JOIN node ON node.id = table_crossing.id
            LEFT JOIN table_print ON table_print.id = node.id LEFT JOIN table_profile USING (fingerprint)
            LEFT JOIN dataset ON dataset.fingerprint = table_print.fingerprint
        WHERE ? IS NULL OR node.name = ? ORDER BY node.id DESC, boundary LIMIT ?
        """,
        name, name, limit,
    )  # fmt: skip
    return [
        Crossing(
            row["public"], row["name"], row["boundary"], row["rows"], json.loads(row["columns"] or "{}"),
            row["fingerprint"], row["reason"] if row["measured"] else UNMEASURED,
            f"{row['dataset']}/{row['version']}" if row["dataset"] else None, moment(row["created_at"]),
        )
        for row in rows
    ]  # fmt: skip


# -- seeing them ----------------------------------------------------------------------------------------------


class Crossings:
    """Observes the cells of one process."""

    def __init__(self) -> None:
        self.measurer: Measurer | None = None
        self.unread: dict[str, int] = {}  # tables of a step that no cell has read since
        self.last: Seen | None = None
        self._eyes = Eyes({}, lambda _: False)
        self._kept: list[tuple[Any, Look, int]] = []  # tables of this cell that a dataset holds, as they were then

    def kept(self, project: Project, number: int, subject: Any) -> None:
        """Note that a dataset (row ID) holds a table, just loaded: nobody else has a hand on its memory."""
        current = project.store.value(CURRENT, number, f"{SCHEME}:%")  # asked here, where the user waits for the store
        if current and type(subject) is sys.modules["pandas"].DataFrame:
            self._kept.append((weakref.ref(subject), self._eyes.look(subject), number))

    def _loaded(self, frame: Any) -> tuple[int | None, bool]:
        """Return the dataset (row ID) that a table was loaded from in this cell, and whether it surely is so still."""
        for reference, look, number in self._kept:
            if reference() is frame:
                return number, look.print is not None and self._eyes.look(frame).print == look.print
        return None, False

    def __call__(self, seen: Seen) -> None:
        """Record the tables that crossed a boundary in a cell, and have them measured."""
        if "pandas" not in sys.modules or seen.tree is None or seen.skipped:
            return
        for name, boundary in sorted(set(self._crossed(seen))):
            self._take(seen, name, seen.made.get(name) or seen.read.get(name), boundary)
        if "MLOPS_RUN" in os.environ:
            self._watch_step(seen)
        self._kept.clear()

    def _crossed(self, seen: Seen) -> Iterator[tuple[str, str]]:
        """Yield the names of tables with the boundary they crossed."""
        calls: list[ast.Call] = []
        bound: dict[str, int] = {}  # the line on which a name was bound last
        taken, other = set[str](), set[str]()  # names of what was taken from a table, and of what may have been read
        for node in ast.walk(seen.tree or ast.Module([], [])):
            if isinstance(node, ast.Call):
                calls.append(node)
            elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                bound[node.id] = max(node.lineno, bound.get(node.id, 0))
            elif isinstance(node, ast.Assign):
                for target, value in _pairs(node):
                    (taken if _is_taken(value, seen.namespace) else other).add(target)
        reads = any("read" in file.ways for file in seen.opened)
        for call in calls:
            method = call.func if isinstance(call.func, ast.Attribute) else None
            name = method.attr if method else getattr(call.func, "id", "")
            reads = reads or name.startswith("read_") or name in LOADERS
            passed: list[ast.expr] = []
            if name in WRITERS and method:
                passed = [method.value]
            elif name in FITTING:
                passed = [*call.args, *(keyword.value for keyword in call.keywords)]
            for value in passed:  # one that was bound later is another
                if isinstance(value, ast.Name) and bound.get(value.id, 0) <= call.lineno:
                    yield value.id, WRITTEN if name in WRITERS else FITTED
        if reads:
            yield from ((name, READ) for name in seen.made if not name.startswith("_") and name not in taken - other)

    def _take(self, seen: Seen, name: str, node: int | None, boundary: str) -> None:
        """Record that a variable crossed a boundary, if it is a table, and have it measured."""
        value = seen.namespace.get(name)
        if value is None or node is None or type(value) is not sys.modules["pandas"].DataFrame:
            return
        store = seen.project.store
        held, same = self._loaded(value)
        if held is not None and not same and boundary == READ:
            return  # what was read is the dataset; what the cell made of it has crossed nothing
        store.defer(functools.partial(_cross, store, node, boundary, seen.execution))
        if held is not None and same:
            store.defer(functools.partial(_same_as, store, node, held))
        else:
            self._measurer(seen.project).add(node, value)

    def _measurer(self, project: Project) -> Measurer:
        if self.measurer is None or self.measurer.project is not project:
            project.store.before_close.append(self._end_step)
            self.measurer = Measurer(project)
        return self.measurer

    # -- steps ------------------------------------------------------------------------------------------------

    def _watch_step(self, seen: Seen) -> None:
        frame = sys.modules["pandas"].DataFrame
        for name in seen.read:
            self.unread.pop(name, None)
        self.unread |= {name: node for name, node in seen.made.items() if type(seen.namespace.get(name)) is frame}
        self.last = seen
        self._measurer(seen.project)

    def _end_step(self) -> None:
        """Take what a step made and nobody read for what it returns."""
        if self.last is not None:
            for name, node in self.unread.items():
                self._take(self.last, name, node, LEFT)


def _pairs(assigned: ast.Assign) -> Iterator[tuple[str, ast.expr]]:
    """Yield the names that an assignment binds, each with its value: ``a, b = x, y`` binds two."""
    for target in assigned.targets:
        pairs = [(target, assigned.value)]
        if isinstance(target, ast.Tuple) and isinstance(assigned.value, ast.Tuple):
            pairs = list(
                zip(target.elts, assigned.value.elts, strict=False)
            )  # a star takes the rest: no name of its own
        yield from ((one.id, value) for one, value in pairs if isinstance(one, ast.Name))


def _is_taken(value: ast.expr, namespace: Mapping[str, object]) -> bool:
    """Whether an expression takes its value from a table that has a name: ``flights[…]``, ``flights.merge(…)``."""
    root = value
    while isinstance(root, ast.Attribute | ast.Subscript | ast.Call):
        root = root.func if isinstance(root, ast.Call) else root.value
    return isinstance(root, ast.Name) and type(namespace.get(root.id)) is sys.modules["pandas"].DataFrame


def _cross(store: Store, node: int, boundary: str, execution: int) -> None:
    """Record a crossing, inside a transaction."""
    store.execute(
        "INSERT INTO table_crossing (id, boundary, execution) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
        node, boundary, execution,
    )  # fmt: skip


def _same_as(store: Store, node: int, dataset: int) -> None:
    """Record, inside a transaction, that a table is what a dataset holds: nothing needs to be measured."""
    store.execute(
        "INSERT INTO table_profile (fingerprint, rows, columns) SELECT fingerprint, rows, columns FROM dataset"
        " WHERE id = ? ON CONFLICT DO NOTHING",
        dataset,
    )
    store.execute(
        "INSERT INTO table_print (id, fingerprint, reason) SELECT ?, fingerprint, NULL FROM dataset WHERE id = ?"
        " ON CONFLICT DO NOTHING",
        node, dataset,
    )  # fmt: skip
