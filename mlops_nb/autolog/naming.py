"""What a metric was computed of: the dataset that a prediction was made from, as the code names it.

MLflow remembers every prediction by its identity, for which it wraps ``predict`` of every class, and loses it with the
first ``[:, 1]``. Here the syntax says it: the expression that a metric function was called with, found by the position
that Python keeps of every call, is or comes from ``model.predict(DATA)``.
"""

from __future__ import annotations

import ast
import functools
import itertools
import linecache
from collections.abc import Iterator
from dataclasses import dataclass
from types import CodeType, FrameType
from typing import Any

from mlops_nb.autolog.frames import name_in

PREDICTING = frozenset(
    {"predict", "predict_proba", "predict_log_proba", "decision_function", "score_samples", "transform"}
)
UNKNOWN = "unknown_dataset"

Function = ast.FunctionDef | ast.AsyncFunctionDef
ASSIGNMENTS = (ast.Assign, ast.AnnAssign, ast.NamedExpr)


@dataclass(frozen=True)
class Origin:
    """Of which dataset, by which model: names of variables, None where it is an expression without one."""

    dataset: str | None
    model: str | None


class Predictions:
    """Which variable of the notebook holds a prediction from which dataset."""

    def __init__(self) -> None:
        self._known: dict[str, Origin] = {}

    def learn(self, tree: ast.AST) -> None:
        """Read the assignments of a cell."""
        for name, value in _assignments(tree):
            origin = _origin(value)
            known = (self._known[part] for part in _names(value) if part in self._known)
            if origin := origin or next(known, None):
                self._known[name] = origin
            else:
                self._known.pop(name, None)

    def of_call(self, frame: FrameType) -> tuple[str, Any]:
        """Return the name of the dataset that a call at a frame's present place is about, and the model, if known."""
        site = _site(frame.f_code, frame.f_lasti)
        if site is None:
            return UNKNOWN, None
        origin = site.origin or next((self._known[name] for name in site.names if name in self._known), None)
        if origin is None:
            return (_outer(frame, site.names[0]) if site.names else UNKNOWN), None
        model = frame.f_locals.get(origin.model) if origin.model else None
        if model is None and origin.model:
            model = frame.f_globals.get(origin.model)
        return (_outer(frame, origin.dataset) if origin.dataset else UNKNOWN), model


def _outer(frame: FrameType, name: str) -> str:
    """Return a variable's name where its value came from: an argument is named as the caller names it."""
    value = frame.f_locals.get(name)
    return name if value is None else name_in(frame, value) or name


@dataclass(frozen=True)
class Site:
    """One call in the code: the variables it is given, and the origin of what it is given, if the code near it says."""

    names: tuple[str, ...]
    origin: Origin | None


@functools.lru_cache(maxsize=512)
def _site(code: CodeType, at: int) -> Site | None:
    position = next(itertools.islice(code.co_positions(), at // 2, None), None)
    tree = _tree(code.co_filename, "".join(linecache.getlines(code.co_filename)))
    if position is None or tree is None:
        return None
    around: ast.AST = tree
    for node in ast.walk(tree):
        if isinstance(node, Function) and node.lineno <= (position[0] or 0) <= (node.end_lineno or 0):
            around = node  # the innermost comes last
        if isinstance(node, ast.Call) and _place(node) == position:
            given = [*node.args, *(keyword.value for keyword in node.keywords)]
            names = tuple(name for value in given if (name := _name(value)) is not None)
            origin = next((found for value in given if (found := _origin(value)) is not None), None)
            return Site(names, origin or _assigned(around, names, node.lineno))
    return None


@functools.lru_cache(maxsize=64)
def _tree(_filename: str, source: str) -> ast.Module | None:
    try:
        return ast.parse(source) if source else None
    except SyntaxError:
        return None


def _place(node: ast.expr) -> tuple[int, int | None, int, int | None]:
    return node.lineno, node.end_lineno, node.col_offset, node.end_col_offset


def _assigned(tree: ast.AST, names: tuple[str, ...], before: int, depth: int = 4) -> Origin | None:
    """Return the origin of the first of some names that holds a prediction, or something made of one."""
    values = {name: value for name, value in _assignments(tree) if value.lineno <= before}
    for name in names:
        if (value := values.get(name)) is not None:
            origin = _origin(value)
            if origin is None and depth:
                origin = _assigned(tree, tuple(_names(value)), value.lineno - 1, depth - 1)
            if origin is not None:
                return origin
    return None


def _names(expression: ast.expr) -> list[str]:
    return [node.id for node in ast.walk(expression) if isinstance(node, ast.Name)]


def _assignments(tree: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    """Return what is assigned to each name, in the order of the lines."""
    for node in sorted((n for n in ast.walk(tree) if isinstance(n, ASSIGNMENTS)), key=lambda node: node.lineno):
        if isinstance(node, ast.Assign):
            for target in node.targets:
                if isinstance(target, ast.Name):
                    yield target.id, node.value
                elif isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
                    pairs = zip(target.elts, node.value.elts, strict=False)
                    yield from ((part.id, value) for part, value in pairs if isinstance(part, ast.Name))
        elif isinstance(node.target, ast.Name) and node.value is not None:
            yield node.target.id, node.value


def _origin(expression: ast.expr) -> Origin | None:
    """Return what a prediction inside an expression is made from."""
    for node in ast.walk(expression):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in PREDICTING:
            given = [*node.args, *(keyword.value for keyword in node.keywords)]
            inner = _origin(given[0]) if given else None  # predict(scaler.transform(X))
            dataset = inner.dataset if inner else _name(given[0]) if given else None
            return Origin(dataset, _name(node.func.value))
    return None


def _name(expression: ast.expr) -> str | None:
    """Return the variable that an expression is, or is a part of, such as ``y[test]`` or ``frame.values``."""
    while isinstance(expression, ast.Subscript | ast.Attribute):
        expression = expression.value
    if isinstance(expression, ast.Call) and not isinstance(expression.func, ast.Name):
        return _name(expression.func) if isinstance(expression.func, ast.Attribute) and not expression.args else None
    return expression.id if isinstance(expression, ast.Name) else None
