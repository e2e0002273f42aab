"""Recording columns: what each variable that a cell made comes from, as compact rows.

A row of ``column_edge`` says that a column of one node comes from a column of another. ``=`` stands for every column of
the same name that no other row of the target names; ``*`` for all columns. A variable without any row is one of which
nothing is known but what the cell read. Nothing is written for cells without tables, columns or models.
"""

from __future__ import annotations

import ast
import functools
import re
import sys
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

from mlops_nb.capture import columns
from mlops_nb.capture.observers import Seen
from mlops_nb.ids import canonical_json, digest
from mlops_nb.lineage.tracing.cells import Tracer
from mlops_nb.lineage.tracing.kinds import (
    ALL,
    CONDITIONAL,
    FIT,
    FREE,
    IDENTITY,
    INDEX,
    NOTHING,
    SAME,
    WHOLE,
    Dep,
    Deps,
    assumed,
    direct,
    influence,
    union,
)  # fmt: skip
from mlops_nb.lineage.tracing.scene import FOLLOWED, Known, Scene, describe
from mlops_nb.lineage.tracing.values import Column, Lost, Model, Table, Value, Whole, joined
from mlops_nb.project import Project
from mlops_nb.store.db import Store

Entries = dict[str, Deps]
#: Source node and column, target node and column, kind, and whether it is an assumption.
Row = tuple[int, str, int, str, str, int]

RESULT = re.compile(r"_\d+")
MOST = 400  # rows of one cell; beyond, each variable comes from all columns of its sources
NAMED = 2000  # the columns of a wider table are not listed


class Recorder:
    """Observes the cells of one process; it remembers what each variable was when its cell had ended."""

    def __init__(self) -> None:
        self.known: dict[str, tuple[int, Known]] = {}

    def __call__(self, seen: Seen) -> None:
        """Record the columns of a cell that has ended."""
        if "pandas" not in sys.modules or seen.tree is None or seen.skipped:
            return
        before = self._before(seen)
        after = {name: describe(seen.namespace[name]) for name in seen.made if name in seen.namespace}
        codes = _functions(seen.tree)
        for name, number in seen.made.items():
            known = after.get(name)
            if known is None:
                self.known.pop(name, None)
                continue
            if known.kind == "function" and name in codes:
                known = Known("function", code=codes[name])
            self.known[name] = (number, known)
        shown = any(known.shown for known in (*before.values(), *after.values()))
        if not shown and not (seen.opened and _reads(seen.tree)):
            return
        telling: set[str] = set()
        rows = trace(seen, before, after, telling) if seen.ok else []
        listed = [
            (seen.made[name], known)
            for name, known in after.items()
            if known.kind in ("table", "model") and known.labels is not None and name not in telling
        ]
        if rows or listed:
            seen.project.store.defer(functools.partial(_write, seen.project.store, rows, listed))

    def _before(self, seen: Seen) -> dict[str, Known]:
        """What the variables that the cell read were: as it left them who made them, if nobody knows better."""
        found = {}
        for name, number in seen.read.items():
            known = self.known.get(name)
            if known is not None and known[0] == number:
                found[name] = known[1]
            elif (name not in seen.made or seen.made[name] < seen.execution) and name in seen.namespace:
                found[name] = describe(seen.namespace[name])
            else:
                found[name] = Known("opaque")
        return found


def _reads(tree: ast.AST) -> bool:
    """Whether a cell that opened a file reads a table, which it may hand on without a name."""
    return any(isinstance(node, ast.Attribute) and node.attr.startswith("read_") for node in ast.walk(tree))


def _functions(tree: ast.AST) -> dict[str, ast.FunctionDef]:
    """Return the functions that a cell defines once, by name."""
    body = tree.body if isinstance(tree, ast.Module) else []
    found = [node for node in body if isinstance(node, ast.FunctionDef) and not node.decorator_list]
    times = Counter(node.name for node in found)
    return {node.name: node for node in found if times[node.name] == 1}


