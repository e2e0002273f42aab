"""Which names a cell reads, binds, changes in place and deletes, from its syntax tree alone.

The answer errs on the side of dependence. A name is read unless the cell surely bound it before; what a function
defined in the cell uses is read where the function is defined; a store into an item or attribute changes its object,
and so, unless it is a module, does a method called for its effect (``x.fit(…)``). Which *objects* really changed is
not decided here.
"""

from __future__ import annotations

import ast
import re
import types
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

#: Magics whose body is Python that runs in the namespace of the notebook.
TRANSPARENT = frozenset({"time", "timeit", "capture", "prun"})
OPTIONS = re.compile(r"^(\s*--?[A-Za-z][\w-]*(\s+\d+)?\s)+")  # of a magic, before its code
#: Methods that change their object also where their value is used.
CHANGERS = frozenset(
    {"fit", "partial_fit", "fit_transform", "fit_predict", "append", "extend", "insert", "add", "update", "setdefault"}
    | {"pop", "popitem", "remove", "discard", "clear", "sort", "reverse", "write", "seek", "load_state_dict"}
)
Scope = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda


@dataclass
class Names:
    """The names of a cell by what it does to them."""

    reads: set[str] = field(default_factory=set)
    binds: set[str] = field(default_factory=set)
    changes: set[str] = field(default_factory=set)
    calls: set[str] = field(default_factory=set)
    deletes: set[str] = field(default_factory=set)
    imports: set[str] = field(default_factory=set)


def analyse(tree: ast.AST) -> Names:
    """Return the names that a cell's module-level code touches."""
    visitor = _CellVisitor()
    try:
        visitor.visit(tree)
    except RecursionError:
        visitor = _CellVisitor()
        for node in ast.walk(tree):  # too deep to follow: every name counts as read and every store as a binding
            if isinstance(node, ast.Name):
                visitor.visit_Name(node)
                visitor.names.reads.add(node.id)
    return visitor.names


def literals(tree: ast.Module) -> dict[str, Any]:
    """Return the names that module-level statements bind to literals, with their values."""
    found: dict[str, Any] = {}
    for statement in tree.body:
        match statement:
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                pass
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
                pass
            case _:
                continue
        try:
            found[name] = ast.literal_eval(value)
        except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
            found.pop(name, None)
    return found


def text_argument(call: ast.Call, position: int, keyword: str, constants: Mapping[str, Any]) -> str | None:
    """Return the text that an argument of a call is: a literal, or a name bound to one; None if it is neither."""
    argument: ast.expr | None = call.args[position] if len(call.args) > position else None
    argument = argument or next((k.value for k in call.keywords if k.arg == keyword), None)
    if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
        return argument.value
    if isinstance(argument, ast.Name) and isinstance(constants.get(argument.id), str):
        return str(constants[argument.id])
    return None


def closure(names: Iterable[str], namespace: Mapping[str, Any]) -> set[str]:
    """Extend names by the globals that functions and classes of the notebook reach when they are called."""
    found: set[str] = set()
    pending = list(names)
    while pending:
        name = pending.pop()
        if name in found:
            continue
        found.add(name)
        pending.extend(global_ for global_ in _globals_used(namespace.get(name)) if global_ in namespace)
    return found


def _globals_used(value: Any) -> set[str]:
    # type() and not isinstance(): a proxy's __class__ must not be asked
    if type(value) is types.FunctionType and value.__module__ == "__main__":
        return _names_of(value.__code__)
    if type(value) is type and value.__module__ == "__main__":
        methods = (item for item in vars(value).values() if type(item) is types.FunctionType)
        return set().union(*(_names_of(method.__code__) for method in methods))
    return set()


def _names_of(code: types.CodeType) -> set[str]:
    names = set(code.co_names)
    for constant in code.co_consts:
        if type(constant) is types.CodeType:
            names |= _names_of(constant)
    return names


