"""Watched folders: what happens in them is told in order, and what cannot be watched is said."""

import os
import subprocess
import threading
import time

import pytest

from mlops_nb.capture.files import watches
from mlops_nb.capture.files.observer import FileObserver
from mlops_nb.capture.files.watches import CLOSE_READ, CLOSE_WRITE, CREATE, MOVED_FROM, MOVED_TO, OPEN, Watches


@pytest.fixture
def watched(tmp_path):
    found = Watches()
    found.open()
    found.add_tree(str(tmp_path))
    found.drain()
    yield found
    found.close()


def kinds(events, name):
    """What happened to the files of a name, in order."""
    return [event.mask for event in events if event.path.endswith(name)]


def test_what_happens_to_a_file_is_told_in_order_whoever_does_it(watched, tmp_path):
    subprocess.run(["sh", "-c", "echo x > a; cat a; mv a b"], cwd=tmp_path, stdout=subprocess.DEVNULL)
    events, _ = watched.drain()
    assert kinds(events, "/a") == [CREATE, OPEN, CLOSE_WRITE, OPEN, CLOSE_READ, MOVED_FROM]
    assert kinds(events, "/b") == [MOVED_TO]
    assert watched.drain() == ([], set())


def test_a_new_folder_is_watched_with_what_it_held_already(watched, tmp_path):
    (tmp_path / "new" / "deep").mkdir(parents=True)
    (tmp_path / "new" / "deep" / "a.csv").write_text("x")
    assert CREATE in kinds(watched.drain()[0], "new/deep/a.csv")
    (tmp_path / "new" / "deep" / "a.csv").read_text()
    assert OPEN in kinds(watched.drain()[0], "new/deep/a.csv")


def test_a_folder_that_was_moved_is_known_by_its_new_name(watched, tmp_path):
    (tmp_path / "one").mkdir()
    watched.drain()
    (tmp_path / "one").rename(tmp_path / "two")
    watched.drain()
    (tmp_path / "two" / "a.csv").write_text("x")
    assert {event.path for event in watched.drain()[0]} == {str(tmp_path / "two" / "a.csv")}


def test_what_this_process_opened_is_told_from_what_others_did(watched, tmp_path):
    if not watched.origins.known:
        pytest.skip("this system does not tell")
    (tmp_path / "mine").write_text("x")
    subprocess.run(["touch", "theirs"], cwd=tmp_path)
    assert watched.drain()[1] == {str(tmp_path / "mine")}


def test_an_open_of_our_own_is_forgotten_and_none_of_the_others(watched, tmp_path):
    (tmp_path / "a").write_text("x")
    watched.drain()
    (tmp_path / "a").read_text()
    with watched.unseen(str(tmp_path / "a")):
        handle = (tmp_path / "a").open()
    with watched.unseen(str(tmp_path / "a")):
        handle.close()
    events, own = watched.drain()
    assert kinds(events, "/a") == [OPEN, CLOSE_READ]
    assert own in ({str(tmp_path / "a")}, None)


def test_folders_that_hold_no_data_are_not_watched(watched, tmp_path):
    for name in (".git", "node_modules", "__pycache__", "env"):
        (tmp_path / name).mkdir()
        (tmp_path / name / ("pyvenv.cfg" if name == "env" else "a")).write_text("x")
        (tmp_path / name / "below").mkdir()
    again = Watches()
    again.open()
    again.add_tree(str(tmp_path))
    assert sorted(again.folders()) == sorted([str(tmp_path), str(tmp_path / "env")])
    again.close()


def test_a_link_to_a_folder_above_does_not_go_round(watched, tmp_path):
    (tmp_path / "up").symlink_to(tmp_path)
    again = Watches()
    again.open()
    again.add_tree(str(tmp_path))
    assert list(again.folders()) == [str(tmp_path)]
    again.close()


def test_a_large_tree_is_walked_by_a_thread_and_that_is_said_meanwhile(tmp_path, monkeypatch):
    monkeypatch.setattr(watches, "SOON", 0.0)
    for number in range(50):
        (tmp_path / str(number)).mkdir()
    observer = FileObserver(str(tmp_path))
    held = threading.Event()
    monkeypatch.setattr(
        observer.watches, "_walk_on", lambda pending: (held.wait(10), Watches._walk_on(observer.watches, pending))
    )
    observer.start()
    assert "not all watched yet" in (observer.blind or "")
    held.set()
    end = time.monotonic() + 10
    while observer.blind and time.monotonic() < end:
        time.sleep(0.01)
    assert observer.blind is None
    assert observer.watches.covers(str(tmp_path / "49"))
    observer.stop()


def test_folders_above_the_most_that_are_watched_are_said(tmp_path, monkeypatch):
    monkeypatch.setattr(watches, "MOST", 3)
    for number in range(5):
        (tmp_path / str(number)).mkdir()
    observer = FileObserver(str(tmp_path))
    observer.start()
    observer.begin()
    observer.end()
    assert observer.doubts == ["only 3 folders are watched, and there are more"]
    observer.stop()


def test_more_events_than_the_system_keeps_are_a_doubt_of_the_cell(tmp_path):
    observer = FileObserver(str(tmp_path))
    observer.start()
    observer.begin()
    with open("/proc/sys/fs/inotify/max_queued_events") as most:
        number = int(most.read()) // 3 + 1
    for name in ("a", "b"):
        (tmp_path / name).write_text("x")
    for _ in range(number):
        os.close(os.open(tmp_path / "a", os.O_RDONLY))
        os.close(os.open(tmp_path / "b", os.O_RDONLY))
    observer.end()
    assert observer.doubts == ["so many files were opened that some were not seen"]
    observer.begin()
    assert (observer.end(), observer.doubts) == ([], [])
    observer.stop()


def test_a_system_without_inotify_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr(watches.sys, "platform", "darwin")
    observer = FileObserver(str(tmp_path))
    observer.start()
    observer.begin()
    (tmp_path / "a.csv").write_text("x")
    assert [opened.path for opened in observer.end()] == [tmp_path / "a.csv"]
    assert "no inotify" in observer.doubts[0]
    observer.stop()


def test_the_hash_of_a_large_file_outlives_the_session(tmp_path, project):
    from mlops_nb.capture.files.opened import Hashes

    path = tmp_path / "big.bin"
    path.write_bytes(bytes(2 << 20))
    old = time.time() - 100
    os.utime(path, (old, old))
    first = Hashes(Watches())
    real, now = time.time, time.time() + 10
    try:
        time.time = lambda: now  # as if it had been written long ago
        address = first.of(path, first.open(path))[0]
    finally:
        time.time = real
    with project.store.write() as store:
        first.save(store)
    second = Hashes(Watches())
    second.load(project.store)
    assert second.known[path][1] == address
    os.utime(path, (old, old + 1))
    path.write_bytes(bytes(1 << 20))
    assert second.of(path, second.open(path))[0] != address
