"""Replays: a slice run once more, by papermill in a kernel of its own that captures itself.

The kernel is the one of a built environment, or of the one that is here. What captures there is this version of the
package, whatever the environment has: another one may not know this store.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from mlops_nb.capture import runs
from mlops_nb.environments import kernels
from mlops_nb.environments.restored import Restored
from mlops_nb.pipelines.engine import CellError, Engine
from mlops_nb.project import Project
from mlops_nb.reproduction.places import Place
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
    place: Place,
    engine: Engine,
    variables: Mapping[str, str],
) -> Iterator[Replay]:
    """Run a slice on a stage that is there as long as the block.

    Args:
        script: the slice
        progress: told how many cells are done, of how many
        place: in which environment it runs
        engine: what runs it; it keeps the variables of one replay for the next
        variables: environment variables that it runs under, beside those of the place

    Raises:
        StepFailed: the process that runs it died.
    """
    with tempfile.TemporaryDirectory(prefix="mlops-", ignore_cleanup_errors=True) as folder:
        root = Path(folder).resolve()
        notebook = build(script, root)
        stage = Project(root)
        with contextlib.closing(stage.store):
            yield _run(stage, notebook, progress, place, engine, variables)


def _run(
    stage: Project,
    notebook: Path,
    progress: Callable[[int, int], None],
    place: Place,
    engine: Engine,
    variables: Mapping[str, str],
) -> Replay:
    root, restored = stage.root, place.restored
    number = runs.start(stage, "notebook", "slice", notebook=stage.relative(notebook))
    environment = {
        **place.variables,
        "MLOPS_RUN": runs.public_id(stage, number), "MLOPS_HOME": str(root), "MLOPS_NOTEBOOK": str(notebook),
        "MLOPS_ACTOR": stage.actor, runs.REPLAY: "1", **variables,
    }  # fmt: skip
    if restored is not None:
        environment |= _elsewhere(restored, stage)
    try:
        error = engine.execute(
            notebook, stage.home / "receipt.ipynb", {}, environment, lambda done, total, _: progress(done, total),
            restored.kernel if restored else None,
        )  # fmt: skip
    except BaseException:  # the stage is removed next, and a kernel would go on writing to it
        engine.stop()
        raise
    runs.finish(stage, number, "failed" if error else "ok")
    rows = stage.store.rows("SELECT id FROM execution WHERE run = ? AND parent IS NULL ORDER BY id", number)
    return Replay(stage, [row["id"] for row in rows], error)


def _elsewhere(restored: Restored, stage: Project) -> dict[str, str]:
    """Return the variables with which a kernel of a built environment is found, and finds this package and no other."""
    here = Path(__file__).parent.parent
    package = stage.home / "capture" / here.name
    package.parent.mkdir()
    package.symlink_to(here, target_is_directory=True)

    def before(name: str, place: Path) -> dict[str, str]:
        return {name: os.pathsep.join(filter(None, (str(place), os.environ.get(name))))}

    return before("JUPYTER_PATH", restored.folder / kernels.PLACE) | before("PYTHONPATH", package.parent)
