"""What a cell depends on without naming it, told so that another process can compare it.

The same settings that capture watches, by their content instead of by who they are, and those of the shell, which
decide what a cell shows.
"""

from __future__ import annotations

import decimal
import locale
import os
import platform
import random
import sys
import warnings
from collections.abc import Callable, Mapping
from typing import Any

from mlops_nb.cache.code import name_of
from mlops_nb.cache.heap import Refused, Token
from mlops_nb.capture.values.kinds import ATOM_IDS

#: Environment variables by which a program tells its child who and where it is, and that no result depends on.
PASSING: tuple[str, ...] = (
    "JPY_",
    "JUPYTER",
    "PYTEST_",
    "SSH_",
    "XDG_",
    "DBUS_",
    "VSCODE_",
    "WT_",
    "TERM",
    "MLOPS_",
    "PYDEVD_",
    "GIT_",
)
PASSING += ("COLUMNS", "LINES", "_", "SHLVL", "PWD", "OLDPWD", "WINDOWID", "DISPLAY", "CLICOLOR", "FORCE_COLOR", "PS1")
Settings = dict[str, Token]


def settings(shell: Any) -> Settings:
    """Return what is set now, by name, in a form that means the same in every process.

    Raises:
        Refused: something is set to what cannot be told.
    """
    found: Settings = {
        "machine": platform.node(),
        "working folder": os.getcwd(),
        "environment variables": sorted(item for item in os.environ.items() if not item[0].startswith(PASSING)),
        "sys.path": list(map(str, sys.path)),
        "interpreter": [*sys.flags, sys.getrecursionlimit(), locale.setlocale(locale.LC_ALL)],
        "warning filters": _filters(),
        "decimal context": repr(decimal.getcontext()),
        "IPython": _of_shell(shell),
    }
    for name, (module, read) in LIBRARIES.items():
        if (loaded := sys.modules.get(module)) is not None:
            found[name] = read(loaded)
    return found


def _filters() -> Token:
    def pattern(part: Any) -> Any:
        return getattr(part, "pattern", part)

    return [
        [action, pattern(message), getattr(category, "__qualname__", repr(category)), pattern(module), line]
        for action, message, category, module, line in warnings.filters
    ]


def _of_shell(shell: Any) -> Token:
    formatters = shell.display_formatter.formatters
    text = formatters["text/plain"]
    return [
        shell.compile.flags, shell.ast_node_interactivity, shell.autoawait, shell.cache_size,
        str(text.float_format), text.pprint, text.max_width, text.max_seq_length, shell.display_formatter.active_types,
        sorted(f"{mime} {kind.__module__}.{kind.__qualname__}"
               for mime, formatter in formatters.items() for kind in formatter.type_printers),
        [type(one).__qualname__ for one in shell.ast_transformers],
        [getattr(one, "__qualname__", str(type(one))) for one in shell.input_transformers_post],
    ]  # fmt: skip


# -- libraries ------------------------------------------------------------------------------------------------


def _told(value: Any) -> Token:
    """Return a value of an option as text that means the same in every process."""
    if id(type(value)) in ATOM_IDS or (isinstance(value, list | tuple) and " at 0x" not in repr(value)):
        return repr(value)
    if isinstance(value, dict):
        return sorted((str(key), _told(held)) for key, held in value.items())
    if callable(value):
        if (module := getattr(value, "__module__", None)) in (None, "__main__"):
            raise Refused("an option is a function of the notebook's own")
        return name_of(value) if hasattr(value, "__qualname__") else [str(module), type(value).__qualname__]
    text = repr(value)
    if " at 0x" in text:
        raise Refused("an option is an object that cannot be compared")
    return text


def _pandas(config: Any) -> Token:
    return _told(config._global_config)


def _matplotlib(library: Any) -> Token:
    held = tuple(dict.values(library.rcParams))
    known = _matplotlib_known
    if len(known[0]) != len(held) or any(one is not other for one, other in zip(known[0], held, strict=True)):
        known[0], known[1] = held, [repr(value) for value in held if not hasattr(value, "concat")]
    return known[1]


_matplotlib_known: list[Any] = [(), []]


def _torch(torch: Any) -> Token:
    return [str(torch.get_default_dtype()), torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()]


def _logging(logging: Any) -> Token:
    root = logging.getLogger()
    return [root.level, logging.root.manager.disable, [type(one).__qualname__ for one in root.handlers]]


LIBRARIES: Mapping[str, tuple[str, Callable[[Any], Token]]] = {
    "logging": ("logging", _logging),
    "pandas options": ("pandas._config.config", _pandas),
    "numpy print options": ("numpy", lambda numpy: _told(numpy.get_printoptions())),
    "numpy error state": ("numpy", lambda numpy: _told(numpy.geterr())),
    "matplotlib settings": ("matplotlib", _matplotlib),
    "scikit-learn settings": ("sklearn._config", lambda config: _told(config.get_config())),
    "torch settings": ("torch", _torch),
}


# -- random state ---------------------------------------------------------------------------------------------


def random_states() -> dict[str, Any]:
    """Return the state of every random generator that has no name of the notebook."""
    found: dict[str, Any] = {"random": random.getstate()}
    if (numpy := sys.modules.get("numpy")) is not None and "numpy.random.mtrand" in sys.modules:
        found["numpy.random"] = numpy.random.mtrand._rand.get_state(legacy=False)
    if (torch := sys.modules.get("torch")) is not None:
        found["torch.random"] = torch.get_rng_state()
    return found


def told_state(state: Any) -> str:
    """Return a random state as text that means the same in every process."""
    from mlops_nb.ids import digest

    if isinstance(state, dict):
        inner = state["state"]
        parts = [repr(inner[key].tobytes() if hasattr(inner[key], "tobytes") else inner[key]) for key in sorted(inner)]
        rest = {name: held for name, held in state.items() if name != "state"}
        return digest(repr([parts, sorted(rest.items())]).encode())
    if hasattr(state, "numpy"):
        return digest(state.numpy().tobytes())
    return digest(repr(state).encode())


def set_random(states: Mapping[str, Any]) -> None:
    """Set random states as they were returned."""
    for name, state in states.items():
        if name == "random":
            random.setstate(state)
        elif name == "numpy.random":
            sys.modules["numpy"].random.set_state(state)
        else:
            sys.modules["torch"].set_rng_state(state)
