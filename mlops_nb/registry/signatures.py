"""Signatures: what a model takes and gives, with the type names of MLflow, and an example of its input."""

from __future__ import annotations

from typing import Any

from mlops_nb.records import Json, to_json

ROWS = 5  # rows of the input example that are kept
KINDS = {"i": "long", "u": "long", "f": "double", "b": "boolean", "M": "datetime"}


def example_of(frame: Any) -> dict[str, Json]:
    """Return the head of an input as MLflow's ``dataframe_split`` (or ``inputs`` for an array)."""
    head = frame[:ROWS]
    if hasattr(head, "columns"):
        known = head.astype(object).where(head.notna(), None)
        rows: list[Json] = [[to_json(value) for value in row] for row in known.values.tolist()]
        return {"dataframe_split": {"columns": [str(name) for name in head.columns], "data": rows}}
    return {"inputs": to_json(head.tolist() if hasattr(head, "tolist") else head)}


def infer(model: Any, frame: Any) -> dict[str, Json]:
    """Return ``{"inputs": […], "outputs": […]}`` from an input and what the model predicts for it."""
    return {"inputs": _columns(frame), "outputs": _columns(model.predict(frame[:ROWS]))}


def _columns(value: Any) -> list[Json]:
    if hasattr(value, "columns"):
        return [{"name": str(name), "type": _kind(value[name].dtype)} for name in value.columns]
    dtype = getattr(value, "dtype", None)
    shape: list[Json] = [-1, *getattr(value, "shape", (0,))[1:]]
    return [{"type": "tensor", "tensor-spec": {"dtype": str(dtype), "shape": shape}}]


def _kind(dtype: Any) -> str:
    return KINDS.get(getattr(dtype, "kind", "O"), "string")


def frame_of(example: dict[str, Any]) -> Any:
    """Return the input that an example stands for, as a model takes it."""
    import numpy as np
    import pandas as pd

    if split := example.get("dataframe_split"):
        return pd.DataFrame(split["data"], columns=split["columns"])
    return np.asarray(example["inputs"])
