"""Sources of cells as syntax trees, with their magics, and what they import."""

from __future__ import annotations

import ast
import warnings


def parsed(source: str) -> ast.Module | None:
    """Return the syntax tree of a cell, its magics rewritten as IPython does it; None if it is no Python even then."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of escapes that Python will not always take
        try:
            return ast.parse(source)
        except (SyntaxError, ValueError, MemoryError, RecursionError):
            pass
        from IPython.core.inputtransformer2 import TransformerManager  # 200 ms, and seldom needed

        try:
            return ast.parse(TransformerManager().transform_cell(source))  # type: ignore[no-untyped-call]
        except (SyntaxError, ValueError, MemoryError, RecursionError):
            return None


def imported(source: str) -> set[str]:
    """Return the modules that a source imports, by the first parts of their names."""
    found = set()
    for node in ast.walk(parsed(source) or ast.Module([], [])):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.partition(".")[0])
    return found
