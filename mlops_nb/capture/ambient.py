"""What a cell depends on without naming it: random state, settings of the process and of libraries, live threads.

Each is a hidden variable of the notebook. A setting is read by every cell that runs after it was changed; random state
by the cells that draw from it, so that the draws between a seed and a result belong to that result.
"""

from __future__ import annotations

import asyncio
import decimal
import os
import sys
import warnings
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import Any

from mlops_nb.capture import generators
from mlops_nb.capture.dataflow import SEEDING, STATE, Names
from mlops_nb.capture.threads import Threads
from mlops_nb.capture.variables import Made, Touched
from mlops_nb.store.db import Store

THREADS = "threads"
SPAWNING = frozenset({"create_task", "ensure_future", "call_later", "call_soon", "call_at", "gather", "TaskGroup"})


#: By name: the module that must have been imported, and how its random state is read.
RANDOM: dict[str, tuple[str, Callable[[Any], Hashable]]] = {
    "random": ("random", generators.of_python),
    "numpy.random": ("numpy.random.mtrand", lambda _: generators.of_numpy(sys.modules["numpy"])),
    "torch.random": ("torch", lambda torch: hash(torch.get_rng_state().numpy().tobytes())),
}


def _pandas(config: Any) -> Hashable:
    found: list[int] = []
    pending = [config._global_config]
    while pending:
        held = pending.pop().values()
        found.extend(map(id, held))
        pending.extend([value for value in held if type(value) is dict])
    return tuple(found)


def _printing(numpy: Any) -> Hashable:
    return tuple(map(id, numpy.get_printoptions().values()))


#: Environment variables that programs around a notebook change, and that mean nothing to it.
PASSING = frozenset({b"PYTEST_CURRENT_TEST", b"COLUMNS", b"LINES", b"_"})


def _environment(variables: Any) -> Hashable:
    return hash(frozenset((name, value) for name, value in variables._data.items() if name not in PASSING))


#: The same for settings: of the process, and of libraries that have some.
SETTINGS: dict[str, tuple[str, Callable[[Any], Hashable]]] = {
    "working folder": ("os", lambda os: os.getcwd()),
    "environment variables": ("os", lambda os: _environment(os.environ)),
    "sys.path": ("sys", lambda sys: tuple(sys.path)),
    "warning filters": ("warnings", lambda warnings: tuple(map(id, warnings.filters))),
    "decimal context": ("decimal", lambda decimal: (decimal.getcontext().prec, decimal.getcontext().rounding)),
    "recursion limit": ("sys", lambda sys: sys.getrecursionlimit()),
    "pandas options": ("pandas._config.config", _pandas),
    "numpy print options": ("numpy", _printing),
    "numpy error state": ("numpy", lambda numpy: tuple(numpy.geterr().items())),
    "matplotlib settings": ("matplotlib", lambda m: tuple(map(id, dict.values(m.rcParams)))),
    "scikit-learn settings": ("sklearn._config", lambda s: tuple(map(id, s.get_config().values()))),
}
_ = (os, warnings, decimal)  # imported, so that their settings are there to be read


@dataclass
class Ambient:
    """The hidden variables of one notebook: what each was when last seen, and the node of what a cell made it."""

    store: Store

    def __post_init__(self) -> None:
        self.seen: dict[str, Hashable] = {}
        self.nodes: dict[str, int] = {}
        self.setup: int | None = None
        self.threads = Threads()
        self.alive: set[int] = set()
        self.working: set[int] = set()
        self.begun = False
        self.observe()

    def begin(self) -> None:
        """Look again before the first cell: a kernel that starts with capture in it draws numbers of its own."""
        if not self.begun:
            self.begun = True
            self.observe()

    def observe(self, plain: bool = True) -> list[str]:
        """Look at everything; return the names of what changed since the last look.

        What is there for the first time counts as changed unless the cell is ``plain``, so that it can only have
        brought it with its defaults.
        """
        changed = []
        for table in (RANDOM, SETTINGS):
            for name, (module, read) in table.items():
                loaded = sys.modules.get(module)
                if loaded is None:
                    continue
                try:
                    now = read(loaded)
                except Exception:  # a version of the library that keeps its settings elsewhere
                    continue
                if self.seen.get(name, now if plain else None) != now:
                    changed.append(name)
                self.seen[name] = now
        return changed

    def after(self, names: Names, namespace: Mapping[str, Any], touched: Touched) -> None:
        """Add to what a cell touched the hidden variables that it read and made."""
        read, made = touched.read, touched.made
        for name, node in self.nodes.items():
            if name not in RANDOM and name != THREADS:
                read[f"<{name}>"] = node
        if self.alive:  # as the cell began
            read[f"<{THREADS}>"] = self.nodes[THREADS]
            touched.doubts.append("it ran while a thread or task of an earlier cell was running")
        if names.inert:
            return
        seeded = {*RANDOM} if names.rebinds else {_family(namespace.get(name)) for name in names.seeds}
        # setting a state hides that the cell drew before, where it sets the state that was there
        hides = touched.seeds or bool(names.calls & SEEDING and names.calls - SEEDING)
        if names.calls & STATE or hides:
            read |= {f"<{name}>": self.nodes[name] for name in self.nodes.keys() & RANDOM.keys() - seeded}
        for name in self.observe(plain=not names.calls and names.binds <= names.imports):
            drawn = name in RANDOM and name not in seeded
            if name in self.nodes and (drawn or name in SETTINGS):
                read[f"<{name}>"] = self.nodes[name]
            unseeded = drawn and f"<{name}>" not in read
            made.append(self._made(name, "random numbers were drawn without a seed" if unseeded else None))
        if names.unseeded:
            touched.doubts.append("a random generator was made without a seed")
        if names.setup:
            made.append(self._made("magics"))
        self._threads(names, touched)

    def _made(self, name: str, doubt: str | None = None) -> Made:
        self.nodes[name] = node = self.store.next_id()
        return Made(node, name, "ambient", doubt=doubt)

    def look_at_threads(self) -> bool:
        """Return whether something that an earlier cell started may have run since; before the values are looked at.

        What runs now belongs to the next cell: it may change a value after that was looked at, and be gone soon after.
        """
        self.working = self.threads.working()
        return bool(self.alive)

    def _threads(self, names: Names, touched: Touched) -> None:
        now = set(self.working)
        if names.calls & SPAWNING or any(number < 0 for number in self.alive):
            now |= {-id(task) for task in _tasks() if not task.done()}
        if now - self.alive:
            touched.made.append(self._made(THREADS))
        self.alive = now


def _family(module: Any) -> str:
    name = getattr(module, "__name__", "") if type(module) is type(sys) else ""
    return {"random": "random", "numpy": "numpy.random", "numpy.random": "numpy.random", "torch": "torch.random"}.get(
        name, ""
    )


def _tasks() -> set[asyncio.Task[Any]]:
    try:
        mine = asyncio.current_task()
        return {task for task in asyncio.all_tasks() if task is not mine and _is_a_users_task(task)}
    except RuntimeError:  # no loop runs here
        return set()


def _is_a_users_task(task: asyncio.Task[Any]) -> bool:
    code = getattr(task.get_coro(), "cr_code", None)
    return code is not None and ("ipykernel" in code.co_filename or "<ipython-input" in code.co_filename)
