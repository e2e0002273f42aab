"""A question: may this cell be restored? What it finds when it is about to run, as a key, and what was kept under that.

A key holds the source, the environment, the settings and every value that the cell can reach by the names it uses, by
content. Files and random state are conditions of what was kept, as only who has run the cell knows which it uses.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import marshal
import os
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mlops_nb import hooks
from mlops_nb._version import __version__
from mlops_nb.cache import code, describing, memory, scanning
from mlops_nb.cache.entries import Conditions, Entries, Entry
from mlops_nb.cache.heap import Heap, Refused
from mlops_nb.cache.settings import random_states, settings, told_state
from mlops_nb.capture import dataflow
from mlops_nb.capture.dataflow import Names
from mlops_nb.capture.environments import environment
from mlops_nb.capture.modules import PACKAGES
from mlops_nb.ids import digest

FORMAT = "cell1"
HANDLING = (code, describing, memory)  # imported for what they register
SECRET = hash("mlops_nb")  # of this process: by it the texts are hashed that decide the order of sets


@dataclass
class Question:
    """What a cell finds when it is about to run."""

    execution: int
    source: str  # its address
    tree: ast.Module
    names: Names
    found: Heap
    parts: dict[str, str]  # of the key, so that a change can be named
    key: str
    random: dict[str, Any]
    identities: dict[str, int]  # of what names are bound to
    modules: frozenset[str] = field(default_factory=lambda: frozenset(sys.modules))


def ask(session: Any, frame: Any, tree: ast.Module) -> Question:
    """Look at what a cell finds.

    Raises:
        Refused: it cannot be told, or the cell does what is not kept.
    """
    names = dataflow.analyse(tree)
    scanning.check_cell(tree, names)
    if session.ambient.alive:
        raise Refused("a thread or a task of an earlier cell is running")
    if "IPython.extensions.autoreload" in sys.modules:
        raise Refused("autoreload is loaded")
    namespace = session.shell.user_ns
    found = Heap(namespace, session.modules)
    modules = _imported(session, tree)
    roots = found.take(sorted(names.reads | names.changes | names.deletes | names.maybe))
    roots += [[name, [found.ref(sys.modules[name])]] for name in modules]
    found.drain()
    set_now = settings(session.shell)
    parts = {f"({name})": short(value) for name, value in set_now.items()}
    parts |= {"(environment)": environment().hash, **found.parts}
    key = found.digest(roots, FORMAT, __version__, frame.info.raw_cell, sorted(parts.items()))
    identities = {name: id(value) for name, value in namespace.items()}
    return Question(
        frame.number, digest(frame.source.encode(errors="replace")), tree, names, found, parts, key, random_states(),
        identities,
    )  # fmt: skip


def short(value: Any) -> str:
    """Return what stands for a setting in a key."""
    return hashlib.sha256(marshal.dumps(value, 2)).hexdigest()[:16]


def _imported(session: Any, tree: ast.Module) -> list[str]:
    """Return the user's own modules that a cell imports; they must be loaded, so that their content can be told."""
    found = []
    for node in ast.walk(tree):
        given = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        given += [node.module] if isinstance(node, ast.ImportFrom) and node.module else []
        for name in given:
            if name.partition(".")[0] in code.REMEMBERING:
                raise Refused(f"it uses {name}")
            if name in sys.modules:
                found += [name] if session.modules(name) else []
            elif not is_installed(session, name):
                raise Refused(f"it imports {name} for the first time")
    return sorted(set(found))


def is_installed(session: Any, name: str) -> bool:
    """Whether a module that is not loaded yet belongs to Python or to an installed package."""
    root = name.partition(".")[0]
    if root in sys.stdlib_module_names:
        return True
    spec = importlib.util.find_spec(root)
    path = spec.origin or "" if spec is not None else ""
    return path.startswith(session.modules.machinery) or any(map(path.__contains__, PACKAGES))


# -- what was kept --------------------------------------------------------------------------------------------


def answer(session: Any, question: Question, entries: Entries) -> Entry:
    """Return what was kept of a cell that found the same.

    Raises:
        Refused: nothing was; with what is different.
    """
    reason = None
    for entry in reversed(entries.known.get(question.key, ())):
        reason = _unmet(session, question, entry.conditions)
        if reason is None:
            return entry
    if reason is None:
        reason = _difference(question, entries.parts.get(question.source))
    raise Refused(reason)


def _difference(question: Question, before: dict[str, str] | None) -> str:
    if before is None:
        return "nothing was kept of it so far"
    changed = [name for name, value in question.parts.items() if before.get(name) != value]
    settled = [name.strip("()") for name in changed if name.startswith("(")]
    if settled:
        return f"{' and '.join(settled)} changed"
    return f"{changed[0]} changed" if changed else "it was edited, or what it reads is shared in another way"


def _unmet(session: Any, question: Question, conditions: Conditions) -> str | None:
    """Say which condition does not hold."""
    if conditions.hashing not in (None, SECRET):
        return "the order of a set differs by process (PYTHONHASHSEED makes it the same)"
    for name, told in conditions.random.items():
        if name not in question.random or told_state(question.random[name]) != told:
            return f"the state of {name} is another"
    for path, address in conditions.files.items():
        if file_hash(session, Path(path)) != address:
            return f"{session.project.relative(Path(path))} changed or is gone"
    for path, told in conditions.folders.items():
        if listing(path) != told:
            return f"other files are in {path}"
    return None


def listing(folder: str) -> str | None:
    """Return what stands for the names in a folder, those that nobody means by a file left out."""
    try:
        with hooks.unheard():
            names = sorted(name for name in os.listdir(folder) if name[:1] != "." and name != "__pycache__")
    except OSError:
        return None
    return digest("\n".join(names).encode(errors="surrogateescape"))


def file_hash(session: Any, path: Path) -> str | None:
    """Return the hash of a file as it is now, None if it cannot be read or is just being changed."""
    hashes = session.files.hashes
    try:
        found, _, steady = hashes.of(path, hashes.open(path))
    except OSError:
        return None
    return str(found) if steady else None
