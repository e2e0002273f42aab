"""Conditions: what code ran under and no package says: variables, locale, time zone, processor, system libraries.

They belong to a process and not to its environment, which can be built again elsewhere. One row per distinct set; a
process has one from its start, and further ones where a numerical library came later. All is read by the writer's
thread. Of variables only those named here are kept, whose values are settings and no secrets.
"""

from __future__ import annotations

import contextlib
import json
import locale
import os
import platform
import re
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mlops_nb.ids import canonical_json, digest
from mlops_nb.store.db import Store

#: Variables that change results, and are the same on another machine.
VARIABLES = (
    "PYTHONHASHSEED", "PYTHONOPTIMIZE", "PYTHONUTF8", "LANG", "LC_ALL", "TZ", "OMP_NUM_THREADS", "OMP_DYNAMIC",
    "OPENBLAS_NUM_THREADS", "OPENBLAS_CORETYPE", "MKL_NUM_THREADS", "MKL_CBWR", "BLIS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS", "NUMEXPR_NUM_THREADS", "NPY_DISABLE_CPU_FEATURES", "LOKY_MAX_CPU_COUNT",
    "POLARS_MAX_THREADS", "CUBLAS_WORKSPACE_CONFIG", "TF_DETERMINISTIC_OPS",
)  # fmt: skip
#: Variables that change results, and mean something on their machine alone.
LOCAL = ("CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES")
NUMERICAL = ("numpy", "threadpoolctl")  # modules that tell of BLAS and OpenMP, once somebody else has loaded them
FEATURES = ("avx", "avx2", "avx512f", "fma", "asimd", "sve")  # of processors: numerical libraries choose their code by

Conditions = Mapping[str, str]


def conditions() -> dict[str, str]:
    """Return what this process runs under, by names that a person reads; of a variable, its own name."""
    found = {name: os.environ[name] for name in (*VARIABLES, *LOCAL) if name in os.environ}
    found["locale"] = locale.setlocale(locale.LC_ALL)
    found["time zone"] = _zone()
    found["processor"] = _processor()
    found["processors"] = str(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count())
    found["libc"] = _libc()
    return found | _libraries()


def _zone() -> str:
    try:
        place = os.readlink("/etc/localtime").partition("zoneinfo/")[2]
    except OSError:
        place = ""
    return os.environ.get("TZ") or place or "/".join(time.tzname)


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
            told = file.read(8192)  # the first of them
    except OSError:
        return platform.processor() or platform.machine()
    names = dict(re.findall(r"(?m)^(model name|flags|Features)\s*: (.+)$", told))
    flags = set((names.get("flags") or names.get("Features") or "").split())
    features = " ".join(feature for feature in FEATURES if feature in flags)
    return f"{names.get('model name', platform.machine())} ({features})"


def _libc() -> str:
    try:
        return os.confstr("CS_GNU_LIBC_VERSION") or "unknown"
    except (AttributeError, ValueError, OSError):
        return " ".join(filter(None, platform.libc_ver())) or platform.release()


def _libraries() -> dict[str, str]:
    """Return which BLAS and OpenMP are loaded, as far as modules that are loaded tell."""
    config = getattr(sys.modules.get("numpy.__config__"), "CONFIG", {})
    blas = config.get("Build Dependencies", {}).get("blas", {})
    found = {"BLAS of numpy": f"{blas['name']} {blas.get('version', '')}".strip()} if blas.get("name") else {}
    pools: list[dict[str, Any]] = []
    with contextlib.suppress(Exception):  # it looks into foreign libraries
        pools = getattr(sys.modules.get("threadpoolctl"), "threadpool_info", list)()
    for pool in sorted(pools, key=lambda pool: str(pool.get("filepath"))):
        parts = (pool.get("internal_api"), pool.get("version"), pool.get("architecture"))
        told = " ".join(str(part) for part in parts if part) + f", {pool['num_threads']} threads"
        found[f"{pool['user_api']} in {Path(pool['filepath']).parent.name}"] = told
    return found


def record(store: Store, process: int) -> None:
    """Record what this process runs under now, inside a transaction."""
    text = canonical_json(conditions())
    address = digest(text.encode())
    store.execute("INSERT INTO conditions (hash, facts) VALUES (?, ?) ON CONFLICT DO NOTHING", address, text)
    store.execute(
        "INSERT INTO process_conditions (id, process, conditions) VALUES (?, ?, ?)", store.next_id(), process, address
    )


def of_run(store: Store, run: int) -> dict[str, str]:
    """Return what the process of a run came to run under; empty where that was not recorded."""
    text = store.value(
        "SELECT facts FROM process_conditions JOIN conditions ON hash = conditions WHERE process ="
        " coalesce((SELECT max(process) FROM execution WHERE run = ?), (SELECT process FROM run WHERE id = ?))"
        " ORDER BY process_conditions.id DESC LIMIT 1",
        run, run,
    )  # fmt: skip
    return json.loads(text) if text else {}


def variables(found: Conditions) -> dict[str, str]:
    """Return the variables among conditions that another machine can have too."""
    return {name: found[name] for name in VARIABLES if name in found}


def changes(before: Conditions, after: Conditions) -> Iterator[tuple[str, str | None, str | None]]:
    """Yield what both tell and is not the same, and variables that only one of them has; nothing if one is unknown."""
    if before and after:
        settings = {*VARIABLES, *LOCAL}
        for name in (*VARIABLES, *LOCAL, *(name for name in before if name not in settings)):
            old, new = before.get(name), after.get(name)
            if old != new and (name in settings or (old and new)):
                yield name, old, new


class Watch:
    """Notices when a module that tells of numerical libraries has been loaded."""

    def __init__(self) -> None:
        self._loaded = self._count()

    def changed(self) -> bool:
        """Whether there is more to tell than at the last look: 0.2 µs."""
        before, self._loaded = self._loaded, self._count()
        return self._loaded != before

    @staticmethod
    def _count() -> int:
        return sum(name in sys.modules for name in NUMERICAL)
