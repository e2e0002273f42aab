"""What the syntax of a cell says about names: which it reads, binds, stores into and deletes, and what it calls.

The answer errs on the side of dependence: a name is read unless the cell surely bound it before. What a function or
class that the cell defines uses is *deferred*: it counts where the thing is used, which is decided on the object
itself (``values``), so a global that is bound anew between definition and call is not taken for the old one. Which
objects really changed is not decided here either.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

#: Magics whose body is Python that runs in the namespace of the notebook.
TRANSPARENT = frozenset({"time", "timeit", "capture", "prun"})
#: Magics that change nothing a later cell could see.
HARMLESS = frozenset(
    {"who", "who_ls", "whos", "history", "lsmagic", "pwd", "ls", "pinfo", "pinfo2", "psource", "tb", "xmode"}
    | {"notebook", "recall", "page", "quickref", "magic", "doctest_mode"}
)
#: Magics that set something which later cells may depend on, and touch no name.
SETTING = frozenset(
    {
        "matplotlib",
        "load_ext",
        "reload_ext",
        "unload_ext",
        "autoreload",
        "config",
        "env",
        "set_env",
        "cd",
        "pushd",
        "popd",
    }
    | {"precision", "colors", "pprint", "pdb", "automagic", "gui", "alias", "unalias", "rehashx"}
)
#: Magics that run code or unbind names, and set nothing of their own.
BINDING = frozenset({"run", "load", "store", "macro", "rerun", "edit", "autocall", "xdel", "reset", "reset_selective"})
SHELL = frozenset({"bash", "sh", "script", "system", "sx", "!", "writefile", "file", "html", "javascript", "perl"})
OPTIONS = re.compile(r"^(\s*--?[A-Za-z][\w-]*(\s+\d+)?\s)+")  # of a magic, before its code
WORD = re.compile(r"[^\W\d]\w*")
BRACES = re.compile(r"[{$]\{?([^\W\d]\w*)")
#: Functions that see every name there is, also by a name that stands nowhere in the code.
EVERYTHING = frozenset({"exec", "eval", "globals", "locals", "vars", "dir", "get_ipython", "__main__"})
#: Methods and functions that find names in their text (``df.query("a > @limit")``, ``duckdb.sql("from df")``).
SPEAKING = frozenset({"query", "eval", "sql", "execute", "read_sql", "read_sql_query", "run_cell", "from_query"})
#: Calls that ask which files there are.
ASKING = frozenset(
    {"exists", "lexists", "isfile", "isdir", "islink", "is_file", "is_dir", "stat", "getsize", "getmtime", "iterdir"}
    | {"glob", "iglob", "rglob", "walk", "listdir", "scandir", "access"}
)
#: Calls that set the state of a random generator, whatever it was before, or read it.
SEEDING = frozenset({"seed", "set_state", "setstate", "manual_seed", "seed_everything", "set_seed"})
GENERATORS = frozenset({"default_rng", "RandomState", "Random", "SeedSequence", "PCG64", "MT19937", "Philox", "SFC64"})
STATE = frozenset({"get_state", "getstate", "get_rng_state", "bit_generator"})
INERT = (ast.Constant, ast.Name, ast.Load, ast.List, ast.Tuple, ast.Dict, ast.UnaryOp, ast.USub)
Scope = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda


@dataclass
class Names:
    """The names of a cell by what it does to them, and what else its syntax tells."""

    reads: set[str] = field(default_factory=set)
    binds: set[str] = field(default_factory=set)
    maybe: set[str] = field(default_factory=set)  # bound where control may pass by: the old value may live on
    rebinds: set[str] = field(default_factory=set)  # bound for certain, also by a cell that failed later
    copies: set[str] = field(default_factory=set)  # read by what changes nothing
    changes: set[str] = field(default_factory=set)  # whose item or attribute is stored into
    deletes: set[str] = field(default_factory=set)
    imports: set[str] = field(default_factory=set)
    calls: set[str] = field(default_factory=set)  # of functions and methods
    outs: set[int] = field(default_factory=set)  # the Out[n] that are read by number
    seeds: set[str] = field(default_factory=set)  # modules whose random state is set before anything could draw
    everything: bool = False  # whether it may read and bind names that stand nowhere
    restores: bool = False  # whether it binds whatever names a checkpoint holds
    setup: bool = False  # whether it uses a magic whose effect is not known
    shell: bool = False  # whether another program runs
    unseeded: bool = False  # whether it makes a random generator without a seed
    inert: bool = False  # whether it only binds names to literals and to other names, so that no code of anybody runs

    @property
    def asks(self) -> bool:
        """Whether it asks which files there are."""
        return bool(self.calls & ASKING) or self.shell

    @property
    def unknown(self) -> bool:
        """Whether it may bind names that stand nowhere in its source."""
        return self.everything or self.restores

    def add(self, other: Names) -> None:
        """Add what is known of the same cell from elsewhere."""
        for part in fields(self):
            setattr(self, part.name, getattr(self, part.name) | getattr(other, part.name))


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
    names = visitor.names
    names.inert = all(map(is_inert, getattr(tree, "body", (None,))))
    if names.calls & SEEDING:
        names.seeds = set(_first_seeds(tree))
    return names


def is_inert(statement: ast.AST | None) -> bool:
    """Whether a statement only binds names to literals and to other names."""
    match statement:
        case ast.Assign(targets=targets, value=value) if all(isinstance(target, ast.Name) for target in targets):
            return all(isinstance(part, INERT) for part in ast.walk(value))
        case ast.Pass():
            return True
    return False


def _first_seeds(tree: ast.AST) -> Iterator[str]:
    """Yield the names of the modules whose random state is set before anything could draw from it."""
    for statement in getattr(tree, "body", ()):
        calls = [node for node in ast.walk(statement) if isinstance(node, ast.Call)]
        match calls, statement:
            case [], _:
                continue
            case [ast.Call(func=ast.Attribute(value=owner, attr=method))], ast.Expr() if method in SEEDING:
                while isinstance(owner, ast.Attribute):
                    owner = owner.value
                if isinstance(owner, ast.Name):
                    yield owner.id
            case _:
                return


def _name_of(function: ast.expr) -> str:
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


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


class _CellVisitor(ast.NodeVisitor):
    """Walks statements in order, knowing which names are surely bound by now."""

    def __init__(self) -> None:
        self.names = Names()
        self.sure: set[str] = set()
        self.branches = 0
        self.deferred: dict[str, set[str]] = {}  # by name of a function of this cell: what it reads when it is called

    # -- names ------------------------------------------------------------------------------------------------

    def visit_Name(self, node: ast.Name) -> None:
        if isinstance(node.ctx, ast.Load):
            self._read(node.id)
        elif isinstance(node.ctx, ast.Store):
            self._bind(node.id)
        else:
            self._read(node.id)
            self.names.deletes.add(node.id)
            self.sure.discard(node.id)

    def _read(self, name: str) -> None:
        if name not in self.sure:
            self.names.reads.add(name)
        if name in EVERYTHING:
            self.names.everything = True
        for used in self.deferred.pop(name, ()):
            self._read(used)

    def _bind(self, name: str) -> None:
        if self.branches and name not in self.sure:
            self.names.maybe.add(name)
        self.sure.add(name)
        self.names.binds.add(name)
        self.names.deletes.discard(name)

    def _change(self, target: ast.expr) -> None:
        while isinstance(target, ast.Attribute | ast.Subscript | ast.Starred):
            target = target.value
        if isinstance(target, ast.Name):
            self.names.changes.add(target.id)

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
            self._read(node.target.id)
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

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            self.names.everything |= alias.name == "__main__"
            self._import(alias.asname or alias.name.partition(".")[0])

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        for alias in node.names:
            if alias.name == "*" or node.module == "__main__":
                self.names.everything = True
            if alias.name != "*":
                self._import(alias.asname or alias.name)

    def _import(self, name: str) -> None:
        self._bind(name)
        self.names.imports.add(name)

    def _arm(self, *parts: ast.AST) -> set[str]:
        """Visit what control may pass by, and return what is surely bound where it did not."""
        before = set(self.sure)
        self.branches += 1
        for part in parts:
            self.visit(part)
        self.branches -= 1
        after, self.sure = self.sure, before
        return after

    def visit_If(self, node: ast.If) -> None:
        self.visit(node.test)
        new = self._arm(*node.body) & self._arm(*node.orelse) - self.sure
        if not self.branches:  # bound whichever way it went
            self.sure |= new
            self.names.maybe -= new

    def visit_BoolOp(self, node: ast.BoolOp) -> None:
        self.visit(node.values[0])
        for value in node.values[1:]:
            self._arm(value)

    def visit_IfExp(self, node: ast.IfExp) -> None:
        self.visit(node.test)
        self._arm(node.body)
        self._arm(node.orelse)

    def _loop(self, node: ast.For | ast.AsyncFor) -> None:
        self.visit(node.iter)
        self._arm(node.target, *node.body)
        self._arm(*node.orelse)

    visit_For = visit_AsyncFor = _loop

    def visit_While(self, node: ast.While) -> None:
        self.visit(node.test)
        self._arm(*node.body)
        self._arm(*node.orelse)

    def _try(self, node: ast.Try | ast.TryStar) -> None:
        self._arm(*node.body, *node.orelse)
        for handler in node.handlers:
            self._arm(handler)
        for statement in node.finalbody:
            self.visit(statement)

    visit_Try = visit_TryStar = _try

    def visit_Match(self, node: ast.Match) -> None:
        self.visit(node.subject)
        for case in node.cases:
            self._arm(case)

    def _within(self, node: ast.With | ast.AsyncWith) -> None:
        for item in node.items:
            self.visit(item)
        self._arm(*node.body)  # a context manager may swallow what the body raises

    visit_With = visit_AsyncWith = _within

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
        used = self._used(node)
        if isinstance(node, ast.Lambda):  # it has no name to wait for
            self._now(used)
            return
        for part in (*node.decorator_list, *_annotations(node)):
            self.visit(part)
        self._define(node.name, used, bool(node.decorator_list))

    visit_FunctionDef = visit_AsyncFunctionDef = visit_Lambda = _function

    def _define(self, name: str, used: set[str], called: bool) -> None:
        """Bind a name to something that uses others when it is called: at once, or when it is first spoken of."""
        if called:
            self._now(used - {name})
        self._bind(name)
        self.deferred[name] = used - {name}

    def _now(self, used: Iterable[str]) -> None:
        for name in used:
            self._read(name)

    def _used(self, node: Scope) -> set[str]:
        """Return the names that a function reads outside of itself, or stores there."""
        inner = self._inside([node.body] if isinstance(node, ast.Lambda) else node.body)
        own = {argument.arg for argument in _parameters(node)}
        declared = {name for child in ast.walk(node) if isinstance(child, ast.Global) for name in child.names}
        own |= inner.names.binds - declared
        return ((inner.names.reads | declared).union(*inner.deferred.values())) - own

    def _inside(self, body: Iterable[ast.AST]) -> _CellVisitor:
        """Visit a scope of its own; what it does besides naming names, the cell does."""
        inner = _CellVisitor()
        for statement in body:
            inner.visit(statement)
        self.names.calls |= inner.names.calls
        self.names.outs |= inner.names.outs
        self.names.everything |= inner.names.everything
        self.names.setup |= inner.names.setup
        self.names.unseeded |= inner.names.unseeded
        self.names.restores |= inner.names.restores
        self.names.shell |= inner.names.shell
        return inner

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        for part in (*node.decorator_list, *node.bases, *(keyword.value for keyword in node.keywords)):
            self.visit(part)
        inner = self._inside(node.body)
        self._now(inner.names.reads)
        used = set().union(*inner.deferred.values())
        self._define(node.name, used, bool(node.decorator_list or node.bases or node.keywords))

    def _comprehension(self, node: ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp) -> None:
        parts: list[ast.AST] = []
        for generator in node.generators:
            parts += [generator.iter, generator.target, *generator.ifs]
        inner = self._inside([*parts, *((node.key, node.value) if isinstance(node, ast.DictComp) else (node.elt,))])
        self._now(inner.names.reads.union(*inner.deferred.values()))
        for child in ast.walk(node):
            if isinstance(child, ast.NamedExpr):  # binds outside of the comprehension, if that goes round at all
                self._arm(child.target)

    visit_ListComp = visit_SetComp = visit_DictComp = visit_GeneratorExp = _comprehension

    # -- calls ------------------------------------------------------------------------------------------------

    def visit_Subscript(self, node: ast.Subscript) -> None:
        match node:
            case ast.Subscript(value=ast.Name(id="Out" | "_oh"), slice=ast.Constant(value=int(number))):
                self.names.outs.add(number)
                return
        self.generic_visit(node)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        match node:
            case ast.Attribute(attr="user_ns" | "f_globals") | ast.Attribute(value=ast.Name(id="sys"), attr="modules"):
                self.names.everything = True
        if node.attr in STATE:
            self.names.calls.add(node.attr)
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        match node.func:
            case ast.Attribute(value=ast.Call(func=ast.Name(id="get_ipython")), attr=method):
                texts = [str(part.value) for part in node.args if isinstance(part, ast.Constant)]
                if len(texts) == len(node.args):
                    self._magic(method, texts)
                    return
            case ast.Name(id="vars" | "dir") if node.args:
                for part in node.args:
                    self.visit(part)
                return
            case ast.Name(id="exec" | "eval") if node.args and isinstance(node.args[0], ast.Constant):
                self._python(str(node.args[0].value))
                for part in node.args[1:]:
                    self.visit(part)
                return
            case ast.Attribute(value=ast.Name(id="mlops" | "mlops_nb"), attr="restore"):
                self.names.restores = True
        name = _name_of(node.func)
        self.names.calls.add(name)
        if name in GENERATORS and not node.args and not node.keywords:
            self.names.unseeded = True
        if name in ("setattr", "delattr", "__setattr__") and node.args:
            self._change(node.args[0])
        if name in SPEAKING:
            for inner in ast.walk(node):
                if isinstance(inner, ast.Constant) and isinstance(inner.value, str):
                    self._now(WORD.findall(inner.value))
        self.generic_visit(node)

    # -- magics -----------------------------------------------------------------------------------------------

    def _magic(self, method: str, texts: list[str]) -> None:
        """See what a magic does; IPython has made a call of it."""
        if method in ("system", "getoutput"):
            self._program(texts)
        elif method == "run_cell_magic" and len(texts) == 3:
            self._cell_magic(*texts)
        elif method == "run_line_magic" and len(texts) == 2:
            self._line_magic(*texts)
        else:
            self.names.everything = True

    def _cell_magic(self, magic: str, line: str, body: str) -> None:
        if magic in TRANSPARENT:
            if magic == "capture":
                for word in filter(str.isidentifier, line.split()):
                    self._bind(word)
            else:
                self._python(OPTIONS.sub("", line))
            self._python(body)
        elif magic in SHELL:
            self._program([line, body])
            if magic in ("bash", "sh", "script", "perl") and (names := re.findall(r"--(?:out|err|proc)\s+(\w+)", line)):
                for name in names:
                    self._bind(name)
        else:
            self.names.setup = self.names.everything = True

    def _line_magic(self, magic: str, line: str) -> None:
        if magic in TRANSPARENT:
            self._python(OPTIONS.sub("", line))
        elif magic in ("sx", "system"):
            self._program([line])
        elif magic == "mlops":
            self.names.restores |= line.split()[:1] == ["restore"]
        elif magic not in HARMLESS and magic not in ("pip", "conda", "uv", "mamba"):
            self.names.setup |= magic not in BINDING
            self.names.everything |= magic not in SETTING
            self._now(BRACES.findall(line))

    def _program(self, texts: Iterable[str]) -> None:
        self.names.shell = True
        for text in texts:
            self._now(BRACES.findall(text))

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
