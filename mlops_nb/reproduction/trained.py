"""Trained models: by what is in their file, or else by what they predict for their input example."""

from __future__ import annotations

import io
import json
import math
import zipfile
from typing import Any

from mlops_nb.reproduction.results import Result
from mlops_nb.reproduction.rungs import EQUIVALENT, Match, apart, different, forgiven


def models(then: Result, now: Result, rtol: float) -> Match:
    """Compare two models as they were registered."""
    if _canonical(then.read()) == _canonical(now.read()):
        return forgiven("identifiers in the file")
    if then.example is None:
        return different("other bytes, and no input example was kept to compare predictions")
    try:
        worst = _predictions_apart(then, now)
    except Exception as error:  # the example is kept as JSON, from which not every model can predict
        return different(f"other bytes, and predicting its input example failed with {type(error).__name__}")
    if worst == 0:
        return Match(EQUIVALENT, "behaviour", "other bytes; it predicts the same for its input example")
    if worst <= rtol:
        return Match(EQUIVALENT, "behaviour", f"predictions differ by {worst:.2g} at most, {rtol:.2g} is allowed")
    return different(f"predictions for its input example differ by {worst:.2g}")


def _canonical(data: bytes) -> tuple[Any, dict[str, bytes]]:
    """Return the schema and the parts of a skops file, in which objects are numbered in order and not by address."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    numbers: dict[str, str] = {}

    def numbered(part: Any) -> Any:
        if isinstance(part, list):
            return [numbered(item) for item in part]
        if not isinstance(part, dict):
            return part
        named = {key: _number(value, numbers) if key in ("__id__", "file") else value for key, value in part.items()}
        return {key: numbered(value) for key, value in named.items()}

    schema = numbered(json.loads(parts.pop("schema.json")))
    return schema, {_number(name, numbers): part for name, part in parts.items()}


def _number(name: Any, numbers: dict[str, str]) -> str:
    """Return an object's place in the order of coming; a file is named after the object that it holds."""
    address, dot, suffix = str(name).partition(".")
    return numbers.setdefault(address, f"object {len(numbers)}") + dot + suffix


def _predictions_apart(then: Result, now: Result) -> float:
    """Return by how much the predictions of two models for the input example differ; infinite for other labels."""
    import numpy as np

    from mlops_nb.registry import formats, signatures

    old, new = (formats.load(side.read(), side.trusted) for side in (then, now))
    example = signatures.frame_of(json.loads(then.example or "{}"))
    worst = 0.0
    for method in ("predict", "predict_proba"):
        if hasattr(old, method):
            a, b = (np.asarray(getattr(model, method)(example)) for model in (old, new))
            if a.shape != b.shape or a.dtype.kind not in "iufb":
                worst = max(worst, 0.0 if a.shape == b.shape and (a == b).all() else math.inf)
            else:
                worst = max(worst, max(map(apart, a.ravel().tolist(), b.ravel().tolist()), default=0.0))
    return worst
