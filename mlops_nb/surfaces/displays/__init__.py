"""How records are shown, as text and as HTML: a module for the records of each part of the package.

Showing a record imports the module that is named after its part, and nothing of the others: a notebook that looks at a
dataset does not wait for pipelines and drift to be imported.
"""

from __future__ import annotations

import functools
import importlib
import importlib.util


def load(kind: type) -> None:
    """Import what shows the records of a kind; one that nobody shows in particular is shown by its fields."""
    _load(kind.__module__)


@functools.cache
def _load(module: str) -> None:
    package, _, rest = module.partition(".")
    name = f"{__name__}.{rest.partition('.')[0]}"
    if package == __name__.partition(".")[0] and importlib.util.find_spec(name) is not None:
        importlib.import_module(name)
