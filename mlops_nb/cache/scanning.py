"""What the code of a cell says against keeping what it does: effects and inputs that no value shows.

The code is that of the cell and of every function of the user's that it may call. What is scanned for is known by its
name, so this errs on the side of refusing: a method called ``now`` is taken for a clock.
"""

from __future__ import annotations

import ast
import dis
import inspect
import textwrap
import types
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from mlops_nb.cache.heap import Refused
from mlops_nb.capture.dataflow import ASKING, GENERATORS, Names
from mlops_nb.capture.values.looks import global_names
from mlops_nb.capture.variables import INPUT, OWN, RESULT

#: What tells the time, or comes of chance that no seed sets.
CLOCKS = frozenset(
    {"time", "time_ns", "perf_counter", "perf_counter_ns", "monotonic", "monotonic_ns", "process_time", "thread_time"}
    | {"now", "utcnow", "today", "localtime", "gmtime", "ctime", "urandom", "uuid1", "uuid4", "token_hex", "randbits"}
    | {"token_bytes", "token_urlsafe", "SystemRandom", "getpid", "getrandom", "mkstemp", "mkdtemp", "TemporaryFile"}
    | {"NamedTemporaryFile", "TemporaryDirectory", "timeit", "getrusage", "cpu_count", "virtual_memory", "getloadavg"}
)
#: What asks somebody, or looks at the interpreter itself.
LOOKING = frozenset(
    {"input", "getpass", "breakpoint", "_getframe", "currentframe", "stack", "settrace", "setprofile", "get_objects"}
    | {
        "get_referrers",
        "getrefcount",
        "id",
        "f_locals",
        "f_globals",
        "f_back",
        "modules",
        "__import__",
        "import_module",
    }
    | {"reload", "exec_module", "addaudithook", "__subclasses__", "register", "get_ipython", "exit", "quit", "_exit"}
    | {"display_id", "update_display", "clear_output", "ctypeslib", "mlops_nb", "clear_cache", "cache_clear", "memmap"}
)
HASHING = frozenset({"set", "frozenset", "hash"})
SETS = frozenset({"BUILD_SET", "SET_ADD", "SET_UPDATE"})
STORING = frozenset({"STORE_ATTR", "DELETE_ATTR"})
#: Calls for their effect alone that the cache knows how to repeat.
REPEATED = frozenset({"print", "display", "seed", "shuffle", "dump", "save", "savez", "savez_compressed", "savetxt"})
CALLED = frozenset({"CALL", "CALL_FUNCTION", "CALL_METHOD"})


def check_cell(tree: ast.Module, names: Names) -> None:
    """Refuse a cell for what its syntax says.

    Raises:
        Refused: it does something that cannot be kept, or that is done as fast.
    """
    if names.setup or names.shell:
        raise Refused("it uses a magic or another program")
    if names.everything:
        raise Refused("it may use any name")
    if names.outs or any(
        name in OWN or RESULT.fullmatch(name) or INPUT.fullmatch(name) for name in names.reads - USUAL
    ):
        raise Refused("it reads the history of its session")
    if names.unseeded:
        raise Refused("it makes a random generator without a seed")
    if names.calls & ASKING:
        raise Refused("it asks which files there are")
    for statement in ast.walk(tree):
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            raise Refused("it defines a function or a class")
        if isinstance(statement, ast.Await | ast.AsyncFor | ast.AsyncWith):
            raise Refused("it awaits")
        if isinstance(statement, ast.ImportFrom) and (statement.level or statement.module == "__future__"):
            raise Refused("it imports what changes how cells run")
        if isinstance(statement, ast.ImportFrom) and any(alias.name == "*" for alias in statement.names):
            raise Refused("it imports names that it does not say")


USUAL = frozenset({"open"})


