"""Process-wide observers that Python cannot take out again.

``sys.addaudithook`` installs for the life of the interpreter, so this module installs one hook, once, and only
when somebody first listens. With no listener it costs one attribute test per event. A listener must be quick,
must not open files, and never raises: an exception in an audit hook would abort the user's own operation.
"""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

OpenListener = Callable[[str, str | None, int], None]

_listeners: tuple[OpenListener, ...] = ()
_installed = False
_own = threading.local()


def _audit(event: str, args: tuple[Any, ...]) -> None:
    if event != "open" or not _listeners or getattr(_own, "reading", False):
        return
    path, mode, flags = args[0], args[1], args[2]
    if isinstance(path, bytes):
        path = path.decode(errors="surrogateescape")
    if isinstance(path, str):
        for listener in _listeners:
            listener(path, mode, flags or 0)


@contextlib.contextmanager
def unheard() -> Iterator[None]:
    """Keep what this package opens itself inside a block from the listeners."""
    before, _own.reading = getattr(_own, "reading", False), True
    try:
        yield
    finally:
        _own.reading = before


def listen_to_opens(listener: OpenListener) -> None:
    """Call ``listener(path, mode, flags)`` whenever this process opens a file."""
    global _installed, _listeners
    _listeners = (*_listeners, listener)
    if not _installed:
        _installed = True
        sys.addaudithook(_audit)


def stop_listening(listener: OpenListener) -> None:
    """Take a listener out again."""
    global _listeners
    _listeners = tuple(known for known in _listeners if known is not listener)
