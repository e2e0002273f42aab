"""Reading what a kernel in another process has recorded."""

import pytest

from mlops_nb.capture import cells, runs
from mlops_nb.ids import digest
from mlops_nb.project import Project


@pytest.fixture
def recorded():
    """Open the project that a kernel records into, with everything in it that the kernel has seen."""
    opened = []

    def read(kernel):
        kernel.settle()
        opened.append(Project(kernel.folder))
        return opened[-1]

    yield read
    for project in opened:
        project.store.close()


@pytest.fixture
def executions():
    """The outermost cells of a project's last run, in order."""

    def of(project):
        return cells.of_run(project, runs.runs(project, limit=1)[0].id)

    return of


@pytest.fixture
def shown():
    """The ``(MIME type, text or data)`` of what the cell with a source showed when it last ran."""

    def of(project, source):
        content = digest(source.encode())
        number = project.store.value("SELECT max(id) FROM execution WHERE source = ?", content)
        return [(output.mime, output.text or output.data) for output in cells.outputs(project, number)]

    return of
