"""Inputs: the files, datasets, models, addresses and settings that runs read, by name.

Datasets are compared row by row where they differ; so are .csv and .parquet files of which both contents are at hand:
kept in the store, or lying at their place as they were. Of other files it is known whether the content changed, and
what the profile of the table tells that a cell read from it (:mod:`~mlops_nb.comparison.profiles`). What a run made
itself stands last: it is a consequence, the causes are in other lists.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mlops_nb.capture import artifacts, runs
from mlops_nb.comparison import profiles, tables
from mlops_nb.comparison.sides import Side
from mlops_nb.comparison.tables import DataChange, Table
from mlops_nb.data.datasets import load_record, read_frame
from mlops_nb.errors import StoreCorrupt, UsageError
from mlops_nb.lineage.facts import Named
from mlops_nb.project import Project

VERSIONED = {"dataset": "dataset:", "model": "models:/"}  # kinds whose versions have numbers, and how they are named
READERS = (".csv", ".parquet")
LABEL = 16  # digits of a hash that are shown


@dataclass(frozen=True)
class Input:
    """A thing as a side read it; ``content`` tells its versions apart, and is None where it is not known."""

    name: str
    kind: str
    node: int
    place: str
    content: str | None
    made: bool  # by the same run, before it was read
    leading: bool
    reader: int | None = None  # the cell that read it, and nothing beside it

    @property
    def label(self) -> str | None:
        """What is shown of the content: a version, or the beginning of a hash."""
        return self.content and self.content[:LABEL]


def compare(project: Project, a: Side, b: Side, key: Sequence[str] = ()) -> tuple[list[DataChange], list[str]]:
    """Return what differs in what two sides read, and what could not be compared.

    The order: first what a changed metric came from, then the rest, last what the runs made themselves.

    Args:
        project: the project
        a: the side before
        b: the side after
        key: the columns that tell rows apart, in the tables that have them
    """
    doubts: list[str] = []
    before, after = (_inputs(project, side, name, doubts) for side, name in ((a, "A"), (b, "B")))
    ranked: list[tuple[int, DataChange]] = []
    for name in dict.fromkeys([*before, *after]):
        sides = [side for side in (before.get(name), after.get(name)) if side]
        leading = any(side.leading for side in sides)
        rank = 2 if all(side.made for side in sides) else 0 if leading else 1
        found = (
            _compared(project, sides[0], sides[1], key, doubts) if len(sides) == 2 else [_alone(name, before, after)]
        )
        ranked += [(rank, replace(change, explains=leading)) for change in found]
    return [change for _, change in sorted(ranked, key=lambda item: item[0])], doubts


def _alone(name: str, before: Mapping[str, Input], after: Mapping[str, Input]) -> DataChange:
    old, new = before.get(name), after.get(name)
    if old is None:
        return DataChange(name, "added", None, None, new.label if new else None, "read by B alone")
    return DataChange(name, "removed", None, old.label, None, "read by A alone")


def _compared(project: Project, old: Input, new: Input, key: Sequence[str], doubts: list[str]) -> list[DataChange]:
    """Compare a thing that both sides read."""
    if old.content is None or new.content is None:
        doubts.append(f"{old.name}: its content was not recorded, so whether it changed is not known")
        return []
    if old.content == new.content:
        return []
    details = ["made by the runs themselves"] if old.made and new.made else []
    found: list[DataChange] = []
    if old.kind == "file":
        sizes = [project.store.value("SELECT size FROM artifact WHERE id = ?", side.node) for side in (old, new)]
        details.append(f"{sizes[0]:,} → {sizes[1]:,} bytes")
    if old.kind == "dataset" or (old.kind == "file" and Path(old.place).suffix in READERS):
        sides = [_table(project, side) for side in (old, new)]
        if isinstance(sides[0], Table) and isinstance(sides[1], Table):
            fits = all(column in side.types for side in sides for column in key if isinstance(side, Table))
            found, unknown = tables.compare(old.name, sides[0], sides[1], key if fits else ())
            doubts += unknown
        else:
            reasons = [f"{side} of {name}" for name, side in zip("AB", sides, strict=True) if isinstance(side, str)]
            details.append(f"rows cannot be compared: {' and '.join(reasons)}")
            known = [profiles.of_reading(project, side.reader) if side.reader else None for side in (old, new)]
            if known[0] and known[1]:
                found = list(profiles.compare(old.name, known[0], known[1]))
    return [DataChange(old.name, "changed", None, old.label, new.label, "; ".join(details)), *found]


# -- what a side read -----------------------------------------------------------------------------------------


def _inputs(project: Project, side: Side, name: str, doubts: list[str]) -> dict[str, Input]:
    """Return by name what a side read, as it read it last for a result, or else as it read it last."""
    found: dict[str, Input] = {}
    for thing in _read(project, side):
        if thing.name in found and found[thing.name].content != thing.content:
            doubts.append(f"{name} read {thing.name} in more than one version: the last of them is compared")
        if thing.leading or thing.name not in found or not found[thing.name].leading:
            found[thing.name] = thing
    return found


def _read(project: Project, side: Side) -> Iterator[Input]:
    """Yield what the cells of a side read, and what its runs read outside of any cell, in the order of time."""
    written: set[str] = set()
    for part in side.parts:
        for row in project.store.rows(
            "SELECT source, reference, hash FROM edge LEFT JOIN artifact ON artifact.id = source"
            " WHERE target = ? AND kind = 'read' AND reference <> '' ORDER BY recorded",
            part.number,
        ):
            scheme, _, place = row["reference"].partition(":")
            thing = Named(row["source"], scheme, place, row["hash"])
            yield from _input(project, thing, written, leading=False)
        for number in part.facts.steps:
            things = part.facts.named.get(number, ())
            reader = number if len({thing.node for thing in things}) == 1 else None
            for thing in things:
                yield from _input(project, thing, written, leading=number in part.leading, reader=reader)
            written |= {name for thing in part.facts.wrote.get(number, ()) if (name := _name(project, thing)[1])}


def _name(project: Project, thing: Named) -> tuple[str, str]:
    """Return the kind of a thing and its name, whatever version the reference to it named."""
    row = project.store.row("SELECT kind, name FROM node WHERE id = ?", thing.node)
    kind = row["kind"] if row else ""
    return kind, f"{VERSIONED[kind]}{row['name']}" if row and kind in VERSIONED else thing.reference


def _input(
    project: Project, thing: Named, written: set[str], *, leading: bool, reader: int | None = None
) -> Iterator[Input]:
    kind, name = _name(project, thing)
    content = thing.content
    if kind in VERSIONED:
        table = "dataset" if kind == "dataset" else "model_version"
        content = str(project.store.value(f"SELECT version FROM {table} WHERE id = ?", thing.node))
    elif kind == "config":
        content = runs.public_id(project, thing.node)
    elif kind not in ("file", "external"):
        return
    yield Input(name, kind, thing.node, thing.place, content, name in written, leading, reader)


# -- their tables ---------------------------------------------------------------------------------------------


def dataset_table(project: Project, number: int) -> Table:
    """Return a dataset version as a table."""
    record = load_record(project, number)
    facts = {name: fact for name, fact in record.columns.items() if isinstance(fact, dict)}
    types = {name: str(fact["type"]) for name, fact in facts.items()}
    denied = [name for name, fact in facts.items() if fact.get("denied")]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that columns are denied: they are not among those compared
        table = Table.of(project, read_frame(project, number), types)
    return replace(table, denied=[*denied, *table.denied])


def _table(project: Project, thing: Input) -> Table | str:
    """Return a dataset or a file as a table, or why it cannot be had."""
    import pandas as pd

    try:
        if thing.kind == "dataset":
            return dataset_table(project, thing.node)
        data = _bytes(project, thing)
        if data is None:
            return "the content was not kept"
        read = pd.read_csv if Path(thing.place).suffix == ".csv" else pd.read_parquet
        return Table.of(project, read(io.BytesIO(data)))
    except (StoreCorrupt, UsageError, OSError, ValueError) as error:  # no table at all, or one that was damaged
        return f"it cannot be read ({error})"


def _bytes(project: Project, thing: Input) -> bytes | None:
    """Return the content of a file: kept in the store, or lying at its place unchanged."""
    address, stored = project.store.rows("SELECT hash, stored FROM artifact WHERE id = ?", thing.node)[0]
    return artifacts.content_of(project, project.root / thing.place, address, bool(stored))
