"""Capture and reproduce notebooks that nobody here wrote, and print a table of the verdicts.

    python -m tests.reproduction.others FOLDER [NAME.ipynb ...]

FOLDER holds the notebooks and what they read; it is copied, and nothing is fetched but by the notebooks themselves. A
notebook that stops with an error is reproduced as far as it ran, its error included. The table stands in
docs/reproduce.md; the notebooks are never committed.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

from mlops_nb.errors import MlopsError
from mlops_nb.pipelines.executor import run
from mlops_nb.project import Project, using
from mlops_nb.reproduction.reproduce import reproduce


def row(project: Project, notebook: Path) -> tuple[str, ...]:
    """Run a notebook under capture, reproduce that run, and return its row of the table."""
    began = time.monotonic()
    try:
        done = run(project, str(notebook))
        ran = time.monotonic() - began
        found = reproduce(project, f"runs:/{done.steps[0].run}")
    except MlopsError as error:
        return (notebook.name, "", "", "refused", str(error), "")
    again = time.monotonic() - began - ran
    same = sum(one.verdict != "different" for one in found.compared)
    stopped = f"stops with {done.failure.split(': ')[1].split(' in cell')[0]}; " if done.failure else ""
    verdict = found.verdict + (f" by {found.rung}" if found.rung else "")
    return (
        notebook.name, str(found.slice), f"{same} of {len(found.compared)}", verdict, stopped + (found.reason or ""),
        f"{ran:.0f} s, {again:.0f} s",
    )  # fmt: skip


def main(folder: Path, names: list[str]) -> None:
    """Print the table."""
    print(
        "| notebook | cells | results that came again | verdict | reason | ran, ran again |\n|---|---|---|---|---|---|"
    )
    with tempfile.TemporaryDirectory(prefix="mlops-others-") as copy:
        shutil.copytree(folder, copy, dirs_exist_ok=True)
        os.chdir(copy)
        project = Project(Path(copy))
        with using(project):
            for notebook in sorted(Path(copy).glob("*.ipynb")):
                if not names or notebook.name in names:
                    print("|", " | ".join(text.replace("|", "\\|") for text in row(project, notebook)), "|", flush=True)
        project.store.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve(), sys.argv[2:])
