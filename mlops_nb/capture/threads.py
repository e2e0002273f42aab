"""Threads: those that cells have started, and which of them may run the user's code at this moment.

A cell that runs beside such a thread cannot be checked. Two sorts are none: threads that never run anything of the
user's (a heartbeat, a progress bar's monitor), and threads of pools and event loops that rest: they wait to be given
work and have none left, as shows where they stand and what they take it from. Only a cell, or a thread that does not
rest, can give them some, and then it is that one which works. A thread that waits for anything else (time, a socket, a
lock) may go on by itself at any moment, so that it depends on the clock whether a cell sees what it did: that one is in
doubt.
"""

from __future__ import annotations

import asyncio
import queue
import sys
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable
from types import FrameType, FunctionType, MethodType
from typing import Any

from mlops_nb.capture.parking import Parking

#: Classes and targets of threads, each read through: they call nothing that the user has given them.
QUIET = frozenset(
    {
        "IPython.core.history.HistorySavingThread",
        "ipykernel.control.ControlThread",
        "ipykernel.heartbeat.Heartbeat",
        "ipykernel.iostream.IOPubThread._thread_main",
        "ipykernel.iostream.OutStream._watch_pipe_fd",
        "ipykernel.parentpoller.ParentPollerUnix",
        "ipykernel.parentpoller.ParentPollerWindows",
        "ipykernel.shellchannel.ShellChannelThread",
        "jupyter_client.channels.HBChannel",
        "tornado.platform.asyncio.SelectorThread._run_select",
        "tqdm._monitor.TMonitor",
        "zmq.utils.garbage.GarbageCollectorThread",
    }
)
#: The same of whole packages: debuggers, and ourselves.
PACKAGES = frozenset({"mlops_nb", "debugpy", "_pydevd_bundle", "pydevd"})
HOOKS = frozenset({"run", "call_handlers"})  # what makes a quiet thread run something else, when it is set on it

PARKED = Parking()
TURNS, TURN = 4, 0.0002  # how often, and how many seconds, a thread that has just done its work may take to rest
Fields = dict[str, Any]


class Threads:
    """The threads of one notebook, besides those that were there when recording began."""

    def __init__(self) -> None:
        self.first = {id(thread): weakref.ref(thread) for thread in threading.enumerate()}

    def working(self) -> set[int]:
        """Return the threads, by identity, that may run the user's code now or by themselves."""
        found = [thread for thread in threading.enumerate() if not self._was_first(thread)]
        working = [thread for thread in found if not _is_quiet(thread) and not _rests(thread)]
        for _ in range(TURNS):
            if not any(map(_rest_of, working)):
                break
            time.sleep(TURN)  # a future is done a moment before its thread waits for the next
            working = [thread for thread in working if not _rests(thread)]
        return set(map(id, working))

    def _was_first(self, thread: threading.Thread) -> bool:
        known = self.first.get(id(thread))
        return known is not None and known() is thread  # one that has ended leaves its identity to others


def _fields(thread: threading.Thread) -> Fields:
    found: Fields = object.__getattribute__(thread, "__dict__")  # a subclass may be the user's
    return found


def _class_of(thread: threading.Thread) -> str:
    return f"{type(thread).__module__}.{type(thread).__qualname__}"


def _target_of(thread: threading.Thread) -> tuple[str, Any]:
    """Return the name of the function that a thread runs, and the object whose method it is."""
    target = _fields(thread).get("_target")
    function, of = (target.__func__, target.__self__) if type(target) is MethodType else (target, None)
    return (f"{function.__module__}.{function.__qualname__}", of) if type(function) is FunctionType else ("", None)


def _is_quiet(thread: threading.Thread) -> bool:
    names = {_class_of(thread), _target_of(thread)[0]}
    known = bool(names & QUIET) or any(name.partition(".")[0] in PACKAGES for name in names)
    return known and not _fields(thread).keys() & HOOKS


def _rests(thread: threading.Thread) -> bool:
    rest = _rest_of(thread)
    if rest is None:
        return False
    frame = sys._current_frames().get(thread.ident or 0)
    try:
        return frame is not None and rest(thread, frame)
    except (AttributeError, IndexError, RuntimeError, TypeError):  # a version that is built in another way
        return False


def _rest_of(thread: threading.Thread) -> Callable[[threading.Thread, FrameType], bool] | None:
    """Return how to find out whether a thread rests; None if nobody knows."""
    return RESTS.get(_class_of(thread)) or RESTS.get(_target_of(thread)[0])


def _stands(frame: FrameType, *places: str) -> bool:
    """Whether a stack ends in these functions, the innermost first."""
    here: FrameType | None = frame
    for place in places:
        if here is None or f"{here.f_globals.get('__name__')}.{here.f_code.co_name}" != place:
            return False
        here = here.f_back
    return True


def _worker_rests(thread: threading.Thread, frame: FrameType) -> bool:
    """Of a thread of a ThreadPoolExecutor: it takes from a queue that is empty, and has been handed nothing."""
    waiting = next(given for given in _fields(thread)["_args"] if type(given) is queue.SimpleQueue)
    stands = _stands(frame, "concurrent.futures.thread._worker") and waiting.empty()
    return stands and PARKED.holds(thread.native_id or 0)


def _loop_rests(thread: threading.Thread, frame: FrameType) -> bool:
    """Of a thread that runs an event loop: no task, no callback, no timer, and no file but the one that wakes it."""
    _, of = _target_of(thread)
    loop = of if issubclass(type(of), asyncio.BaseEventLoop) else of._TaskRunner__io_loop
    return (
        _stands(frame, "selectors.select", "asyncio.base_events._run_once")
        and not loop._ready
        and not loop._scheduled
        and set(loop._selector.get_map()) == {loop._ssock.fileno()}
        and not asyncio.all_tasks(loop)
    )


def _pool_rests(thread: threading.Thread, frame: FrameType) -> bool:
    """Of the thread that looks after a pool of processes: nothing that was given to it is to be done."""
    waits = f"{type(thread).__module__}.wait_result_broken_or_wakeup"
    places = ("selectors.select", "multiprocessing.connection.wait", waits)
    return _stands(frame, *places) and not _fields(thread)["pending_work_items"]


def _feeder_rests(thread: threading.Thread, frame: FrameType) -> bool:
    """Of the thread that sends what was put into a queue between processes: all is sent."""
    waiting = _fields(thread)["_args"][0]
    feeds = f"{_target_of(thread)[0].rpartition('.Queue.')[0]}._feed"
    return type(waiting) is deque and not waiting and _stands(frame, "threading.wait", feeds)


#: By the class or the target of a thread, whether it rests.
RESTS: dict[str, Callable[[threading.Thread, FrameType], bool]] = {
    "concurrent.futures.thread._worker": _worker_rests,
    "asyncio.base_events.BaseEventLoop.run_forever": _loop_rests,
    "jupyter_core.utils._TaskRunner._runner": _loop_rests,
    "concurrent.futures.process._ExecutorManagerThread": _pool_rests,
    "joblib.externals.loky.process_executor._ExecutorManagerThread": _pool_rests,
    "loky.process_executor._ExecutorManagerThread": _pool_rests,
    "multiprocessing.queues.Queue._feed": _feeder_rests,
    "joblib.externals.loky.backend.queues.Queue._feed": _feeder_rests,
    "loky.backend.queues.Queue._feed": _feeder_rests,
}
