"""Replays: a slice run once more, by papermill in a kernel of its own that captures itself."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from mlops_nb.capture import runs
from mlops_nb.pipelines.engine import CellError, Engine
from mlops_nb.project import Project
from mlops_nb.reproduction.stages import Script, build


@dataclass(frozen=True)
class Replay:
    """One run of a slice on its stage: the executions (row IDs) in their order, and how it failed, if it did."""

    project: Project
    executions: list[int]
    error: CellError | None


@contextlib.contextmanager
def replayed(
    script: Script,
    progress: Callable[[int, int], None],
    variables: Mapping[str, str],
    engine: Engine,
) -> Iterator[Replay]:
    """Run a slice on a stage that is there as long as the block.

    Args:
        script: the slice
        progress: told how many cells are done, of how many
        variables: environment variables that it runs under, beside those that are here
        engine: what runs it; it keeps the variables of one replay for the next

    Raises:
        StepFailed: the process that runs it died.
    """
    with tempfile.TemporaryDirectory(prefix="mlops-", ignore_cleanup_errors=True) as folder:
        root = Path(folder).resolve()
        notebook = build(script, root)
        stage = Project(root)
        with contextlib.closing(stage.store):
            yield _run(stage, notebook, progress, variables, engine)


def _run(
    stage: Project,
    notebook: Path,
    progress: Callable[[int, int], None],
    variables: Mapping[str, str],
    engine: Engine,
) -> Replay:
    root = stage.root
    number = runs.start(stage, "notebook", "slice", notebook=stage.relative(notebook))
    environment = {
        "MLOPS_RUN": runs.public_id(stage, number), "MLOPS_HOME": str(root), "MLOPS_NOTEBOOK": str(notebook),
        "MLOPS_ACTOR": stage.actor, **variables,
    }  # fmt: skip
    error = engine.execute(
        notebook, stage.home / "receipt.ipynb", {}, environment, lambda done, total, _: progress(done, total)
    )
    runs.finish(stage, number, "failed" if error else "ok")
    rows = stage.store.rows("SELECT id FROM execution WHERE run = ? AND parent IS NULL ORDER BY id", number)
    return Replay(stage, [row["id"] for row in rows], error)
