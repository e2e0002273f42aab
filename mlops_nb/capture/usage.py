"""What a cell costs: processor time with that of its children, wall time, the peak of its memory, and the GPU's.

The peak is exact on Linux: writing ``5`` to ``/proc/self/clear_refs`` lets the kernel count the peak (``VmHWM``) anew,
for a microsecond. (So ``ru_maxrss``, asked for in a cell, is the peak of that cell.) Elsewhere the peak of a process
only ever rises: a cell that raised it has reached it, and of any other the larger of what it began and ended with is
known to have been used. Processes that are still alive, such as joblib's workers, are not counted.
"""

from __future__ import annotations

import functools
import importlib
import os
import resource
import sys
import time
from dataclasses import dataclass
from typing import Any

from mlops_nb import hooks
from mlops_nb.capture import syscalls
from mlops_nb.store.db import Store

PAGE = os.sysconf("SC_PAGESIZE")
UNIT = 1 if sys.platform == "darwin" else 1024  # of ru_maxrss
#: Seconds of work of a cell below which the GPU is not asked: NVML takes about a millisecond.
ASK_GPU_AFTER = 0.05


@dataclass(frozen=True)
class Usage:
    """What a cell cost: seconds, and bytes; None is what this machine does not tell."""

    cpu: float
    wall: float
    memory_peak: int | None
    memory_growth: int | None
    gpu_memory: int | None = None
    gpu_utilisation: float | None = None


class Meter:
    """Counts from its creation on, as long as one cell runs."""

    def __init__(self) -> None:
        self._exact = _forget_peak()
        self._peak, self._resident = 0 if self._exact else _peak(), _resident()
        self._children = _children()
        self._cpu, self._wall = time.process_time(), time.perf_counter()

    def end(self) -> Usage:
        """Return what was spent since the beginning."""
        wall, cpu = time.perf_counter() - self._wall, time.process_time() - self._cpu
        cpu += _children() - self._children
        peak, resident, before = _peak(), _resident(), self._resident
        gpu = _gpu() if wall > ASK_GPU_AFTER else (None, None)
        if resident is None or before is None:
            return Usage(cpu, wall, peak if peak > self._peak else None, None, *gpu)
        reached = peak if self._exact or peak > self._peak else max(before, resident)
        return Usage(cpu, wall, reached, resident - before, *gpu)


def begin() -> Meter:
    """Begin to count what a cell costs."""
    return Meter()


def record(store: Store, execution: int, usage: Usage) -> None:
    """Record, inside a transaction, what a cell cost."""
    store.execute(
        "INSERT INTO usage (execution, cpu, wall, memory_peak, memory_growth, gpu_memory, gpu_utilisation)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        execution, usage.cpu, usage.wall, usage.memory_peak, usage.memory_growth, usage.gpu_memory,
        usage.gpu_utilisation,
    )  # fmt: skip


def _children() -> float:
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    return spent.ru_utime + spent.ru_stime


# -- memory ---------------------------------------------------------------------------------------------------


_files: dict[str, tuple[int, tuple[int, int, int]]] = {}  # by name: an open file, and whose and which it is


def _proc(name: str, flags: int) -> int | None:
    """Return a file of this process under /proc, opened once; None where there is none, or it may not be used.

    A cell may close any file, and get its number for one of its own: that one is neither read nor written.
    """
    known = _files.get(name)
    try:
        if known is not None and known[1] == _identity(known[0]):
            return known[0]
    except OSError:  # a cell has closed it
        pass
    try:
        with hooks.unheard():
            handle = os.open(f"/proc/self/{name}", flags | os.O_CLOEXEC)
        _files[name] = (handle, _identity(handle))
    except OSError:
        return None
    return handle


def _identity(handle: int) -> tuple[int, int, int]:
    return os.getpid(), *syscalls.identity(handle)


def _forget_peak() -> bool:
    handle = _proc("clear_refs", os.O_WRONLY)
    if handle is None:
        return False
    try:
        return syscalls.pwrite(handle, b"5", 0) == 1
    except OSError:
        return False


def _resident() -> int | None:
    """Return the bytes of memory that this process has now."""
    handle = _proc("statm", os.O_RDONLY)
    return None if handle is None else int(syscalls.pread(handle, 128, 0).split(b" ", 2)[1]) * PAGE


def _peak() -> int:
    """Return the most bytes that this process has had since they were counted anew."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * UNIT
    return peak if peak > _inherited(os.getpid()) else _high_water()


@functools.cache
def _inherited(_pid: int) -> int:
    """Return the peak that ``ru_maxrss`` never falls below: that of the program which this process was before."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * UNIT
    return peak if peak > _high_water() * 1.05 else 0


def _high_water() -> int:
    """Return the peak as Linux tells it in ``status``, which takes ten times as long to ask."""
    handle = _proc("status", os.O_RDONLY)
    if handle is None:
        return 0
    text = syscalls.pread(handle, 4096, 0)
    start = text.index(b"VmHWM:") + len(b"VmHWM:")
    return int(text[start : text.index(b"kB", start)]) * 1024


# -- the GPU --------------------------------------------------------------------------------------------------


def _gpu() -> tuple[int | None, float | None]:
    """Return what this process holds of the GPUs' memory, and how busy the busiest is in percent."""
    try:
        nvml, devices = _devices()
        held = [p.usedGpuMemory for d in devices for p in nvml.nvmlDeviceGetComputeRunningProcesses(d)
                if p.pid == os.getpid() and p.usedGpuMemory is not None]  # fmt: skip
        busy = [float(nvml.nvmlDeviceGetUtilizationRates(device).gpu) for device in devices]
    except Exception:  # no driver, or a device that does not tell: NVML has an error class for each
        return None, None
    return (sum(held) if held else None), (max(busy) if busy else None)


@functools.cache
def _devices() -> tuple[Any, list[Any]]:
    """Return NVML and its devices; none where no NVIDIA driver is loaded, or nvidia-ml-py is not installed."""
    try:
        if not os.path.exists("/dev/nvidiactl"):
            return None, []
        nvml: Any = importlib.import_module("pynvml")
        nvml.nvmlInit()
        return nvml, [nvml.nvmlDeviceGetHandleByIndex(index) for index in range(nvml.nvmlDeviceGetCount())]
    except Exception:
        return None, []
