"""The stop button pressed while capture is at work: nothing of ours is shown, and no cell is half on record."""

import threading
import time

import pytest

from mlops_nb.lineage import slices
from mlops_nb.proof import fsck


@pytest.fixture
def struck(kernel):
    """A kernel with capture, whose ``during(action)`` has something happen after each cell while it is recorded."""
    kernel.run("%load_ext mlops_nb")
    kernel.run("""
        import signal, time
        from mlops_nb.capture.observers import OBSERVERS
        def during(action):
            OBSERVERS.insert(0, lambda seen: action())
        def press():
            signal.raise_signal(signal.SIGINT)
    """)
    kernel.run("x = []")
    return kernel


def errors(outputs):
    return [o for o in outputs if o["output_type"] == "error" or o.get("name") == "stderr"]


def test_stop_pressed_while_a_cell_is_recorded_shows_nothing_and_loses_nothing(struck, recorded, executions):
    struck.run("during(press)")
    time.sleep(0.3)  # a cell that is queued would be stopped
    for n in range(5):
        assert errors(struck.run(f"x.append({n})")) == []
        time.sleep(0.3)
    project = recorded(struck)
    assert [cell.status for cell in executions(project)] == ["ok"] * 8
    found = [cell.source for cell in slices.slice(project, "var:x").cells]
    assert found == ["x = []", *(f"x.append({n})" for n in range(5))]
    assert project.store.value("SELECT count(*) FROM gap") == 0
    assert fsck(project).problems == []


def test_stop_pressed_while_a_cell_is_recorded_stops_the_one_that_is_queued(struck, recorded, executions):
    struck.run("during(press)")
    time.sleep(0.3)
    first, second = struck.send("y = 1"), struck.send("time.sleep(5)")
    started = time.monotonic()
    struck.outputs(first)
    (shown,) = errors(struck.outputs(second))
    assert (shown["ename"], time.monotonic() - started < 4) == ("KeyboardInterrupt", True)
    assert [cell.status for cell in executions(recorded(struck))][-2:] == ["ok", "aborted"]


def test_stop_pressed_before_a_cell_has_started_stops_it(struck, recorded, executions):
    struck.run("""
        now = time.time
        def clock():
            time.time = now
            press()
            return now()
        del time.time
        time.time = clock
        get_ipython().events.callbacks['post_run_cell'].append(lambda *_: setattr(time, 'time', clock))
    """)
    (shown,) = errors(struck.run("time.sleep(5)"))
    assert shown["ename"] == "KeyboardInterrupt"
    struck.run("time.time = now")
    assert [cell.status for cell in executions(recorded(struck))].count("aborted") == 1


def test_capture_that_takes_too_long_can_be_stopped_and_says_what_is_missing(struck, recorded, executions):
    struck.run("during(lambda: x and x[-1] == 1 and time.sleep(20))")
    request = struck.send("x.append(1)")
    threading.Timer(2, struck.interrupt).start()
    started = time.monotonic()
    shown = struck.outputs(request)
    assert time.monotonic() - started < 10
    assert [o.get("name") for o in shown] == ["stderr"]
    struck.run("x.append(2)")
    struck.run("x.append(3)")
    project = recorded(struck)
    assert [cell.status for cell in executions(project)] == ["ok"] * 6
    assert "KeyboardInterrupt: while it was recorded" in slices.slice(project, "var:x").uncheckable
    assert fsck(project).problems == []
