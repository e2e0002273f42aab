"""Environments: Python, platform and packages by name, and the commit of the code.

The order: packages that a compared cell imports, Python, the other packages, the platform, then git, which tells of
files that no cell may have used.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

from mlops_nb.capture import environments
from mlops_nb.capture.environments import Environment
from mlops_nb.project import Project
from mlops_nb.records import Record

COMMIT, UNCOMMITTED = "git commit", "uncommitted changes"
PYTHON, PLATFORM = "python", "platform"


@dataclass(frozen=True)
class EnvironmentChange(Record):
    """A package, or ``python``, ``platform``, ``git commit`` or ``uncommitted changes``, that is another.

    ``imported`` says that a cell imports the package itself; others may come with it.
    """

    name: str
    before: str | None
    after: str | None
    imported: bool


@dataclass(frozen=True)
class Surroundings:
    """What code ran in, as far as it was recorded."""

    environment: Environment | None = None
    git: dict[str, str | None] = field(default_factory=dict)


def of_run(project: Project, run: int, environment: int | None = None) -> Surroundings:
    """Return what the last cell of a run left behind, or its process began in; or the environment that is given."""
    store = project.store
    process = store.rows("SELECT process.* FROM process JOIN run ON run.process = process.id WHERE run.id = ?", run)[0]
    last = store.value("SELECT max(id) FROM execution WHERE run = ? AND parent IS NULL", run)
    if environment is None and last is not None:
        found = environments.of_execution(store, last, after=True)
    else:
        number = environment or process["environment"]
        found = None if number is None else environments.load(store, number)
    dirty = process["git_diff"]
    return Surroundings(found, {COMMIT: process["git_commit"], UNCOMMITTED: dirty and dirty[:16]})


def compare(before: Surroundings, after: Surroundings, modules: Collection[str]) -> list[EnvironmentChange]:
    """Return what differs, packages that the cells import first.

    Args:
        before: what A ran in
        after: what B ran in
        modules: the names of modules that the cells import
    """
    changes = []
    if before.environment and after.environment:
        changes = list(_changes(before.environment, after.environment))
    git = [(name, before.git.get(name), after.git.get(name)) for name in (COMMIT, UNCOMMITTED)]
    own = _distributions(modules) if changes else set()
    found = [
        EnvironmentChange(name, a, b, place == 1 and name in own)
        for place, name, a, b in [*changes, *((3, name, a, b) for name, a, b in git if a != b)]
    ]
    ranks = {PYTHON: 1, PLATFORM: 3, COMMIT: 4, UNCOMMITTED: 5}
    return sorted(found, key=lambda change: 0 if change.imported else ranks.get(change.name, 2))


def _changes(a: Environment, b: Environment) -> Iterator[tuple[int, str, str | None, str | None]]:
    for name, old, new in ((PYTHON, a.python, b.python), (PLATFORM, a.platform, b.platform)):
        if old != new:
            yield 0, name, old, new
    for name in sorted(a.packages.keys() | b.packages.keys()):
        if a.packages.get(name) != b.packages.get(name):
            yield 1, name, a.packages.get(name), b.packages.get(name)


def _distributions(modules: Collection[str]) -> set[str]:
    """Return the packages that modules may come from: of the same name, or as installed here."""
    from importlib.metadata import packages_distributions  # it reads the metadata of every package: seldom needed

    known = packages_distributions()
    names = {name for module in modules for name in (module, *known.get(module, ()))}
    return {re.sub(r"[-_.]+", "-", name).lower() for name in names}
