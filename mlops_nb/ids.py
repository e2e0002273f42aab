"""Public identifiers and content addresses.

A public ID is 16 random hexadecimal digits: short enough to type a prefix of, and two people's stores can be
joined without a clash (one in four billion at 100,000 IDs). Content addresses are sha256.
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

CHUNK = 1 << 20


def new_id() -> str:
    """Return a fresh public ID."""
    return os.urandom(8).hex()


def digest(data: bytes) -> str:
    """Return the content address (sha256, 64 hexadecimal digits) of bytes."""
    return hashlib.sha256(data).hexdigest()


def file_digest(path: Path) -> str:
    """Return the content address of a file, read once in chunks of 1 MiB.

    Raises:
        OSError: the file cannot be read.
    """
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def canonical_json(value: Any) -> str:
    """Return the one JSON text of a value: sorted keys, no spaces, no NaN."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