def check_code(code: types.CodeType) -> bool:
    """Refuse code for the names it uses; return whether it may depend on the hashes of texts.

    Raises:
        Refused: it uses what no value shows.
    """
    by_hash = False
    steps = [step for step in dis.get_instructions(code) if step.opname not in ("CACHE", "PRECALL", "PUSH_NULL")]
    for position, step in enumerate(steps):
        name = step.argval if isinstance(step.argval, str) and step.opname != "LOAD_CONST" else ""
        if name in CLOCKS:
            raise Refused(f"it uses {name}, which may be a clock or chance")
        if name in LOOKING:
            raise Refused(f"it uses {name}")
        if name in ASKING and step.opname.startswith("LOAD"):
            raise Refused("it asks which files there are")
        if name in GENERATORS:
            _check_generator(name, steps, position)
        by_hash |= name in HASHING or step.opname in SETS
    for constant in code.co_consts:
        if type(constant) is types.CodeType:
            by_hash |= check_code(constant)
    return by_hash


def _check_generator(name: str, steps: list[dis.Instruction], position: int) -> None:
    following = steps[position + 1] if position + 1 < len(steps) else None
    unseeded = following is None or (following.opname in CALLED and not following.arg)
    if unseeded or (following and following.opname == "LOAD_CONST" and following.argval is None):
        raise Refused(f"it uses {name} without a seed")


def check_effects(tree: ast.AST, names: Mapping[str, Any], is_local: Callable[[str], bool]) -> None:
    """Refuse code that calls something of a library for its effect alone, or stores into a library.

    Raises:
        Refused: it does.
    """
    for node in ast.walk(tree):
        called = node.value if isinstance(node, ast.Expr) else None
        if isinstance(called, ast.Call):
            root, last = _root(called.func)
            if last not in REPEATED and root not in (None, "open") and is_of_library(names.get(root), is_local):
                raise Refused(f"it calls {ast.unparse(called.func)} for its effect")
        for target in _targets(node):
            root, _ = _root(target)
            if isinstance(target, ast.Attribute) and root is not None and is_of_library(names.get(root), is_local):
                raise Refused(f"it stores into {root}")
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("setattr", "delattr"):
            raise Refused(f"it uses {node.func.id}")


def _targets(node: ast.AST) -> Iterator[ast.expr]:
    if isinstance(node, ast.Assign | ast.Delete):
        yield from node.targets
    elif isinstance(node, ast.AugAssign | ast.AnnAssign):
        yield node.target


def _root(node: ast.expr) -> tuple[str | None, str]:
    """Return the name that a chain of attributes begins with, and the last attribute or that name."""
    last = node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")
    while isinstance(node, ast.Attribute | ast.Subscript | ast.Call):
        node = node.func if isinstance(node, ast.Call) else node.value
    return (node.id, last) if isinstance(node, ast.Name) else (None, last)


def is_of_library(value: Any, is_local: Callable[[str], bool]) -> bool:
    """Whether a value is a module, a class or a function of a library."""
    if isinstance(value, types.ModuleType):
        return not is_local(value.__name__)
    if isinstance(value, type | types.FunctionType | types.BuiltinFunctionType):
        return not is_local(getattr(value, "__module__", None) or "")
    return False


def check_function(code: types.CodeType, names: Mapping[str, Any], is_local: Callable[[str], bool]) -> None:
    """Refuse a function of the user's for the effects that its source says.

    Raises:
        Refused: it has some, or its source is not there.
    """
    if not any(is_of_library(names.get(name), is_local) for name in global_names(code)):
        return
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(code)))
    except (OSError, SyntaxError, TypeError) as error:
        raise Refused(f"the source of {code.co_name} cannot be read") from error
    check_effects(tree, names, is_local)


def imported(code: types.CodeType) -> Iterator[str]:
    """Yield the modules that code imports when it runs."""
    for step in dis.get_instructions(code):
        if step.opname == "IMPORT_NAME":
            yield str(step.argval)
    for constant in code.co_consts:
        if type(constant) is types.CodeType:
            yield from imported(constant)
