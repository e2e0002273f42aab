"""Wrappers that keep the function they are for in the cell of a closure.

What stands in the cell can be replaced, and the wrapper, which is what everybody imports, pickles and compares, stays
the object it is.
"""

from __future__ import annotations

from types import CellType, FunctionType

from mlops_nb.errors import UsageError


def cell_of(wrapper: FunctionType, name: str = "func") -> CellType:
    """Return the cell in which a wrapper keeps its function under a name.

    Raises:
        UsageError: it is not such a wrapper, as in a version of its library that is not known.
    """
    names = wrapper.__code__.co_freevars
    if name not in names or wrapper.__closure__ is None:
        raise UsageError(
            f"{wrapper.__module__}.{wrapper.__qualname__} is not built as mlops-nb knows it, so its calls are not"
            " recorded - log what they return with mlops.log_metric"
        )
    return wrapper.__closure__[names.index(name)]
