"""What it costs to make a result again, to build an environment again, and to compare two large tables."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd

from tests.benchmarks.conftest import answer_of
from tests.benchmarks.test_capture import WORK

ROUNDS = 3
BARE = """
import sys, papermill
papermill.execute_notebook(sys.argv[1], "out.ipynb", progress_bar=False, kernel_name="python3")
"""


def _mlops(folder: Path, *words: str) -> dict:
    command = [sys.executable, "-m", "mlops_nb", *words, "--json"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1), done.stderr
    return json.loads(done.stdout)


def _notebook(cells: list[str], path: Path) -> None:
    made = [{"cell_type": "code", "id": f"c{n}", "metadata": {}, "execution_count": None, "outputs": [], "source": cell}
            for n, cell in enumerate(cells)]  # fmt: skip
    metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    path.write_text(json.dumps({"cells": made, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}))


def _wall(*command: str, folder: Path) -> float:
    began = time.perf_counter()
    subprocess.run(command, cwd=folder, check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - began


def test_a_notebook_of_24_cells_comes_out_again(benchmark, figure, tmp_path):
    _notebook(["%load_ext mlops_nb", *WORK], tmp_path / "work.ipynb")
    subprocess.run([sys.executable, "-c", BARE, "work.ipynb"], cwd=tmp_path, check=True, capture_output=True)
    found = benchmark.pedantic(lambda: _mlops(tmp_path, "reproduce", "var:results"), rounds=1)
    _mlops(tmp_path, "slice", "var:results", "--to", "slice.ipynb")
    ours, bare = [], []
    for _ in range(ROUNDS):
        bare.append(_wall(sys.executable, "-c", BARE, "slice.ipynb", folder=tmp_path))
        ours.append(_wall(sys.executable, "-m", "mlops_nb", "reproduce", "var:results", folder=tmp_path))
    figure("a model's score of 24 cells, from reference to verdict", statistics.median(ours), "s", "< 60")
    figure(f"  its slice of {found['slice']} cells under papermill alone", statistics.median(bare), "s", "")
    figure("  as a ratio", statistics.median(ours) / statistics.median(bare), "times", "<= 1.15")
    figure("  cells whose results came out again", float(found["verdict"] == "identical"), "verdict", "1")


def test_an_environment_is_built_again_from_a_warm_cache(benchmark, figure, tmp_path):
    _notebook(["%load_ext mlops_nb\nx = 1", "x"], tmp_path / "work.ipynb")
    subprocess.run([sys.executable, "-c", BARE, "work.ipynb"], cwd=tmp_path, check=True, capture_output=True)
    os.environ["JUPYTER_DATA_DIR"] = str(tmp_path / "jupyter")
    made = _mlops(tmp_path, "env", "restore", "var:x", "--folder", "first")  # fills the cache
    began = time.perf_counter()
    benchmark.pedantic(lambda: _mlops(tmp_path, "env", "restore", "var:x", "--folder", "second"), rounds=1)
    figure(f"an environment of {made['packages']} packages, built again", time.perf_counter() - began, "s", "< 15")


COMPARE = """
import json, time
import pandas as pd
from pathlib import Path
from mlops_nb.comparison.tables import Table, compare
from mlops_nb.project import Project
project = Project(Path("."))
a, b = pd.read_parquet("a.parquet"), pd.read_parquet("b.parquet")
began = time.process_time()
compare("numbers", Table.of(project, a), Table.of(project, b), {key})
print(json.dumps(time.process_time() - began))
"""


def test_two_tables_of_a_million_rows(benchmark, figure, tmp_path):
    rng = np.random.default_rng(0)
    a = pd.DataFrame(rng.normal(size=(1_000_000, 19)), columns=[f"c{n}" for n in range(19)])
    a.insert(0, "id", np.arange(len(a)))
    b = a.assign(c3=a.c3 + 1).sample(frac=1, random_state=0)
    a.to_parquet(tmp_path / "a.parquet")
    b.to_parquet(tmp_path / "b.parquet")
    took = benchmark.pedantic(lambda: answer_of(sys.executable, COMPARE.format(key=["id"]), cwd=tmp_path), rounds=1)
    figure("two tables of 1,000,000 x 20, compared by key", took, "s", "< 1")
