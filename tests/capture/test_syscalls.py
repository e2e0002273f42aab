"""Calls of the system on the path of a cell: they do what Python's own do, and let no other thread in."""

import os
import sys
import threading
import time

import pytest

from mlops_nb.capture import syscalls
from mlops_nb.capture.syscalls import Poll


@pytest.fixture
def file(tmp_path):
    handle = os.open(tmp_path / "file", os.O_RDWR | os.O_CREAT)
    yield handle
    os.close(handle)


def test_what_is_written_at_a_place_is_read_there_and_moves_nothing(file):
    os.lseek(file, 5, os.SEEK_SET)
    assert syscalls.pwrite(file, b"one\0two", 3) == 7
    assert os.pread(file, 100, 0) == b"\0\0\0one\0two"
    assert syscalls.pread(file, 4, 6) == b"\0two"
    assert syscalls.pread(file, 100, 6) == b"\0two"
    assert syscalls.pread(file, 100, 50) == b""
    assert syscalls.position(file) == 5


def test_trouble_is_the_error_that_pythons_own_calls_raise(tmp_path, file):
    reader = os.open(tmp_path / "file", os.O_RDONLY)
    with pytest.raises(OSError, match="Bad file descriptor"):
        syscalls.pwrite(reader, b"x", 0)
    os.close(reader)
    with pytest.raises(OSError, match="Bad file descriptor"):
        syscalls.pread(reader, 1, 0)
    assert syscalls.position(reader) == -1


def test_a_poll_tells_whether_any_of_its_files_has_something_to_read():
    (quiet, _, *_), (there, here) = os.pipe(), os.pipe()
    poll = Poll()
    assert not poll.ready()
    poll.register(quiet)
    poll.register(there)
    assert not poll.ready()
    os.write(here, b"x")
    assert poll.ready()
    assert poll.ready()
    poll.unregister(there)
    assert not poll.ready()
    os.close(quiet)
    assert poll.ready()


@pytest.mark.parametrize("ours", [True, False])
def test_no_other_thread_gets_a_turn_meanwhile(file, ours):
    write = syscalls.pwrite if ours else os.pwrite
    turns, over, before = [0], threading.Event(), sys.getswitchinterval()

    def other():
        while not over.is_set():
            turns[0] += 1

    thread = threading.Thread(target=other)
    sys.setswitchinterval(0.2)  # a thread that has the lock keeps it as long as this, unless it lets go
    try:
        thread.start()
        time.sleep(0.01)
        seen = turns[0]
        for _ in range(3 if ours else 10_000):
            write(file, b"x", 0)
            if turns[0] > seen:
                break
        taken = turns[0] - seen
    finally:
        over.set()
        sys.setswitchinterval(before)
        thread.join()
    assert (taken == 0) is ours
