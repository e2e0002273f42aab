"""What an expression comes from."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Container
from typing import Any

from mlops_nb.lineage.tracing import calls, frames
from mlops_nb.lineage.tracing.kinds import (
    CONDITIONAL,
    EVERYTHING,
    FREE,
    JOIN,
    TRANSFORMATION,
    Dep,
    Deps,
    assumed,
    direct,
    influence,
    union,
)  # fmt: skip
from mlops_nb.lineage.tracing.values import (
    UNKNOWN,
    Access,
    Arguments,
    Column,
    Function,
    Grouped,
    Keyed,
    Library,
    Lost,
    Method,
    Model,
    Rows,
    Several,
    Table,
    Value,
    Whole,
    aligned,
    either_table,
    joined,
)  # fmt: skip

UNROLLED = 30  # a loop over so many literals is followed turn by turn


class Expressions:
    """Evaluates expressions over the values of names; what statements do is in ``cells``."""

    def __init__(self, execution: int, source: Callable[[str], Value | None], before: Container[str]) -> None:
        """Begin a cell.

        Args:
            execution: its row ID
            source: what a name was bound to before the cell; None for what Python itself brings
            before: the variables that were bound before the cell, of those it reads
        """
        self.execution = execution
        self.source = source
        self.before = before
        self.names: dict[str, Value] = {}
        self.scopes: list[dict[str, Value]] = []
        self.weak = 0  # above 0, a statement may not have run
        self.comprehending = 0
        self.conditions: list[Deps] = []
        self.mutated = False  # an object has been changed in place
        self.fitted: set[int] = set()  # models of earlier cells
        self.effects = False  # something may have been written that can be read again
        self.written: list[Value] = []

    # -- names ------------------------------------------------------------------------------------------------

    def load(self, name: str) -> Value:
        """Return what a name is bound to."""
        for scope in (*reversed(self.scopes), self.names):
            if name in scope:
                return scope[name]
        value = self.source(name)
        if value is None:
            return Library(f"builtins.{name}")
        self.names[name] = value
        return value

    def everything(self) -> Deps:
        """All that the cell read, as an assumption."""
        return frozenset((Dep(self.execution, EVERYTHING, TRANSFORMATION, True),))

    def all_of(self, *values: Value | None) -> Deps:
        """Everything that goes into some values."""
        return union(self._all(value, 0) for value in values if value is not None)

    def _all(self, value: Value, depth: int) -> Deps:
        if depth > 20:
            return self.everything()
        match value:
            case Table() | Column():
                return value.all()
            case Whole():
                if value.memory.source and value.memory.holder and self.mutated:  # it may hold what was changed
                    return self.everything()
                return value.deps | value.memory.deps | union(self._all(v, depth + 1) for v in value.memory.held)
            case Several():
                return union(self._all(item, depth + 1) for item in value.items)
            case Keyed():
                return union(self._all(item, depth + 1) for item in value.items.values())
            case Grouped():
                return value.table.all() | value.by
            case Model():
                if value.source and self.fitted - {id(value)}:  # it may be a part of the one that was fitted
                    return self.everything()
                learned = union((value.settings, value.deps, *value.features.values()))
                return learned | union(self._all(part, depth + 1) for part in value.parts)
            case Access() | Method():
                return self._all(value.of, depth + 1)
            case Function():
                return value.deps
        return FREE

    def guessed(self, *values: Value | None) -> Whole:
        """Return a value of which only what went in is known."""
        return Whole(assumed(self.all_of(*values)))

    def mutate(self, value: Value, *by: Value) -> None:
        """Note that an object was changed in place in an unknown way, by some values.

        Raises:
            Lost: it may be the same object as another.
        """
        self.mutated = True
        deps = assumed(self.all_of(*by)) | union(self.conditions)
        if isinstance(value, Table | Column):  # perhaps by the labels of its rows
            deps |= influence(value.rows.all(), JOIN)
        match value:
            case Table(unclear=False):
                value.become(value.mapped(lambda old: old | deps, value.rows.influenced(deps)))
            case Column(unclear=False):
                value.deps |= deps
            case Whole() if not (value.memory.source or value.opaque or value.late):
                value.memory.held.extend(by)
                value.memory.deps |= union(self.conditions)
                value.value = UNKNOWN
            case Several():
                value.items.extend([*by, Whole(union(self.conditions))])
                value.mixed = True
            case Model():
                value.deps |= deps
            case _:
                raise Lost

    def write(self, value: Value, given: Arguments) -> Value:
        """Follow a method that writes a table to a file, or returns it as text."""
        place = (
            given.values[0]
            if given.values
            else next(
                (
                    given.named[name]
                    for name in ("path_or_buf", "path", "buf", "name", "excel_writer")
                    if name in given.named
                ),
                None,
            )
        )
        if place is None or place.literal is None:
            return Whole(direct(self.all_of(value)))
        if type(place.literal) is not str:  # perhaps a buffer that is read again
            self.effects = True
            if isinstance(place, Whole) and (place.memory.source or place.opaque):
                raise Lost
            self.mutate(place, value)
        self.written.append(value.mapped(lambda old: old) if isinstance(value, Table) else Whole(self.all_of(value)))
        return Whole(value=None)

    # -- expressions ------------------------------------------------------------------------------------------

    def eval(self, node: ast.expr | None) -> Value:
        """Return what an expression evaluates to."""
        if node is None:
            return Whole(value=None)
        handler = getattr(self, f"eval_{type(node).__name__.lower()}", None)
        if handler is None:
            raise Lost
        found: Value = handler(node)
        return found

    def eval_constant(self, node: ast.Constant) -> Value:
        return Whole(value=node.value)

    def eval_name(self, node: ast.Name) -> Value:
        return self.load(node.id)

    def eval_list(self, node: ast.List | ast.Tuple | ast.Set) -> Value:
        items: list[Value] = []
        known = True
        for item in node.elts:
            value = self.eval(item)
            parts = self._spread(value) if isinstance(item, ast.Starred) else [value]
            known &= parts is not None
            items += [value] if parts is None else parts
        return Several(items, tuple if isinstance(node, ast.Tuple) else list) if known else self._holding(items)

    eval_tuple = eval_set = eval_list

    def _spread(self, value: Value) -> list[Value] | None:
        """Return the items of a starred list or tuple, or None where the code does not tell them."""
        if isinstance(value, Several):
            return None if value.mixed else value.items
        if not isinstance(value, Whole) or type(value.literal) not in (list, tuple):
            return None
        return [Whole(self.all_of(value), part, late=value.late) for part in value.literal]

    def _holding(self, items: list[Value]) -> Whole:
        found = Whole()
        found.memory.held = items
        found.memory.source = True  # a change of it may be one of what it holds
        return found

    def eval_starred(self, node: ast.Starred) -> Value:
        return self.eval(node.value)

    def eval_await(self, node: ast.Await) -> Value:
        return self.eval(node.value)

    def eval_dict(self, node: ast.Dict) -> Value:
        found: dict[Any, Value] = {}
        others: list[Value] = []
        for key, value in zip(node.keys, node.values, strict=True):
            label = self.eval(key).literal if key is not None else UNKNOWN
            if type(label) in (str, int, float, bool, tuple):
                found[label] = self.eval(value)
            else:
                others += [self.eval(value), *([self.eval(key)] if key is not None else [])]
        return self._holding([*found.values(), *others]) if others else Keyed(found)

    def eval_namedexpr(self, node: ast.NamedExpr) -> Value:
        if self.comprehending:  # it binds outside of the comprehension
            raise Lost
        value = self.eval(node.value)
        self.bind(node.target, value)
        return value

    def call(self, function: Value, given: Arguments) -> Value:
        """Return what a call returns, and follow what it changes."""
        return calls.call(self, function, given)

    def called_back(self, argument: Value, given: Arguments) -> Deps:
        """Return what functions among the arguments bring in, when a library calls them with something."""
        return calls.called_back(self, argument, given)

    # -- what statements do, in ``cells`` ---------------------------------------------------------------------

    def bind(self, target: ast.expr, value: Value) -> None:
        """Bind a target to a value."""
        raise NotImplementedError

    def under_conditions(self, value: Value) -> Value:
        """Return a value as chosen by the branches around the statement."""
        raise NotImplementedError

    def call_function(self, function: Function, given: Arguments) -> Value:
        """Run a function of the notebook."""
        raise NotImplementedError

    def eval_joinedstr(self, node: ast.JoinedStr) -> Value:
        parts = [self.eval(p.value if isinstance(p, ast.FormattedValue) else p) for p in node.values]
        plain = all(type(p.literal) in (str, int) for p in parts) and not any(
            isinstance(p, ast.FormattedValue) and (p.format_spec or p.conversion != -1) for p in node.values
        )
        deps = direct(self.all_of(*parts))
        return Whole(deps, "".join(str(part.literal) for part in parts)) if plain else Whole(deps)

    def eval_binop(self, node: ast.BinOp) -> Value:
        left, right = self.eval(node.left), self.eval(node.right)
        if isinstance(node.op, ast.Add) and type(left.literal) is type(right.literal) in (str, list, tuple):
            if isinstance(left, Several) and isinstance(right, Several):
                return Several([*left.items, *right.items], left.kind)
            return Whole(self.all_of(left, right), left.literal + right.literal)
        return self.elementwise(left, right)

    def eval_unaryop(self, node: ast.UnaryOp) -> Value:
        value = self.eval(node.operand)
        if isinstance(node.op, ast.USub) and type(value.literal) in (int, float):
            return Whole(self.all_of(value), operator.neg(value.literal))
        return self.elementwise(value)

    def eval_boolop(self, node: ast.BoolOp) -> Value:
        return self.guessed_unless_plain([self.eval(value) for value in node.values])

    def eval_compare(self, node: ast.Compare) -> Value:
        values = [self.eval(node.left), *(self.eval(value) for value in node.comparators)]
        if any(isinstance(op, ast.In | ast.NotIn | ast.Is | ast.IsNot) for op in node.ops):
            return Whole(direct(self.all_of(*values)))
        return self.elementwise(*values)

    def eval_ifexp(self, node: ast.IfExp) -> Value:
        condition = self.all_of(self.eval(node.test))
        return self.either(self.eval(node.body), self.eval(node.orelse), condition)

    def eval_lambda(self, node: ast.Lambda) -> Value:
        return self.function(node)

    def eval_slice(self, node: ast.Slice) -> Value:
        return Whole(self.all_of(*(self.eval(part) for part in (node.lower, node.upper, node.step) if part)))

    def eval_attribute(self, node: ast.Attribute) -> Value:
        return frames.attribute(self, self.eval(node.value), node.attr)

    def eval_subscript(self, node: ast.Subscript) -> Value:
        return frames.item(self, self.eval(node.value), node.slice, self.eval(node.slice))

    def eval_call(self, node: ast.Call) -> Value:
        function = self.eval(node.func)
        given = Arguments()
        for argument in node.args:
            given.values.append(self.eval(argument))
            given.spread |= isinstance(argument, ast.Starred)
        for keyword in node.keywords:
            value = self.eval(keyword.value)
            if keyword.arg is not None:
                given.named[keyword.arg] = value
            elif isinstance(value, Keyed) and all(type(key) is str for key in value.items):
                given.named.update(value.items)
            else:
                given.values.append(value)
                given.spread = True
        return calls.call(self, function, given)

    # -- comprehensions ---------------------------------------------------------------------------------------

    def eval_listcomp(self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp) -> Value:
        return self._comprehension(node.generators, [node.elt])

    eval_setcomp = eval_generatorexp = eval_listcomp

    def eval_dictcomp(self, node: ast.DictComp) -> Value:
        return self._comprehension(node.generators, [node.key, node.value])

    def _comprehension(self, generators: list[ast.comprehension], parts: list[ast.expr]) -> Value:
        self.scopes.append({})
        self.comprehending += 1
        try:
            first = self.eval(generators[0].iter)
            turns = first.literal if len(generators) == 1 and not generators[0].ifs and len(parts) == 1 else UNKNOWN
            if type(turns) in (list, tuple) and len(turns) <= UNROLLED:
                items = []
                for turn in turns:
                    self._bind_local(generators[0].target, Whole(self.all_of(first), turn))
                    items.append(self.eval(parts[0]))
                return Several(items)
            conditions = FREE
            for generator in generators:
                self._bind_local(generator.target, self.element(self.eval(generator.iter)))
                conditions |= self.all_of(*(self.eval(test) for test in generator.ifs))
            items = [self.eval(part) for part in parts]
            found = self._holding(items)
            found.deps = influence(conditions, CONDITIONAL) | influence(
                union(self.all_of(self.eval(g.iter)) for g in generators), CONDITIONAL
            )
            return found
        finally:
            self.comprehending -= 1
            self.scopes.pop()

    def _bind_local(self, target: ast.expr, value: Value) -> None:
        for node in ast.walk(target):
            if isinstance(node, ast.Name):
                self.scopes[-1][node.id] = value if node is target else self.element(value)
            elif isinstance(node, ast.Attribute | ast.Subscript):
                raise Lost

    def element(self, value: Value) -> Value:
        """Return what any one element of something is."""
        if isinstance(value, Several) and len(value.items) == 1:
            return value.items[0]
        if isinstance(value, Whole):
            return Whole(value.deps, memory=value.memory, opaque=value.opaque)
        found = Whole(self.all_of(value))
        if isinstance(value, Several | Keyed):  # it may be any of those objects
            found.memory.held, found.memory.source = [value], True
        return found

    # -- putting values together ------------------------------------------------------------------------------

    def elementwise(self, *values: Value, kind: str = TRANSFORMATION) -> Value:
        """Return what is computed row by row from values; rows are aligned by their labels."""
        shaped = [value for value in values if isinstance(value, Table | Column)]
        others = direct(self.all_of(*(value for value in values if not isinstance(value, Table | Column))), kind)
        tables = [value for value in shaped if isinstance(value, Table)]
        if not shaped:
            return Whole(others)
        rows, by = aligned(shaped)
        if not tables:
            names = {value.name for value in shaped if isinstance(value, Column)}
            name = names.pop() if len(names) == 1 else None
            return Column(
                direct(union(v.deps for v in shaped if isinstance(v, Column)), kind) | others | by, rows, name
            )
        if len(shaped) == len(tables):
            found = tables[0]
            for table in tables[1:]:
                found = either_table(found, table, found.rows)
            return found.mapped(lambda old: direct(old, kind) | others | by, rows)
        labels = assumed(self.all_of(*(value for value in shaped if isinstance(value, Column))))
        return tables[0].mapped(lambda old: direct(old | self.all_of(*tables[1:]), kind) | labels | others | by, rows)

    def guessed_unless_plain(self, values: list[Value]) -> Value:
        """Return one of several values, of which nobody knows which."""
        if all(isinstance(value, Whole) for value in values):
            return Whole(direct(self.all_of(*values)))
        found = values[0]
        for value in values[1:]:
            found = self.either(found, value, self.all_of(found))
        return found

    def either(self, one: Value, other: Value, condition: Deps = FREE) -> Value:
        """Return what is one value or another, as a condition decides."""
        by = influence(condition, CONDITIONAL)
        if one is other and not by:
            return one
        if isinstance(one, Table) and isinstance(other, Table):
            levels = joined(one.rows.levels, other.rows.levels)
            rows = one.rows if one.rows is other.rows else Rows(one.rows.all() | other.rows.all(), levels)
            found = either_table(one, other, rows).influenced(by, CONDITIONAL)
            one.unclear = other.unclear = True  # a change of them may be one of what is found
            found.unclear = True
            return found
        if isinstance(one, Column) and isinstance(other, Column):
            same = one.rows is other.rows
            rows = one.rows if same else Rows(one.rows.all() | other.rows.all())
            column = Column(one.deps | other.deps, rows, one.name if one.name == other.name else None)
            column = column.influenced(by, CONDITIONAL)
            one.unclear = other.unclear = True
            column.unclear = True
            return column
        return self._one_of(one, other, by)

    def _one_of(self, one: Value, other: Value, by: Deps) -> Value:
        if isinstance(one, Whole) and isinstance(other, Whole):
            found = Whole(one.deps | other.deps | by)
        elif isinstance(one, Function | Method | Library) or isinstance(other, Function | Method | Library):
            raise Lost
        else:
            found = Whole(assumed(self.all_of(one, other)) | by)
        found.memory.held, found.memory.source = [one, other], True
        found.opaque = any(isinstance(value, Whole) and value.opaque for value in (one, other))
        return found

    def function(self, node: ast.FunctionDef | ast.Lambda, deps: Deps = FREE) -> Function:
        """Return a function written in the cell; its defaults are values of now."""
        arguments = node.args
        positional = [*arguments.posonlyargs, *arguments.args]
        pairs = [*zip(reversed(positional), reversed(arguments.defaults), strict=False)]
        pairs += [(a, d) for a, d in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True) if d is not None]
        defaults = {argument.arg: self.eval(default) for argument, default in pairs}
        return Function(node, deps, list(self.scopes), defaults)
