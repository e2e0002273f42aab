"""The reference pages, written from the code: ``python -m mlops_nb.surfaces.reference docs/reference``."""

from __future__ import annotations

import inspect
import sqlite3
import sys
import types
from pathlib import Path
from typing import Any

from mlops_nb import errors
from mlops_nb.store import migrations
from mlops_nb.surfaces.catalogue import verbs
from mlops_nb.verbs import Argument, Value, Verb

NOTE = "<!-- Written by `python -m mlops_nb.surfaces.reference docs/reference`; do not edit. -->\n"
TYPES = {
    str: "text",
    int: "integer",
    float: "number",
    bool: "flag",
    list: "list",
    dict: "NAME=VALUE …",
    Value: "object",
}
EFFECTS = {
    "reads": "reads; REST: GET",
    "records": "records facts; REST: POST",
    "writes": "decides, with an audit entry; REST: POST",
    "job": "a job; REST: POST",
}


def pages() -> dict[str, str]:
    """Return the text of each page by its file name."""
    return {"verbs.md": _verbs(), "schema.md": _schema(), "errors.md": _errors()}


def _verbs() -> str:
    parts = [NOTE, "# Verbs\n", "Each is a command (`mlops VERB`), a magic (`%mlops VERB`) and, where it needs no"]
    parts.append("folder of its own, a route (`mlops-nb/api/VERB`); most are functions of `mlops_nb` too.\n")
    parts += [_verb(verb) for verb in verbs().values()]
    return "\n".join(parts)


def _verb(verb: Verb) -> str:
    effect = "starts or opens a project" if verb.founds else EFFECTS[verb.effect]
    lines = [f"## {verb.name}\n", f"{verb.summary}\n", f"*{effect}*\n"]
    if verb.arguments:
        lines += ["| argument | type | default | |", "|---|---|---|---|"]
        lines += [_argument(argument) for argument in verb.arguments]
        lines.append("")
    raised = _section(verb.function, "Raises:")
    if raised:
        lines += ["Errors:\n", *(f"- {line}" for line in raised), ""]
    return "\n".join(lines)


def _argument(argument: Argument) -> str:
    name = argument.name if argument.positional else f"--{argument.name.replace('_', '-')}"
    default = "required" if argument.required else "" if argument.default is None else f"`{argument.default}`"
    return f"| `{name}` | {TYPES[argument.type]} | {default} | {argument.help} |"


def _section(function: Any, title: str) -> list[str]:
    """Return the lines of a docstring's section, continuation lines joined."""
    found: list[str] = []
    inside = False
    for line in inspect.cleandoc(function.__doc__ or "").splitlines():
        if line and not line.startswith(" "):
            inside = line == title
        elif inside and line.startswith("     "):
            found[-1] += f" {line.strip()}"
        elif inside and line.strip():
            found.append(line.strip())
    return found


def _schema() -> str:
    connection = sqlite3.connect(":memory:")
    for _, migration in migrations.ALL:
        migration(types.SimpleNamespace(conn=connection))
    tables = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")]
    parts = [NOTE, "# Schema\n", "The tables of `.mlops/lineage.db`. Times are epoch seconds, JSON is text, every `id`"]
    parts.append("is unique over all tables.\n")
    for table in tables:
        keys = {row[3]: f"{row[2]}.{row[4]}" for row in connection.execute(f"PRAGMA foreign_key_list({table})")}
        parts += [f"## {table}\n", "| column | type | |", "|---|---|---|"]
        for _, name, kind, required, _, primary in connection.execute(f"PRAGMA table_info({table})"):
            facts = ["primary key"] if primary else ["required"] if required else []
            facts += [f"is a {keys[name]}"] if name in keys else []
            parts.append(f"| {name} | {kind} | {', '.join(facts)} |")
        parts.append("")
    return "\n".join(parts)


def _errors() -> str:
    parts = [NOTE, "# Errors\n", "| error | HTTP status | exit code | |", "|---|---|---|---|"]
    for name, kind in sorted(errors.family().items()):
        meaning = inspect.cleandoc(kind.__doc__ or "").partition("\n")[0]
        parts.append(f"| {name} | {kind.status} | {kind.exit_code} | {meaning} |")
    return "\n".join([*parts, ""])


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    for page, text in pages().items():
        (folder / page).write_text(text, encoding="utf-8")
