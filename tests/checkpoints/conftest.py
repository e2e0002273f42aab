"""Kernels between which a checkpoint is carried."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.conftest import Kernel


@pytest.fixture
def carried(start_kernel: Callable[..., Kernel]) -> Callable[..., Kernel]:
    """Run cells in a kernel, take a checkpoint, and bring it back into a kernel that has just started."""

    def carry(*cells: str, before: tuple[str, ...] = ()) -> Kernel:
        first = start_kernel()
        for cell in ("%load_ext mlops_nb", *cells, "%mlops checkpoint c"):
            assert not _errors(shown := first.run(cell)), shown
        first.stop()
        second = start_kernel()
        for cell in ("%load_ext mlops_nb", *before, "%mlops restore c"):
            assert not _errors(shown := second.run(cell)), shown
        return second

    return carry


def _errors(shown: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [output for output in shown if output["output_type"] == "error"]


@pytest.fixture
def run(shell: Any) -> Callable[..., Any]:
    """Run cells in a shell, each of which must end well, and return what the last one showed."""

    def cells(*sources: str) -> Any:
        for source in sources:
            done = shell.run_cell(source, store_history=True)
            done.raise_error()
        return done.result

    return cells
