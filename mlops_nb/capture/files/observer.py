"""Which files a cell used, in which ways, and what could not be seen of it.

Two witnesses. What Python itself does is heard exactly, through audit events, in order and with its mode (``hearing``).
What native code and child processes do is seen by watching folders: the project, the folders of every file ever opened,
and those that the code names (``watches``). Where it cannot be told who did something, it counts, and is marked as
possibly foreign.
"""

from __future__ import annotations

import contextlib
import os
import re
import sys
import time
from dataclasses import dataclass, field
from io import FileIO
from pathlib import Path

from mlops_nb import hooks
from mlops_nb.capture.files import partitions, watches
from mlops_nb.capture.files.hearing import Hearing
from mlops_nb.capture.files.opened import Hashes, Mark, Opened, changed_since, state_of
from mlops_nb.capture.files.places import Places
from mlops_nb.capture.files.remotes import Remotes
from mlops_nb.capture.files.sightings import Sightings, Witness
from mlops_nb.capture.files.touches import Touch, Touches
from mlops_nb.capture.files.watches import Event, Watches

__all__ = ["FileObserver", "Opened"]

#: Modules that start processes without an audit event.
FORKERS = frozenset(
    {"multiprocessing.popen_spawn_posix", "multiprocessing.popen_forkserver", "joblib.externals.loky.process_executor"}
)
NAMED = re.compile(r"""["'](~?/[^"'\n]+|\.\.?/[^"'\n]*)["']""")
ASKS = re.compile(r"\b(?:l?exists|is_?file|is_?dir|is_?link|getsize|getmtime|stat|access)\s*\(")
PINNED = 100  # files of one cell that are held open until they are hashed
BELOW = 2  # levels below a folder that the code names which are watched


