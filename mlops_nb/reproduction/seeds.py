"""Seeds: chance taken out of a replay.

Under a seed the global generators of ``random``, ``numpy`` and ``torch`` are seeded once before the first cell (seeding
each cell would give every cell the same numbers); a generator that is made without a seed takes the next of a row of
seeds instead of the machine's entropy; sets have one order (``PYTHONHASHSEED``) and numerical libraries one thread. The
clock, the network, ``uuid``, ``secrets`` and ``os.urandom`` stay what they are.
"""

from __future__ import annotations

import contextlib
import importlib
import itertools
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mlops_nb.errors import UsageError

VARIABLE = "MLOPS_SEED"
HASHING = "PYTHONHASHSEED"
HIGHEST = 2**32 - 1
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS", "LOKY_MAX_CPU_COUNT")


def checked(seed: int | None) -> int | None:
    """Return a seed that every generator takes.

    Raises:
        UsageError: it is negative or too large.
    """
    if seed is not None and not 0 <= seed <= HIGHEST:
        raise UsageError(f"seed={seed} is no seed that every generator takes - give a number from 0 to {HIGHEST}")
    return seed


def under(seed: int | None) -> dict[str, str]:
    """Return the environment variables under which a replay has a seed; none without one."""
    if seed is None:
        return {}
    return {VARIABLE: str(seed), HASHING: str(seed), **dict.fromkeys(THREADS, "1")}


def hashed(number: int, variables: Mapping[str, str]) -> dict[str, str]:
    """Return the environment variables under which sets have another order for each number.

    Nothing where the order is fixed, by the variables that a replay runs under or by those that are here.
    """
    fixed = variables.get(HASHING) or os.environ.get(HASHING, "random")
    return {} if fixed.isdigit() else {HASHING: str(number)}


# -- inside the kernel of a replay ----------------------------------------------------------------------------


def fix(environment: dict[str, str] | os._Environ[str] = os.environ) -> None:
    """Seed everything, if the environment asks for it; before the first cell."""
    if not environment.get(VARIABLE, "").isdigit():
        return
    seed = int(environment[VARIABLE])
    _python(seed)
    _numpy(seed)
    notebook = Path(environment.get("MLOPS_NOTEBOOK", ""))
    if notebook.is_file() and "torch" in notebook.read_text(encoding="utf-8"):
        _torch(seed)


def _python(seed: int) -> None:
    import random

    upcoming, original = itertools.count(seed + 1), random.Random.seed

    def seeded(self: random.Random, a: float | str | bytes | bytearray | None = None, version: int = 2) -> None:
        original(self, next(upcoming) if a is None else a, version)

    random.Random.seed = seeded  # type: ignore[method-assign]
    state: Any = random
    state.seed = state._inst.seed
    random.seed(seed)


def _numpy(seed: int) -> None:
    with contextlib.suppress(ImportError):
        import numpy as np

        upcoming = itertools.count(seed + 1)
        # SeedSequence takes its entropy from here where it is given none, and so does every generator without a seed
        source: Any = np.random.bit_generator
        source.randbits = lambda _bits: next(upcoming)
        np.random.seed(seed)


def _torch(seed: int) -> None:
    with contextlib.suppress(ImportError):
        importlib.import_module("torch").manual_seed(seed)
