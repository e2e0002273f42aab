"""Typed parameters: read from the cell tagged ``parameters``, checked before anything starts."""

from __future__ import annotations

import ast
import io
import json
import tokenize
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from mlops_nb.capture.notebooks import Cell, Notebook
from mlops_nb.errors import ParameterError
from mlops_nb.ids import canonical_json
from mlops_nb.records import Json, Record

KINDS: dict[str, tuple[type, ...]] = {
    "int": (int,), "float": (float, int), "str": (str,), "bool": (bool,), "list": (list,), "dict": (dict,),
}  # fmt: skip


@dataclass(frozen=True)
class Parameter(Record):
    """A parameter that a notebook declares."""

    name: str
    type: str | None
    default: Json
    help: str
    cell: str


def declared(notebook: Notebook, tags: Collection[str] = ("parameters",)) -> dict[str, Parameter]:
    """Return the parameters of a notebook by name: the literals that its cells tagged ``parameters`` assign.

    The type is the annotation where there is one, else the type of the default; a default of None leaves it open.
    """
    found: dict[str, Parameter] = {}
    for cell in notebook.code:
        if not cell.tags.isdisjoint(tags):
            found |= {parameter.name: parameter for parameter in _of_cell(notebook, cell)}
    return found


def _of_cell(notebook: Notebook, cell: Cell) -> list[Parameter]:
    try:
        body = ast.parse(cell.source).body
    except SyntaxError as error:
        raise ParameterError(
            f"the parameters cell {cell.id!r} of {notebook.path.name} is not plain Python: {error.msg}, line"
            f" {error.lineno} - keep it to assignments of literals"
        ) from error
    comments = _comments(cell.source)
    found = []
    for statement in body:
        match statement:
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                annotation = None
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
                annotation = ast.unparse(statement.annotation)
            case _:
                continue
        try:
            default = ast.literal_eval(value)
        except (ValueError, TypeError):
            continue  # computed from others: not a parameter
        kind = annotation or (None if default is None else type(default).__name__)
        if not _is_json(default):
            default = repr(default)  # shown, and never injected: the notebook makes it itself
        found.append(Parameter(name, kind, default, comments.get(statement.lineno, ""), cell.id))
    return found


def _is_json(value: Any) -> bool:
    try:
        return bool(json.loads(canonical_json(value)) == value)
    except (TypeError, ValueError):
        return False


def _comments(source: str) -> dict[int, str]:
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return {token.start[0]: token.string.lstrip("# ") for token in tokens if token.type == tokenize.COMMENT}


def validate(notebook: Notebook, parameter: Parameter, value: Any) -> Json:
    """Return a value that fits a parameter.

    Raises:
        ParameterError: it does not; the message names the notebook and the cell.
    """
    kind, optional = _reduce(parameter.type)
    if value is None and (optional or parameter.default is None):
        return None
    outer, _, inner = kind.partition("[")
    wanted = KINDS.get(outer)
    fits = wanted is None or (isinstance(value, wanted) and (outer == "bool" or not isinstance(value, bool)))
    if fits and outer == "list" and inner.rstrip("]") in KINDS:
        element = KINDS[inner.rstrip("]")]
        fits = all(isinstance(item, element) and not isinstance(item, bool) for item in value)
    if not fits:
        raise ParameterError(
            f"{notebook.path.name}, cell {parameter.cell!r}: parameter {parameter.name!r} is {parameter.type}, and"
            f" {value!r} is not - its default is {parameter.default!r}"
        )
    fitting: Json = value
    return fitting


def _reduce(kind: str | None) -> tuple[str, bool]:
    """Split ``X | None`` into X and whether None is allowed."""
    parts = [part.strip() for part in (kind or "").split("|")]
    rest = [part for part in parts if part != "None"]
    return (rest[0] if len(rest) == 1 else ""), len(rest) < len(parts)


def assign(notebooks: Mapping[str, Notebook], given: Mapping[str, Any]) -> dict[str, dict[str, Json]]:
    """Give each step the parameters that it declares; a default is used where nothing is given.

    Raises:
        ParameterError: one is ill-typed, or no step declares it.
    """
    every = {step: declared(notebook) for step, notebook in notebooks.items()}
    known = {name for parameters in every.values() for name in parameters}
    for name in given:
        if name not in known:
            raise ParameterError(
                f"no notebook declares a parameter {name!r} ({', '.join(n.path.name for n in notebooks.values())})"
                f" - declared: {', '.join(sorted(known)) or 'none; tag a cell `parameters`'}"
            )
    return {
        step: {
            name: validate(notebooks[step], parameter, given[name]) if name in given else parameter.default
            for name, parameter in parameters.items()
        }
        for step, parameters in every.items()
    }
