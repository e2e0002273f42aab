"""Content by its sha256: kept, read back, proved and collected."""

import hashlib
import os
import time

import pytest

from mlops_nb.errors import NotFound, StoreCorrupt
from mlops_nb.proof import fsck, gc
from mlops_nb.store.content import GRACE, INLINE

SMALL, LARGE = b"a few bytes", os.urandom(INLINE + 1)


def refer(project, address, path="somewhere"):
    """Let a cell output point at content."""
    with project.store.write() as store:
        number = store.next_id()
        store.execute("INSERT INTO node (id, public, kind, name, created_at) VALUES (?, ?, 'file', ?, 0)",
                      number, address[:16], path)  # fmt: skip
        store.execute("INSERT INTO artifact (id, hash, size, stored) VALUES (?, ?, 1, 1)", number, address)


def age(path, seconds=2 * GRACE):
    os.utime(path, (time.time() - seconds,) * 2)


@pytest.mark.parametrize("data", [b"", SMALL, os.urandom(INLINE), LARGE], ids=["empty", "small", "limit", "large"])
def test_what_was_put_is_got_back(project, data):
    address = project.content.put(data)
    assert address == hashlib.sha256(data).hexdigest()
    assert project.content.get(address) == data


def test_small_content_lies_in_the_database(project):
    address = project.content.put(SMALL)
    assert project.store.value("SELECT data FROM content WHERE hash = ?", address) == SMALL
    assert not project.content.path(address).exists()


def test_large_content_lies_in_a_file_of_its_name(project):
    address = project.content.put(LARGE)
    assert (project.home / "blobs" / address[:2] / address).read_bytes() == LARGE
    assert project.store.value("SELECT data FROM content WHERE hash = ?", address) is None


def test_the_same_content_is_kept_once(project):
    assert project.content.put(LARGE) == project.content.put(LARGE)
    assert project.store.value("SELECT count(*) FROM content") == 1
    assert len(list(project.home.glob("blobs/*/*"))) == 1


@pytest.mark.parametrize("data", [SMALL, LARGE], ids=["small", "large"])
def test_a_file_is_kept_with_its_size(project, workspace, data):
    (workspace / "source").write_bytes(data)
    address, size = project.content.put_file(workspace / "source")
    (workspace / "source").unlink()
    assert (project.content.get(address), size) == (data, len(data))


@pytest.mark.parametrize("data", [SMALL, LARGE], ids=["small", "large"])
def test_content_can_be_read_through_a_path(project, data):
    with project.content.open_path(project.content.put(data)) as path:
        assert path.read_bytes() == data


def test_content_that_was_never_stored_is_told(project):
    with pytest.raises(NotFound, match=r"no content abcdefabcdefabcd in .*lineage.db - it was never stored"):
        project.content.get("abcdef" * 10 + "abcd")


def test_a_damaged_file_is_noticed_when_it_is_read(project):
    address = project.content.put(LARGE)
    project.content.path(address).write_bytes(LARGE[:-1] + b"?")
    with pytest.raises(StoreCorrupt, match=rf"content {address[:16]} is damaged.*mlops fsck"):
        project.content.get(address)


def test_damaged_bytes_in_the_database_are_noticed_when_they_are_read(project):
    address = project.content.put(SMALL)
    with project.store.write() as store:
        store.execute("UPDATE content SET data = ? WHERE hash = ?", b"other", address)
    with pytest.raises(StoreCorrupt, match=rf"content {address[:16]} is damaged"):
        project.content.get(address)


def test_a_missing_file_is_noticed_when_it_is_read(project):
    address = project.content.put(LARGE)
    project.content.path(address).unlink()
    with pytest.raises(StoreCorrupt, match=rf"the file of content {address[:16]} is missing"):
        project.content.get(address)


def test_content_of_a_failed_block_is_not_entered(project):
    with pytest.raises(ZeroDivisionError), project.store.write():
        address = project.content.put(LARGE)
        1 / 0  # noqa: B018
    with pytest.raises(NotFound, match="never stored"):
        project.content.get(address)
    assert fsck(project).ok


