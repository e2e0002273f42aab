"""A notebook without a shell: it runs cells and hands them to the recorder of columns as capture would."""

from __future__ import annotations

import ast
from typing import Any

import pandas as pd

from mlops_nb.capture import nodes, runs
from mlops_nb.capture.observers import Seen
from mlops_nb.lineage.recorder import Recorder
from mlops_nb.project import Project


class Cells:
    """Runs cells one after the other; every variable there is counts as read, every one that was bound as made, and
    every table, model and container, which may have changed."""

    def __init__(self, project: Project, **variables: Any) -> None:
        self.project = project
        self.recorder = Recorder()
        self.namespace: dict[str, Any] = {}
        self.nodes: dict[str, int] = {}
        self.first: dict[str, int] = {}
        self.run_number = runs.start(project, "script", "cells")
        exec("import pandas as pd, numpy as np", self.namespace)
        self.namespace.pop("__builtins__")
        if variables:
            self.namespace.update(variables)
            self._end(ast.parse(""), {}, self._begin(), set(variables))
            self.first = dict(self.nodes)

    def run(self, code: str) -> None:
        """Run a cell and record it."""
        before = dict(self.namespace)
        execution, read = self._begin(), dict(self.nodes)
        exec(compile(code, "cell", "exec"), self.namespace)
        self.namespace.pop("__builtins__", None)
        made = {
            name
            for name, value in self.namespace.items()
            if name not in before or value is not before[name] or _may_change(value)
        }
        self._end(ast.parse(code), read, execution, made)

    def _begin(self) -> int:
        with self.project.store.write() as store:
            number = nodes.add_node(store, "execution", "cell")
            store.execute(
                "INSERT INTO execution (id, run, process, source, started_at) SELECT ?, id, process, ?, 0 FROM run"
                " WHERE id = ?", number, self.project.content.put(b"cell"), self.run_number,
            )  # fmt: skip
            for node in self.nodes.values():
                nodes.add_edge(store, node, number, "read")
        return number

    def _end(self, tree: ast.Module, read: dict[str, int], execution: int, made: set[str]):
        numbers = {}
        with self.project.store.write() as store:
            for name in sorted(made):
                numbers[name] = nodes.add_node(store, "variable", name)
                nodes.add_edge(store, execution, numbers[name], "wrote")
        self.recorder(Seen(self.project, self.run_number, execution, tree, self.namespace, read, numbers, []))
        self.nodes |= numbers
        self.project.store.flush()

    def rows(self, name: str) -> list[tuple[str, str, str, str, bool]]:
        """Return what is written of a variable: source, its column, the column, kind, whether assumed."""
        names = {row["id"]: row["name"] for row in self.project.store.rows("SELECT id, name FROM node")}
        rows = self.project.store.rows("SELECT * FROM column_edge WHERE target = ?", self.nodes[name])
        return sorted(
            (names[r["source"]], r["source_column"], r["target_column"], r["kind"], bool(r["assumed"])) for r in rows
        )


def _may_change(value: Any) -> bool:
    if isinstance(value, list | dict):
        return any(_may_change(item) for item in (value.values() if isinstance(value, dict) else value))
    return isinstance(value, pd.DataFrame | pd.Series) or type(value).__module__.startswith("sklearn.")
