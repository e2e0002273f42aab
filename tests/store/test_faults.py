"""A store that cannot be used: one clear message, and nothing half-written."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from mlops_nb.errors import StoreCorrupt, StoreFull, StoreTooNew
from mlops_nb.project import Project
from mlops_nb.proof import fsck
from mlops_nb.store.content import INLINE
from mlops_nb.store.db import Store

BIG = os.urandom(4 * INLINE)


def test_a_store_of_a_newer_version_is_refused_and_left_alone(tmp_path):
    path = tmp_path / "lineage.db"
    store = Store(path)
    with store.write():
        store.execute(
            "INSERT INTO _sqlite_migrations (migration_set, name, applied_at) VALUES ('mlops_nb', '0099_later', '')"
        )
    store.close()
    before = path.read_bytes()
    with pytest.raises(StoreTooNew, match=r"0099_later.*knows up to.*pip install -U mlops-nb"):
        Store(path)
    assert path.read_bytes() == before


def test_a_file_that_is_no_database_is_told_and_left_alone(tmp_path):
    path = tmp_path / "lineage.db"
    path.write_bytes(b"garbage " * 1000)
    with pytest.raises(StoreCorrupt, match=r"lineage.db is damaged .*restore it from a backup"):
        Store(path)
    assert path.read_bytes() == b"garbage " * 1000


def test_damaged_pages_are_told(project):
    with project.store.write() as store:
        store.execute_many(
            "INSERT INTO sequence (name, upcoming) VALUES (?, ?)", [("x" * 500 + str(n), n) for n in range(500)]
        )
    path = project.store.path
    project.store.close()
    data = bytearray(path.read_bytes())
    data[4096 * 20 :] = b"\xff" * (len(data) - 4096 * 20)
    path.write_bytes(data)
    with pytest.raises(StoreCorrupt, match=r"lineage.db is damaged \(database disk image is malformed\)"):
        fsck(Project(project.root))


def test_a_byte_that_changed_inside_the_database_is_found(project):
    with project.store.write() as store:
        store.execute("INSERT INTO node (id, public, kind, name, created_at) VALUES (1, 'a', 'file', 'needle', 0)")
    path = project.store.path
    project.store.close()
    path.write_bytes(path.read_bytes().replace(b"needle", b"noodle", 1))
    damaged = Project(project.root)
    problems = fsck(damaged).problems
    damaged.store.close()
    assert problems
    assert all(problem.startswith("database: row 1 missing from index") for problem in problems)


def test_a_full_database_keeps_nothing_of_the_write(project):
    store = project.store
    pages = store.value("PRAGMA page_count")
    store.connection.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(StoreFull, match=r"no space left for .*lineage.db.*gc --dry-run"), store.write():
        for number in range(1000):
            store.execute("INSERT INTO sequence (name, upcoming) VALUES (?, 1)", f"{number:0500}")
    assert store.value("SELECT count(*) FROM sequence") == 1
    assert store.value("PRAGMA integrity_check") == "ok"


def test_a_database_that_was_full_can_be_written_again(project):
    store = project.store
    store.connection.execute(f"PRAGMA max_page_count = {store.value('PRAGMA page_count')}")
    store.defer(lambda: store.execute("INSERT INTO sequence (name, upcoming) VALUES (?, 1)", "x" * 100_000))
    with pytest.raises(StoreFull):
        store.flush()
    store.connection.execute("PRAGMA max_page_count = 100000")
    assert store.value("SELECT count(*) FROM sequence") == 2


def test_a_full_disk_keeps_no_half_content(small_disk):
    project = Project(small_disk)
    filler = small_disk / "filler"
    filler.write_bytes(b"")
    with filler.open("wb") as handle, pytest.raises(OSError, match="No space left"):
        while True:
            handle.write(os.urandom(16 * 1024))
            handle.flush()
    with pytest.raises(StoreFull, match=r"no space left for .*blobs.*free some space"):
        project.content.put(BIG)
    assert [path for path in project.home.glob("blobs/*/*")] == []
    assert project.store.value("SELECT count(*) FROM content") == 0
    filler.unlink()
    assert project.content.get(project.content.put(BIG)) == BIG
    assert fsck(project).ok
    project.store.close()


def test_a_full_disk_keeps_nothing_of_a_write(small_disk):
    project = Project(small_disk)
    (small_disk / "filler").write_bytes(b"\0" * (shutil.disk_usage(small_disk).free - 8192))
    with pytest.raises(StoreFull, match="no space left"), project.store.write() as store:
        for number in range(1000):
            store.execute("INSERT INTO sequence (name, upcoming) VALUES (?, 1)", f"{number:0500}")
    (small_disk / "filler").unlink()
    assert project.store.value("SELECT count(*) FROM sequence") == 1
    assert fsck(project).ok
    project.store.close()


# -- a folder that may only be read: a child process without root's rights ------------------------------------

AS_NOBODY = """
import os, sys
from pathlib import Path
import sqlite_utils, psutil
from mlops_nb import errors, project
from mlops_nb.store import db
if os.getuid() == 0:
    os.setgroups([]); os.setgid(65534); os.setuid(65534)
try:
    {}
except errors.MlopsError as error:
    print(type(error).__name__, error)
"""


@pytest.fixture
def shared_folder():
    """A folder that everybody may enter."""
    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        Path(name).chmod(0o755)
        yield Path(name)
        Path(name).chmod(0o755)


def as_nobody(code, folder):
    done = subprocess.run(
        [sys.executable, "-c", AS_NOBODY.format(code), folder], capture_output=True, text=True, cwd="/",
        env={"PYTHONPATH": str(Path(__file__).parents[2]), "PATH": os.environ["PATH"]},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_folder_that_may_not_be_written_is_told(shared_folder):
    shared_folder.chmod(0o555)
    told = as_nobody("project.Project(Path(sys.argv[1]))", shared_folder)
    assert told.startswith("StoreReadOnly cannot write the store ")
    assert "MLOPS_HOME" in told
    assert list(shared_folder.iterdir()) == []


def test_init_in_a_folder_that_may_not_be_written_is_told(shared_folder):
    shared_folder.chmod(0o555)
    told = as_nobody("project.init(sys.argv[1] + '/new')", shared_folder)
    assert told.startswith("StoreReadOnly cannot make the project folder ")


def test_a_store_that_may_only_be_read_is_told(shared_folder):
    Project(shared_folder).store.close()
    for path in [shared_folder, *shared_folder.rglob("*")]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    if os.getuid() == 0:
        for path in [shared_folder, *shared_folder.rglob("*")]:
            os.chown(path, 0, 0)
    told = as_nobody("s = project.Project(Path(sys.argv[1])).store\n    with s.write(): s.next_id()", shared_folder)
    assert told.startswith("StoreReadOnly cannot write the store ")
