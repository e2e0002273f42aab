"""Benchmarks: CPU time, both sides of a ratio in one run. Run them with: pytest tests/benchmarks --benchmark-only

Nothing here fails on a slow machine: a table at the end sets each figure beside its target.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

FIGURES: list[tuple[str, float, str, str]] = []
PEERS = Path(os.environ.get("MLOPS_BENCH_PEERS", Path.home() / ".cache" / "mlops-nb-benchmarks"))


@pytest.fixture
def figure():
    """Record a figure for the table: ``figure(name, value, unit, target)``."""

    def record(name: str, value: float, unit: str, target: str) -> None:
        FIGURES.append((name, value, unit, target))

    return record


@pytest.fixture(scope="session")
def mlflow() -> str:
    """The Python of an environment with MLflow of its own, made when first asked (a minute)."""
    folder = PEERS / "mlflow"
    python = folder / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "-q", "mlflow"], check=True)
    return str(python)


def cpu_of(command: list[str], **options) -> float:
    """Return the CPU seconds, user and system, of a process and its children."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **options)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def answer_of(python: str, code: str, **options) -> float:
    """Return the number that a piece of Python prints last."""
    done = subprocess.run([python, "-c", code], check=True, capture_output=True, text=True, **options)
    return float(json.loads(done.stdout.strip().splitlines()[-1]))


def pytest_terminal_summary(terminalreporter):
    if FIGURES:
        terminalreporter.section("figures")
        width = max(len(name) for name, *_ in FIGURES)
        for name, value, unit, target in FIGURES:
            terminalreporter.write_line(f"{name:<{width}}  {value:10.3f} {unit:<8} target {target}")