# -- fsck -----------------------------------------------------------------------------------------------------


def test_fsck_finds_a_damaged_content_file(project):
    address = project.content.put(LARGE)
    project.content.path(address).write_bytes(b"other")
    actual = hashlib.sha256(b"other").hexdigest()
    assert fsck(project).problems == [f"content {address[:16]} is damaged: its bytes have the hash {actual[:16]}"]


def test_fsck_finds_a_missing_content_file(project):
    path = project.content.path(address := project.content.put(LARGE))
    path.unlink()
    assert fsck(project).problems == [f"content {address[:16]} is missing: {path} cannot be read"]


def test_fsck_finds_damaged_bytes_in_the_database(project):
    address = project.content.put(SMALL)
    with project.store.write() as store:
        store.execute("UPDATE content SET data = ? WHERE hash = ?", b"other", address)
    proof = fsck(project)
    assert not proof.ok
    assert [address[:16] in problem and "damaged" in problem for problem in proof.problems] == [True]


def test_fsck_finds_a_row_that_points_at_nothing(project):
    project.store.connection.execute("PRAGMA foreign_keys = OFF")
    with project.store.write() as store:
        store.execute("INSERT INTO artifact (id, hash, size, stored) VALUES (77, 'x', 1, 0)")
    assert fsck(project).problems == ["row 1 of artifact points at a node that does not exist"]


# -- gc -------------------------------------------------------------------------------------------------------


def test_gc_removes_what_nothing_refers_to_and_keeps_the_rest(project):
    kept = [project.content.put(data) for data in (b"kept", LARGE + b"kept")]
    lost = [project.content.put(data) for data in (b"lost", LARGE + b"lost")]
    for address in kept:
        refer(project, address)
    collected = gc(project)
    assert (collected.items, collected.bytes, collected.removed) == (2, 4 + len(LARGE) + 4, True)
    assert [project.content.get(address)[-4:] for address in kept] == [b"kept", b"kept"]
    for address in lost:
        with pytest.raises(NotFound, match="was collected"):
            project.content.get(address)
    assert not project.content.path(lost[1]).exists()
    assert fsck(project).ok


def test_a_dry_run_of_gc_says_the_same_and_removes_nothing(project):
    address = project.content.put(LARGE)
    before = project.store.rows("SELECT * FROM audit")
    collected = gc(project, dry_run=True)
    assert (collected.items, collected.bytes, collected.removed) == (1, len(LARGE), False)
    assert project.content.get(address) == LARGE
    assert project.store.rows("SELECT * FROM audit") == before


def test_gc_is_audited(project):
    project.content.put(SMALL)
    gc(project)
    entry = project.store.row("SELECT verb, arguments FROM audit")
    assert tuple(entry) == ("gc", f'{{"bytes":{len(SMALL)},"items":1}}')


def test_gc_removes_an_old_file_that_was_never_entered(project):
    stray = project.home / "blobs" / "ab" / ".abcd.1.2"
    stray.parent.mkdir(parents=True)
    stray.write_bytes(b"half-written")
    age(stray)
    assert gc(project).items == 1
    assert not stray.exists()


def test_gc_leaves_a_young_file_that_may_still_be_entered(project):
    stray = project.home / "blobs" / "ab" / "abcd"
    stray.parent.mkdir(parents=True)
    stray.write_bytes(b"being written")
    assert gc(project).items == 0
    assert stray.exists()


def test_gc_keeps_everything_that_a_captured_notebook_refers_to(shell, project):
    shell.run_cell("x = 'q' * 20_000\nprint(x)", store_history=True)
    shell.run_cell("x = '''" + "w" * 20_000 + "'''", store_history=True)
    before = project.store.value("SELECT count(*) FROM content")
    assert gc(project).items == 0
    assert project.store.value("SELECT count(*) FROM content") == before > 1
    assert fsck(project).ok
