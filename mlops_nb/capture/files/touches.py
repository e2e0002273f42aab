"""Touches: how a cell used each path, the first use deciding whether what was there before matters."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class Touch:
    """What a cell did with one path, and how often Python was heard opening it to read and to write."""

    ways: set[str] = field(default_factory=set)
    kind: str = "file"
    via: str = "python"
    foreign: bool = False
    source: str | None = None  # where it was moved from
    reads: int = 0
    writes: int = 0
    suffixes: tuple[str, ...] = ()


class Touches(dict[str, Touch]):
    """The paths that a cell used, in the order in which it first did."""

    def at(self, path: str) -> Touch:
        """Return the touch of a path, a new one if there is none."""
        touch = self.get(path)
        if touch is None:
            touch = self[path] = Touch()
        return touch

    def read(self, path: str) -> Touch:
        """Note that a path was read; what the cell wrote itself is no input of it."""
        touch = self.at(path)
        if "wrote" not in touch.ways:
            touch.ways.add("read")
        return touch

    def wrote(self, path: str) -> Touch:
        """Note that a path was written."""
        touch = self.at(path)
        touch.ways.add("wrote")
        return touch

    def removed(self, path: str) -> None:
        """Note that a path was removed; what the cell itself had made leaves no trace."""
        touch = self.at(path)
        if touch.ways == {"wrote"}:
            del self[path]
        else:
            touch.ways.discard("wrote")
            touch.ways.add("removed")

    def moved(self, source: str, target: str, folder: bool = False, own: bool = False) -> None:
        """Note that a path, and all below it, has another name now; of the cell's own making no trace is left."""
        below = f"{source}/"
        for path in [path for path in self if path == source or path.startswith(below)]:
            if self[path].ways == {"wrote"}:
                own |= path == source
                self._take(path, target + path[len(source) :])
        if own:
            return
        before, after = self.at(source), self.wrote(target)
        before.ways |= {"read", "removed"}
        after.source = source
        if folder:
            before.kind = after.kind = "directory"

    def _take(self, source: str, target: str) -> None:
        made, known = self.pop(source), self.get(target)
        if known is not None:
            made.ways |= known.ways & {"read"}
        self[target] = made

    def unmoved(self, source: str, target: str) -> None:
        """Note that what was moved had been made by the cell itself after all, or was not moved."""
        touch = self.get(source)
        if touch is not None:
            touch.ways -= {"read", "removed"}
            if not touch.ways:
                del self[source]
        if target in self:
            self[target].source = None
