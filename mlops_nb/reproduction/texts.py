"""Texts, and the numbers in them."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime

from mlops_nb.reproduction.results import Result
from mlops_nb.reproduction.rungs import Match, apart, different, first_difference, forgiven, near

NUMBER = re.compile(r"(?<![\w.])[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")
ADDRESS = re.compile(r"\b0x[0-9a-fA-F]{6,}\b")
IDENTIFIER = re.compile(r"\bT_[0-9a-f]{5}(?![0-9a-f])|(?<=sk-container-id-)\d+")  # of styled tables and of models
ID = re.compile(r"\b[0-9a-f]{16}\b")
KERNEL = re.compile(r"\bipykernel_\d+")
CLOCK = re.compile(r"\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+)?")
DURATION = re.compile(r"(?m)^(?:CPU times|Wall time): .*$|^.* per loop \(mean (?:±|\+-) std\. dev\. of .*\)$")
SLOWEST = re.compile(r"(?m)^The slowest run took .* times longer than the fastest\..*\n?")  # %timeit says it or not
DAY = 86400.0


def texts(then: Result, now: Result, rtol: float) -> Match:
    """Compare two texts, without what changes from run to run."""
    before, after = (side.read().decode(errors="replace") for side in (then, now))
    left_out = []
    for what, strip in STRIPPED.items():
        shorter = strip(before, then), strip(after, now)
        if shorter != (before, after):
            before, after = shorter
            left_out.append(what)
        if before == after:
            return forgiven(" and ".join(left_out))
    return numbers(before, after, rtol) or different(first_difference(before, after))


def _clock(text: str, side: Result) -> str:
    """Take out the moments that lie within a day of the cell's run: those are the clock, others are data."""

    def told(found: re.Match[str]) -> str:
        moment = datetime.fromisoformat(found[0]).timestamp()
        return "<clock>" if side.began - DAY <= moment <= side.ended + DAY else found[0]

    return CLOCK.sub(told, text)


def _ids(text: str, side: Result) -> str:
    """Take out the IDs of what is in the store of the run that showed them."""
    store = side.project.store
    known = {found for found in set(ID.findall(text)) if store.value("SELECT 1 FROM node WHERE public = ?", found)}
    return ID.sub(lambda found: "<id>" if found[0] in known else found[0], text)


STRIPPED: dict[str, Callable[[str, Result], str]] = {
    "where the project lies": lambda text, side: text.replace(str(side.project.root), "<project>"),
    "addresses in memory": lambda text, _: ADDRESS.sub("<address>", text),
    "identifiers": lambda text, side: IDENTIFIER.sub("<id>", _ids(text, side)),
    "the number of the kernel's process": lambda text, _: KERNEL.sub("ipykernel_<process>", text),
    "the clock": _clock,
    "durations": lambda text, _: DURATION.sub("<duration>", SLOWEST.sub("", text)),
}


def numbers(before: str, after: str, rtol: float) -> Match | None:
    """Compare two texts whose numbers may differ a little."""
    if rtol <= 0 or NUMBER.split(before) != NUMBER.split(after):
        return None
    pairs = list(zip(map(float, NUMBER.findall(before)), map(float, NUMBER.findall(after)), strict=True))
    return near(max((apart(a, b) for a, b in pairs), default=0.0), rtol)
