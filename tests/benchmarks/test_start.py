"""What starting costs: import, ``%load_ext``, the command line, a new store."""

from __future__ import annotations

import statistics
import sys

from tests.benchmarks.conftest import cpu_of

LOAD = "from IPython.core.interactiveshell import InteractiveShell as S; s = S.instance(); {then}"


def _added(bare: list[str], more: list[str], folder, rounds: int = 7) -> float:
    """Return the median CPU milliseconds that ``more`` takes over ``bare``, pair by pair."""
    options = {"cwd": folder}
    return 1000 * statistics.median(cpu_of(more, **options) - cpu_of(bare, **options) for _ in range(rounds))


def test_import_is_cheap(benchmark, figure, tmp_path):
    bare, more = [sys.executable, "-c", "pass"], [sys.executable, "-c", "import mlops_nb"]
    benchmark.pedantic(lambda: cpu_of(more), rounds=1)
    figure("import mlops_nb, added to python", _added(bare, more, tmp_path), "ms", "< 60")


def test_load_ext_is_cheap(benchmark, figure, tmp_path):
    bare = [sys.executable, "-c", LOAD.format(then="pass")]
    more = [sys.executable, "-c", LOAD.format(then="s.run_line_magic('load_ext', 'mlops_nb')")]
    fresh = [sys.executable, "-c", "import os, tempfile; os.chdir(tempfile.mkdtemp()); " + more[2]]
    benchmark.pedantic(lambda: cpu_of(more, cwd=tmp_path), rounds=1)
    figure("%load_ext, added to IPython", _added(bare, more, tmp_path), "ms", "< 150")
    figure("%load_ext with a store to make, added", _added(bare, fresh, tmp_path), "ms", "< 150")


def test_the_command_line_starts_fast(benchmark, figure, tmp_path):
    more = [sys.executable, "-m", "mlops_nb", "--help"]
    benchmark.pedantic(lambda: cpu_of(more), rounds=1)
    figure("mlops --help", 1000 * statistics.median(cpu_of(more) for _ in range(5)), "ms", "< 150")
