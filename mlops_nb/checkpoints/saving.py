"""Saving: which names of a namespace can be kept, found out and proved before anything is.

All names go into one pickle. If that fails, each is tried by itself, those that cannot be kept are left out with the
reason, and it is done again. What can be written need not be readable, so the pickle is loaded once, in a fresh Python:
there it runs no code of the session, and finds nothing that only the session has.
"""

from __future__ import annotations

import errno
import json
import mmap
import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from mlops_nb.capture.values.kinds import kind_of
from mlops_nb.capture.variables import INPUT, OWN, RESULT
from mlops_nb.checkpoints import pickles
from mlops_nb.checkpoints.pickles import CONTAINERS, Pickler, Place, Unsaved
from mlops_nb.errors import CheckFailed, StoreFull
from mlops_nb.secrets import known
from mlops_nb.secrets.redaction import redact

PATIENCE = 600.0  # seconds in which a fresh Python must have loaded it
IPYTHONS = re.compile(r"_+|_\d+|_i+\d*|__\w+__|_ih|_oh|_dh|_exit_code")
PROOF = "from mlops_nb.checkpoints.saving import prove; prove()"


@dataclass(frozen=True)
class Saved:
    """A pickle in a file, the names in it, and those left out with the reason."""

    path: Path
    names: list[str]
    left_out: dict[str, str]


def names_of(shell: Any) -> dict[str, Any]:
    """Return what a notebook has bound, without what IPython keeps for itself."""
    namespace, hidden = shell.user_ns, shell.user_ns_hidden
    return {
        name: value
        for name, value in list(namespace.items())
        if type(name) is str and name not in OWN and not IPYTHONS.fullmatch(name)
        and not RESULT.fullmatch(name) and not INPUT.fullmatch(name)
        and (name not in hidden or hidden[name] is not value)
    }  # fmt: skip


@dataclass
class Saving:
    """Tries to keep the names of a namespace."""

    namespace: dict[str, Any]
    surroundings: Mapping[str, Any]
    own: Mapping[int, Place]
    limit: int  # bytes of one value
    folder: Path

    def save(self, values: Mapping[str, Any]) -> Saved:
        """Write what can be kept into a file, and prove that it can be loaded.

        Raises:
            CheckFailed: it cannot be kept as a whole, though nothing speaks against any one name.
            StoreFull: the disk is full.
        """
        left_out = {name: why for name, value in values.items() if (why := self._at_sight(name, value))}
        while True:
            kept = {name: value for name, value in values.items() if name not in left_out}
            path = self.folder / "whole"
            failure = self._write(path, {"values": kept, **self.surroundings})
            if failure is None and path.stat().st_size <= self.limit and not _secret(path):
                (failure,) = proved([path])
                if failure is None:
                    return Saved(path, sorted(kept), left_out)
            refused = self._each(kept)
            if not refused and failure is None:  # only all of them together are that large
                (failure,) = proved([path])
                if failure is None:
                    return Saved(path, sorted(kept), left_out)
            if not refused:
                raise CheckFailed(f"these names cannot be kept together: {failure} - delete some of them")
            left_out |= refused

    def _at_sight(self, name: str, value: Any) -> str | None:
        """Say why a value cannot be kept, where that shows without trying."""
        what, _, why = kind_of(type(value)).partition(":")
        if what == "live":
            return f"it is {why}"
        if value is self.namespace:
            return "it is the namespace itself"
        place = self.own.get(id(value))
        if place is not None and place.local and type(value) in CONTAINERS:
            return f"it is {place.attribute} of the module {place.module}, whose state is not kept"
        known.learn(name, value)
        if type(value) is str and (value.strip() in known.values() or redact(value) != value):
            return "it is a secret"
        return None

    def _write(self, path: Path, what: Any) -> str | None:
        """Write a pickle; return why it cannot be, if so."""
        try:
            with path.open("wb") as file:
                Pickler(file, self.namespace, self.own).dump(what)
        except Unsaved as error:
            return str(error)
        except OSError as error:
            if error.errno == errno.ENOSPC:
                raise StoreFull(
                    f"no space left for a checkpoint in {self.folder.parent}: nothing was kept - free some space"
                ) from error
            return _told(error)
        except Exception as error:  # of the user's own ``__reduce__``, among others
            return _told(error)
        return None

    def _each(self, values: Mapping[str, Any]) -> dict[str, str]:
        """Return the names that cannot be kept by themselves, each with the reason."""
        refused, tried = {}, {}
        for number, (name, value) in enumerate(values.items()):
            path = self.folder / str(number)
            reason = self._write(path, value)
            if reason is None and (size := path.stat().st_size) > self.limit:
                reason = f"it has {size >> 20} MB, and the limit is {self.limit >> 20} MB"
            if reason is None and (secret := _secret(path)):
                reason = f"it holds a secret ({secret})"
            if reason is None:
                tried[name] = path
            else:
                refused[name] = reason
        failures = zip(tried, proved([*tried.values()]), strict=True)
        return refused | {name: f"it could not be loaded again: {failure}" for name, failure in failures if failure}


def _told(error: Exception) -> str:
    try:
        return redact(f"{type(error).__name__}: {error}")
    except Exception:  # a user's ``__str__`` may raise
        return type(error).__name__


def _secret(path: Path) -> str | None:
    """Return what a secret is called that stands in a file."""
    known.learn_environment()
    with path.open("rb") as file, _mapped(file) as data:
        return next((label for value, label in known.values().items() if data.find(value.encode()) >= 0), None)


def _mapped(file: BinaryIO) -> mmap.mmap:
    return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


# -- the proof ------------------------------------------------------------------------------------------------------


def proved(paths: Sequence[Path]) -> list[str | None]:
    """Load pickles in a fresh Python; return for each why it cannot be, or None.

    Raises:
        CheckFailed: Python ended over it, or took too long.
    """
    if not paths:
        return []
    answer = paths[0].with_name("answer")
    command = [sys.executable, "-c", PROOF, str(answer), *map(str, paths)]
    variables = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, sys.path))}
    try:
        subprocess.run(
            command, env=variables, stdin=subprocess.DEVNULL, capture_output=True, timeout=PATIENCE, check=True
        )
        found: list[str | None] = json.loads(answer.read_text())
    except (OSError, subprocess.SubprocessError) as error:
        raise CheckFailed(
            f"a fresh Python could not load these values, and nothing was kept: {type(error).__name__} -"
            " delete those that you do not need"
        ) from error
    return found


def prove() -> None:
    """Load the pickles named on the command line and write down why each cannot be: the fresh Python's part."""
    answer, *paths = map(Path, sys.argv[1:])
    found: list[str | None] = []
    loaded = []
    for path in paths:
        try:
            loaded.append(pickles.load(path.read_bytes(), {"__builtins__": __builtins__}))
            found.append(None)
        except Exception as error:
            found.append(_told(error))
    answer.write_text(json.dumps(found))
    os._exit(0)  # nothing that was loaded is to be cleaned up: it may be a file that the session goes on using
