"""What capture costs the demo's notebooks: all five, in order, each in a kernel of its own.

A round runs each notebook three times, one after the other, in a folder for each side: with ``%load_ext mlops_nb`` as
it is written, without that line, and once more without it. The two sides without are the same, so what they differ by
is the noise of the machine. Which side goes first changes from round to round.

Measured is the CPU, user and system, of the kernel's process with all its threads and children, from the end of the
first cell (its imports, and the loading of the extension, which has a benchmark of its own) until everything is
committed. Each notebook counts with its median over the rounds.
"""

from __future__ import annotations

import os
import shutil
import statistics
from collections import defaultdict
from pathlib import Path

from mlops_nb.capture import notebooks
from tests.conftest import Kernel

STORY = Path(__file__).parents[2] / "notebooks" / "flights"
NAMES = ("01-ingest", "02-features", "03-train", "04-evaluate", "05-monitor")
SIDES = ("with", "without", "again")
ROUNDS = int(os.environ.get("MLOPS_BENCH_ROUNDS", "5"))

#: Leaves no name behind. It opens the project, which a notebook without capture would do in its first cell of ours.
CPU = """
__import__("mlops_nb.project", fromlist=["current"]).current().store.flush()
print(sum(sum(__import__("resource").getrusage(who)[:2]) for who in (0, -1)))  # of itself and of its children
"""


def _spent(kernel: Kernel) -> float:
    """Return the kernel's CPU seconds so far, by a request that is no cell."""
    (shown,) = kernel.outputs(kernel.send(CPU, silent=True))
    return float(shown["text"])


def _cost(folder: Path, name: str, side: str) -> float:
    """Return the CPU seconds of a notebook's cells after the first."""
    kernel = Kernel(folder, {"OMP_NUM_THREADS": "1"})
    try:
        sources = [cell.source for cell in notebooks.read(folder / f"{name}.ipynb").code]
        if side != "with":
            sources[0] = sources[0].replace("%load_ext mlops_nb", "")
        kernel.text(sources[0])
        before = _spent(kernel)
        for source in sources[1:]:
            kernel.text(source)
        return _spent(kernel) - before
    finally:
        kernel.stop()


def _round(root: Path, number: int) -> dict[str, list[float]]:
    """Return the CPU seconds of each notebook, side by side."""
    places = {side: shutil.copytree(STORY, root / f"{number}-{side}") for side in SIDES}
    found: dict[str, list[float]] = defaultdict(list)
    for name in NAMES:
        order = SIDES[number % 3 :] + SIDES[: number % 3]
        costs = {side: _cost(places[side], name, side) for side in order}
        found[name] = [costs[side] for side in SIDES]
    for place in places.values():
        shutil.rmtree(place)
    return found


def test_capture_costs_the_flights_little(benchmark, figure, tmp_path):
    rounds = [benchmark.pedantic(lambda: _round(tmp_path, 0), rounds=1)]
    rounds += [_round(tmp_path, number) for number in range(1, ROUNDS)]
    medians = {name: [statistics.median(each[name][side] for each in rounds) for side in range(3)] for name in NAMES}
    with_, without, again = (sum(medians[name][side] for name in NAMES) for side in range(3))
    totals = [[sum(each[name][side] for name in NAMES) for side in range(3)] for each in rounds]
    noise = [twice / once for _, once, twice in totals]
    figure("capture of the five flights notebooks", with_ / without, "times", "< 1.03")
    figure("  the same without capture, twice (noise)", again / without, "times", "1")
    figure("  the noise of one round, at least", min(noise), "times", "")
    figure("  the noise of one round, at most", max(noise), "times", "")
    figure("  all five without capture", without, "s", "")
    for name in NAMES:
        figure(f"  {name}", medians[name][0] / medians[name][1], "times", "")
