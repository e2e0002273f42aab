"""The cells that are running when somebody asks, as when an extension is loaded by a cell that does more than that.

IPython tells of a cell before it starts and when it has ended; what it has told already stands on the stack.
"""

from __future__ import annotations

import ast
import sys
from dataclasses import dataclass
from types import FrameType
from typing import Any

from mlops_nb.capture.dataflow import is_inert


@dataclass(frozen=True)
class Running:
    """A cell that has started: what IPython knows of it, and its syntax tree."""

    info: Any
    tree: ast.Module

    @property
    def only_magics(self) -> bool:
        """Whether it does nothing but load extensions and set options, so that nothing of it is worth knowing."""
        return all(_is_magic(statement) for statement in self.tree.body)

    @property
    def doubt(self) -> str | None:
        """Why nobody knows all that it did, if it did more than import and assign before it loaded this extension."""
        for statement in self.tree.body:
            if _is_magic(statement) and "mlops_nb" in ast.unparse(statement):
                return None
            if not (_is_magic(statement) or isinstance(statement, ast.Import | ast.ImportFrom) or is_inert(statement)):
                break
        return "recording began in the middle of it"


def running_cells() -> list[Running]:
    """Return the cells that run now, each inside the one before it; those that IPython tells nobody of are left out."""
    found = []
    frame: FrameType | None = sys._getframe()
    while frame is not None:
        if frame.f_code.co_name == "run_cell_async":
            own = frame.f_locals
            info, code = own.get("info"), own.get("cell")
            if info is not None and type(code) is str and not own.get("silent"):
                found.append(Running(info, ast.parse(code)))
        frame = frame.f_back
    return found[::-1]


def _is_magic(statement: ast.stmt) -> bool:
    match statement:
        case ast.Expr(ast.Call(ast.Attribute(ast.Call(ast.Name("get_ipython")), "run_line_magic"))):
            return True
    return False
