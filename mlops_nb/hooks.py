"""Process-wide observers that Python cannot take out again.

``sys.addaudithook`` installs for the life of the interpreter, so this module installs one hook, once, and only
when somebody first listens. An event that nobody listens to costs one look into a dictionary. A listener must be
quick, must not open files, and never raises: an exception in an audit hook would abort the user's own operation.
"""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any

Listener = Callable[[str, tuple[Any, ...]], None]

_heard: dict[str, tuple[Listener, ...]] = {}
_installed = False
_own = threading.local()


def _audit(
    event: str, args: tuple[Any, ...], heard: dict[str, tuple[Listener, ...]] = _heard, own: threading.local = _own
) -> None:
    if event not in heard or getattr(own, "reading", False):
        return
    for listener in heard[event]:
        listener(event, args)


@contextlib.contextmanager
def unheard() -> Iterator[None]:
    """Keep what this package does itself inside a block from the listeners."""
    before, _own.reading = getattr(_own, "reading", False), True
    try:
        yield
    finally:
        _own.reading = before


def listen(events: Iterable[str], listener: Listener) -> None:
    """Call ``listener(event, arguments)`` whenever this process raises one of these audit events."""
    global _installed
    for event in events:
        _heard[event] = (*_heard.get(event, ()), listener)
    if not _installed:
        _installed = True
        sys.addaudithook(_audit)


def stop_listening(listener: Listener) -> None:
    """Take a listener out again."""
    for event, listeners in list(_heard.items()):
        # == and not `is`: a bound method is a new object each time it is named
        if kept := tuple(known for known in listeners if known != listener):
            _heard[event] = kept
        else:
            del _heard[event]
