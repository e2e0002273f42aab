"""What a restart costs under the cell cache: a notebook of 20 heavy cells, restored and run, and what deciding takes."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from pathlib import Path

PRELUDE = """
import numpy as np
import pandas as pd
from sklearn.ensemble import RandomForestRegressor
"""
HEAVY = [
    "np.random.seed(0)\nX = np.random.rand(20_000, 10)\ny = X @ np.arange(10.0)\nsquares = [n * n for n in range(2_000_000)][:1000]",
    "frame = pd.DataFrame(X, columns=list('abcdefghij'))\nfor _ in range(60):\n    frame = frame.sort_values(list('abc'))",
    *(f"model_{n} = RandomForestRegressor({n}, max_depth=6, random_state={n}).fit(X, y)" for n in range(10, 16)),
    *(
        f"frame['p{n}'] = model_{n}.predict(X)\nscore_{n} = [model_{n}.score(X, y) for _ in range(12)]"
        for n in range(10, 16)
    ),
    *(f"total_{n} = sum(k % {n + 7} for k in range(4_000_000))\nprint(total_{n})" for n in range(6)),
]
RUN = """
import contextlib, io, json, os, sys, time
from IPython.core.interactiveshell import InteractiveShell
prelude, cells, cached = json.loads(sys.stdin.read())
shell = InteractiveShell.instance()
with contextlib.redirect_stdout(io.StringIO()):
    if cached:
        shell.run_line_magic("load_ext", "mlops_nb")
        shell.run_line_magic("mlops", "cache on")
    shell.run_cell(prelude, store_history=True)
    began = time.perf_counter()
    for cell in cells:
        result = shell.run_cell(cell, store_history=True)
        assert result.success, result
    took = time.perf_counter() - began
    deciding, restored = [], 0
    if cached:
        from mlops_nb.cache.switch import cache
        from mlops_nb.project import current
        done = cache(current()).cells[1:]
        deciding, restored = [c.deciding for c in done if c.restored_from is None], sum(c.restored_from is not None for c in done)
        current().store.close()
print(json.dumps([took, restored, deciding]))
"""


def run(folder: Path, cached: bool) -> tuple[float, int, list[float]]:
    assert len(HEAVY) == 20
    done = subprocess.run(
        [sys.executable, "-c", RUN], input=json.dumps([PRELUDE, HEAVY, cached]), cwd=folder, text=True,
        capture_output=True, check=True,
    )  # fmt: skip
    took, restored, deciding = json.loads(done.stdout.strip().splitlines()[-1])
    return took, restored, deciding


def test_a_restart_of_twenty_heavy_cells(benchmark, figure, tmp_path):
    plain = run(tmp_path, False)[0]
    cold, _, deciding = run(tmp_path, True)
    warm, restored, _ = benchmark.pedantic(lambda: run(tmp_path, True), rounds=1)
    size = sum(path.stat().st_size for path in (tmp_path / ".mlops").rglob("*") if path.is_file())
    figure("restart of 20 heavy cells, restored of 20", restored, "cells", "20")
    figure("  over running them without the cache", warm / plain, "times", "< 0.1")
    figure("  the first run over one without the cache", cold / plain, "times", "")
    figure("deciding on a cell that is run, median", 1000 * statistics.median(deciding), "ms", "< 2")
    figure("  worst", 1000 * max(deciding), "ms", "")
    figure("  store", size / 1e6, "MB", "")