class _CellVisitor(ast.NodeVisitor):
    """Walks statements in order, knowing which names are surely bound by now."""

    def __init__(self) -> None:
        self.names = Names()
        self.sure: set[str] = set()
        self.branches = 0

    # -- names ------------------------------------------------------------------------------------------------

    def visit_Name(self, node: ast.Name) -> None:
        if isinstance(node.ctx, ast.Load):
            if node.id not in self.sure:
                self.names.reads.add(node.id)
        elif isinstance(node.ctx, ast.Store):
            self._bind(node.id)
        else:
            self.names.deletes.add(node.id)
            self.sure.discard(node.id)

    def _bind(self, name: str) -> None:
        if self.branches:
            if name not in self.sure:
                self.names.reads.add(name)  # where the branch is not taken, the old value lives on
        else:
            self.sure.add(name)
        self.names.binds.add(name)
        self.names.deletes.discard(name)

    def _change(self, target: ast.expr, into: set[str] | None = None) -> None:
        while isinstance(target, ast.Attribute | ast.Subscript | ast.Starred):
            target = target.value
        if isinstance(target, ast.Name):
            (self.names.changes if into is None else into).add(target.id)

    def visit_NamedExpr(self, node: ast.NamedExpr) -> None:
        self.visit(node.value)
        self.visit(node.target)

    # -- statements -------------------------------------------------------------------------------------------

    def visit_Assign(self, node: ast.Assign) -> None:
        self.visit(node.value)
        for target in node.targets:
            self._store(target)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        self.visit(node.annotation)
        if node.value is not None:
            self.visit(node.value)
            self._store(node.target)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        self.visit(node.value)
        if isinstance(node.target, ast.Name):
            if node.target.id not in self.sure:
                self.names.reads.add(node.target.id)
            self.names.changes.add(node.target.id)  # a list keeps its identity under +=
        self._store(node.target)

    def _store(self, target: ast.expr) -> None:
        if isinstance(target, ast.Attribute | ast.Subscript):
            self._change(target)
        elif isinstance(target, ast.Tuple | ast.List):
            for element in target.elts:
                self._store(element)
            return
        elif isinstance(target, ast.Starred):
            self._store(target.value)
            return
        self.visit(target)

    def visit_Delete(self, node: ast.Delete) -> None:
        for target in node.targets:
            self._store(target) if not isinstance(target, ast.Name) else self.visit(target)

    def visit_Expr(self, node: ast.Expr) -> None:
        if isinstance(node.value, ast.Call) and isinstance(node.value.func, ast.Attribute):
            self._change(node.value.func, self.names.calls)
        self.visit(node.value)

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            self._import(alias.asname or alias.name.partition(".")[0])

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        for alias in node.names:
            self._import(alias.asname or alias.name)

    def _import(self, name: str) -> None:
        self._bind(name)
        self.names.imports.add(name)

    def _branch(self, node: ast.AST) -> None:
        self.branches += 1
        self.generic_visit(node)
        self.branches -= 1

    visit_If = visit_For = visit_While = visit_Try = visit_TryStar = visit_Match = visit_AsyncFor = _branch

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> None:
        before = set(self.sure)
        if node.name:
            self.sure.add(node.name)  # Python takes the name away again when the handler ends
        self.generic_visit(node)
        self.sure &= before

    def _capture(self, node: ast.MatchAs | ast.MatchStar | ast.MatchMapping) -> None:
        self.generic_visit(node)
        if name := node.rest if isinstance(node, ast.MatchMapping) else node.name:
            self._bind(name)

    visit_MatchAs = visit_MatchStar = visit_MatchMapping = _capture

    # -- scopes of their own ----------------------------------------------------------------------------------

    def _function(self, node: Scope) -> None:
        for default in (*node.args.defaults, *(d for d in node.args.kw_defaults if d)):
            self.visit(default)
        if not isinstance(node, ast.Lambda):
            for part in (*node.decorator_list, *_annotations(node)):
                self.visit(part)
        self._body(node)
        if not isinstance(node, ast.Lambda):
            self._bind(node.name)

    visit_FunctionDef = visit_AsyncFunctionDef = visit_Lambda = _function

    def _body(self, node: Scope) -> None:
        inner = _CellVisitor()
        own = {argument.arg for argument in _parameters(node)}
        body = [node.body] if isinstance(node, ast.Lambda) else node.body
        for statement in body:
            inner.visit(statement)
        declared = {name for child in ast.walk(node) if isinstance(child, ast.Global) for name in child.names}
        own |= inner.names.binds - declared
        self.names.reads |= (inner.names.reads | declared) - own - self.sure

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        for part in (*node.decorator_list, *node.bases, *(keyword.value for keyword in node.keywords)):
            self.visit(part)
        inner = _CellVisitor()
        for statement in node.body:
            inner.visit(statement)
        self.names.reads |= inner.names.reads - self.sure
        self._bind(node.name)

    def _comprehension(self, node: ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp) -> None:
        inner = _CellVisitor()
        for generator in node.generators:
            inner.visit(generator.iter)
            inner.visit(generator.target)
            for condition in generator.ifs:
                inner.visit(condition)
        for part in (node.key, node.value) if isinstance(node, ast.DictComp) else (node.elt,):
            inner.visit(part)
        self.names.reads |= inner.names.reads - self.sure
        for child in ast.walk(node):
            if isinstance(child, ast.NamedExpr):  # binds outside of the comprehension
                self.visit(child.target)

    visit_ListComp = visit_SetComp = visit_DictComp = visit_GeneratorExp = _comprehension

    def visit_Call(self, node: ast.Call) -> None:
        match node:
            case ast.Call(
                func=ast.Attribute(attr="run_cell_magic" | "run_line_magic"),
                args=[ast.Constant(value=magic), ast.Constant(value=str(line)), *body],
            ) if magic in TRANSPARENT:
                for text in (ast.literal_eval(part) for part in body):
                    self._python(text)
                if magic == "capture":
                    for word in filter(str.isidentifier, line.split()):
                        self._bind(word)
                else:
                    self._python(OPTIONS.sub("", line))
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if isinstance(node.func, ast.Attribute) and name in CHANGERS:
            self._change(node.func, self.names.calls)
        self.generic_visit(node)

    def _python(self, text: str) -> None:
        from IPython.core.inputtransformer2 import TransformerManager  # there already, where there are magics

        try:
            tree = ast.parse(TransformerManager().transform_cell(text))  # type: ignore[no-untyped-call]
        except SyntaxError:
            return
        self.visit(tree)


def _parameters(node: Scope) -> list[ast.arg]:
    given = node.args
    extra = (argument for argument in (given.vararg, given.kwarg) if argument)
    return [*given.posonlyargs, *given.args, *given.kwonlyargs, *extra]


def _annotations(node: ast.FunctionDef | ast.AsyncFunctionDef) -> list[ast.expr]:
    hints = (*(argument.annotation for argument in _parameters(node)), node.returns)
    return [hint for hint in hints if hint is not None]
