"""Datasets: named tables with versions; the same data under the same name is the same version.

Columns that ``[privacy] deny_columns`` names are left out before anything is computed: the version *is* the table
without them, so its fingerprint says nothing about them either. (Hashing their values instead would keep them
joinable, and guessable: there are only a billion social security numbers.)
"""

from __future__ import annotations

import contextlib
import json
import re
import tempfile
import time
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops_nb.capture import artifacts, columns, nodes, observers, runs
from mlops_nb.data.fingerprints import fingerprint, to_table
from mlops_nb.errors import NotFound, UsageError
from mlops_nb.ids import canonical_json, file_digest
from mlops_nb.lineage.references import resolve
from mlops_nb.project import Project
from mlops_nb.records import Json, Record, moment, to_json
from mlops_nb.verbs import Value, verb

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
SAMPLE = 10_000  # rows, evenly spaced, that stand for all where nobody asked for a profile


@dataclass(frozen=True)
class Dataset(Record):
    """One version of a named dataset; ``columns`` holds the profile of each column by name."""

    id: str
    name: str
    version: int
    rows: int
    columns: dict[str, Json]
    fingerprint: str
    created: datetime | None
    run: str | None


def profile(table: pa.Table, *, sampled: bool = False) -> dict[str, Json]:
    """Return per column its type, nulls, distinct values and, where it has an order, range, mean and quantiles.

    Args:
        table: the data
        sampled: count distinct values and find quantiles in so many rows only; a column says so by ``sample``
    """
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    places = None
    if sampled and table.num_rows > SAMPLE:
        places = np.linspace(0, table.num_rows - 1, SAMPLE).astype(np.int64)
    found: dict[str, Json] = {}
    for name, column in zip(table.column_names, table.columns, strict=True):
        kind = column.type
        facts: dict[str, Any] = {"type": str(kind).removeprefix("large_"), "nulls": column.null_count}
        if pa.types.is_dictionary(kind):
            column, facts["type"] = column.cast(kind.value_type), "category"
        few = column if places is None else column.take(pa.array(places))
        with contextlib.suppress(pa.ArrowNotImplementedError):  # lists, periods, durations: what Arrow can say
            facts["distinct"] = pc.count_distinct(few).as_py()
            facts |= _order_facts(column, few)
        found[name] = to_json(facts if places is None else facts | {"sample": SAMPLE})
    return found


def _order_facts(column: pa.ChunkedArray, few: pa.ChunkedArray) -> dict[str, Any]:
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_integer(column.type) or pa.types.is_floating(column.type):
        limits = pc.min_max(column).as_py()
        quantiles = pc.quantile(few, list(QUANTILES)).to_pylist()
        return {"min": limits["min"], "max": limits["max"], "mean": pc.mean(column).as_py(), "quantiles": quantiles}
    if pa.types.is_temporal(column.type):
        limits = pc.min_max(column).as_py()
        return {side: None if value is None else str(value) for side, value in limits.items()}
    return {}


SELECT = """
    SELECT node.public AS id, dataset.*, above.public AS run_id FROM dataset JOIN node ON node.id = dataset.id
        LEFT JOIN node AS above ON above.id = dataset.run
"""


def _dataset(row: Mapping[str, Any]) -> Dataset:
    return Dataset(
        id=row["id"], name=row["name"], version=row["version"], rows=row["rows"], run=row["run_id"],
        columns=json.loads(row["columns"]), fingerprint=row["fingerprint"], created=moment(row["created_at"]),
    )  # fmt: skip


def load_record(project: Project, number: int) -> Dataset:
    """Return a dataset version by its row ID."""
    return _dataset(project.store.rows(f"{SELECT} WHERE dataset.id = ?", number)[0])  # type: ignore[arg-type]


@verb("datasets")
def datasets(project: Project, name: str | None = None) -> list[Dataset]:
    """List dataset versions, newest first.

    Args:
        name: only the versions of this dataset
    """
    rows = project.store.rows(f"{SELECT} WHERE ? IS NULL OR dataset.name = ? ORDER BY dataset.id DESC", name, name)
    return [_dataset(row) for row in rows]  # type: ignore[arg-type]


@verb("dataset", records=True)
def dataset(project: Project, frame: Value, name: str) -> Dataset:
    """Keep a table as a version of a named dataset; data that is already there is the same version.

    Args:
        frame: a DataFrame, or the path of a .csv or .parquet file
        name: the dataset's name

    Raises:
        UsageError: it is not a table, a column mixes types, or the name is not allowed.
    """
    run = runs.active(project)
    if not name or set(name) & set("/@:"):
        raise UsageError(f"a dataset cannot be called {name!r} - use a name without '/', '@' and ':'")
    given = frame_of(project, frame)
    allowed, left_out = without_denied(project, given)
    if left_out and not len(allowed.columns):
        raise UsageError(
            f"every column of this frame is in [privacy] deny_columns ({', '.join(left_out)}) - nothing is left to keep"
        )
    table = to_table(allowed)
    print_ = fingerprint(table)
    store = project.store
    number = store.value("SELECT id FROM dataset WHERE name = ? AND fingerprint = ?", name, print_)
    if number is None:
        number = _under_first_scheme(project, table, name) or _keep(project, table, name, print_, run, left_out)
    nodes.was_written(project, number, f"dataset:{name}")
    return load_record(project, number)


def without_denied(project: Project, frame: pd.DataFrame) -> tuple[pd.DataFrame, dict[str, str]]:
    """Return a table without the columns and index levels that mlops.toml denies, and their types by name."""
    labels = columns.denied(project, frame.columns)
    levels = columns.denied(project, [name for name in frame.index.names if name is not None])
    left_out = {str(label): str(frame[label].dtype) for label in labels}
    left_out |= {str(level): str(frame.index.get_level_values(level).dtype) for level in levels}  # type: ignore[arg-type]
    if levels:
        frame = frame.reset_index(levels, drop=True)
    return (frame.drop(columns=labels) if labels else frame), left_out


