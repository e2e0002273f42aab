"""What can be asked of any estimator and any data, whichever framework they are of."""

from __future__ import annotations

from typing import Any

from mlops_nb.autolog import values
from mlops_nb.autolog.fits import Training
from mlops_nb.records import Json

#: Packages whose tables and arrays answer for themselves.
KNOWN_DATA = ("numpy", "pandas", "scipy", "pyarrow", "polars")


def parameters_of(estimator: Any, training: Training, *, deep: bool = True) -> dict[str, Json]:
    """Return the parameters of an estimator; one whose class fails to tell them is noted, and is nobody's trouble."""
    try:
        return values.parameters(estimator.get_params(deep=deep))
    except Exception as error:  # raised by the class, which may be the user's
        training.notes.append(f"its parameters cannot be read ({type(error).__name__})")
        return {}


def shape(data: Any) -> tuple[int | None, int | None]:
    """Return the rows and the columns of training data as far as it says."""
    kind = type(data)
    if kind.__module__.startswith(KNOWN_DATA):
        found = getattr(data, "shape", None)
        if type(found) is tuple and found:
            return int(found[0]), int(found[1]) if len(found) > 1 else None
    return (len(data), None) if kind in (list, tuple) else (None, None)
