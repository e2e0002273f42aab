"""Sightings: what the watches saw of a cell beyond what Python itself was heard doing.

Everything that watched folders tell about a path is put together: opened how often, closed after reading or writing,
in which order, made, moved, removed. What Python was heard opening explains a part of it; the rest was done by native
code in this process, by a child of it, or by somebody else.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from io import FileIO

from mlops_nb import hooks
from mlops_nb.capture.files import watches
from mlops_nb.capture.files.hearing import Hearing
from mlops_nb.capture.files.opened import LOGS, base_of, changed_since
from mlops_nb.capture.files.watches import Event

#: Formats that native code in this process writes whole: an existing file is replaced, not depended on.
WHOLE = frozenset(
    {".parquet", ".feather", ".arrow", ".ipc", ".orc", ".avro", ".csv", ".tsv", ".json", ".ndjson", ".jsonl", ".xlsx"}
    | {".npy", ".npz", ".png", ".jpg", ".jpeg", ".pt", ".pth", ".safetensors", ".onnx", ".ubj", ".bin", ".pkl"}
)


@dataclass(slots=True)
class Sighting:
    """What was seen of one path, in order."""

    fresh: bool = False  # it came into being before it was opened
    opens: int = 0
    closes: int = 0
    reads: int = 0
    writes: int = 0
    read_first: bool = False
    removed: bool = False
    late: bool = False  # a handle from an earlier cell was closed after writing
    accessed: bool = False  # a handle from an earlier cell was read
    logged: bool = False  # a database used a log beside its file

    def add(self, mask: int) -> None:
        """Take in the next event."""
        if mask & watches.ACCESS:
            self.accessed = True
        elif mask & watches.CREATE:
            self.fresh |= not self.opens and not self.removed
            self.writes += self.removed
        elif mask & watches.OPEN:
            self.opens += 1
        elif mask & watches.DELETE:
            self.removed = True
        elif self.closes >= self.opens:
            self.late |= bool(mask & watches.CLOSE_WRITE)
        else:
            self.closes += 1
            self.writes += bool(mask & watches.CLOSE_WRITE)
            self.reads += bool(mask & watches.CLOSE_READ)
            self.read_first |= not self.writes and not self.fresh


@dataclass
class Sightings:
    """What was seen while a cell ran."""

    paths: dict[str, Sighting] = field(default_factory=dict)
    listed: set[str] = field(default_factory=set)
    made: list[str] = field(default_factory=list)
    moves: list[tuple[str, str]] = field(default_factory=list)
    overflow: bool = False

    @classmethod
    def of(cls, events: Iterable[Event], is_data: Callable[[str], bool]) -> Sightings:
        """Put events together by path."""
        seen = cls()
        leaving: dict[int, str] = {}
        for mask, path, cookie in events:
            folder = bool(mask & watches.FOLDER)
            if mask & watches.OVERFLOW:
                seen.overflow = True
            elif not folder and not is_data(path):
                continue
            elif mask & watches.MOVED_FROM:
                leaving[cookie] = path
            elif mask & watches.MOVED_TO and cookie in leaving:
                seen.moves.append((leaving.pop(cookie), path))
            elif mask & (watches.MOVED_TO | watches.CREATE) and folder:
                seen.made.append(path)
            elif mask & watches.MOVED_TO:  # from a folder that is not watched
                seen.at(path).add(watches.CREATE)
            elif folder:
                seen.listed |= {path} if mask & watches.OPEN else set()
            elif path.endswith(LOGS) and (base := base_of(path)) != path:
                seen.at(base).logged = True
            else:
                seen.at(path).add(mask)
        for path in leaving.values():
            seen.at(path).removed = True
        return seen

    def at(self, path: str) -> Sighting:
        """Return what was seen of a path."""
        return self.paths.setdefault(path, Sighting())


class Witness:
    """Adds what was only seen to what was heard."""

    def __init__(
        self, hearing: Hearing, began: float, own: set[str] | None, children: Callable[[], bool] = lambda: False
    ) -> None:
        self.heard = hearing.touches
        self.began = began
        self.own = own if own is None else {base_of(path) for path in own}.union(hearing.made)
        self._find_children = children
        self.made = set(hearing.made)
        self.held: set[str] = set()  # what this process still holds open to write
        self._open: dict[str, str] | None = None
        self._aliases: set[str] | None = None

    def tell(self, seen: Sightings) -> None:
        """Add sightings that nothing heard explains."""
        self.made |= set(seen.made)
        for path, sighting in list(seen.paths.items()):
            self._tell(path, sighting)
        for source, target in seen.moves:
            fresh = source in seen.made or (source in seen.paths and seen.paths[source].fresh)
            self._moved(source, target, fresh)

    def _tell(self, path: str, seen: Sighting) -> None:
        touch = self.heard.get(path)
        heard = touch is not None and bool(touch.reads or touch.writes)
        if seen.accessed and not seen.fresh:
            self.heard.read(path)
        if not heard and (self._nobody(path) or self._is_alias(path)):
            return
        mode = self._mode(path) if seen.opens > seen.closes else ""
        if mode == "w":
            self.held.add(path)
        writing = seen.writes or seen.late or seen.logged or seen.fresh or mode == "w"
        wrote = {"wrote"} if writing and changed_since(path, self.began) else set()
        if touch is not None and heard:
            if seen.read_first and seen.reads > touch.reads:
                touch.ways.add("read")
            touch.ways |= wrote
        elif seen.removed and not os.path.exists(path):
            if not seen.fresh:
                self.heard.removed(path)
                self._mark(path, {"read"} if seen.reads else None)
        else:
            self._mark(path, (set() if seen.fresh else self._reads(path, seen, bool(wrote))) | wrote)
            if seen.fresh and touch is not None:
                touch.ways.discard("read")  # by SQL that asked what there is

    def _reads(self, path: str, seen: Sighting, wrote: bool) -> set[str]:
        """Return whether what was there before mattered, as far as that cannot be ruled out."""
        lasting = seen.opens > seen.closes or seen.late or seen.logged
        read = seen.read_first or lasting or (seen.opens > 0 and not wrote) or (wrote and not self._replaced(path))
        return {"read"} if read else set()

    def _moved(self, source: str, target: str, fresh: bool) -> None:
        known = self.heard.get(target)
        if known is not None and known.source == source:
            if fresh:
                self.heard.unmoved(source, target)
        elif (known is None or "wrote" not in known.ways or source in self.heard) and not self._nobody(target):
            self.heard.moved(source, target, os.path.isdir(target), own=fresh)
            for path in {source, target} & self.heard.keys():
                self._mark(path)

    def _mark(self, path: str, ways: set[str] | None = None) -> None:
        """Note how a path was used, and by whom as far as that is known."""
        if ways is None or ways or path in self.heard:
            touch = self.heard.at(path)
            touch.ways |= (ways or set()) - ({"read"} if "wrote" in touch.ways else set())
            touch.foreign = self._is_foreign(path)
            touch.via = "process" if self.own is not None and touch.foreign else "native"

    # -- who it was -------------------------------------------------------------------------------------------

    @functools.cached_property
    def children(self) -> bool:
        """Whether a child of this process may have done something."""
        return self._find_children()

    def _nobody(self, path: str) -> bool:
        """Whether it surely was neither this process nor a child of it."""
        return self.own is not None and self._is_foreign(path) and not self.children

    def _is_foreign(self, path: str) -> bool:
        if self.own is None:
            return True
        while path not in self.own:  # what a new folder held when it was found is of who made the folder
            path = os.path.dirname(path)
            if path not in self.made:
                return True
        return False

    def _replaced(self, path: str) -> bool:
        """Whether a file that was there before was surely written anew; a child may have changed it in place."""
        whole = os.path.splitext(path)[1].lower() in WHOLE
        return whole and not (self._is_foreign(path) and self.children)

    def _is_alias(self, path: str) -> bool:
        """Whether a path was heard under another name, through a link."""
        if self._aliases is None:
            self._aliases = {real for name in self.heard if (real := os.path.realpath(name)) != name}
        return bool(self._aliases) and os.path.realpath(path) in self._aliases

    def _mode(self, path: str) -> str:
        """Return whether this process holds a path open now, to read (``r``) or to write (``w``)."""
        if self._open is None:
            with hooks.unheard():
                self._open = dict(_open_files())
        return self._open.get(os.path.realpath(path), "")


def _open_files() -> Iterable[tuple[str, str]]:
    """Yield the files that this process holds open, those that it reads before those that it writes."""
    found = []
    for number in os.listdir("/proc/self/fd"):
        try:
            path = os.readlink(f"/proc/self/fd/{number}")
            with FileIO(f"/proc/self/fdinfo/{number}") as info:  # and not `open`, which a cell may have replaced
                flags = int(info.read().split(b"flags:")[1].split()[0], 8)
        except (OSError, IndexError, ValueError):
            continue
        found.append((path, "w" if flags & (os.O_WRONLY | os.O_RDWR) else "r"))
    return sorted(found, key=lambda each: each[1])