def trace(seen: Seen, before: Mapping[str, Known], after: Mapping[str, Known], telling: set[str]) -> list[Row]:
    """Return the rows of a cell; none where it cannot be followed.

    Args:
        seen: the cell
        before: what the variables were that it read
        after: what those are that it made
        telling: takes the names of tables whose columns are named by values of a denied column

    """
    assert isinstance(seen.tree, ast.Module)
    scene = Scene(seen.execution, seen.read, seen.made, before, seen.namespace)
    tracer = Tracer(seen.execution, scene, frozenset(seen.read))
    try:
        tracer.run(seen.tree.body)
    except (Lost, RecursionError):
        return []
    rows: list[Row] = []
    for name, number in seen.made.items():
        if number < seen.execution:  # it was there before anybody looked
            continue
        known = after.get(name)
        value = _final(tracer, name) if known is not None else None
        if known is None or value is None or known.kind in ("library", "function"):
            continue
        if _tells(seen.project, value):
            telling.add(name)
            known = replace(known, labels=None)
        rows += compact(entries(tracer, value, known), number, seen.execution, before, seen.read)
    if tracer.written and not tracer.effects:
        parts = [written(tracer, value) for value in tracer.written]
        flows = parts[0] if len(parts) == 1 else {ALL: assumed(union(deps for p in parts for deps in p.values()))}
        rows += compact(flows, seen.execution, seen.execution, before, seen.read)
    return rows if len(rows) <= MOST else _collapsed(rows)


def _tells(project: Project, value: Value) -> bool:
    """Whether the names of a table's columns are values of a column whose values must not be kept."""
    if not isinstance(value, Table):
        return False
    sources = {dep.column for dep in union((*value.prefixes.values(), value.rest or FREE))} - {SAME}
    return bool(sources) and bool(columns.denied(project, sources))


def _final(tracer: Tracer, name: str) -> Value | None:
    """Return what a name is bound to when the cell has ended; None if the cell did not say."""
    if RESULT.fullmatch(name):
        return tracer.shown
    if name not in tracer.names:
        try:
            value = tracer.load(name)
        except Lost:
            return None
        if not isinstance(value, Table | Column) or name not in tracer.before:
            return None  # it changed, and not before our eyes
        return value
    value = tracer.names[name]
    if isinstance(value, Model) and value.source and tracer.fitted - {id(value)}:
        return None
    return value


def entries(tracer: Tracer, value: Value, known: Known) -> Entries:
    """Return what each column of a variable comes from, held against what the variable really is."""
    match value:
        case Table() if known.kind == "table" and known.labels is not None:
            found = _of_table(value, known.labels)
            if found is None:  # the code was misunderstood
                return {ALL: tracer.everything()}
            return joined(found, _of_rows(value, known))
        case Table(selection=True) if known.kind == "column" and known.name is not None:
            deps = value.of(known.name)
            if deps is not None:
                return joined({WHOLE: deps}, _of_rows(value, known))
        case Column() if known.kind == "column":
            return joined({WHOLE: value.deps}, _of_rows(value, known))
        case Model() if known.kind == "model":
            labels = known.labels or tuple(value.features)
            features = {label: value.features[label] for label in labels if label in value.features}
            if len(features) < len(labels):
                return {WHOLE: value.settings, FIT: tracer.all_of(value)}
            return {WHOLE: value.settings, FIT: value.deps | direct(union(features.values()))} | features
        case Whole() if not known.shown:
            return {WHOLE: tracer.all_of(value)}
    deps = tracer.all_of(value)
    return {ALL: assumed(deps)} if known.kind in ("table", "column") else {WHOLE: deps}


def _of_table(table: Table, labels: tuple[str, ...]) -> Entries | None:
    if len(labels) > FOLLOWED and table.rest is not None and not table.prefixes:
        return {**table.columns, SAME: table.rest}
    found = {label: table.of(label) for label in labels}
    if None in found.values() or not (table.selection or table.columns.keys() <= found.keys()):
        return None  # the table has other columns than it should
    return {label: deps for label, deps in found.items() if deps is not None}


def _of_rows(value: Table | Column, known: Known) -> Entries:
    rows = value.rows
    levels = {name: rows.levels.get(name, assumed(rows.all())) for name in known.levels}
    names = value.names() - influence(rows.deps, CONDITIONAL) if isinstance(value, Table) else FREE
    found = {INDEX: rows.deps | names | influence(union(levels.values()), CONDITIONAL)}
    return joined(found, levels)


