"""What things are called outside of this machine: no path, host or folder of the user goes along.

A file of the project is named from the project's root. One elsewhere is named by its last part and eight digits of
the hash of its place, so that it has the same name in every export without saying where it lies. Wherever text of
the user is exported (source, messages, parameters, notebooks), such places are put in the same words, and secrets are
taken out once more: what is in the store may have been written before they were recognised.
"""

from __future__ import annotations

import os
import re
import uuid
from collections.abc import Iterable
from datetime import datetime
from hashlib import sha1
from pathlib import Path
from typing import Any

from mlops_nb._version import __version__
from mlops_nb.ids import digest
from mlops_nb.project import Project
from mlops_nb.secrets.known import learn_environment
from mlops_nb.secrets.redaction import redact, redact_value

#: The package as others name it: a package URL, which claims no web page.
PRODUCER = f"pkg:pypi/mlops-nb@{__version__}"
BEFORE = r"(?P<before>^|[^\w.~-]|\x1b\[[0-9;]*m)"  # what may stand before a path; tracebacks are coloured
AFTER = r"(?![\w-]|\.\w)"
IMAGE = re.compile(r"(image/(?!svg)|application/pdf)")  # whose data is base64


def place_of(path: str) -> str:
    """Return a recorded path as it is called outside: without its folder if that is not in the project."""
    if not path.startswith("/"):
        return path
    return f"outside/{digest(path.encode())[:8]}/{path.rstrip('/').rpartition('/')[2]}"


def run_uuid(public: str, started: datetime) -> str:
    """Return the UUID of a run or a cell: a UUIDv7 of its start whose last digits are a hash of its ID.

    It is what ``openlineage.client.uuid.generate_static_uuid`` makes of the same facts.
    """
    node = int(sha1(started.isoformat().encode() + public.encode()).hexdigest(), 16) >> 84
    number = (int(started.timestamp() * 1000) & (1 << 48) - 1) << 80 | node
    number = number & ~(0xF000 << 64) & ~(0xC000 << 48) | 7 << 76 | 0x8000 << 48
    return str(uuid.UUID(int=number))


class Names:
    """The names of one project."""

    def __init__(self, project: Project) -> None:
        learn_environment()
        self.project = redact(str(project.section("export").get("namespace") or project.root.name or "project"))
        outside = [row["path"] for row in project.store.rows("SELECT DISTINCT path FROM location WHERE path LIKE '/%'")]
        self._places = {path: place_of(path) for path in outside}
        for folder, alias in ((str(Path.home()), "~"), (str(project.root), ".")):
            self._places |= {place: alias for place in {folder, os.path.realpath(folder)} if place.strip("/")}
        self._pattern = _any_of(self._places)

    def plain(self, text: str) -> str:
        """Return text of the user without secrets and without places of the user's machine."""
        return self._pattern.sub(self._replace, redact(text))

    def plain_json(self, value: Any) -> Any:
        """Return a JSON value with every text in it made plain; images in it stay as they are."""
        if isinstance(value, str):
            return self.plain(value)
        if isinstance(value, dict):
            return {self.plain(key): item if IMAGE.match(key) else self.plain_json(item) for key, item in value.items()}
        return [self.plain_json(item) for item in value] if isinstance(value, list) else value

    def plain_values(self, values: dict[str, Any]) -> dict[str, Any]:
        """Return named values, such as parameters, made plain; what their names tell to be secret is taken out too."""
        return {self.plain(name): self.plain_json(redact_value(name, value)) for name, value in values.items()}

    def _replace(self, match: re.Match[str]) -> str:
        return f"{match['before']}{self._places[match['path']]}"


def _any_of(places: Iterable[str]) -> re.Pattern[str]:
    longest_first = sorted(places, key=len, reverse=True)
    return re.compile(f"{BEFORE}(?P<path>{'|'.join(map(re.escape, longest_first)) or '(?!)'}){AFTER}", re.MULTILINE)
