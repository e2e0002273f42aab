"""Verbs as click commands: the one parser behind the command line and the ``%mlops`` magic."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import click

from mlops_nb.errors import UsageError
from mlops_nb.verbs import Argument, Value, Verb

Act = Callable[[Verb, dict[str, Any]], Any]


def command(verb: Verb, act: Act) -> click.Command:
    """Derive a command from a verb; ``act`` is called with the verb and its arguments by name."""

    def callback(**given: Any) -> Any:
        arguments = {name: value for name, value in given.items() if value is not None and value != ()}
        return act(verb, arguments)

    return click.Command(
        verb.name, params=[_parameter(argument) for argument in verb.arguments], callback=callback,
        help=_help(verb), short_help=verb.summary, context_settings={"help_option_names": ["-h", "--help"]},
    )  # fmt: skip


def _help(verb: Verb) -> str:
    positional = [a for a in verb.arguments if a.positional and a.help]
    lines = [f"{a.name.upper()}  {a.help}" for a in positional]
    return verb.summary + ("\n\n\b\n" + "\n".join(lines) if lines else "")


def _parameter(argument: Argument) -> click.Parameter:
    if argument.positional:
        return click.Argument([argument.name], required=argument.required, type=_Typed(argument))
    flag = "--" + argument.name.replace("_", "-")
    if argument.type is bool:
        return click.Option([flag], is_flag=True, default=None, help=argument.help)
    if argument.type is dict:
        return click.Option(
            [f"-{argument.name[0]}", flag], multiple=True, metavar="NAME=VALUE", help=argument.help,
            callback=lambda context, parameter, pairs: _pairs(argument.name, pairs),
        )  # fmt: skip
    shown = argument.default if isinstance(argument.default, str | int | float) else None
    return click.Option(
        [flag], required=argument.required, type=_Typed(argument),
        help=argument.help + (f" (default: {shown})" if shown is not None else ""),
    )  # fmt: skip


class _Typed(click.ParamType[Any]):
    """A click type that reads text as the verb's argument says."""

    def __init__(self, argument: Argument) -> None:
        self.argument = argument
        plain = {str: "text", int: "integer", float: "number", list: "a,b,…", Value: "object"}
        self.name = plain.get(argument.type, "text")

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if not isinstance(value, str):
            return value
        try:
            return self.argument.parse(value)
        except UsageError as error:
            self.fail(str(error), param, ctx)


def _pairs(name: str, pairs: tuple[str, ...]) -> dict[str, Any] | None:
    """Read ``NAME=VALUE`` options; a value that is not JSON is text."""
    found: dict[str, Any] = {}
    for pair in pairs:
        key, equals, text = pair.partition("=")
        if not key or not equals:
            raise click.BadParameter(f"{pair!r} is not of the form NAME=VALUE", param_hint=f"--{name}")
        try:
            found[key] = json.loads(text)
        except ValueError:
            found[key] = text
    return found or None
