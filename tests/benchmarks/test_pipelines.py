"""What a pipeline costs over bare papermill, and what capture costs real notebooks."""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

from tests.benchmarks.conftest import cpu_of

STORY = Path(__file__).parents[2] / "notebooks" / "flights"

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


def test_capture_costs_the_flights_little(benchmark, figure, tmp_path):
    """The same notebooks, run in order in one kernel each, with capture attached and switched off at once."""
    subprocess.run([sys.executable, "-m", "mlops_nb", "demo", "."], cwd=tmp_path, check=True, stdout=subprocess.DEVNULL)
    code = (
        "import json, sys, time\n"
        "from IPython.core.interactiveshell import InteractiveShell\n"
        "shell = InteractiveShell.instance()\n"
        "shell.run_line_magic('load_ext', 'mlops_nb')\n"
        "if sys.argv[2] == 'off':\n    shell.run_line_magic('mlops', 'off')\n"
        "cells = [''.join(c['source']) for c in json.load(open(sys.argv[1]))['cells'] if c['cell_type'] == 'code']\n"
        "shell.run_cell(cells[0], store_history=True)\n"
        "began = time.process_time()\n"
        "for cell in cells[1:]:\n    shell.run_cell(cell, store_history=True).raise_error()\n"
        "print(time.process_time() - began)\n"
    )

    def spent(way: str) -> float:
        total = 0.0
        for name in ("02-features", "03-train"):
            done = subprocess.run(
                [sys.executable, "-c", code, f"{name}.ipynb", way],
                cwd=tmp_path, check=True, capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"},
            )  # fmt: skip
            total += float(done.stdout.strip().splitlines()[-1])
        return total

    benchmark.pedantic(lambda: spent("on"), rounds=1)
    pairs = [(spent("on"), spent("off")) for _ in range(5)]
    figure("capture of the flights' notebooks", statistics.median(on / off for on, off in pairs), "times", "< 1.03")
