"""Who called a framework: the user's code, or the framework itself.

One call of a user is recorded once: of a pipeline inside a search inside a cross-validation only the outermost. The
stack tells which that is, in every thread, and without counting what begins and ends.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import FrameType
from typing import Any

#: Packages whose frames are no user's; a call that one of them makes for another is not the user's either.
FRAMEWORKS = frozenset(
    {"sklearn", "xgboost", "lightgbm", "imblearn", "statsmodels", "keras", "pytorch_lightning", "lightning", "mlops_nb"}
)


@dataclass(frozen=True)
class Call:
    """A call of a framework by the user's code: the frames inside the framework, innermost first, and the caller."""

    inside: list[FrameType]
    caller: FrameType

    @property
    def entry(self) -> FrameType:
        """The frame in which the framework was entered."""
        return self.inside[-1]


def call_of(frame: FrameType) -> Call | None:
    """Return the call by which a framework's frame was reached, or None where a framework called itself."""
    inside: list[FrameType] = []
    at: FrameType | None = frame
    while at is not None and _is_framework(at):
        inside.append(at)
        at = at.f_back
    caller = above = at
    while above is not None:
        if _is_framework(above):
            return None
        above = above.f_back
    return Call(inside, caller) if caller is not None and inside else None


def subject_of(call: Call, methods: frozenset[str]) -> Any:
    """Return the one object whose methods a call went through, or None where there is none or more than one."""
    found: list[Any] = []
    for frame in call.inside:
        code = frame.f_code
        if code.co_name not in methods:
            return None
        names = code.co_varnames[: code.co_argcount]
        if name := next((name for name in ("self", "estimator") if name in names), None):
            subject = frame.f_locals.get(name)
            if all(subject is not known for known in found):
                found.append(subject)
    return found[0] if len(found) == 1 else None


def name_in(frame: FrameType, value: Any) -> str | None:
    """Return the variable that holds an object where it came from: an argument is followed to who passed it."""
    name, at = None, frame
    while True:
        code = at.f_code
        arguments = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
        local = at.f_locals
        found = next((key for key, item in list(local.items()) if item is value and not key.startswith("_")), None)
        name = found or name
        if found is None or found not in arguments or at.f_back is None:
            return name
        at = at.f_back


def _is_framework(frame: FrameType) -> bool:
    name = frame.f_globals.get("__name__")
    return type(name) is str and name.partition(".")[0] in FRAMEWORKS
