"""One connection: its settings, its transactions and the jobs that are committed later."""

import os
import sqlite3
import threading
import time

import pytest

from mlops_nb.errors import StoreBusy, StoreReadOnly
from mlops_nb.store.db import Store


@pytest.fixture
def store(tmp_path):
    opened = Store(tmp_path / "lineage.db")
    yield opened
    opened.close()


def keep(store, name, upcoming=0):
    store.execute("INSERT INTO sequence (name, upcoming) VALUES (?, ?)", name, upcoming)


def names(store):
    return [row["name"] for row in store.rows("SELECT name FROM sequence WHERE name <> 'id' ORDER BY name")]


def wait_for(condition, seconds=10):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it never came to be"
        time.sleep(0.005)


def test_a_store_is_in_wal_mode_with_normal_synchronisation_and_foreign_keys_on(store):
    assert store.value("PRAGMA journal_mode") == "wal"
    assert store.value("PRAGMA synchronous") == 1
    assert store.value("PRAGMA foreign_keys") == 1


def test_a_row_that_points_at_nothing_is_refused(store):
    with pytest.raises(sqlite3.IntegrityError, match="FOREIGN KEY"), store.write():
        store.execute("INSERT INTO edge (source, target, kind) VALUES (1, 2, 'read')")


def test_a_write_is_there_for_another_process_when_the_block_ends(store, run_process):
    with store.write():
        keep(store, "a")
    code = "import sqlite3, sys; print(sqlite3.connect(sys.argv[1]).execute('SELECT name FROM sequence').fetchall())"
    assert "('a',)" in run_process(code, store.path).stdout


def test_a_failed_block_leaves_nothing(store):
    with pytest.raises(ZeroDivisionError), store.write():
        keep(store, "a")
        1 / 0  # noqa: B018
    assert names(store) == []


def test_a_store_is_writable_after_a_failed_block(store):
    with pytest.raises(ZeroDivisionError), store.write():
        1 / 0  # noqa: B018
    with store.write():
        keep(store, "b")
    assert names(store) == ["b"]


def test_a_block_inside_a_block_is_undone_with_the_outer_one(store):
    with pytest.raises(ZeroDivisionError), store.write():
        with store.write():
            keep(store, "inner")
        1 / 0  # noqa: B018
    assert names(store) == []


def test_a_block_inside_a_block_is_committed_with_the_outer_one(store, tmp_path):
    other = sqlite3.connect(store.path)
    with store.write():
        with store.write():
            keep(store, "inner")
        assert other.execute("SELECT count(*) FROM sequence WHERE name = 'inner'").fetchone() == (0,)
    assert other.execute("SELECT count(*) FROM sequence WHERE name = 'inner'").fetchone() == (1,)


def test_reading_inside_a_block_sees_what_the_block_wrote(store):
    with store.write():
        keep(store, "a")
        assert names(store) == ["a"]


