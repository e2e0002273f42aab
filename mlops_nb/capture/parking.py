"""Parked threads: whether a thread has not run since a moment at which it was seen to sleep, as Linux tells.

Python alone cannot tell a worker that waits for work from one that has just been given some: what it holds is not seen
before it goes on, and it cannot go on while we hold the interpreter's lock. The system can: one that has been woken is
runnable, or has used processor time since. So a thread is parked that sleeps now, and whose clock stands where it stood
when we last looked and let go of the lock after.
"""

from __future__ import annotations

import functools
import itertools
import os
import sys
import time

from mlops_nb import hooks
from mlops_nb.capture import syscalls


class Parking:
    """The clocks of threads as they were when we last looked."""

    def __init__(self) -> None:
        self.clocks: dict[int, int] = {}  # by the system's number of the thread, in nanoseconds

    def holds(self, thread: int) -> bool:
        """Whether a thread sleeps, and has not run since it was asked for last; never where that cannot be known."""
        if not _is_fine():
            return False
        try:
            asleep = _state(thread) == b"S"
            clock = _clock(thread)
        except OSError:  # it has ended
            self.clocks.pop(thread, None)
            return False
        before, self.clocks[thread] = self.clocks.get(thread), clock
        return asleep and clock == before


def _clock(thread: int) -> int:
    return time.clock_gettime_ns(~thread << 3 | 6)  # as pthread_getcpuclockid(3) makes it, which needs a living thread


def _state(thread: int) -> bytes:
    with hooks.unheard():
        file = os.open(f"/proc/self/task/{thread}/stat", os.O_RDONLY | os.O_CLOEXEC)
    try:
        return syscalls.pread(file, 128, 0).rpartition(b")")[2][1:2]
    finally:
        os.close(file)


@functools.cache
def _is_fine() -> bool:
    """Whether clocks of threads are so fine here that one moves while it is read."""
    if not sys.platform.startswith("linux"):
        return False
    read = [time.thread_time_ns() for _ in range(8)]
    return all(one < other for one, other in itertools.pairwise(read))
