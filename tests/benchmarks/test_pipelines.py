"""What a pipeline costs over bare papermill."""

from __future__ import annotations

import json
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

from tests.benchmarks.conftest import cpu_of

BARE = """
import sys, papermill
for name in sys.argv[1:]:
    papermill.execute_notebook(name, "out-" + name, progress_bar=False, kernel_name="python3")
"""


def _notebooks(folder: Path, count: int) -> list[str]:
    names = []
    for number in range(count):
        cells = [
            {"cell_type": "code", "id": f"c{i}", "metadata": {}, "execution_count": None, "outputs": [], "source": text}
            for i, text in enumerate(["import json", f"x = {number}", "y = [x] * 1000", "sum(y)"])
        ]
        metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
        document = {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}
        names.append(f"{number}-step.ipynb")
        (folder / names[-1]).write_text(json.dumps(document))
    return names


def _wall(command: list[str], folder: Path) -> float:
    began = time.perf_counter()
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - began


def test_five_notebooks_cost_no_more_than_papermill(benchmark, figure, tmp_path):
    names = _notebooks(tmp_path, 5)
    bare = [sys.executable, "-c", BARE, *names]
    ours = [sys.executable, "-m", "mlops_nb", "run", "--force"]
    subprocess.run([sys.executable, "-m", "mlops_nb", "init"], cwd=tmp_path, check=True, stdout=subprocess.DEVNULL)
    benchmark.pedantic(lambda: _wall(ours, tmp_path), rounds=1)
    shutil.rmtree(tmp_path / "receipts")
    for path in tmp_path.glob("out-*"):
        path.unlink()
    cpu, wall = [], []
    for _ in range(3):
        cpu.append((cpu_of(ours, cwd=tmp_path), cpu_of(bare, cwd=tmp_path)))
        for path in tmp_path.glob("out-*"):
            path.unlink()
        wall.append((_wall(ours, tmp_path), _wall(bare, tmp_path)))
        for path in tmp_path.glob("out-*"):
            path.unlink()
    figure("pipeline of 5 over papermill, CPU", statistics.median(a / b for a, b in cpu), "times", "<= 1.1")
    figure("pipeline of 5 over papermill, wall", statistics.median(a / b for a, b in wall), "times", "<= 1.1")
    again = [sys.executable, "-m", "mlops_nb", "run"]
    figure(
        "unchanged pipeline of 5",
        1000 * statistics.median(cpu_of(again, cwd=tmp_path) for _ in range(5)),
        "ms",
        "<= 150",
    )
