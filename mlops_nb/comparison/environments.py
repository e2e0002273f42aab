"""Environments: Python, platform and packages by name, what the process ran under, and the commit of the code.

The order: packages that a compared cell imports, Python, those that the imported ones need, the other packages, the
platform, the conditions of the process, then git, which tells of files that no cell may have used.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from mlops_nb.capture import conditions, environments
from mlops_nb.capture.distributions import closure, packages_of
from mlops_nb.capture.environments import Environment
from mlops_nb.environments.recorded import recorded
from mlops_nb.errors import UsageError
from mlops_nb.project import Project
from mlops_nb.records import Record
from mlops_nb.verbs import verb

COMMIT, UNCOMMITTED = "git commit", "uncommitted changes"
PYTHON, PLATFORM = "python", "platform"
SELF = "mlops-nb"


@dataclass(frozen=True)
class EnvironmentChange(Record):
    """A package, or ``python``, ``platform``, a condition, ``git commit`` or ``uncommitted changes``, that is another.

    ``imported`` says that a cell imports the package itself, ``needed`` that one which a cell imports does.
    """

    name: str
    before: str | None
    after: str | None
    imported: bool
    needed: bool = False


@dataclass(frozen=True)
class EnvironmentDifference(Record):
    """What differs between two environments, what cells import first; ``unknown`` is what could not be looked at."""

    a: str
    b: str
    changes: list[EnvironmentChange]
    unknown: list[str]


@dataclass(frozen=True)
class Surroundings:
    """What code ran in, as far as it was recorded."""

    environment: Environment | None = None
    conditions: dict[str, str] = field(default_factory=dict)
    git: dict[str, str | None] = field(default_factory=dict)


def of_run(project: Project, run: int, environment: int | None = None) -> Surroundings:
    """Return what the last cell of a run left behind, or its process began in; or the environment that is given."""
    store = project.store
    process = store.rows("SELECT process.* FROM process JOIN run ON run.process = process.id WHERE run.id = ?", run)[0]
    found = environments.of_run(store, run) if environment is None else environments.load(store, environment)
    dirty = process["git_diff"]
    return Surroundings(
        found, conditions.of_run(store, run), {COMMIT: process["git_commit"], UNCOMMITTED: dirty and dirty[:16]}
    )


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
        needed = closure(own - {SELF}) - own  # what records needs half of all there is, and computes nothing
        packages = [EnvironmentChange(name, *both, name in own, name in needed) for name, both in changed.items()]
        found += [change for change in packages if change.imported]
        found += [EnvironmentChange(PYTHON, a.python, b.python, False)] if a.python != b.python else []
        found += sorted((change for change in packages if not change.imported), key=lambda change: not change.needed)
        found += [EnvironmentChange(PLATFORM, a.platform, b.platform, False)] if a.platform != b.platform else []
    states = [*conditions.changes(before.conditions, after.conditions)]
    states += [(name, before.git.get(name), after.git.get(name)) for name in (COMMIT, UNCOMMITTED)]
    return found + [EnvironmentChange(name, old, new, False) for name, old, new in states if old != new]


@verb("env diff")
def env_diff(project: Project, a: str, b: str | None = None) -> EnvironmentDifference:
    """Show what differs between the environments of two runs, models or values, what matters to them first.

    Args:
        a: what ran in the one: a run, model, variable, cell, file, dataset or ID
        b: what ran in the other; the environment that is here, if it is not given

    Raises:
        NotFound: one of them means nothing, or its environment was not recorded.
        UsageError: one of them is not well formed.
    """
    modules: set[str] = set()
    unknown: list[str] = []
    sides = recorded(project, a), recorded(project, b)
    for side in sides:
        if side.ref is not None:
            try:
                found, unread = side.modules()
            except UsageError as error:  # a model that a script made has no slice
                found, unread = set(), [f"what {side.ref} imports is not known: {error}"]
            modules |= found
            unknown += unread
    before, after = (Surroundings(side.environment, side.conditions()) for side in sides)
    return EnvironmentDifference(a, b or "here", compare(before, after, modules), unknown)