def written(tracer: Tracer, value: Value) -> Entries:
    """Return what each column of a written value comes from."""
    if isinstance(value, Model) and value.features:
        return {FIT: tracer.all_of(value), **value.features}
    if not isinstance(value, Table):
        return {ALL: tracer.all_of(value)}
    found = joined(value.columns, {**value.rows.levels, INDEX: value.rows.deps})
    if value.prefixes or value.selection:
        return {ALL: assumed(value.all())}
    return found if value.rest is None else {**found, SAME: value.rest}


# -- compact rows ---------------------------------------------------------------------------------------------


def compact(
    found: Entries, target: int, execution: int, before: Mapping[str, Known], read: Mapping[str, int]
) -> list[Row]:
    """Return entries as few rows: what is common to all once, and columns that stayed themselves as one."""
    rows: list[Row] = []

    def add(deps: Deps, column: str) -> None:
        rows.extend((d.node, d.column, target, column, d.kind, int(d.assumed)) for d in sorted(deps))

    sizes = {read[name]: set(known.labels or ()) for name, known in before.items() if name in read and known.labels}
    found = {label: _gathered(deps, sizes) for label, deps in found.items()}
    common = frozenset.intersection(*found.values()) if len(found) > 1 else FREE
    if target == execution and common in found.values():
        common = FREE  # the columns of what was written are known by their rows alone
    add(common, ALL)
    found = {label: deps - common for label, deps in found.items()}
    rest = found.pop(SAME, None)
    kept = _kept(found, rest)
    if kept is not None:
        rows.append((kept, SAME, target, SAME, IDENTITY, 0))
        if rest is not None:
            add(rest - {Dep(kept, SAME, IDENTITY)}, SAME)
    elif rest is not None:
        add(rest, SAME)
    for label, deps in found.items():
        if kept is not None and deps == frozenset((Dep(kept, label, IDENTITY),)):
            continue
        add(deps, label)
        if not deps and (kept is not None or rest is not None or not common):
            rows.append((execution, WHOLE, target, label, NOTHING, 0))
    return rows


def _gathered(deps: Deps, sizes: Mapping[int, set[str]]) -> Deps:
    """Replace all columns of a table by the one sign for them."""
    groups: dict[tuple[int, str, bool], set[str]] = {}
    for dep in deps:
        groups.setdefault((dep.node, dep.kind, dep.assumed), set()).add(dep.column)
    for (node, kind, guess), together in groups.items():
        labels = sizes.get(node)
        if (labels and len(labels) > 1 and labels <= together) or (ALL in together and len(together) > 1):
            deps -= {Dep(node, column, kind, guess) for column in together}
            deps |= {Dep(node, ALL, kind, guess)}
    return deps


def _kept(found: Entries, rest: Deps | None) -> int | None:
    """Return the node of which most columns are there unchanged."""
    if rest is not None:
        nodes = [dep.node for dep in rest if dep.column == SAME and dep.kind == IDENTITY and not dep.assumed]
        return nodes[0] if len(nodes) == 1 else None
    times = Counter(
        dep.node
        for label, deps in found.items()
        for dep in deps
        if dep == (dep.node, label, IDENTITY, False) and len(deps) == 1
    )
    node, count = times.most_common(1)[0] if times else (0, 0)
    return node if count > 1 else None


def _collapsed(rows: list[Row]) -> list[Row]:
    return list({(row[0], ALL, row[2], ALL, row[4], 1): None for row in rows if row[4] != NOTHING})


def _write(store: Store, rows: list[Row], listed: list[tuple[int, Known]]) -> None:
    """Write rows and the labels of tables, inside a transaction."""
    store.execute_many(
        "INSERT INTO column_edge (source, source_column, target, target_column, kind, assumed)"
        " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        rows,
    )
    for number, known in listed:
        if known.labels is None or len(known.labels) > NAMED:
            continue
        levels = [level for level in known.levels if level not in known.labels]
        signs = (FIT, WHOLE) if known.kind == "model" else (INDEX,)
        names = canonical_json([*known.labels, *levels, *signs])
        address = digest(names.encode())
        store.execute("INSERT INTO column_list (hash, columns) VALUES (?, ?) ON CONFLICT DO NOTHING", address, names)
        store.execute("INSERT INTO table_columns (id, columns) VALUES (?, ?) ON CONFLICT DO NOTHING", number, address)