def _under_first_scheme(project: Project, table: pa.Table, name: str) -> int | None:
    """Return the version that holds this data since before fingerprints were made as they are now."""
    old = "SELECT id FROM dataset WHERE name = ? AND fingerprint "
    if project.store.value(f"{old} LIKE 'table1:%'", name) is None:
        return None
    found = project.store.value(f"{old} = ?", name, fingerprint(table, "table1"))
    return None if found is None else int(found)


def _keep(project: Project, table: pa.Table, name: str, print_: str, run: int, left_out: Mapping[str, str]) -> int:
    """Keep a table as the next version of a name, unless somebody was first; return its row ID."""
    import pyarrow.parquet as pq

    denied = {column: {"type": kind, "denied": True} for column, kind in left_out.items()}
    store, facts = project.store, canonical_json({**profile(table), **denied})
    with tempfile.TemporaryDirectory(dir=project.home) as folder:
        path = Path(folder) / "table.parquet"
        pq.write_table(table, path)
        kept = project.content.put_file(path)
        with store.write():
            number = store.value("SELECT id FROM dataset WHERE name = ? AND fingerprint = ?", name, print_)
            if number is None:
                address, _ = project.content.put_file(path, kept)
                number = nodes.add_node(store, "dataset", name)
                store.execute(
                    "INSERT INTO dataset (id, name, version, fingerprint, rows, columns, content, run, created_at)"
                    " VALUES (?, ?, 1 + (SELECT coalesce(max(version), 0) FROM dataset WHERE name = ?),"
                    " ?, ?, ?, ?, ?, ?)",
                    number, name, name, print_, table.num_rows, facts, address, run, time.time(),
                )  # fmt: skip
    return int(number)


def load_dataset(project: Project, name: str) -> pd.DataFrame:
    """Return a dataset as a DataFrame: the version registered last, or ``NAME/VERSION``.

    Raises:
        NotFound: there is no such dataset or version.
        StoreCorrupt: its bytes are not what they were.
    """
    runs.active(project)
    reference = name if name.startswith("dataset:") else f"dataset:{name}"
    number = resolve(project, reference)
    frame = read_frame(project, number)
    observers.kept(project, number, frame)
    nodes.was_read(project, number, reference)
    return frame


def read_frame(project: Project, number: int) -> pd.DataFrame:
    """Return the rows of a dataset version by its row ID."""
    import io

    import pyarrow.parquet as pq

    row = project.store.rows("SELECT name, columns, content FROM dataset WHERE id = ?", number)[0]
    if denied := [column for column, facts in json.loads(row["columns"]).items() if facts.get("denied")]:
        warnings.warn(
            f"dataset {row['name']!r} was kept without {', '.join(denied)}: [privacy] deny_columns in mlops.toml - read"
            " such columns from their source",
            stacklevel=3,
        )
    table = pq.read_table(io.BytesIO(project.content.get(row["content"])))
    frame: pd.DataFrame = table.to_pandas()
    return frame.astype(_categories(frame, table))


def _categories(frame: pd.DataFrame, table: pa.Table) -> dict[Any, pd.CategoricalDtype]:
    """Return by label the categories that Parquet keeps as their plain values: those that are not text."""
    import pandas as pd

    facts = {fact["name"]: fact for fact in (table.schema.pandas_metadata or {}).get("columns", ())}
    found = {}
    for label in frame.columns:
        fact = facts.get(str(label), {})
        if fact.get("pandas_type") == "categorical" and frame[label].dtype != "category":
            values = table[fact["field_name"]].unique().drop_null().sort().to_pandas()
            found[label] = pd.CategoricalDtype(values, ordered=fact["metadata"]["ordered"])
    return found


def frame_of(project: Project, value: Any) -> pd.DataFrame:
    """Return the DataFrame that a value is or names: a frame, a dataset reference, a .csv or .parquet path.

    Raises:
        UsageError: it is no table.
        NotFound: it names nothing.
    """
    import pandas as pd

    if isinstance(value, pd.DataFrame):
        return value
    if isinstance(value, Dataset):
        value = value.id
    if not isinstance(value, str):
        raise UsageError(f"a {type(value).__name__} is not a table - give a DataFrame, or the name of a dataset")
    path = Path(value)
    if path.suffix in (".csv", ".parquet"):
        if not path.exists():
            raise NotFound(f"no file {value!r} in {Path.cwd()} - give the path of an existing .csv or .parquet file")
        return _read_file(project, path)
    if path.suffix and path.exists():
        raise UsageError(f"{value} is neither .csv nor .parquet - load it in a cell and pass the DataFrame")
    reference = value if ":" in value or re.fullmatch(r"[0-9a-f]{16}", value) else f"dataset:{value}"
    number = resolve(project, reference)
    nodes.was_read(project, number, reference)
    return read_frame(project, number)


def _read_file(project: Project, path: Path) -> pd.DataFrame:
    """Read a table from a file and record that: the reader of Parquet is not seen by capture."""
    import pandas as pd

    digest, size = file_digest(path), path.stat().st_size
    try:
        frame = pd.read_csv(path) if path.suffix == ".csv" else pd.read_parquet(path)
    except (ValueError, OSError) as error:
        raise UsageError(f"{path} cannot be read as a table: {error} - mend the file") from error
    with project.store.write():
        number = artifacts.observe_file(project, path, digest, size)
        nodes.was_read(project, number, f"file:{project.relative(path)}")
    return frame