def test_threads_of_one_process_write_one_after_the_other(store):
    def write(thread):
        for number in range(50):
            with store.write():
                keep(store, f"{thread}.{number:02}")

    threads = [threading.Thread(target=write, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(names(store)) == 200


def test_row_ids_are_unique_and_rise(store):
    numbers = [store.next_id() for _ in range(3 * 512)]
    assert numbers == sorted(set(numbers))


def test_row_ids_reserved_by_a_failed_block_are_not_handed_out_twice(store):
    other = Store(store.path)
    with pytest.raises(ZeroDivisionError), store.write():
        store.next_id()
        1 / 0  # noqa: B018
    numbers = [one.next_id() for one in (other, store) for _ in range(3 * 512)]
    other.close()
    assert len(set(numbers)) == len(numbers)


def test_row_ids_reserved_by_a_failed_job_are_not_handed_out_twice(store):
    other = Store(store.path)

    def fails():
        store.next_id()
        raise ValueError("no")

    store.defer(fails)
    store.flush()
    numbers = [one.next_id() for one in (other, store) for _ in range(3 * 512)]
    other.close()
    assert len(set(numbers)) == len(numbers)


def test_the_token_changes_when_another_process_commits(store, run_process):
    before = store.token()
    assert store.token() == before
    code = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute(sys.argv[2]); c.commit()"
    run_process(code, store.path, "INSERT INTO sequence (name, upcoming) VALUES ('x', 1)")
    assert store.token() != before


def test_the_token_changes_when_a_deferred_job_was_due(store):
    before = store.token()
    store.defer(lambda: keep(store, "a"))
    assert store.token() != before


# -- deferred jobs --------------------------------------------------------------------------------------------


def test_a_deferred_job_is_committed_before_a_read_sees_the_store(store):
    store.defer(lambda: keep(store, "a"))
    assert names(store) == ["a"]


def test_a_deferred_job_is_committed_without_anybody_reading(store):
    store.defer(lambda: keep(store, "a"))
    other = sqlite3.connect(store.path)
    wait_for(lambda: other.execute("SELECT 1 FROM sequence WHERE name = 'a'").fetchone())


def test_a_reader_sees_what_it_deferred_while_another_thread_was_writing(store):
    inside = threading.Event()

    def write():
        with store.write():
            inside.set()
            time.sleep(0.1)

    writer = threading.Thread(target=write)
    writer.start()
    inside.wait()
    store.defer(lambda: keep(store, "a"))
    assert names(store) == ["a"]
    writer.join()


def test_a_row_id_is_given_out_while_another_process_holds_the_store(store):
    store.next_id()
    other = sqlite3.connect(store.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    store.defer(lambda: keep(store, "waits"))
    time.sleep(0.05)  # the writer waits for the other process now
    began = time.monotonic()
    store.next_id()
    assert time.monotonic() - began < 1
    other.execute("ROLLBACK")
    assert names(store) == ["waits"]


def test_a_row_id_is_given_out_while_the_store_is_locked_also_after_a_job_that_failed(store):
    store.next_id()
    store.defer(lambda: keep(store, None))
    store.flush()
    other = sqlite3.connect(store.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    store.patience = 0
    assert store.next_id() < store.next_id()
    other.execute("ROLLBACK")


def test_nobody_who_forks_waits_for_a_writer_that_waits_for_another_process(store):
    other = sqlite3.connect(store.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    store.defer(lambda: keep(store, "a"))
    time.sleep(0.1)
    started = time.monotonic()
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)
    assert time.monotonic() - started < 1
    other.execute("ROLLBACK")
    assert names(store) == ["a"]


def test_what_takes_long_runs_before_its_job_and_holds_nobody_up(store):
    go = threading.Event()
    order = []
    store.defer(lambda: order.append("job"), lambda: order.append("prepared") if go.wait(10) else None)
    with store.write():
        keep(store, "meanwhile")
    assert order == []
    go.set()
    assert names(store) == ["meanwhile"]
    assert order == ["prepared", "job"]


def test_a_preparation_that_fails_is_a_gap_and_its_job_is_not_run(store):
    gaps, order = [], []
    store.on_gap = gaps.append
    store.defer(lambda: order.append("job"), lambda: 1 / 0)
    store.defer(lambda: keep(store, "later"))
    assert names(store) == ["later"]
    assert (order, [type(error) for error in gaps]) == ([], [ZeroDivisionError])


def test_deferred_jobs_come_before_a_later_write_in_order(store):
    order = []
    for name in "abc":
        store.defer(lambda name=name: order.append(name))
    with store.write():
        order.append("write")
    assert order == ["a", "b", "c", "write"]


def test_a_deferred_job_is_committed_when_the_store_is_closed(store, tmp_path):
    store.defer(lambda: keep(store, "a"))
    store.close()
    assert sqlite3.connect(tmp_path / "lineage.db").execute("SELECT 1 FROM sequence WHERE name = 'a'").fetchone()


def test_a_failing_deferred_job_is_undone_alone_and_reported(store):
    gaps = []
    store.on_gap = gaps.append

    def fails():
        keep(store, "half")
        raise ValueError("no")

    store.defer(lambda: keep(store, "a"))
    store.defer(fails)
    store.defer(lambda: keep(store, "b"))
    assert names(store) == ["a", "b"]
    assert [str(error) for error in gaps] == ["no"]


def test_a_deferred_job_that_breaks_a_foreign_key_is_undone_alone(store):
    gaps = []
    store.on_gap = gaps.append
    store.defer(lambda: store.execute("INSERT INTO edge (source, target, kind) VALUES (1, 2, 'read')"))
    store.defer(lambda: keep(store, "b"))
    assert names(store) == ["b"]
    assert [type(error) for error in gaps] == [sqlite3.IntegrityError]


def test_deferred_jobs_survive_a_failed_block(store):
    store.defer(lambda: keep(store, "a"))
    store.defer(lambda: keep(store, "b"))
    with pytest.raises(ZeroDivisionError), store.write():
        1 / 0  # noqa: B018
    assert names(store) == ["a", "b"]


def test_a_job_deferred_by_a_job_is_not_lost(store):
    store.defer(lambda: store.defer(lambda: keep(store, "second")))
    assert names(store) == ["second"]


# -- other people ---------------------------------------------------------------------------------------------


def test_two_writers_wait_for_each_other(store, start_process):
    holder = start_process(
        """
        import sqlite3, sys, time
        connection = sqlite3.connect(sys.argv[1], isolation_level=None)
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("INSERT INTO sequence (name, upcoming) VALUES ('theirs', 1)")
        print("held", flush=True)
        time.sleep(0.4)
        connection.execute("COMMIT")
        """,
        store.path,
    )
    assert holder.stdout.readline() == "held\n"
    with store.write():
        keep(store, "ours")
    assert names(store) == ["ours", "theirs"]


def test_a_store_that_stays_locked_says_who_has_to_finish(store):
    other = sqlite3.connect(store.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    store.patience = 0.05
    with pytest.raises(StoreBusy, match=r"locked by another process.* repeat the call"), store.write():
        pass
    other.execute("ROLLBACK")


def test_what_could_not_be_written_while_locked_is_written_afterwards(store):
    other = sqlite3.connect(store.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    store.patience = 0.05
    store.defer(lambda: keep(store, "a"))
    with pytest.raises(StoreBusy, match="locked"):
        store.flush()
    other.execute("ROLLBACK")
    assert names(store) == ["a"]


def test_a_forked_child_writes_its_own_rows_and_the_parent_goes_on(store):
    store.defer(lambda: keep(store, "before"))
    child = os.fork()
    if child == 0:
        try:
            with store.write():
                keep(store, f"child {store.next_id()}")
            store.defer(lambda: keep(store, "child, later"))
            store.close()
            os._exit(0)
        except BaseException:
            os._exit(1)
    assert os.waitpid(child, 0)[1] == 0
    with store.write():
        keep(store, f"parent {store.next_id()}")
    found = names(store)
    assert [name for name in found if not name[-1].isdigit()] == ["before", "child, later"]
    assert len(found) == 4
    assert store.value("PRAGMA integrity_check") == "ok"


def test_a_child_forked_while_another_thread_writes_can_write_too(store):
    inside = threading.Event()

    def write():
        with store.write():
            keep(store, "thread")
            inside.set()
            time.sleep(0.1)

    writer = threading.Thread(target=write)
    writer.start()
    inside.wait()
    child = os.fork()
    if child == 0:
        try:
            store.patience = 2
            with store.write():
                keep(store, "child")
            os._exit(0)
        except BaseException:
            os._exit(1)
    assert os.waitpid(child, 0)[1] == 0
    writer.join()
    assert names(store) == ["child", "thread"]


def test_a_child_forked_in_mid_write_does_not_wait_for_the_parent(store):
    with store.write():
        keep(store, "parent")
        child = os.fork()
        if child == 0:
            try:
                os._exit(0 if store.value("SELECT count(*) FROM sequence WHERE name = 'parent'") == 0 else 1)
            except BaseException:
                os._exit(2)
        assert os.waitpid(child, 0)[1] == 0
    assert names(store) == ["parent"]


def test_a_closed_store_leaves_no_thread_behind(store):
    store.defer(lambda: keep(store, "a"))
    store.flush()
    thread = store._thread
    assert thread.is_alive()
    store.close()
    thread.join(timeout=5)
    assert not thread.is_alive()


def test_closing_twice_is_fine(store):
    store.close()
    store.close()


def test_a_folder_that_is_a_file_is_told(tmp_path):
    (tmp_path / "home").write_text("not a folder")
    with pytest.raises(StoreReadOnly, match=r"cannot write the store .*home/lineage.db.*MLOPS_HOME"):
        Store(tmp_path / "home" / "lineage.db")


def test_a_secret_is_taken_out_of_every_text_at_the_door(project):
    from tests.secrets.corpus import shaped

    secret = shaped()["stripe"]
    store = project.store
    with store.write():
        store.execute("INSERT INTO sequence (name, upcoming) VALUES (?, ?)", f"one {secret}", 1)
        store.execute_many("INSERT INTO sequence (name, upcoming) VALUES (?, ?)", [(f"many {secret}", 2)])
    names = {row["name"] for row in store.rows("SELECT name FROM sequence")}
    assert {"one [redacted:stripe-key]", "many [redacted:stripe-key]"} <= names
    assert (
        store.value("SELECT upcoming FROM sequence WHERE name = ?", f"many {secret}") == 2
    )  # asked alike, found alike


def test_a_variable_that_is_set_later_is_known_to_what_is_deferred(project, monkeypatch):
    store = project.store

    def job():
        store.execute("INSERT INTO sequence (name, upcoming) VALUES (?, ?)", "late sesame-77-x", 1)

    with store.write():
        monkeypatch.setenv("LATEST_TOKEN", "sesame-77-x")
    store.defer(job)
    assert store.value("SELECT count(*) FROM sequence WHERE name = 'late [redacted:LATEST_TOKEN]'") == 1
