"""Moments: a point in the history of a project, so that names can be asked for what they meant then."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

from mlops_nb.errors import NotFound, UsageError
from mlops_nb.project import Project
from mlops_nb.store.db import LATEST, id_at


def before(project: Project, as_of: str | None) -> int:
    """Return the row ID before which lies what had been recorded at a moment; all there is, if none is given.

    Args:
        project: the project
        as_of: a date, which means its end, or a date and a time; local time where it names no zone

    Raises:
        UsageError: it is no moment.
        NotFound: nothing had been recorded then.
    """
    if as_of is None:
        return LATEST
    moment = _read(as_of)
    bound = id_at(moment.timestamp())
    first = project.store.row("SELECT id, created_at FROM node ORDER BY id LIMIT 1")
    if first is None or first["id"] >= bound:
        began = "nothing yet" if first is None else f"{datetime.fromtimestamp(first['created_at']):%Y-%m-%d %H:%M:%S}"
        raise NotFound(f"nothing was recorded before {moment:%Y-%m-%d %H:%M:%S} - the records begin with {began}")
    return bound


def _read(text: str) -> datetime:
    try:
        if len(text) == 10:
            return datetime.combine(date.fromisoformat(text) + timedelta(days=1), time.min).astimezone()
        return datetime.fromisoformat(text).astimezone()
    except (ValueError, OverflowError, OSError):
        raise UsageError(
            f"as_of must be a date or a date and a time, not {text!r} - write 2026-11-24 or 2026-11-24T09:30"
        ) from None
