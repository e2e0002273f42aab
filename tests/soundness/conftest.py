"""The servers that fork sessions: one of shells, one of kernels, for a module each."""

import pytest

from tests.soundness.runner import KERNELS, Server


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """Forks shells in which whole notebooks run at once."""
    server = Server(tmp_path_factory.mktemp("shells"))
    yield server
    server.stop()


@pytest.fixture(scope="module")
def kernels(tmp_path_factory):
    """Forks real kernels."""
    server = Server(tmp_path_factory.mktemp("kernels"), KERNELS)
    yield server
    server.stop()
