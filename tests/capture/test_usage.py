"""What a cell costs: processor, wall time and the peak of its memory, also of what it has freed again."""

import time

import pytest

from mlops_nb.capture import usage
from mlops_nb.lineage.details import show

MEGABYTE = 1 << 20


def spent(project, number):
    return show(project, f"cell:{number}").facts["usage"]


def test_a_cell_says_what_it_cost(shell, project):
    shell.run_cell("x = 1", store_history=True)
    shell.run_cell("total = sum(i * i for i in range(400_000))\nimport time; time.sleep(0.2)", store_history=True)
    trivial, busy = spent(project, 1), spent(project, 2)
    assert 0 <= trivial["cpu"] < busy["cpu"] < busy["wall"]
    assert busy["wall"] > 0.2
    assert {"cpu", "wall", "memory_peak", "memory_growth"} <= set(trivial)


def test_the_peak_is_that_of_the_cell_also_when_it_is_reached_again(shell, project):
    hungry = "held = bytearray(120 * 1024 * 1024); held[::4096] = b'x' * len(held[::4096]); del held"
    for source in ("x = 1", hungry, "x = 2", hungry, "x = 3"):
        shell.run_cell(source, store_history=True)
    peaks = [spent(project, number)["memory_peak"] for number in range(1, 6)]
    assert all(peaks[hungry] - peaks[idle] > 100 * MEGABYTE for hungry in (1, 3) for idle in (0, 2, 4))


def test_what_stays_is_growth(shell, project):
    shell.run_cell("held = bytearray(80 * 1024 * 1024); held[::4096] = b'x' * len(held[::4096])", store_history=True)
    assert 70 * MEGABYTE < spent(project, 1)["memory_growth"] < 200 * MEGABYTE


def test_the_processor_time_of_a_subprocess_counts(shell, project):
    busy = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'sum(i * i for i in range(3_000_000))'])"
    shell.run_cell(busy, store_history=True)
    assert spent(project, 1)["cpu"] > 0.1


def test_a_cell_inside_a_cell_is_counted_with_it(shell, project):
    shell.run_cell("get_ipython().run_cell('y = 1')", store_history=True)
    assert project.store.value("SELECT count(*) FROM usage") == 1


def test_where_the_peak_cannot_be_counted_anew_what_is_known_is_said(monkeypatch):
    monkeypatch.setattr(usage, "_forget_peak", lambda: False)
    block = bytearray(64 * MEGABYTE)
    meter = usage.begin()
    grown = bytearray(300 * MEGABYTE)
    grown[::4096] = b"x" * len(grown[::4096])
    raised = meter.end()
    del grown
    after = usage.begin().end()
    assert raised.memory_peak - after.memory_peak > 200 * MEGABYTE  # the second cell has not raised it
    del block


def test_counting_costs_microseconds():
    usage.begin().end()
    begun = time.process_time()
    for _ in range(200):
        usage.begin().end()
    assert (time.process_time() - begun) / 200 < 100e-6  # some 12 on an idle machine


def test_without_a_gpu_nothing_is_said_of_it():
    if usage._devices()[1]:
        pytest.skip("there is one")
    assert usage._gpu() == (None, None)


def test_a_cell_that_closes_our_files_and_opens_its_own_in_their_place_keeps_them_whole(kernel, recorded):
    """Capture holds files under /proc and of inotify open; the numbers are the user's as soon as a cell closes them."""
    kernel.run("%load_ext mlops_nb")
    ours = "('clear_refs', 'statm', 'status', 'inotify', '[fanotify]')"
    kernel.run(f"""
        import os
        link = lambda n: os.path.lexists(f'/proc/self/fd/{{n}}') and os.readlink(f'/proc/self/fd/{{n}}')
        held = [n for n in range(3, 200) if (link(n) or '').replace(':', '/').rpartition('/')[2] in {ours}]
    """)
    kernel.run("""
        for number in held: os.close(number)
        theirs = [open(f'{n}.txt', 'w+') for n in held]
        for file in theirs: file.write('precious'); file.flush(); file.seek(0)
    """)
    for n in range(3):
        assert kernel.text(f"print({n})") == f"{n}\n"
    told = "print(len(held) > 2, {n.fileno() for n in theirs} == {*held}, {file.read() for file in theirs})"
    assert kernel.text(told) == "True True {'precious'}\n"
    project = recorded(kernel)
    assert project.store.value("SELECT count(*) FROM outcome WHERE status = 'ok'") >= 6
    assert "closed the file" in project.store.value(
        "SELECT reason FROM doubt WHERE node = (SELECT max(id) FROM outcome)"
    )
