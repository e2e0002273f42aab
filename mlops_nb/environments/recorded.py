"""The environment that a reference means: where a run, a model or the cell behind a value ran, and what it imports."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from mlops_nb.capture import conditions, environments, notebooks
from mlops_nb.capture.environments import Environment
from mlops_nb.capture.sources import imported
from mlops_nb.environments.declared import Declared, declared
from mlops_nb.errors import NotFound, UsageError
from mlops_nb.ids import file_digest
from mlops_nb.lineage.references import resolve
from mlops_nb.lineage.slices import maker_of, slice_of
from mlops_nb.project import Project


@dataclass(frozen=True)
class Recorded:
    """An environment, and the run (row ID) that it is known from; of the one that is here, none."""

    project: Project
    ref: str | None
    environment: Environment
    run: int | None = None
    is_run: bool = False

    @property
    def name(self) -> str:
        """What messages call it."""
        return "here" if self.ref is None else f"of {self.ref}"

    def conditions(self) -> dict[str, str]:
        """Return what it ran under; empty where that was not recorded."""
        if self.ref is None:
            return conditions.conditions()
        return {} if self.run is None else conditions.of_run(self.project.store, self.run)

    def declared(self) -> Declared | None:
        """Return what the notebook says that it needs: as it ran, else as its file says now.

        Raises:
            UsageError: it cannot be read.
        """
        if self.run is None:
            return None
        if found := declared(self._cells()):
            return found
        path = self.project.store.value("SELECT notebook FROM run WHERE id = ?", self.run)
        if not path or not (self.project.root / path).is_file():
            return None
        return declared(cell.source for cell in notebooks.read(self.project.root / path).cells)

    def modules(self) -> tuple[set[str], list[str]]:
        """Return the modules that the slice imports, or all cells of a run, and what could not be looked into.

        Raises:
            UsageError: there is no slice, as of the environment that is here.
        """
        if self.ref is None:
            raise UsageError("--minimal needs a reference - whose imports are wanted?")
        if self.is_run:
            return {module for source in self._cells() for module in imported(source)}, []
        found = slice_of(self.project, self.ref)
        modules = {module for cell in found.cells for module in imported(cell.source)}
        unread = []
        for file in found.files:
            if file.path.endswith(".py"):
                path = self.project.root / file.path
                modules.discard(path.stem)
                if path.is_file() and file_digest(path) == file.hash:
                    modules |= imported(path.read_text(encoding="utf-8", errors="replace"))
                elif file.stored and file.hash:
                    modules |= imported(self.project.content.text(file.hash))
                else:
                    unread.append(f"what {file.path} imported then is not known: it has changed, and no copy was kept")
        return modules, unread

    def _cells(self) -> Iterator[str]:
        rows = self.project.store.rows(
            "WITH RECURSIVE part (id) AS (SELECT ? UNION SELECT run.id FROM run JOIN part ON run.parent = part.id)"
            " SELECT source FROM execution JOIN part ON execution.run = part.id ORDER BY execution.id",
            self.run,
        )
        return (self.project.content.text(row["source"]) for row in rows)


def recorded(project: Project, ref: str | None) -> Recorded:
    """Return the environment that a reference was made in; of None, the one that is here.

    Raises:
        NotFound: the reference means nothing, or nobody recorded its environment.
        UsageError: the reference is not well formed.
    """
    if ref is None:
        return Recorded(project, None, environments.environment())
    node, store = resolve(project, ref), project.store
    kind, execution = maker_of(store, node)
    run = node if kind == "run" else None
    number = None
    if kind == "model":
        row = store.rows("SELECT run, environment FROM model_version WHERE id = ?", node)[0]
        run, number = row["run"], row["environment"]
    elif kind == "dataset" and execution is None:  # made by a script
        run = store.value("SELECT run FROM dataset WHERE id = ?", node)
    if number is not None:
        found = environments.load(store, number)
    elif run is not None:
        run = store.value("SELECT coalesce(original, id) FROM run WHERE id = ?", run)
        found = environments.of_run(store, run)
    else:
        found = None if execution is None else environments.of_execution(store, execution)
    if run is None and execution is not None:
        run = store.value("SELECT run FROM execution WHERE id = ?", execution)
    if found is None:
        raise NotFound(f"the environment of {ref} was not recorded - give a run, a model, or what a cell made")
    return Recorded(project, ref, found, run, kind == "run")
