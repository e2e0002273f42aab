"""Matching: whether two results are the same, and on which rung.

Nothing is loaded that could run code: a pickle is its bytes, and a model of skops is rebuilt from the types that were
vouched for when it was registered.
"""

from __future__ import annotations

import gzip
import json
import math
from collections.abc import Callable
from pathlib import PurePath

from mlops_nb.errors import NotFound
from mlops_nb.reproduction.pictures import pictures
from mlops_nb.reproduction.results import Result
from mlops_nb.reproduction.rungs import IDENTICAL, Match, apart, different, first_difference, forgiven, near
from mlops_nb.reproduction.tables import arrays, csv, parquet, unkept
from mlops_nb.reproduction.texts import numbers, texts
from mlops_nb.reproduction.trained import models


def match(then: Result, now: Result, rtol: float) -> Match:
    """Compare what a cell made with what it makes now.

    Args:
        then: what was recorded
        now: what another run of the cell made
        rtol: how far numbers may differ, relative to the larger one; 0 for not at all
    """
    if then.hash == now.hash:
        return Match(IDENTICAL, "bytes", "")
    try:
        return COMPARISONS[then.kind](then, now, rtol)
    except NotFound as error:  # there is only the hash
        return different(f"another hash; {error}")


def _error(then: Result, now: Result, _rtol: float) -> Match:
    return different(f"{then.read().decode()} became {now.read().decode()}")


def _metric(then: Result, now: Result, rtol: float) -> Match:
    before, after = (json.loads(side.read()) for side in (then, now))
    if len(before) != len(after):
        return different(f"logged {len(before)} times, now {len(after)} times")
    pairs = [(math.nan if a is None else a, math.nan if b is None else b) for a, b in zip(before, after, strict=True)]
    old, new = max(pairs, key=lambda pair: apart(*pair))
    return near(apart(old, new), rtol) or different(f"{old:.6g} became {new:.6g}")


def _json(then: Result, now: Result, rtol: float) -> Match:
    before, after = (json.dumps(json.loads(side.read()), sort_keys=True, indent=1) for side in (then, now))
    if before == after:
        return forgiven("how it is written")
    return numbers(before, after, rtol) or different(first_difference(before, after))


def _gzip(then: Result, now: Result, _rtol: float) -> Match:
    if gzip.decompress(then.read()) == gzip.decompress(now.read()):
        return forgiven("its compression")
    return different("other content")


def _bytes(then: Result, now: Result, _rtol: float) -> Match:
    before, after = len(then.read()), len(now.read())
    return different(f"{before:,} bytes became {after:,}" if before != after else "other bytes")


def _file(then: Result, now: Result, rtol: float) -> Match:
    try:
        return BY_SUFFIX.get(PurePath(then.name).suffix.lower(), _bytes)(then, now, rtol)
    except (ValueError, OSError, UnicodeDecodeError):  # it is not what its name says
        return _bytes(then, now, rtol)


Comparison = Callable[[Result, Result, float], Match]

BY_SUFFIX: dict[str, Comparison] = {
    **dict.fromkeys((".csv", ".tsv"), csv),
    **dict.fromkeys((".parquet", ".pq"), parquet),
    **dict.fromkeys((".npy", ".npz"), arrays),
    **dict.fromkeys((".png", ".jpg", ".jpeg", ".svg"), pictures),
    **dict.fromkeys((".txt", ".md", ".html", ".log"), texts),
    ".json": _json,
    ".gz": _gzip,
}

COMPARISONS: dict[str, Comparison] = {
    "text": texts, "html": texts, "image": pictures, "error": _error, "metric": _metric, "file": _file,
    "dataset": parquet, "table": unkept, "model": models,
}  # fmt: skip
