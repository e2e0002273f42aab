"""Records: the frozen dataclasses that every verb returns, and their JSON form.

A record is plain data. How it looks in a terminal, a notebook or the sidebar is decided in ``surfaces``.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"
R = TypeVar("R", bound="Record")


@dataclasses.dataclass(frozen=True)
class Record:
    """Base of what verbs return."""

    def to_json(self) -> dict[str, Any]:
        """Return the record as JSON-ready values."""
        return {f.name: to_json(getattr(self, f.name)) for f in dataclasses.fields(self)}


class Records(list[R]):
    """A list of records, so that a list too has a rich display."""

    def to_json(self) -> list[dict[str, Any]]:
        """Return the records as JSON-ready values."""
        return [record.to_json() for record in self]


def moment(seconds: float | None) -> datetime | None:
    """Turn the store's epoch seconds into an aware UTC datetime."""
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def to_json(value: Any) -> Any:
    """Return a value in JSON types: datetimes as ISO 8601, paths as text, NaN and infinities as None.

    Raises:
        TypeError: the value has no JSON form.
    """
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Record | Records):
        return value.to_json()
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, Mapping):
        return {str(key): to_json(item) for key, item in value.items()}
    if isinstance(value, Iterable):
        return [to_json(item) for item in value]
    if hasattr(value, "item"):  # a numpy scalar
        return to_json(value.item())
    raise TypeError(f"a {type(value).__name__} has no JSON form")
