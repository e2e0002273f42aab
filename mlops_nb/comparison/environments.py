"""Environments: Python, platform and packages by name, and the commit of the code.

The order: packages that a compared cell imports, Python, the other packages, the platform, then git, which tells of
files that no cell may have used.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from mlops_nb.capture import environments
from mlops_nb.capture.environments import Environment, packages_of
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
    found = environments.of_run(store, run) if environment is None else environments.load(store, environment)
    dirty = process["git_diff"]
    return Surroundings(found, {COMMIT: process["git_commit"], UNCOMMITTED: dirty and dirty[:16]})


def compare(before: Surroundings, after: Surroundings, modules: Collection[str]) -> list[EnvironmentChange]:
    """Return what differs, packages that the cells import first.

    Args:
        before: what A ran in
        after: what B ran in
        modules: the names of modules that the cells import
    """
    found = []
    a, b = before.environment, after.environment
    if a is not None and b is not None:
        changed = a.changes_to(b)
        own = packages_of(modules) if changed else set()
        packages = [EnvironmentChange(name, old, new, name in own) for name, (old, new) in changed.items()]
        found += [change for change in packages if change.imported]
        found += [EnvironmentChange(PYTHON, a.python, b.python, False)] if a.python != b.python else []
        found += [change for change in packages if not change.imported]
        found += [EnvironmentChange(PLATFORM, a.platform, b.platform, False)] if a.platform != b.platform else []
    states = [(name, before.git.get(name), after.git.get(name)) for name in (COMMIT, UNCOMMITTED)]
    return found + [EnvironmentChange(name, old, new, False) for name, old, new in states if old != new]
