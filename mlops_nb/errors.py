"""The one error tree: what can go wrong, its HTTP status and its exit code.

    MlopsError                  500  exit 3
    ├── UsageError              400  exit 2   the call is wrong: an argument, a name, a type
    │   ├── NotFound            404           the thing named does not exist
    │   │   └── NoProject       404           no store above this folder
    │   └── ParameterError      400           a notebook parameter that is unknown or ill-typed
    ├── CheckFailed             409  exit 1   a check or gate said no
    │   ├── ContractViolation                 the data breaks its contract
    │   └── GateRefused                       the model misses its criteria
    ├── Untrusted               403  exit 3   a file that would run code if it were loaded
    ├── StoreError              503  exit 3   the store cannot be used
    │   ├── StoreCorrupt / StoreTooNew / StoreReadOnly / StoreFull / StoreBusy
    ├── StepFailed              500  exit 3   a notebook of a pipeline raised
    └── NotInstallable          500  exit 3   an environment cannot be locked or built

Every message names the thing, the fact, and the way on.
"""

from __future__ import annotations


class MlopsError(Exception):
    """Base of every error that this package raises on purpose."""

    status = 500
    exit_code = 3

    def _render_traceback_(self) -> list[str]:
        """Show one line in a notebook: the message says what to do, and our own frames would bury it."""
        return [f"{type(self).__name__}: {self}"]


class UsageError(MlopsError):
    """The call itself is wrong."""

    status = 400
    exit_code = 2


class NotFound(UsageError):
    """The thing named does not exist."""

    status = 404

    @classmethod
    def naming(cls, kind: str, name: object, known: list[str], way_on: str = "") -> NotFound:
        """Build the message ``no KIND 'NAME' - known KINDs: …``."""
        facts = f"known: {', '.join(repr(k) for k in known[:8])}" if known else "none exist yet"
        return cls(f"no {kind} {str(name)!r} - {facts}{'; ' + way_on if way_on else ''}")


class NoProject(NotFound):
    """There is no project at or above a folder."""


class ParameterError(UsageError):
    """A notebook parameter is unknown, missing or of the wrong type."""


class CheckFailed(MlopsError):
    """A check or a gate said no."""

    status = 409
    exit_code = 1


class ContractViolation(CheckFailed):
    """The data breaks its contract."""


class GateRefused(CheckFailed):
    """A model version misses the criteria of its gate."""


class Untrusted(MlopsError):
    """Loading this file would run code that nobody has trusted."""

    status = 403


class StoreError(MlopsError):
    """The store cannot be used."""

    status = 503


class StoreCorrupt(StoreError):
    """The database file is damaged or is not a database."""


class StoreTooNew(StoreError):
    """The store was written by a newer version of this package."""


class StoreReadOnly(StoreError):
    """The store cannot be written."""


class StoreFull(StoreError):
    """The disk is full."""


class StoreBusy(StoreError):
    """Another process holds the store for too long."""


class StepFailed(MlopsError):
    """A notebook of a pipeline raised."""


class NotInstallable(MlopsError):
    """An environment cannot be locked or built."""


def family() -> dict[str, type[MlopsError]]:
    """Return every error class of the tree by name."""
    found: dict[str, type[MlopsError]] = {}
    pending: list[type[MlopsError]] = [MlopsError]
    while pending:
        error = pending.pop()
        found[error.__name__] = error
        pending.extend(error.__subclasses__())
    return found
