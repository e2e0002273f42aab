"""What the statements of a cell do to the values of names."""

from __future__ import annotations

import ast

from mlops_nb.capture.dataflow import TRANSPARENT
from mlops_nb.lineage.tracing import frames
from mlops_nb.lineage.tracing.expressions import UNROLLED, Expressions
from mlops_nb.lineage.tracing.kinds import CONDITIONAL, Deps, assumed, influence, union
from mlops_nb.lineage.tracing.values import (
    UNKNOWN,
    Arguments,
    Column,
    Function,
    Keyed,
    Library,
    Lost,
    Model,
    Several,
    Table,
    Value,
    Whole,
)  # fmt: skip

DEPTH = 6  # functions of the notebook are followed so deep
#: Magics that touch no variable.
HARMLESS_MAGICS = frozenset(
    {
        "matplotlib",
        "config",
        "pip",
        "conda",
        "cd",
        "pwd",
        "ls",
        "load_ext",
        "who",
        "whos",
        "precision",
        "time",
        "timeit",
    }
)
#: Context managers that let every exception through, so that their body has run to its end.
PLAIN_CONTEXTS = ("open", "option_context", "errstate", "catch_warnings", "plt.", "rc_context", "parallel_backend")


class Tracer(Expressions):
    """Runs a cell's statements; a statement that may not have run leaves the old values beside the new."""

    def __init__(self, *arguments: object, **options: object) -> None:
        super().__init__(*arguments, **options)  # type: ignore[arg-type]
        self.returned: list[list[Value]] = []
        self.entered: list[int] = []  # how weak statements were where each running function began
        self.shown: Value | None = None  # what the last expression that stood alone was
        self.depth = 0
        self.trying = 0

    def run(self, body: list[ast.stmt]) -> None:
        """Run statements in order.

        Raises:
            Lost: what they do cannot be followed.
        """
        for statement in body:
            handler = getattr(self, f"run_{type(statement).__name__.lower()}", None)
            if handler is None:
                raise Lost
            handler(statement)

    # -- simple statements ------------------------------------------------------------------------------------

    def run_assign(self, node: ast.Assign) -> None:
        value = self.eval(node.value)
        for target in node.targets:
            self.bind(target, value)

    def run_annassign(self, node: ast.AnnAssign) -> None:
        if node.value is not None:
            self.bind(node.target, self.eval(node.value))

    def run_augassign(self, node: ast.AugAssign) -> None:
        value = self.eval_binop(ast.BinOp(self._loaded(node.target), node.op, node.value))
        old = self.eval(self._loaded(node.target))
        if isinstance(node.target, ast.Name) and not isinstance(old, Whole | Library):
            self.mutated = True  # the object itself may change, under all its names
            frames.replace(self, old, value)
        elif isinstance(node.target, ast.Name) and isinstance(old, Whole) and old.literal is UNKNOWN:
            self._change_whole(old, value)
            self.bind(node.target, value)
        else:
            self.bind(node.target, value)

    def _change_whole(self, old: Whole, value: Value) -> None:
        """An array changes in place, and its views with it; a number does not, which is not known here."""
        if old.memory.source:
            raise Lost
        self.mutated = True
        old.memory.held.append(Whole(self.all_of(value)))

    def _loaded(self, target: ast.expr) -> ast.expr:
        match target:
            case ast.Name(id=name):
                return ast.Name(name, ast.Load())
            case ast.Attribute(value=value, attr=attr):
                return ast.Attribute(value, attr, ast.Load())
            case ast.Subscript(value=value, slice=key):
                return ast.Subscript(value, key, ast.Load())
        raise Lost

    def run_expr(self, node: ast.Expr) -> None:
        match node.value:
            case ast.Call(
                func=ast.Attribute(attr="run_cell_magic" | "run_line_magic" as way),
                args=[ast.Constant(value=magic), *rest],
            ):
                self._magic(way, str(magic), [part.value for part in rest if isinstance(part, ast.Constant)])
            case _:
                self.shown = self.eval(node.value)

    def _magic(self, way: str, magic: str, texts: list[object]) -> None:
        if way == "run_cell_magic" and magic in TRANSPARENT - {"timeit", "prun"} and len(texts) == 2:
            try:
                body = ast.parse(str(texts[1])).body
            except SyntaxError:
                raise Lost from None
            self.run(body)
        elif magic not in HARMLESS_MAGICS or way == "run_cell_magic" or (magic.startswith("time") and texts != [""]):
            raise Lost

    def run_delete(self, node: ast.Delete) -> None:
        for target in node.targets:
            if isinstance(target, ast.Name):
                (self.scopes[-1] if self.scopes else self.names).pop(target.id, None)
            elif isinstance(target, ast.Subscript):
                frames.delete_item(self, self.eval(target.value), self.eval(target.slice))
            else:
                raise Lost

    def run_import(self, node: ast.Import | ast.ImportFrom) -> None:
        for alias in node.names:
            name = alias.asname or alias.name.partition(".")[0]
            self.names.pop(name, None)  # what it is now, the namespace knows
            if self.scopes:
                raise Lost

    run_importfrom = run_import

    def run_pass(self, node: ast.stmt) -> None:
        pass

    def run_assert(self, node: ast.Assert) -> None:
        self.eval(node.test)

    def run_return(self, node: ast.Return) -> None:
        if not self.returned:
            raise Lost
        value = self.eval(node.value)
        self.returned[-1].append(self.under_conditions(value))
        if self.weak > self.entered[-1]:
            self.weak += 1  # what follows may not run

    def run_break(self, node: ast.stmt) -> None:
        self.weak += 1

    run_continue = run_break

    def run_raise(self, node: ast.Raise) -> None:
        if self.trying:  # else the cell fails, or this did not happen
            raise Lost

    def run_functiondef(self, node: ast.FunctionDef) -> None:
        value: Value = self.function(node) if not node.decorator_list else Function(None)
        self.bind(ast.Name(node.name, ast.Store()), value)

    def run_asyncfunctiondef(self, node: ast.AsyncFunctionDef) -> None:
        self.bind(ast.Name(node.name, ast.Store()), Function(None))

    def run_classdef(self, node: ast.ClassDef) -> None:
        if any(not isinstance(part, ast.FunctionDef | ast.AnnAssign | ast.Assign | ast.Expr) for part in node.body):
            raise Lost
        self.bind(ast.Name(node.name, ast.Store()), Function(None))

    # -- branches and loops -----------------------------------------------------------------------------------

    def run_if(self, node: ast.If) -> None:
        condition = self.all_of(self.eval(node.test))
        conditions, weak = list(self.conditions), self.weak
        self.conditions.append(influence(condition, CONDITIONAL))
        self.weak += 1
        entered = self.weak
        self.run(node.body)
        self.run(node.orelse)
        if self.weak == entered:  # else it decides about all that follows
            self.conditions, self.weak = conditions, weak

    def run_for(self, node: ast.For) -> None:
        over = self.eval(node.iter)
        turns = over.literal
        leaves = any(isinstance(part, ast.Break | ast.Continue | ast.Return | ast.Try) for part in ast.walk(node))
        if type(turns) in (list, tuple) and len(turns) <= UNROLLED and not leaves and not node.orelse:
            items = over.items if isinstance(over, Several) else [Whole(self.all_of(over), turn) for turn in turns]
            for item in items:
                value = item
                if type(item.literal) is tuple and not isinstance(item, Several):
                    value = Several([Whole(self.all_of(item), part) for part in item.literal], tuple)
                self.bind(node.target, value)
                self.run(node.body)
            return
        self._loop(node, self.all_of(over), self.element(over))

    def run_while(self, node: ast.While) -> None:
        self._loop(node, self.all_of(self.eval(node.test)), None)

    def _loop(self, node: ast.For | ast.While, condition: Deps, element: Value | None) -> None:
        """Run a loop of which the turns are not known, until a turn more changes nothing."""
        conditions, weak = list(self.conditions), self.weak
        returned = len(self.returned[-1]) if self.returned else 0
        self.conditions.append(influence(condition, CONDITIONAL))
        self.weak += 1
        before = None
        for _ in range(8):
            if element is not None and isinstance(node, ast.For):
                self.bind(node.target, element)
            self.run([*node.body, *node.orelse])
            if isinstance(node, ast.While):
                self.conditions.append(influence(self.all_of(self.eval(node.test)), CONDITIONAL))
            now = self._state()
            if now == before:
                break
            before = now
        else:
            raise Lost
        if self.returned and len(self.returned[-1]) > returned:
            return  # what follows may not run
        self.conditions, self.weak = conditions, weak

    def _state(self) -> list[object]:
        """What every name comes from, to be compared."""

        def of(value: Value) -> object:
            match value:
                case Table():
                    return dict(value.columns), value.rest, value.rows.all(), dict(value.prefixes)
                case Several():
                    return [of(item) for item in value.items]
                case Keyed():
                    return {key: of(item) for key, item in value.items.items()}
            return self.all_of(value)

        scopes = [{name: of(value) for name, value in scope.items()} for scope in (self.names, *self.scopes)]
        return [*scopes, union(self.conditions)]

    def run_try(self, node: ast.Try) -> None:
        self._perhaps([*node.body, *node.orelse, *node.finalbody], node.handlers)

    def _perhaps(self, body: list[ast.stmt], handlers: list[ast.ExceptHandler]) -> None:
        """Run statements any of which may end the others, as any value may decide."""
        conditions, weak = list(self.conditions), self.weak
        returned = len(self.returned[-1]) if self.returned else 0
        self.conditions.append(influence(self.everything(), CONDITIONAL))
        self.weak += 1
        self.trying += 1
        for handler in handlers:
            if handler.name:
                self.bind(ast.Name(handler.name, ast.Store()), Whole(self.everything(), opaque=True))
        self.run(body)
        for handler in handlers:
            self.run(handler.body)
        self.run(body)  # its last part may follow a handler
        self.trying -= 1
        if self.returned and len(self.returned[-1]) > returned:
            return
        self.conditions, self.weak = conditions, weak

    def run_with(self, node: ast.With) -> None:
        plain = True
        for item in node.items:
            value = self.eval(item.context_expr)
            plain &= any(name in ast.unparse(item.context_expr) for name in PLAIN_CONTEXTS)
            if item.optional_vars is not None:
                self.bind(item.optional_vars, value)
        if plain:
            self.run(node.body)
            return
        self._perhaps(node.body, [])

    # -- binding ----------------------------------------------------------------------------------------------

    def under_conditions(self, value: Value) -> Value:
        """Return a value as chosen by the branches around the statement."""
        by = union(self.conditions)
        if not by:
            return value
        match value:
            case Table() | Column():
                chosen = value.influenced(by, CONDITIONAL)
                chosen.unclear = value.unclear = True  # the object has another name, perhaps
                return chosen
            case Whole():
                return Whole(
                    value.deps | by, value.value, value.memory, opaque=value.opaque, late=value.late
                )  # fmt: skip
            case Model():
                value.settings |= by
                return value
            case Several():
                return Several([self.under_conditions(item) for item in value.items], value.kind, value.mixed)
            case Library() | Function():
                raise Lost
        found = Whole(assumed(self.all_of(value)) | by)
        found.memory.held, found.memory.source = [value], True
        return found

    def bind(self, target: ast.expr, value: Value) -> None:
        """Bind a target to a value."""
        match target:
            case ast.Name(id=name):
                scope = self.scopes[-1] if self.scopes else self.names
                if self.weak:
                    value = self.under_conditions(value)
                    old = scope.get(name)
                    if old is None and not self.scopes and name in self.before:
                        old = self.load(name)
                    if old is not None:
                        value = self.either(old, value)
                scope[name] = value
            case ast.Tuple(elts=parts) | ast.List(elts=parts):
                self._unpack(parts, value)
            case ast.Starred(value=inner):
                self.bind(inner, value)
            case ast.Subscript(value=base, slice=key):
                self.mutated = True
                frames.set_item(self, self.eval(base), self.eval(key), self.under_conditions(value))
            case ast.Attribute(value=base, attr=attr):
                self.mutated = True
                frames.set_attribute(self, self.eval(base), attr, self.under_conditions(value))
            case _:
                raise Lost

    def _unpack(self, parts: list[ast.expr], value: Value) -> None:
        starred = any(isinstance(part, ast.Starred) for part in parts)
        if isinstance(value, Several) and not starred and not value.mixed and len(value.items) == len(parts):
            items = list(value.items)
        else:
            items = [self.element(value) for _ in parts]
        for part, item in zip(parts, items, strict=True):
            self.bind(part, item)

    # -- functions of the notebook ----------------------------------------------------------------------------

    def call_function(self, function: Function, given: Arguments) -> Value:
        """Run the body of a function of the notebook and return what it may return.

        Raises:
            Lost: its body is not known, or cannot be followed.
        """
        code = function.code
        if code is None or self.depth >= DEPTH or given.spread or code.args.vararg or code.args.kwarg:
            raise Lost
        scope = dict(function.defaults)
        positional = [argument.arg for argument in (*code.args.posonlyargs, *code.args.args)]
        if len(given.values) > len(positional):
            raise Lost
        scope |= dict(zip(positional, given.values, strict=False)) | given.named
        wanted = {*positional, *(argument.arg for argument in code.args.kwonlyargs)}
        if wanted != set(scope):
            raise Lost
        kept = self.scopes, self.weak, list(self.conditions)
        self.scopes = [*function.scopes, scope]
        self.depth += 1
        try:
            found = self.eval(code.body) if isinstance(code, ast.Lambda) else self._body(code)
        finally:
            self.scopes, self.weak, self.conditions = kept
            self.depth -= 1
        return self._with(found, function.deps)

    def _body(self, code: ast.FunctionDef) -> Value:
        if any(
            isinstance(n, ast.Yield | ast.YieldFrom | ast.Global | ast.Nonlocal | ast.Await) for n in ast.walk(code)
        ):
            raise Lost
        self.returned.append([])
        self.entered.append(self.weak)
        try:
            self.run(code.body)
            values = self.returned[-1] or [Whole(value=None)]
        finally:
            self.returned.pop()
            self.entered.pop()
        found = values[0]
        for value in values[1:]:
            found = self.either(found, value)
        return found

    def _with(self, value: Value, deps: Deps) -> Value:
        return self.elementwise(value, Whole(deps)) if deps else value
