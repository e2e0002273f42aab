"""A verb is written once: one typed, documented function beside its noun; every surface is derived from it.

    @verb("promote", writes=True)
    def promote(project: Project, model: str, version: int, *, alias: str = "champion", reason: str) -> Alias: ...

The command line, the ``%mlops`` magic, the REST route and the TypeScript types are read off the signature and the
docstring. What a verb does to the store is said once, as its effect:

- ``reads`` (the default): nothing;
- ``records``: it inserts facts (a metric, a dataset), which are their own log;
- ``writes``: it decides something (an alias, an approval): one transaction together with its audit entry, also
  when it is called from plain Python;
- ``job``: it runs long and holds no lock, and calls short writing functions at its start and end.

A verb that ``founds`` needs no project: it starts one, and takes no project as its first parameter.
"""

from __future__ import annotations

import functools
import inspect
import json
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NewType, ParamSpec, TypeVar, cast

from mlops_nb.errors import UsageError
from mlops_nb.records import Json, Records
from mlops_nb.store import audit

if TYPE_CHECKING:
    from mlops_nb.project import Project

P = ParamSpec("P")
T = TypeVar("T")

#: A Python object; on surfaces made of text, what names one (a variable in the magic, a reference elsewhere).
Value = NewType("Value", object)
Effect = Literal["reads", "records", "writes", "job"]
#: Receives ``(what, done, total)`` while a job runs, 0 of 0 where nobody can tell; no surface shows it as an option.
Progress = Callable[[str, int, int], None]

REQUIRED = inspect.Parameter.empty


def silent(what: str, done: int, total: int) -> None:
    """Report no progress."""


@dataclass(frozen=True)
class Argument:
    """One argument of a verb as the surfaces see it."""

    name: str
    type: Any  # str, int, float, bool, list, dict or Value
    optional: bool  # may be None
    default: Any
    positional: bool
    help: str

    @property
    def required(self) -> bool:
        """Whether the argument must be given."""
        return self.default is REQUIRED

    def parse(self, text: str) -> Any:
        """Read the argument from text.

        Raises:
            UsageError: the text is not of the argument's type.
        """
        if self.type in (str, Value):
            return text
        if self.type is list:
            return [part for part in text.split(",") if part]
        if self.type is bool:
            return self.check({"true": True, "yes": True, "false": False, "no": False}.get(text.lower(), text))
        try:
            return self.check(json.loads(text))
        except ValueError:
            raise self._wrong(text) from None

    def check(self, value: Any) -> Any:
        """Return a value given in JSON types, or refuse it.

        Raises:
            UsageError: the value is not of the argument's type.
        """
        if value is None and self.optional:
            return None
        if self.type is float and isinstance(value, int) and not isinstance(value, bool):
            return float(value)
        if self.type is Value:
            return value
        if not isinstance(value, self.type) or (isinstance(value, bool) and self.type is not bool):
            raise self._wrong(value)
        return value

    def _wrong(self, value: Any) -> UsageError:
        wanted = {str: "text", int: "a whole number", float: "a number", bool: "true or false", list: "a list"}
        return UsageError(
            f"{self.name} must be {wanted.get(self.type, 'a JSON object')}, not {value!r} - see `mlops help`"
        )