@dataclass
class FileObserver:
    """Collects the files used while a cell runs."""

    root: str
    began: float = 0.0
    listed: list[str] = field(default_factory=list)  # folders whose content the last cell asked for
    doubts: list[str] = field(default_factory=list)  # what of the last cell could not be seen
    written: set[str] = field(default_factory=set)  # by any cell of this session

    def __post_init__(self) -> None:
        self.places = Places(self.root)
        self.watches = Watches()
        self.hashes = Hashes(self.watches)
        self.hearing = Hearing(self.places)
        self.remotes = Remotes(self._query)
        self._held: dict[str, tuple[Mark, ...]] = {}
        self._datasets: set[str] = set()
        self._children = self._before = False  # alive when the last cell ended, and the one before it

    def start(self) -> None:
        """Listen and watch from now on; what is not part of a cell is forgotten."""
        self.watches.open()
        self.watches.add_tree(self.root)
        self.watches.add(os.getcwd())
        self.hearing.start()
        self.remotes.start()

    def stop(self) -> None:
        """Stop listening and watching."""
        self.hearing.stop()
        self.remotes.stop()
        self.watches.close()

    @property
    def blind(self) -> str | None:
        """Why not everything can be seen, if so."""
        return "the folders of the project are not all watched yet" if self.watches.walking else self.watches.blind

    def begin(self, source: str = "") -> None:
        """Forget what was seen, and watch; the folders that the source names too."""
        for name in NAMED.findall(source):
            self._watch_named(os.path.abspath(os.path.expanduser(name)))
        self.watches.drain()
        for path in self._held:
            self.watches.await_access(path)
        self.remotes.begin()
        self.hearing.begin()
        if ASKS.search(source):
            self.hearing.asked.add(os.getcwd())
        self.began = time.time()

    def end(self) -> list[Opened]:
        """Return what the cell used; :attr:`listed` and :attr:`doubts` say what it asked for, and what was not seen.

        A file that is not there counts where the cell read it in the project: it was removed since, or its absence
        was seen. Elsewhere that is Python looking for its own parts.
        """
        heard, remote = self.hearing, self.remotes.end()
        heard.on = False
        self._before = self._children
        if heard.spawned or self._before:
            self._children = _children()
        events, own = self.watches.drain()
        self.listed, self.doubts = [], [self.blind] if self.blind else []
        touches = heard.touches
        if self._held:
            self._look_at_held(touches)
        if events or touches or heard.made or heard.asked or heard.visited:
            seen = Sightings.of([*events, *self._unwatched(touches)], self.places.is_data)
            if seen.overflow:
                self.doubts.append("so many files were opened that some were not seen")
            witness = Witness(heard, self.began, own, self._have_children)
            witness.tell(seen)
            self._hold(witness.held, seen)
            self._datasets |= partitions.fold(touches, seen, heard, self._datasets)
            self.listed = sorted(folder for folder in heard.asked if self.places.is_asked(folder))
        if heard.failed:
            self.doubts.append(heard.failed)
            heard.failed = None
        return self._opened(touches) + self._opened(remote)

    # -- what is watched --------------------------------------------------------------------------------------

    def _watch_named(self, path: str) -> None:
        folder = path if os.path.isdir(path) else os.path.dirname(path)
        if folder != "/" and not self.watches.covers(folder) and self.places.is_asked(folder):
            self.watches.add_tree(folder, BELOW if folder == path else 0)

    def _unwatched(self, touches: Touches) -> list[Event]:
        """Watch the folders that Python made or used in this cell, and return what is in those it made."""
        found: list[Event] = []
        for folder in self.hearing.made:
            if self.places.is_asked(folder) and not self.watches.covers(folder):
                found += self.watches.discover(folder)
        for folder in {*self.hearing.visited, *(os.path.dirname(path) for path in touches)}:
            self.watches.add(folder)
        return [event for event in found if event.mask & watches.FOLDER or changed_since(event.path, self.began)]

    def _have_children(self) -> bool:
        """Whether a child of this process may have used files in this cell."""
        self._children = _children()
        return self._before or self._children or self.hearing.spawned or any(name in sys.modules for name in FORKERS)

    # -- what stays open --------------------------------------------------------------------------------------

    def _hold(self, held: set[str], seen: Sightings) -> None:
        for path in [path for path, sighting in seen.paths.items() if sighting.late and path not in held]:
            self._held.pop(path, None)
        self._held |= {path: () for path in held if path not in self._held}

    def _look_at_held(self, touches: Touches) -> None:
        """Find what was written through a handle that an earlier cell opened."""
        for path, before in list(self._held.items()):
            now = state_of(path)
            if before and now != before:
                touch = touches.at(path)
                touch.ways |= {"wrote"} if touch.ways == {"wrote"} else {"read", "wrote"}
            self._held[path] = now

    def _query(self, path: str, wrote: bool) -> None:
        touch = self.hearing.touches.read(path)
        touch.kind, touch.via = "database", "sql"
        if wrote:
            touch.ways.add("wrote")

    # -- what comes of it -------------------------------------------------------------------------------------

    def _opened(self, touches: Touches) -> list[Opened]:
        targets = {touch.source: path for path, touch in touches.items() if touch.source}
        for source, target in targets.items():
            if os.path.exists(source) and "wrote" not in touches[source].ways:  # the move failed
                touches.unmoved(source, target)
                touches[target].ways.discard("wrote")
        found = []
        for path, touch in touches.items():
            if touch.kind == "external":
                found.append(
                    Opened(Path(), touch.ways, self.began, False, self.hashes, "external", touch.via, name=path)
                )
            elif self._counts(path, touch):
                moved = targets.get(path) if "removed" in touch.ways else None
                found.append(
                    Opened(
                        Path(path), touch.ways, self.began, path in self.written, self.hashes,
                        self.places.kind(path) if touch.kind == "file" else touch.kind, touch.via, touch.foreign,
                        source=Path(touch.source) if touch.source else None, suffixes=touch.suffixes,
                        target=Path(moved) if moved else None,
                    )
                )  # fmt: skip
        for opened in found[:PINNED]:
            opened.pin()
            if opened.pending:
                self.hearing.await_hash(opened)
        self.written |= {path for path, touch in touches.items() if "wrote" in touch.ways}
        return found

    def _counts(self, path: str, touch: Touch) -> bool:
        if os.path.isdir(path) if touch.kind == "directory" else os.path.isfile(path):
            touch.ways.discard("removed")
            return bool(touch.ways)
        touch.ways.discard("wrote")
        return "removed" in touch.ways or ("read" in touch.ways and self.places.inside(path))


def _children() -> bool:
    """Whether this process has a child now; where the system does not tell, it may have."""
    if not os.path.exists(f"/proc/self/task/{os.getpid()}/children"):
        return True
    with hooks.unheard():
        for thread in os.listdir("/proc/self/task"):  # it may end meanwhile
            with (
                contextlib.suppress(OSError),
                FileIO(f"/proc/self/task/{thread}/children") as found,
            ):  # it may have ended
                if found.read():
                    return True
    return False
