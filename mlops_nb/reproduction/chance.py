"""Chance: which results come out otherwise each time, and from what.

Two replays differ in nothing but the order of sets (``PYTHONHASHSEED``). What differs between them is chance, and no
change of anything. Its sources are named: what was recorded (numbers drawn without a seed, addresses that were asked),
and what the cells behind the result call (the clock, the entropy of the machine, threads). Where neither names one, a
third replay in the order of the first tells the order of sets from what happens inside a library.

A seed does not make the record come out again: nobody knows under which it was made. Two replays under one seed show
whether the rest (cells, inputs, packages) determines the results.
"""

from __future__ import annotations

import ast
import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from mlops_nb.lineage.slices import Trace
from mlops_nb.pipelines.engine import Engine
from mlops_nb.reproduction.matching import match
from mlops_nb.reproduction.places import Place
from mlops_nb.reproduction.replays import replayed
from mlops_nb.reproduction.results import Key, Result, results
from mlops_nb.reproduction.rungs import DIFFERENT
from mlops_nb.reproduction.seeds import hashed, under
from mlops_nb.reproduction.stages import Script
from mlops_nb.verbs import Progress

CLOCK, ENTROPY, THREADS = "the clock", "the machine's entropy", "threads"
ORDER = "the order of sets, which PYTHONHASHSEED fixes"
#: What calls read a source of chance, by the end of their dotted name.
CALLS = {
    **dict.fromkeys(("time", "time.time", "time_ns", "perf_counter", "perf_counter_ns", "monotonic", "process_time",
                     "datetime.now", "datetime.utcnow", "datetime.today", "date.today", "Timestamp.now",
                     "Timestamp.today", "Timestamp.utcnow", "time.strftime", "localtime", "gmtime", "ctime"), CLOCK),
    **dict.fromkeys(("uuid1", "uuid4", "urandom", "getrandom", "SystemRandom", "token_hex", "token_bytes",
                     "token_urlsafe", "randbits", "randbelow", "secrets.choice"), ENTROPY),
    **dict.fromkeys(("ThreadPoolExecutor", "ProcessPoolExecutor", "ThreadPool", "Pool", "Thread", "Parallel"), THREADS),
}  # fmt: skip


@dataclass
class Chance:
    """The results in which two replays differ, those of them that the order of sets explains, and what a seed does.

    ``fixed`` says whether all of them come out the same each time under a seed, None where none was given.
    """

    keys: set[Key]
    order: set[Key] = field(default_factory=set)
    fixed: bool | None = None


def examine(
    script: Script,
    now: Mapping[Key, Result],
    rtol: float,
    seed: int | None,
    place: Place,
    engine: Engine,
    progress: Progress,
) -> Chance:
    """Run a slice once more, and as often as it takes to know where what differs comes from.

    Args:
        script: the slice
        now: what came of its first replay, under ``hashed(1, …)``; its stage is still there
        rtol: how far numbers may differ, relative to the larger one
        seed: whether it comes out the same each time under this
        place: in which environment it runs
        engine: what runs it
        progress: told how far each run is

    Raises:
        StepFailed: the process that runs it died.
    """

    @contextlib.contextmanager
    def run(what: str, variables: Mapping[str, str]) -> Iterator[dict[Key, Result]]:
        with replayed(script, lambda done, total: progress(what, done, total), place, engine, variables) as replay:
            yield results(replay.project, replay.executions)

    with run("once more", hashed(2, place.variables)) as twice:
        found = Chance(_apart(now, twice, rtol))
    if hashed(1, place.variables) and any(not sources(script, key) for key in found.keys):
        with run("in the same order of sets", hashed(1, place.variables)) as third:
            found.order = found.keys - _apart(now, third, rtol)
    if found.keys and seed is not None:
        with run("under the seed", under(seed)) as once, run("under the seed again", under(seed)) as again:
            found.fixed = not _apart(once, again, rtol) & found.keys
    return found


def _apart(once: Mapping[Key, Result], twice: Mapping[Key, Result], rtol: float) -> set[Key]:
    """Return the results in which two replays differ from each other."""
    lost = once.keys() ^ twice.keys()
    return lost | {key for key in once.keys() & twice.keys() if match(once[key], twice[key], rtol).verdict == DIFFERENT}


def sources(script: Script, key: Key) -> list[str]:
    """Return the sources of chance that a result is known to come from, each with its cell."""
    trace, found = Trace(script.facts).back_from(executions=[script.executions[key[0]]]), []
    doubts = script.facts.doubts
    for step in trace.steps:
        recorded = [*doubts.get(step.number, ())]
        recorded += [why for made in script.facts.made.get(step.number, ()) for why in doubts.get(made, ())]
        recorded += [f"asked {thing.place}" for thing in script.facts.used(step.number) if thing.scheme == "url"]
        found += [f"cell [{step.count}]: {why}" for why in dict.fromkeys([*recorded, *called(step.source)])]
    return found


def called(source: str) -> list[str]:
    """Return the sources of chance that the calls in a cell read, with the first call of each."""
    found: dict[str, str] = {}
    try:
        tree = ast.parse("\n".join(line for line in source.splitlines() if not line.lstrip().startswith(("%", "!"))))
    except SyntaxError:
        return []
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        name = ast.unparse(node.func)
        last = name.rpartition(".")[2]
        for end in (name, ".".join(name.split(".")[-2:]), last if last != "time" else name):  # many things have a time
            if end in CALLS:
                found.setdefault(CALLS[end], name)
        if any(word.arg == "n_jobs" and ast.unparse(word.value) not in ("1", "None") for word in node.keywords):
            found.setdefault(THREADS, f"{name}(n_jobs=…)")
    return [f"it {'runs' if what == THREADS else 'reads'} {what} ({name})" for what, name in found.items()]


def told(script: Script, chance: Chance) -> str:
    """Say of the first result that is made by chance which cell makes it, from what, and what a seed does."""
    key = min(chance.keys)
    why = sources(script, key) + ([ORDER] if key in chance.order else [])
    known = "; ".join(why) or "from nothing that is known: not the order of sets, perhaps threads inside a library"
    cell = script.slice.cells[key[0]].execution_count
    said = f"cell [{cell}] makes another {key[2]} each time it runs ({known})"
    if chance.fixed is None:
        return said
    if chance.fixed:
        return f"{said}; under the seed it comes out the same each time, which was not compared with the record"
    return f"{said}; under the seed it comes out otherwise each time too, so a seed does not fix it"
