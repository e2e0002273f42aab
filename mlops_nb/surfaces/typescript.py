"""The TypeScript of the records that REST answers with: ``python -m mlops_nb.surfaces.typescript > api.ts``."""

from __future__ import annotations

import dataclasses
import sys
import types
import typing
from datetime import datetime
from pathlib import Path
from typing import Any

from mlops_nb.records import Record
from mlops_nb.surfaces.catalogue import verbs

HEAD = """// Generated from the Python records by `python -m mlops_nb.surfaces.typescript`; do not edit.

export type JSONValue =
  | null
  | boolean
  | number
  | string
  | JSONValue[]
  | { [key: string]: JSONValue };
"""
PLAIN = {str: "string", Path: "string", datetime: "string", int: "number", float: "number", bool: "boolean"}


def generate() -> str:
    """Return the text of ``api.ts``: an interface for each record that some verb returns."""
    found: dict[str, str] = {}
    answers: list[str] = []
    for verb in verbs().values():
        if not verb.founds:
            answers.append(f"  {_key(verb.name)}: {_type(verb.returns, found)};")
    table = "export interface IAnswers {\n" + "\n".join(answers) + "\n}\n"
    return "\n".join([HEAD, *(found[name] for name in sorted(found)), "/** What each verb answers. */", table])


def _key(name: str) -> str:
    """Return a verb as its route has it."""
    name = name.replace(" ", "/")
    return name if name.isidentifier() else f"'{name}'"


def _type(hint: Any, found: dict[str, str]) -> str:
    if hint in PLAIN:
        return PLAIN[hint]
    if hint is type(None):
        return "null"
    if isinstance(hint, type) and issubclass(hint, Record):
        _interface(hint, found)
        return f"I{hint.__name__}"
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is list:
        return f"{_type(arguments[0], found)}[]"
    if origin is dict:
        return f"{{ [key: string]: {_type(arguments[1], found)} }}"
    if isinstance(hint, types.UnionType) or origin is typing.Union:
        if list in (typing.get_origin(a) for a in arguments):
            return "JSONValue"
        return " | ".join(_type(argument, found) for argument in arguments)
    return "JSONValue"


def _interface(record: type[Record], found: dict[str, str]) -> None:
    if record.__name__ in found:
        return
    found[record.__name__] = ""  # a record may hold its own kind
    hints = typing.get_type_hints(record)
    fields = "\n".join(f"  {f.name}: {_type(hints[f.name], found)};" for f in dataclasses.fields(record))
    doc = (record.__doc__ or "").strip().partition("\n")[0]
    found[record.__name__] = f"/** {doc} */\nexport interface I{record.__name__} {{\n{fields}\n}}\n"


if __name__ == "__main__":
    sys.stdout.write(generate())
