"""What one run recorded, read once: its executions, the versions they read and made, and every doubt.

Slices and verdicts walk back and forth over these facts; asking the store at each step would cost a query a step.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from mlops_nb.capture.nodes import OVERWRITTEN, VERSIONS
from mlops_nb.project import Project
from mlops_nb.store.db import Store


@dataclass(frozen=True)
class Step:
    """One outermost execution of a cell: its row ID, public ID, cell, count, source and how it ended."""

    number: int
    id: str
    cell: str | None
    count: int | None
    source: str
    status: str
    error: str | None


@dataclass(frozen=True)
class Named:
    """A file, dataset or model that a cell read or wrote under a reference, as ``file:data.csv``.

    ``content`` is the hash of a file, where it is certain.
    """

    node: int
    scheme: str
    place: str
    content: str | None = None

    @property
    def reference(self) -> str:
        """The reference, as it is written."""
        return f"{self.scheme}:{self.place}"


@dataclass
class RunFacts:
    """The facts of one run; versions and executions are row IDs, which are in the order of time."""

    steps: dict[int, Step] = field(default_factory=dict)
    reads: dict[int, list[int]] = field(default_factory=lambda: defaultdict(list))  # versions by execution
    named: dict[int, list[Named]] = field(default_factory=lambda: defaultdict(list))  # things read by execution
    makers: dict[int, int] = field(default_factory=dict)  # execution by version
    made: dict[int, list[int]] = field(default_factory=lambda: defaultdict(list))  # versions by execution
    became: dict[int, int] = field(default_factory=dict)  # the version before, by version
    names: dict[int, tuple[str, str]] = field(default_factory=dict)  # kind and name, by version
    wrote: dict[int, list[Named]] = field(default_factory=lambda: defaultdict(list))  # things by execution
    writers: dict[tuple[str, str], list[int]] = field(default_factory=lambda: defaultdict(list))  # of named things
    listed: dict[int, list[str]] = field(default_factory=lambda: defaultdict(list))  # folders asked for, by execution
    doubts: dict[int, list[str]] = field(default_factory=lambda: defaultdict(list))  # by execution or version
    doubts_about: dict[tuple[int, str], list[str]] = field(default_factory=lambda: defaultdict(list))  # a reference
    gaps: list[str] = field(default_factory=list)

    def used(self, execution: int) -> list[Named]:
        """Return what a cell read under a name, and the folders whose content it asked for."""
        folders = (Named(0, "file", place) for place in self.listed.get(execution, ()))
        return [*self.named.get(execution, ()), *folders]

    def written(self, execution: int, thing: Named) -> dict[str, int]:
        """Return the parts of a thing that a cell used, and which execution of this run wrote or removed each last.

        A folder is made by who wrote a file in it, and a file by who wrote its folder as a whole.
        """
        found = {}
        for (scheme, place), writers in self.writers.items():
            if scheme == thing.scheme and (_holds(thing.place, place) or _holds(place, thing.place)):
                before = [number for number in writers if number < execution]
                if before:
                    found[place] = max(before)
        return found

    def is_of(self, writer: int, thing: Named) -> bool:
        """Whether a file that a cell read can be what an earlier one wrote there, by their content."""
        wrote = {other.content for other in self.wrote[writer] if other.reference == thing.reference}
        return thing.content is None or None in wrote or not wrote or thing.content in wrote


def _holds(folder: str, place: str) -> bool:
    return folder in (place, ".") or place.startswith(f"{folder}/")


def read_run(project: Project, run: int) -> RunFacts:
    """Return the facts of a run by its row ID."""
    store, facts = project.store, RunFacts()
    for row in store.rows(
        "SELECT execution.id, node.public, cell, count, source, outcome.status, outcome.reason FROM execution"
        " JOIN node USING (id) LEFT JOIN outcome USING (id) WHERE run = ? AND parent IS NULL ORDER BY execution.id",
        run,
    ):
        facts.steps[row["id"]] = Step(
            row["id"], row["public"], row["cell"], row["count"], project.content.text(row["source"]),
            row["status"] or "running", row["reason"],
        )  # fmt: skip
    _edges(store, facts, run)
    facts.gaps = [row["message"] for row in store.rows("SELECT DISTINCT message FROM gap WHERE run = ?", run)]
    return facts


def _edges(store: Store, facts: RunFacts, run: int) -> None:
    ours = "(SELECT id FROM execution WHERE run = ?)"
    for row in store.rows(
        "SELECT edge.source, edge.target, edge.reference, node.kind, node.name, artifact.hash FROM edge"
        " JOIN node ON node.id = edge.source LEFT JOIN artifact ON artifact.id = edge.source"
        f" WHERE edge.kind = 'read' AND edge.target IN {ours}",
        run,
    ):
        if row["kind"] in VERSIONS:
            facts.reads[row["target"]].append(row["source"])
            facts.names[row["source"]] = (row["kind"], row["name"])
        elif row["reference"]:
            facts.named[row["target"]].append(_named(row["source"], row["reference"], row["hash"]))
    for row in store.rows(
        "SELECT edge.kind AS how, edge.source, edge.target, edge.reference, node.kind, node.name, artifact.hash"
        " FROM edge JOIN node ON node.id = edge.target LEFT JOIN artifact ON artifact.id = edge.target"
        f" WHERE edge.kind = 'wrote' AND edge.source IN {ours}"
        " UNION ALL SELECT edge.kind, edge.target, edge.source, edge.reference, node.kind, node.name, NULL FROM edge"
        f" JOIN node ON node.id = edge.source WHERE edge.kind = 'removed' AND edge.target IN {ours}",
        run, run,
    ):  # fmt: skip
        if row["kind"] in VERSIONS:
            facts.makers[row["target"]] = row["source"]
            facts.made[row["source"]].append(row["target"])
            facts.names[row["target"]] = (row["kind"], row["name"])
        elif row["reference"]:
            thing = _named(row["target"], row["reference"], row["hash"])
            facts.wrote[row["source"]].append(thing)
            facts.writers[thing.scheme, thing.place].append(row["source"])
            if row["how"] == "removed":  # whoever removes a file needs it to be there
                facts.named[row["source"]].append(Named(0, thing.scheme, thing.place))
    wrote = f"(SELECT target FROM edge WHERE kind = 'wrote' AND source IN {ours})"
    for row in store.rows(f"SELECT source, target FROM edge WHERE kind = 'became' AND target IN {wrote}", run):
        facts.became[row["target"]] = row["source"]
    for row in store.rows(f"SELECT execution, place FROM listing WHERE execution IN {ours}", run):
        facts.listed[row["execution"]].append(row["place"])
    known: set[Any] = {*facts.steps, *facts.names}
    for row in store.rows("SELECT node, reference, reason FROM doubt"):
        if row["node"] in known and row["reference"]:
            facts.doubts_about[row["node"], row["reference"]].append(row["reason"])
        elif row["node"] in known:
            facts.doubts[row["node"]].append(row["reason"])


def _named(node: int, reference: str, content: str | None) -> Named:
    scheme, _, place = reference.partition(":")
    return Named(node, "file", place) if scheme == OVERWRITTEN else Named(node, scheme, place, content)
