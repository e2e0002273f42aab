"""What capture costs a cell, and what it writes."""

from __future__ import annotations

import statistics
import sys
import timeit

from mlops_nb.capture.threads import Threads
from tests.benchmarks.conftest import answer_of

CELLS = """
import json, os, sys, tempfile, time
os.chdir(tempfile.mkdtemp())
os.environ["IPYTHONDIR"] = tempfile.mkdtemp()
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
session = None
if {capture}:
    from mlops_nb.capture import session as sessions
    session = sessions.attach(shell)
for _ in range(50):
    shell.run_cell("z = 1", store_history=True)
began = time.process_time()
for _ in range(1000):
    shell.run_cell("z = 1", store_history=True)
if session:
    session.project.store.flush()
print(json.dumps((time.process_time() - began) / 1000 * 1e6))
"""


def _cell(capture: bool) -> float:
    return answer_of(sys.executable, CELLS.format(capture=capture))


def test_capture_adds_little_to_a_trivial_cell(benchmark, figure):
    def pair() -> tuple[float, float]:
        return _cell(False), _cell(True)

    benchmark.pedantic(pair, rounds=1)
    pairs = [pair() for _ in range(5)]
    figure("capture of a trivial cell, added", statistics.median(with_ - bare for bare, with_ in pairs), "µs", "<= 300")
    figure("  as a ratio of IPython's own", statistics.median(with_ / bare for bare, with_ in pairs), "times", "")


GROWTH = """
import json, os, tempfile
os.chdir(tempfile.mkdtemp())
os.environ["IPYTHONDIR"] = tempfile.mkdtemp()
from IPython.core.interactiveshell import InteractiveShell
from mlops_nb.capture import session as sessions
shell = InteractiveShell.instance()
session = sessions.attach(shell)
def size():
    session.project.store.flush()
    session.project.store.rows("PRAGMA wal_checkpoint(TRUNCATE)")
    return os.path.getsize(".mlops/lineage.db")
for i in range(100):
    shell.run_cell(f"z = {i}", store_history=True)
before = size()
for i in range(2000):
    shell.run_cell(f"z = {i + 100}", store_history=True)
print(json.dumps((size() - before) / 2000))
"""


def test_the_store_grows_little_with_a_trivial_cell(benchmark, figure):
    grown = benchmark.pedantic(lambda: answer_of(sys.executable, GROWTH), rounds=1)
    figure("store, per trivial cell of its own source", grown, "bytes", "< 2048")


def test_a_look_at_threads_that_are_all_known_costs_microseconds(benchmark, figure):
    threads = Threads()
    benchmark.pedantic(threads.working, rounds=1)
    figure("a look at the threads", min(timeit.repeat(threads.working, number=200, repeat=5)) / 200 * 1e6, "µs", "< 50")
