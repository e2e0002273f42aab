"""Records as plain text: what a terminal shows, and what a notebook shows where nothing richer can be drawn."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from mlops_nb.records import Records
from mlops_nb.surfaces import displays

#: What a person types to fill an empty list of each kind.
FILLED_BY = {
    "runs": "nothing has run yet - type %load_ext mlops_nb in a notebook, then run any cell",
    "pipelines": "no pipeline yet - put notebooks in the project and type: mlops run",
    "models": 'no model yet - call mlops.register(model, "name", example=X) in a cell',
    "reports": "no drift report yet - call mlops.drift(reference, current) in a cell",
}


def table(headers: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Lay out rows under headers, numbers to the right."""
    from prettytable import PrettyTable, TableStyle

    grid = PrettyTable([*headers])
    grid.set_style(TableStyle.PLAIN_COLUMNS)
    grid.align = "l"
    grid.right_padding_width = 2
    for row in rows:
        grid.add_row([cell(value) for value in row])
    return "\n".join(line.rstrip() for line in grid.get_string().splitlines())


def cell(value: object) -> str:
    """Return a value as the text of one table cell."""
    if value is None or value == "":
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, datetime):
        return value.astimezone().strftime("%Y-%m-%d %H:%M:%S")
    if isinstance(value, dict) and any(isinstance(item, dict | list) for item in value.values()):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, dict):
        return ", ".join(f"{key}={cell(item)}" for key, item in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(cell(item) for item in value)
    return str(value)


def brief(name: str, most: int) -> str:
    """Return a name in at most so many letters; of a path outside the project the end says more."""
    if len(name) <= most:
        return name
    if not name.startswith("/"):
        return f"{name[: most - 1]}…"
    end = name[1 - most :]
    return f"…{end[end.index('/') :] if '/' in end else end}"


def seconds(value: float | None) -> str:
    """Return a duration as text."""
    return "" if value is None else f"{value:.1f} s"


#: Columns of a list of records: the header and what stands under it; by the kind of record.
Columns = list[tuple[str, Callable[[Any], object]]]
COLUMNS: dict[type, Columns] = {}


def to_text(record: Any) -> str:
    """Return a record, or a list of them, as text."""
    displays.load(type(record))
    return drawn(record)


@functools.singledispatch
def drawn(record: Any) -> str:
    """Return a record as text; a kind with a text of its own registers it here."""
    fields = {name: value for name, value in vars(record).items() if value not in (None, "", [], {})}
    width = max(map(len, fields), default=0)
    return "\n".join(f"{name:<{width}}  {cell(value)}" for name, value in fields.items())


@drawn.register
def _(records: Records) -> str:  # type: ignore[type-arg]
    if not records:
        return "none"
    columns = columns_of(type(records[0]))
    if columns is None:
        return "\n\n".join(to_text(record) for record in records)
    return table([name for name, _ in columns], [[get(record) for _, get in columns] for record in records])


def columns_of(kind: type) -> Columns | None:
    """Return the columns of a list of records of a kind; None for one that is shown record by record."""
    displays.load(kind)
    return COLUMNS.get(kind)
