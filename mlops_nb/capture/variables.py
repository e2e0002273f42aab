"""Variables: each value that a name has had is a node of its own, made by one cell and read by others.

A cell makes a new version of a name when it binds it, and when the value behind it changed in place, whoever changed
it and through whichever name: the versions that follow each other so are joined by an edge ``became``. What a cell may
have changed is what can be reached from the names it used, functions' globals included; only that is looked at again.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

from mlops_nb import ids
from mlops_nb.capture import nodes
from mlops_nb.capture.dataflow import Names
from mlops_nb.capture.values.eyes import Eyes
from mlops_nb.capture.values.kinds import kind_of
from mlops_nb.capture.values.looks import EVERYTHING, NOTHING, SEEDS, Look
from mlops_nb.store.db import Store

#: Names that IPython keeps for itself.
OWN = frozenset(
    {"In", "Out", "_", "__", "___", "_i", "_ii", "_iii", "_ih", "_oh", "_dh", "exit", "quit", "get_ipython", "open"}
)
RESULT = re.compile(r"_\d+")
INPUT = re.compile(r"_i\d*|_ii|_iii|_ih|_dh|In")
#: Kinds of objects whose attributes are stored into without a look at them showing it.
SILENT = frozenset({"module", "class", "function", "static", "live", "opaque"})


@dataclass(slots=True)
class Version:
    """What a name is bound to now: its node, who its object is, and what it was when it was last seen."""

    node: int
    identity: int
    look: Look
    absent: bool = False  # the name was deleted
    fresh: bool = False  # as an import brought it


@dataclass(frozen=True)
class Made:
    """A version that a cell made: its node, its name, its kind of node, what it became from, and any doubt."""

    node: int
    name: str
    kind: str
    became: int | None = None
    doubt: str | None = None


@dataclass(frozen=True)
class Touched:
    """What a cell read (nodes by name), and the versions that it made."""

    read: dict[str, int] = field(default_factory=dict)
    made: list[Made] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)  # about the cell itself
    seeds: bool = False  # whether a function that it used may set a random state


class Variables:
    """The present version of each name of a notebook."""

    def __init__(self, store: Store, eyes: Eyes) -> None:
        self.store = store
        self.eyes = eyes
        self.known: dict[str, Version] = {}
        self.holders: dict[int, set[str]] = {}  # by identity of what can change: the names that lead to it
        self.newest: str | None = None  # the name that came last into the namespace
        self.results: list[str] = []  # the last results, as _N
        self.adopted: dict[int, Made] = {}  # what was there before anybody looked, recorded when a cell reads it

    def adopt(self, namespace: dict[str, Any], why: str) -> None:
        """Know every name as it is now, made by nobody: ``why`` is what is said of those whose past is not known."""
        self.newest = next(reversed(namespace), None)
        for name in [*self.known, *namespace]:
            if type(name) is not str or name.startswith("_") or name in OWN:
                continue
            version = self.known.get(name)
            if name not in namespace:
                self._forget(name)
            elif version is None or not self._is_still(version, namespace[name]):
                version = self._know(name, namespace[name], self.store.next_id())
                version.fresh = type(namespace[name]) is ModuleType
                node = version.node
                self.adopted[node] = Made(node, name, "variable", doubt=f"{name} {why}")

    def _is_still(self, version: Version, value: Any) -> bool:
        if version.absent or version.identity != id(value):
            return False
        look = self.eyes.look(value, version.look)
        return look.print is not None and look.print == version.look.print

    # -- after a cell -----------------------------------------------------------------------------------------

    def after(self, names: Names, namespace: dict[str, Any], *, failed: bool, sweep: bool) -> Touched:
        """Return what a cell read and made, from its names and from what the namespace became.

        Args:
            names: what its syntax says
            namespace: the notebook's
            failed: whether it raised, so that not everything in it ran
            sweep: whether anything may have changed besides what it used, as while a thread runs
        """
        copied = {name: self.known[name].node for name in names.copies if name in self.known}
        used = self._closure({*names.reads, *names.changes, *self._results(names)})
        fresh = [name for name in _newer(namespace, self.newest) if _is_tracked(name)]
        everything = names.everything or EVERYTHING in used
        if everything:
            used |= self.known.keys()
        old = {name: self.known[name] for name in used | names.binds if name in self.known}
        suspects = {*used, *names.binds, *names.deletes, *fresh, *(self.known if sweep else ())}
        if names.imports:  # what is imported becomes an attribute of the package that it is in
            suspects |= {name for name in self.known if type(namespace.get(name)) is ModuleType}
        if everything:
            suspects |= {name for name in namespace if _is_tracked(name)}
        bound = self._bound(names, namespace, suspects, failed)
        seen = frozenset().union(*(version.look.reach for name, version in old.items() if name in used))
        looks = {name: self.eyes.look(namespace[name]) for name in sorted(bound)}
        found = frozenset().union(*(look.reach for look in looks.values()))
        hidden = self._hidden(found - seen)
        made = [self._bind(name, namespace, names, look) for name, look in looks.items()]
        made += self._lost(names, namespace, suspects)
        reach = found.union(*(version.look.reach for version in old.values()))
        near = suspects.union(*(self.holders[number] for number in reach if number in self.holders))
        near = near.difference(bound)
        # who else holds an object may be why a cell failed: a buffer that is looked at cannot grow
        sharing = {name: self.known[name].node for name in near if name in self.known} if failed else {}
        made += self._changed(names, namespace, near)
        self.newest = next(reversed(namespace), None)
        called = frozenset().union(*(old[name].look.globals for name in used if name in old))
        first = names.binds - names.reads - called  # bound before anything could have read it
        skipped = set() if everything else first & bound
        reads = {name: version.node for name, version in old.items() if name in used and name not in skipped}
        reads |= {name: old[name].node for name in names.maybe | (names.binds if failed else set())
                  if name in old and name not in bound}  # fmt: skip
        reads = {**hidden, **sharing, **copied, **reads}
        doubts = ["it reads the history of its session"] if any(map(INPUT.fullmatch, names.reads)) else []
        self._remember_result(fresh)
        needed = [*reads.values(), *(version.became for version in made if version.became is not None)]
        adopted = [self.adopted.pop(node) for node in dict.fromkeys(needed) if node in self.adopted]
        return Touched(reads, [*adopted, *made], doubts, SEEDS in used)

    def _closure(self, names: Iterable[str]) -> set[str]:
        """Extend names by those that functions behind them use when they are called."""
        found: set[str] = set()
        pending = list(names)
        while pending:
            name = pending.pop()
            if name not in found:
                found.add(name)
                if (version := self.known.get(name)) is not None:
                    pending.extend(version.look.globals)
        return found

    def _bound(self, names: Names, namespace: Mapping[str, Any], suspects: set[str], failed: bool) -> set[str]:
        """Return the names that were bound: surely by the syntax, or seen by another object behind them."""
        found = set()
        for name in suspects:
            if name in OWN or name not in namespace:
                continue
            version = self.known.get(name)
            sure = name in names.binds and name not in names.maybe and not failed
            sure = sure or name in names.rebinds
            if sure or version is None or version.absent or version.identity != id(namespace[name]):
                found.add(name)
        return found

    def _hidden(self, reach: frozenset[int]) -> dict[str, int]:
        """Return the nodes, by name, that lead to objects which a cell got hold of without using any of their names.

        A module, a registry or a current figure has handed them out; what an import brought and nobody changed comes
        again with any import.
        """
        found = set().union(*(self.holders[number] for number in reach if number in self.holders))
        return {name: version.node for name in found if not (version := self.known[name]).fresh}

    def _bind(self, name: str, namespace: Mapping[str, Any], names: Names, look: Look) -> Made:
        kind = "import" if name in names.imports else "result" if RESULT.fullmatch(name) else "variable"
        version = self._know(name, namespace[name], self.store.next_id(), look)
        version.fresh = kind == "import"
        return Made(version.node, name, kind, doubt=version.look.doubt)

    def _lost(self, names: Names, namespace: Mapping[str, Any], suspects: set[str]) -> list[Made]:
        """Return the absences that deleting names made: a cell may depend on a name not being there."""
        made = []
        for name in sorted(suspects):
            version = self.known.get(name)
            if version is not None and name not in namespace and not version.absent:
                self._forget(name)
                node = self.store.next_id()
                self.known[name] = Version(node, 0, NOTHING, absent=True)
                made.append(Made(node, name, "absence"))
        return made

    def _changed(self, names: Names, namespace: Mapping[str, Any], near: set[str]) -> list[Made]:
        """Look again at what may have changed, and return the versions that did."""
        silent = {id(namespace[name]) for name in names.changes
                  if name in namespace and kind_of(type(namespace[name])).partition(":")[0] in SILENT}  # fmt: skip
        made = []
        for name in sorted(near):
            version = self.known.get(name)
            if version is None or version.absent or name not in namespace:
                continue
            value = namespace[name]
            look = self.eyes.look(value, version.look)
            if look.print is not None and look.print == version.look.print and not (silent & look.reach):
                if look.pins or look.reach != version.look.reach:  # equal values in another place
                    self._know(name, value, version.node, look).fresh = version.fresh
                continue
            node = self.store.next_id()
            kind = "result" if RESULT.fullmatch(name) else "variable"
            made.append(Made(node, name, kind, version.node, look.doubt))
            self._know(name, value, node, look)
        return made

    def _know(self, name: str, value: Any, node: int, look: Look | None = None) -> Version:
        self._forget(name)
        look = look or self.eyes.look(value)
        self.known[name] = version = Version(node, id(value), look)
        for number in look.reach:
            self.holders.setdefault(number, set()).add(name)
        return version

    def _forget(self, name: str) -> None:
        version = self.known.pop(name, None)
        if version is None:
            return
        for number in version.look.reach:
            holders = self.holders[number]
            holders.discard(name)
            if not holders:
                del self.holders[number]

    # -- results ----------------------------------------------------------------------------------------------

    def _results(self, names: Names) -> Iterator[str]:
        """Yield the results that a cell reads: ``_`` and its like, and ``Out``."""
        for name, back in (("_", 1), ("__", 2), ("___", 3)):
            if name in names.reads and len(self.results) >= back:
                yield self.results[-back]
        yield from (f"_{number}" for number in names.outs)
        if names.reads & {"Out", "_oh"}:
            yield from (name for name in self.known if RESULT.fullmatch(name))

    def _remember_result(self, fresh: Iterable[str]) -> None:
        self.results = [*self.results, *(name for name in fresh if RESULT.fullmatch(name))][-3:]

    # -- recording --------------------------------------------------------------------------------------------

    def record(self, execution: int, touched: Touched) -> None:
        """Record, inside a transaction, what a cell read and made."""
        for made in touched.made:
            nodes.add_node(self.store, made.kind, made.name, number=made.node, public=ids.new_id())
            if made.node > execution:
                nodes.add_edge(self.store, execution, made.node, "wrote")
            if made.became is not None:
                nodes.add_edge(self.store, made.became, made.node, "became")
            if made.doubt is not None:
                nodes.add_doubt(self.store, made.node, made.doubt)
        for number in touched.read.values():
            nodes.add_edge(self.store, number, execution, "read")
        for doubt in touched.doubts:
            nodes.add_doubt(self.store, execution, doubt)


def _is_tracked(name: str) -> bool:
    if type(name) is not str:  # a namespace is a dict, and takes anything
        return False
    return name not in OWN and (not name.startswith("_") or RESULT.fullmatch(name) is not None)


def _newer(namespace: dict[str, Any], newest: str | None) -> list[str]:
    """Return the names that a namespace has got since one was its newest: a dict keeps the order of coming."""

    def until_known(names: Iterator[str]) -> list[str]:
        return list(itertools.takewhile(lambda name: name != newest, names))

    if newest not in namespace:
        return []  # it was deleted meanwhile; what the code itself binds is known anyway
    try:
        return until_known(reversed(namespace))
    except RuntimeError:  # another thread binds names at this moment
        return until_known(reversed(list(namespace)))
