"""The packages that are installed here: which modules are theirs, and which others they ask for.

Reading the metadata of every package takes 70 ms, so nothing asks while cells run.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from mlops_nb.capture.environments import canonical


def packages_of(modules: Collection[str]) -> set[str]:
    """Return the packages that modules may come from: of the same name, or as installed here."""
    from importlib.metadata import packages_distributions

    known = packages_distributions()
    return {canonical(name) for module in modules for name in (module, *known.get(module, ()))}


def needs(package: str) -> set[str]:
    """Return the packages that one asks for by itself, without extras; none of one that is not installed here."""
    from importlib.metadata import PackageNotFoundError, requires

    from packaging.requirements import Requirement

    try:
        wanted = [Requirement(line) for line in requires(package) or ()]
    except PackageNotFoundError:
        return set()
    return {canonical(one.name) for one in wanted if one.marker is None or one.marker.evaluate({"extra": ""})}


def closure(packages: Iterable[str]) -> set[str]:
    """Return packages with all that they need, and what that needs."""
    found: set[str] = set()
    pending = list(packages)
    while pending:
        if (package := pending.pop()) not in found:
            found.add(package)
            pending += needs(package)
    return found
