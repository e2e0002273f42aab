"""Pictures: by their pixels, or by their shapes."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING, Any

from mlops_nb.reproduction.results import Result
from mlops_nb.reproduction.rungs import Match, different, first_difference, forgiven

if TYPE_CHECKING:
    import numpy as np

SVG_NAME = re.compile(r"(?<=[\"#])[a-zA-Z]+[0-9a-f]{8,}\b")
SVG_DATE = re.compile(r"<dc:date>.*?</dc:date>")


def pictures(then: Result, now: Result, _rtol: float) -> Match:
    """Compare two pictures: of the same pixels, or of the same shapes."""
    before, after = then.read(), now.read()
    if b"<svg" in before[:4096]:
        return _svg(before.decode(), after.decode())
    old, new = _pixels(before), _pixels(after)
    if old.shape != new.shape:
        return different(f"{_size(old)} pixels became {_size(new)}")
    changed = (old != new).any(axis=-1) if old.ndim > 2 else old != new
    if not changed.any():
        return forgiven("what is written beside the pixels")
    return different(f"{changed.mean():.2%} of the pixels differ")


def _pixels(data: bytes) -> np.ndarray[Any, Any]:
    import numpy as np
    from PIL import Image

    with Image.open(io.BytesIO(data)) as picture:
        return np.asarray(picture)


def _size(pixels: np.ndarray[Any, Any]) -> str:
    return f"{pixels.shape[1]} × {pixels.shape[0]}"


def _svg(before: str, after: str) -> Match:
    old, new = (SVG_DATE.sub("", SVG_NAME.sub("name", side)) for side in (before, after))
    if old == new:
        return forgiven("identifiers and the date")
    return different(first_difference(old, new))
