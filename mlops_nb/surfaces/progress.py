"""Progress of a job: a bar where someone watches, plain lines where the output is kept."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator

from mlops_nb.verbs import Progress


@contextlib.contextmanager
def shown() -> Iterator[Progress]:
    """Yield a progress callback that draws on standard error."""
    with _bars() if sys.stderr.isatty() else contextlib.nullcontext(_lines()) as progress:
        yield progress


@contextlib.contextmanager
def _bars() -> Iterator[Progress]:
    from tqdm import tqdm

    bars: dict[str, tqdm] = {}  # type: ignore[type-arg]  # tqdm is generic in its stubs only

    def progress(what: str, done: int, total: int) -> None:
        if what not in bars:
            bars[what] = tqdm(total=total, desc=what, unit="cell", leave=True, bar_format="{desc:<16} {bar} {elapsed}")
        bar = bars[what]
        if done < total or total == 0:
            bar.total = total
            bar.update(done - bar.n)
        else:
            bar.update((bar.total or total) - bar.n)
            bar.close()

    try:
        yield progress
    finally:
        for bar in bars.values():
            bar.close()


def _lines() -> Progress:
    begun: set[str] = set()

    def progress(what: str, done: int, total: int) -> None:
        if done >= total > 0:
            sys.stderr.write(f"{what}: {'done' if what in begun else 'cached'}\n")
        elif what not in begun:
            begun.add(what)
            sys.stderr.write(f"{what}: {f'running {total} cells' if total else 'under way'}\n")
        sys.stderr.flush()

    return progress
