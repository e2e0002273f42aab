"""Threads beside a cell: those that cannot run the user's code leave it alone, all others make it uncheckable."""

import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from mlops_nb.capture.parking import Parking
from mlops_nb.capture.threads import Threads
from mlops_nb.data.checks import check

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="elsewhere a pool is never seen to rest")
DOUBT = "it ran while a thread or task of an earlier cell was running"
CLEAN = "clean"


@pytest.fixture
def verdict(shell, project):
    """Run cells, then one that does nothing but bind a name, and return the verdict of that name."""

    def run(*cells, last="calm = 1"):
        for cell in (*cells, last):
            result = shell.run_cell(cell, store_history=True)
            result.raise_error()
        found = check(project, "var:calm")
        said = [reason.what for reason in found.reasons]
        return DOUBT if any(DOUBT in what for what in said) else said or found.verdict

    yield run
    shell.run_cell("for end in globals().get('ends', []): end()")


POOL = "from concurrent.futures import ThreadPoolExecutor\nimport time\npool = ThreadPoolExecutor(2)"
POOL += "\nends = [lambda: pool.shutdown(cancel_futures=True)]\n"
LOOP = "import asyncio, threading\nloop = asyncio.new_event_loop()\nthread = threading.Thread(target=loop.run_forever)"
LOOP += "\nthread.start()\nasync def add(n):\n    await asyncio.sleep(0)\n    return n + 1\n"
LOOP += "ends = [lambda: loop.call_soon_threadsafe(loop.stop), thread.join]\n"
PROCESSES = "import concurrent.futures, multiprocessing\npool = concurrent.futures.ProcessPoolExecutor("
PROCESSES += "1, multiprocessing.get_context('forkserver'))\nends = [pool.shutdown]\n"


@pytest.mark.parametrize(
    "cell",
    [
        POOL + "list(pool.map(abs, range(9)))",
        POOL + "pool.submit(abs, 1).result()",
        LOOP + "asyncio.run_coroutine_threadsafe(add(1), loop).result()",
        PROCESSES + "pool.submit(abs, -1).result()",
        "from joblib import Parallel, delayed\nfrom joblib.externals.loky import get_reusable_executor\n"
        "Parallel(2)(delayed(abs)(n) for n in range(4))\nends = [lambda: get_reusable_executor().shutdown()]",
        "from tqdm import tqdm\nbar = tqdm(range(3), mininterval=0.1)\nlist(bar)\nends = []",
    ],
)
def test_a_thread_that_waits_for_work_leaves_later_cells_alone(verdict, cell):
    assert verdict(cell) == CLEAN


def test_a_kernel_that_a_cell_has_started_leaves_later_cells_alone(kernel, workspace):
    kernel.run("%load_ext mlops_nb")
    kernel.text(
        "from jupyter_client import KernelManager\nmanager = KernelManager()\nmanager.start_kernel()\n"
        "client = manager.client()\nclient.start_channels()\nclient.wait_for_ready(timeout=60)"
    )
    kernel.text("client.execute_interactive('1')")
    kernel.text("calm = 1")
    shown = kernel.text("import mlops_nb\nprint(mlops_nb.check('var:calm').verdict)")
    kernel.text("client.stop_channels()\nmanager.shutdown_kernel(now=True)")
    assert shown == "clean\n"


@pytest.mark.parametrize("used", ["pool.submit(box.append, 1).result()", "list(pool.map(box.append, range(3)))"])
def test_a_cell_that_uses_the_pool_of_an_earlier_one_is_its_own_work(verdict, used):
    assert verdict(POOL + "pool.submit(abs, 1).result()\nbox = []", last=f"{used}\ncalm = list(box)") != DOUBT


@pytest.mark.parametrize(
    "cell",
    [
        POOL + "future = pool.submit(time.sleep, 0.3)",
        POOL + "[pool.submit(time.sleep, 0.1) for _ in range(6)]",
        LOOP + "future = asyncio.run_coroutine_threadsafe(asyncio.sleep(0.3), loop)",
        LOOP + "timer = loop.call_soon_threadsafe(loop.call_later, 30, print)",
        LOOP + "import socket\none, other = socket.socketpair()\none.setblocking(False)\n"
        "loop.call_soon_threadsafe(loop.add_reader, one.fileno(), print)",
        PROCESSES + "pool.submit(abs, -1).result()\nimport time\nfuture = pool.submit(time.sleep, 0.3)",
        "import threading\ntimer = threading.Timer(30, print)\ntimer.start()\nends = [timer.cancel]",
        "import threading\nover = threading.Event()\nthreading.Thread(target=over.wait).start()\nends = [over.set]",
        "import threading, time\nthreading.Thread(target=get_ipython().ex, args=('time.sleep(0.4)',)).start()",
        "import threading\nfrom tornado.ioloop import IOLoop\nticking = IOLoop(make_current=False)\n"
        "ticking.call_later(30, print)\nthreading.Thread(target=ticking.start).start()\n"
        "ends = [lambda: ticking.add_callback(ticking.stop)]",
        "from jupyter_client.channels import HBChannel\nimport time\nclass Mine(HBChannel):\n"
        "    def run(self):\n        time.sleep(0.3)\nMine().start()",
        "from jupyter_client.channels import HBChannel\nimport time\nbeat = HBChannel()\n"
        "beat.run = lambda: time.sleep(0.3)\nbeat.start()",
    ],
)
def test_a_thread_that_may_go_on_by_itself_leaves_later_cells_in_doubt(verdict, cell):
    assert verdict(cell) == DOUBT


def test_what_a_pool_does_between_cells_is_in_doubt_although_it_rests_at_both_ends(shell, verdict):
    shell.run_cell(POOL + "box = []\ndef late():\n    time.sleep(0.1)\n    box.append(1)\nfuture = pool.submit(late)")
    time.sleep(0.3)
    assert verdict(last="calm = list(box)") == DOUBT
    assert verdict(last="calm = 2") == CLEAN  # it is over, and was seen


def test_a_thread_that_never_ran_before_is_not_taken_for_an_old_one_that_left_its_identity():
    threads = Threads()
    over = threading.Event()
    thread = threading.Thread(target=over.wait)
    thread.start()
    gone = threading.Thread()
    threads.first[id(thread)] = lambda: gone
    assert threads.working() == {id(thread)}
    over.set()
    thread.join()
    assert threads.working() == set()


def test_a_pool_that_was_given_work_is_never_seen_to_rest_before_it_is_done():
    threads, rested = Threads(), 0
    with ThreadPoolExecutor(2) as pool:
        for number in range(600):
            future = pool.submit(sum, range(300))
            if number % 3:
                time.sleep(0)
            if not threads.working():
                rested += 1
                assert future.done()
            future.result()
        assert rested


def test_a_thread_is_parked_if_it_slept_since_it_was_asked_for_last():
    parking, go = Parking(), threading.Semaphore(0)
    thread = threading.Thread(target=lambda: [go.acquire() for _ in range(2)])
    thread.start()
    time.sleep(0.05)
    number = thread.native_id
    assert [parking.holds(number) for _ in range(3)] == [False, True, True]
    go.release()
    time.sleep(0.05)
    assert [parking.holds(number) for _ in range(2)] == [False, True]
    go.release()
    thread.join()
    time.sleep(0.05)
    assert not parking.holds(number)
    assert not any(parking.holds(threading.get_native_id()) for _ in range(3))  # it runs