@dataclass(frozen=True)
class Verb:
    """A verb and, read off its function when first asked, everything that a surface needs to know of it."""

    name: str
    function: Callable[..., Any]
    effect: Effect
    founds: bool
    held: str | None = None

    @property
    def summary(self) -> str:
        """The first line of the docstring: the help text on every surface."""
        return inspect.cleandoc(self.function.__doc__ or "").partition("\n")[0]

    @functools.cached_property
    def arguments(self) -> tuple[Argument, ...]:
        """What the verb takes, without the project."""
        return _arguments(self.function, skip=0 if self.founds else 1)

    @functools.cached_property
    def reports(self) -> bool:
        """Whether the verb takes a ``progress`` callback."""
        return "progress" in inspect.signature(self.function).parameters

    @functools.cached_property
    def returns(self) -> Any:
        """The type hint of what the verb gives back."""
        return typing.get_type_hints(self.function)["return"]

    def arguments_from(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Check arguments given in JSON types by name.

        Raises:
            UsageError: one is unknown, missing or of the wrong type.
        """
        known = {argument.name: argument for argument in self.arguments}
        for name in given:
            if name not in known:
                raise UsageError(f"{self.name} has no argument {name!r} - it takes: {', '.join(known) or 'none'}")
        for argument in self.arguments:
            if argument.required and argument.name not in given:
                raise UsageError(f"{self.name} needs {argument.name!r} - {argument.help or 'see its help'}")
        return {name: known[name].check(value) for name, value in given.items()}


#: Every verb by name, filled as the modules of the nouns are imported.
VERBS: dict[str, Verb] = {}


def verb(
    name: str,
    *,
    records: bool = False,
    writes: bool = False,
    job: bool = False,
    founds: bool = False,
    held: str | None = None,
) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """Make a function a verb; its first parameter is the project.

    One that takes an object only to hold it against something, the argument ``held``, takes a reference without that.
    """
    effect: Effect = "writes" if writes else "records" if records else "job" if job else "reads"

    def register(function: Callable[P, T]) -> Callable[P, T]:
        @functools.wraps(function)
        def acting(*args: P.args, **kwargs: P.kwargs) -> T:
            bound = inspect.signature(function).bind(*args, **kwargs)
            bound.apply_defaults()
            given = dict(bound.arguments)
            project: Project = given.pop("project")
            with project.store.write():
                result = function(*args, **kwargs)
                subject = _shown(next(iter(given.values()), ""))
                audit.append(project.store, project.actor, name, subject, _auditable(given))
            return cast("T", _listed(result))

        @functools.wraps(function)
        def plain(*args: P.args, **kwargs: P.kwargs) -> T:
            return cast("T", _listed(function(*args, **kwargs)))

        called = acting if writes else plain
        VERBS[name] = Verb(name, called, effect, founds, held)
        return called

    return register


def _listed(result: Any) -> Any:
    return Records(result) if type(result) is list else result


def _shown(value: Any) -> str:
    return str(value) if isinstance(value, str | int | float | Path) else f"<{type(value).__name__}>"


def _auditable(given: Mapping[str, Any]) -> dict[str, Json]:
    kept: dict[str, Json] = {}
    for name, value in given.items():
        try:
            kept[name] = json.loads(json.dumps(value, allow_nan=False))
        except (TypeError, ValueError):
            kept[name] = _shown(value)
    return kept


def _arguments(function: Callable[..., Any], skip: int) -> tuple[Argument, ...]:
    hints = typing.get_type_hints(function)
    helps = _argument_helps(function.__doc__ or "")
    found = []
    for parameter in list(inspect.signature(function).parameters.values())[skip:]:
        kind, optional = _plain(hints[parameter.name])
        if kind is None:
            continue
        found.append(
            Argument(
                name=parameter.name, type=kind, optional=optional, default=parameter.default,
                positional=parameter.kind is not inspect.Parameter.KEYWORD_ONLY, help=helps.get(parameter.name, ""),
            )
        )  # fmt: skip
    return tuple(found)


def _plain(hint: Any) -> tuple[Any, bool]:
    """Reduce a type hint to ``(str|int|float|bool|list|dict|Value, may be None)``; a callback to None."""
    if hint == Progress:
        return None, False
    if isinstance(hint, types.UnionType) or typing.get_origin(hint) is typing.Union:
        parts = [part for part in typing.get_args(hint) if part is not type(None)]
        return _plain(parts[0])[0], len(parts) < len(typing.get_args(hint))
    return typing.get_origin(hint) or hint, False


def _argument_helps(doc: str) -> dict[str, str]:
    """Read the ``Args:`` section of a docstring."""
    helps: dict[str, str] = {}
    name = ""
    inside = False
    for line in inspect.cleandoc(doc).splitlines():
        if line and not line.startswith(" "):
            inside = line == "Args:"
        elif inside and line.strip():
            if line.startswith("    ") and line[4] != " ":
                name, _, text = line.strip().partition(":")
                helps[name] = text.strip()
            elif name:
                helps[name] += f" {line.strip()}"
    return helps
