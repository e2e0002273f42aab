"""One recorded project for all tests of exports, which only read it: a notebook session and a pipeline that ran twice."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from mlops_nb.capture.runs import Run, runs
from mlops_nb.lineage.export.exports import export
from mlops_nb.project import Project
from tests.conftest import Kernel, environment
from tests.pipelines.conftest import write_notebook

CELLS = {
    "params": "# parameters\ndepth = 2\nkind = 'tree'\nwhere = ['a', 'b']",
    "read": """
        import pandas as pd, mlops_nb as mlops
        raw = pd.read_csv("raw.csv")
        other = pd.read_csv("OUTSIDE")
        """,
    "make": """
        table = raw.groupby("city", as_index=False).mean()
        mlops.dataset(table, "cities")
        table.to_csv("out.csv", index=False)
        """,
    "lose": "table.to_csv('lost.csv')\nopen('notes.txt', 'w').write('first')",
    "train": """
        from sklearn.tree import DecisionTreeRegressor
        model = DecisionTreeRegressor(max_depth=depth).fit(raw[["temp"]], raw["temp"])
        mlops.log_metric("r2", model.score(raw[["temp"]], raw["temp"]), step=1)
        mlops.log_metric("nothing", float("nan"))
        mlops.register(model, "trees", example=raw[["temp"]], intent="to try")
        """,
    "doubt": "stream = (city for city in raw['city'])",
    "plot": "from IPython.display import Image, display\ndisplay(Image(data=PIXEL, format='png'))\nprint('HERE')",
    "fail": "open('HERE/nothing.csv')",
    "left": "left = pd.read_csv('raw.csv')",
    "right": "right = pd.read_csv('OUTSIDE')",
    "derive": """
        warm = left[left["temp"] > 3].assign(f=lambda d: d["temp"] * 1.8 + 32, one=1)
        both = warm.merge(right, how="left", left_on="temp", right_on="k")
        both.sort_values("f").to_csv("both.csv", index=False)
        """,
    "sum": "both.groupby('city', as_index=False).agg(mean=('f', 'mean')).to_csv('means.csv', index=False)",
    "guess": "left.stack().reset_index(drop=True).to_frame('v').to_csv('stacked.csv', index=False)",
    "choose": "chosen = both[['f']][right['k'].reindex(both.index) > 1]",
    "copy": "pd.read_csv('both.csv').to_csv('again.csv', index=False)",
}
PIXEL = (
    b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x06\x00\x00\x00\x1f\x15\xc4\x89\x00"
    b"\x00\x00\rIDATx\x9cc\xf8\xff\xff?\x00\x05\xfe\x02\xfe\xa75\x81\x84\x00\x00\x00\x00IEND\xaeB`\x82"
)
MAKE = """
import pandas as pd, mlops_nb as mlops
mlops.dataset(pd.read_csv("raw.csv")[["temp"]] * factor, "scaled")
"""
USE = """
import mlops_nb as mlops
scaled = mlops.load_dataset("scaled")
mlops.log_metric("mean", scaled["temp"].mean())
"""


@dataclass(frozen=True)
class Story:
    """A project, the runs in it, and what must not be told of the machine it is on."""

    project: Project
    outside: Path
    session: Run
    pipeline: Run
    repeated: Run

    @property
    def private(self) -> list[str]:
        """The places of this machine that no export may name."""
        return [str(self.project.root), str(self.outside.parent), str(Path.home())]


def record(folder: Path, outside: Path) -> None:
    """Run the cells in a real kernel, then change one file and remove another."""
    (folder / "raw.csv").write_text("city,temp\nOslo,3\nRome,20\nOslo,5\n")
    outside.write_text("k,v\n1,2\n")
    kernel = Kernel(folder)
    kernel.run("%load_ext mlops_nb")
    kernel.run(f"PIXEL = {PIXEL!r}", "pixel")
    for cell, source in CELLS.items():
        kernel.run(source.replace("OUTSIDE", str(outside)).replace("HERE", str(folder)), cell)
    kernel.stop()
    (folder / "lost.csv").unlink()
    (folder / "notes.txt").write_text("second")


@pytest.fixture(scope="session")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    """The recorded project."""
    folder, outside = tmp_path_factory.mktemp("story"), tmp_path_factory.mktemp("elsewhere") / "more.csv"
    record(folder, outside)
    write_notebook(folder / "1-make.ipynb", MAKE, parameters="factor: int = 2")
    write_notebook(folder / "2-use.ipynb", USE)
    (folder / "mlops.toml").write_text('[pipeline.flow]\nnotebooks = ["1-make.ipynb", "2-use.ipynb"]\n')
    for _ in range(2):
        command = [sys.executable, "-m", "mlops_nb", "run"]
        subprocess.run(command, cwd=folder, env=environment(folder), check=True, capture_output=True)
    project = Project(folder)
    repeated, pipeline = runs(project, kind="pipeline")
    yield Story(project, outside, runs(project, kind="notebook")[0], pipeline, repeated)
    project.store.close()


@pytest.fixture
def exported(story: Story, tmp_path: Path) -> Callable[[Run, str], Any]:
    """Export a run and read it again: a list of events, a document, or the folder of a crate."""

    def make(run: Run, format: str) -> Any:
        path = export(story.project, f"runs:/{run.id}", format=format, to=str(tmp_path / f"{run.id}.{format}")).path
        if format == "openlineage":
            return [json.loads(line) for line in path.read_text().splitlines()]
        return json.loads(path.read_text()) if format == "prov" else path

    return make
