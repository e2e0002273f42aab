"""What a value is at this moment, so that a change in place is seen by looking again.

A look is a fingerprint over everything reachable from a value, with the identities of what can change, and the names
that its functions use when they are called. It never asks the value: no ``__eq__``, ``__hash__``, ``__repr__`` or
``__getattr__`` of a user's class is called, nothing is kept alive except the memory that copy-on-write needs to show a
write, and whatever cannot be looked into is said to be so: it counts as changed by whoever touches it.

Everything is hashed with xxh3, which is for noticing changes within a session and for nothing else.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mlops_nb.capture.values import shapes, tables
from mlops_nb.capture.values.kinds import ATOM_IDS
from mlops_nb.capture.values.looks import NOTHING, Look, TooLarge, Walk

HANDLING = (shapes, tables)  # imported for what they register


class Eyes:
    """Looks at values on behalf of one notebook."""

    def __init__(self, namespace: dict[str, Any], is_local: Callable[[str], bool]) -> None:
        """Look from a notebook's namespace; ``is_local`` says whether a module is the user's own."""
        self.namespace = namespace
        self.is_local = is_local

    def look(self, value: Any, before: Look | None = None) -> Look:
        """Return what a value is now; ``before`` is what the same object was, if that is known."""
        if id(type(value)) in ATOM_IDS:
            return NOTHING
        if before is not None and before.print is None and before.doubt is None and not before.pins:
            return before  # it was too large or too tangled, and still is
        walk = Walk(self.namespace, self.is_local)
        try:
            walk.over(value)
        except TooLarge:
            return Look(None, frozenset({id(value)} | walk.seen.keys()), frozenset(walk.globals))
        except Exception as error:  # a type that behaves as none should: it cannot be checked
            walk.doubt = walk.doubt or f"looking at it raised {type(error).__name__}"
            walk.blind = True
        return walk.result()
