"""Reading what a kernel in another process has recorded."""

import hashlib

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


class Used:
    """What the last cell of a project used, as it is in the store."""

    def __init__(self, project):
        self.project = project

    def edges(self):
        """``{reference: (ways, hash)}`` of files and of what is not on this machine."""
        found = {}
        for row in self.project.store.rows(
            "SELECT edge.kind, edge.reference, hash FROM edge JOIN node ON node.id = source + target - ?"
            " LEFT JOIN artifact ON artifact.id = node.id"
            " WHERE ? IN (source, target) AND node.kind IN ('file', 'external') ORDER BY edge.kind",
            self.last, self.last,
        ):  # fmt: skip
            ways, _ = found.get(row["reference"], ("", None))
            found[row["reference"]] = (f"{ways} {row['kind']}".strip(), row["hash"])
        return found

    @property
    def last(self):
        return self.project.store.value("SELECT max(id) FROM execution WHERE parent IS NULL")

    def doubts(self):
        """``{reference: reason}`` of what is not certain."""
        rows = self.project.store.rows("SELECT reference, reason FROM doubt WHERE node = ?", self.last)
        return {row["reference"]: row["reason"] for row in rows}

    def listed(self):
        """The folders that it asked for."""
        return {row[0] for row in self.project.store.rows("SELECT place FROM listing WHERE execution = ?", self.last)}


def sha(data):
    """Return the hash of bytes as the store has it."""
    return hashlib.sha256(data).hexdigest()


@pytest.fixture
def cell(shell, project):
    """Run cells in a shell; return what the last one used."""

    def run(*sources):
        for source in sources:
            shell.run_cell(source, store_history=True)
        return Used(project)

    return run
