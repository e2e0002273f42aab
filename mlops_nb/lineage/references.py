"""References: the names under which people and notebooks speak of things, and what they mean now, or meant once.

var:NAME  var:RUN/NAME  cell:ID  cell:N  file:PATH  url:ADDRESS  runs:/ID  dataset:NAME  dataset:NAME/VERSION
models:/NAME/VERSION  models:/NAME/latest  models:/NAME@ALIAS  fit:ESTIMATOR  config:TABLE  column:NAME/COLUMN
checkpoint:NAME, or an ID, or a unique prefix of one

Row IDs are in the order of time, so what a name meant at a moment is what it means among the rows before one ID.
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Callable, Sequence

from mlops_nb.capture.artifacts import at_path, is_at, resolve_path
from mlops_nb.capture.sections import section_id
from mlops_nb.errors import NotFound, UsageError
from mlops_nb.ids import file_digest
from mlops_nb.project import Project
from mlops_nb.store.db import LATEST, Store

MODEL = re.compile(r"^(?P<name>[^/@]+)(?:/(?P<version>\d+|latest)|@(?P<alias>[^/@]+))?$")
DATASET = re.compile(r"^(?P<name>[^/@]+)(?:[/@](?P<version>\d+|latest))?$")
FITTED = "(fit)"
#: What stands in a list of columns and is none.
SIGNS = ("(index)", FITTED, "")
WAYS = "var:NAME, cell:N, file:PATH, dataset:NAME, models:/NAME/1, models:/NAME@alias, runs:/ID, or an ID"


def resolve(project: Project, reference: str, before: int = LATEST) -> int:
    """Return the row ID of the node that a reference means.

    Args:
        project: the project
        reference: a reference
        before: as if nothing had been recorded from this row ID on

    Raises:
        NotFound: it means nothing here; the message lists what is known.
        UsageError: it is the prefix of more than one ID, or is not well formed.
    """
    scheme, colon, rest = reference.partition(":")
    if colon and scheme in SCHEMES:
        return SCHEMES[scheme](project, rest, before)
    return _bare(project, reference, before)


def _bare(project: Project, text: str, before: int) -> int:
    """Find what a word without a scheme means: an ID, else a dataset, a model, a variable, a file."""
    if re.fullmatch(r"[0-9a-f]{4,64}", text):
        rows = project.store.rows(
            "SELECT id, public FROM node WHERE public >= ? AND public < ? AND id < ? LIMIT 9", text, f"{text}g", before
        )
        if rows:
            return _only(rows, text)
    for find in (_dataset, _model, _variable, _file):
        try:
            return find(project, text, before)
        except UsageError:  # not found, or not even of that form
            continue
    raise NotFound(f"nothing is called {text!r} in {project.root}{_then(before)} - a reference is {WAYS}")


def _only(rows: Sequence[sqlite3.Row], text: str) -> int:
    if len(rows) > 1:
        shown = ", ".join(row["public"] for row in rows)
        raise UsageError(f"{text!r} is the beginning of more than one ID: {shown} - give more of it")
    return int(rows[0]["id"])


def _then(before: int) -> str:
    return "" if before == LATEST else " by then"


def _model(project: Project, text: str, before: int) -> int:
    match = MODEL.match(text.lstrip("/"))
    if match is None:
        raise UsageError(f"models:{text} is not a reference to a model - write models:/NAME/1 or models:/NAME@alias")
    name, version, alias = match["name"], match["version"], match["alias"]
    store = project.store
    if not store.value("SELECT count(*) FROM model_version WHERE name = ? AND id < ?", name, before):
        rows = store.rows("SELECT DISTINCT name FROM model_version WHERE id < ? ORDER BY name", before)
        known = [row[0] for row in rows]
        raise NotFound.naming("model", name, known, "register one with mlops.register(model, name)")
    if alias:
        version = store.value(
            "SELECT version FROM alias_move WHERE model = ? AND alias = ? AND id < ? ORDER BY id DESC LIMIT 1",
            name, alias, before,
        )  # fmt: skip
        if version is None:
            rows = store.rows("SELECT DISTINCT alias FROM alias_move WHERE model = ? AND id < ?", name, before)
            known = [row[0] for row in rows]
            raise NotFound.naming(f"alias of model {name!r}", alias, known, f"see `mlops promote {name} VERSION`")
    if version in (None, "latest"):
        return _latest(project, "model_version", name, before)
    versions = store.rows("SELECT id, version FROM model_version WHERE name = ? AND id < ?", name, before)
    number = {row["version"]: row["id"] for row in versions}.get(int(version))
    if number is None:
        raise NotFound.naming(f"version of model {name!r}", version, [str(row["version"]) for row in versions])
    return int(number)


def _latest(project: Project, table: str, name: str, before: int) -> int:
    """Return the version that was registered, or confirmed by a cached step, last: it need not be the newest."""
    number: int = project.store.value(
        f"SELECT {table}.id FROM {table} LEFT JOIN edge ON edge.target = {table}.id AND edge.kind = 'wrote'"
        f" AND edge.source < ? WHERE {table}.name = ? AND {table}.id < ?"
        " ORDER BY coalesce(edge.recorded, 0) DESC, version DESC LIMIT 1",
        before, name, before,
    )  # fmt: skip
    return number


def _dataset(project: Project, text: str, before: int) -> int:
    match = DATASET.match(text)
    if match is None:
        raise NotFound(f"dataset:{text} is not a reference to a dataset - write dataset:NAME or dataset:NAME/2")
    store, name = project.store, match["name"]
    rows = store.rows("SELECT id, version FROM dataset WHERE name = ? AND id < ? ORDER BY version DESC", name, before)
    if not rows:
        known = [row[0] for row in store.rows("SELECT DISTINCT name FROM dataset WHERE id < ? ORDER BY name", before)]
        raise NotFound.naming("dataset", name, known, "register one with mlops.dataset(frame, name)")
    if match["version"] in (None, "latest"):
        return _latest(project, "dataset", name, before)
    for row in rows:
        if row["version"] == int(match["version"]):
            return int(row["id"])
    raise NotFound.naming(f"version of dataset {name!r}", match["version"], [str(row["version"]) for row in rows])


def _variable(project: Project, text: str, before: int) -> int:
    run, slash, name = text.rpartition("/")
    within = _parts(project, run, before) if slash else None
    inside = "" if within is None else f" AND execution.run IN ({', '.join(map(str, within))})"
    number = project.store.value(
        f"""
        SELECT node.id FROM node JOIN edge ON edge.target = node.id JOIN execution ON execution.id = edge.source
        WHERE node.kind IN ('variable', 'import', 'result') AND node.name = ? AND node.id < ?{inside}
        ORDER BY node.id DESC LIMIT 1
        """,
        name, before,
    )  # fmt: skip
    if number is None:
        raise NotFound(f"no variable {text!r} was bound in a recorded cell{_then(before)} - see `mlops runs`")
    return int(number)


def _parts(project: Project, run: str, before: int) -> list[int]:
    """Return the row IDs of a run and of the runs in it; a cached one is the run that it stands for."""
    try:
        number = _run(project, run, before)
    except NotFound:
        return []
    rows = project.store.rows(
        "WITH RECURSIVE part (id) AS (SELECT ? UNION SELECT run.id FROM run JOIN part ON run.parent = part.id)"
        " SELECT coalesce(original, run.id) AS id FROM run JOIN part ON run.id = part.id",
        number,
    )
    return [row["id"] for row in rows]


def _cell(project: Project, text: str, before: int) -> int:
    number = project.store.value(  # an ID may look like a number
        "SELECT id FROM execution WHERE (cell = ? OR CAST(count AS TEXT) = ?) AND id < ?"
        " ORDER BY cell = ? DESC, id DESC LIMIT 1",
        text, text, before, text,
    )  # fmt: skip
    if number is None:
        raise NotFound(f"no cell {text!r} has been executed{_then(before)} - give its ID or its number, as in cell:3")
    return int(number)


def _file(project: Project, text: str, before: int) -> int:
    path = resolve_path(project, text)
    if before < LATEST:
        return _referred(project, f"file:{project.relative(path)}", before)
    if path.is_file():  # what it is now, if that has been seen before
        number = project.store.value("SELECT id FROM artifact WHERE hash = ?", file_digest(path))
        if number is not None:
            return int(number)
    seen = at_path(project, path)
    if seen is None or path.is_file() or (path.is_dir() and not is_at(project, seen, path)):
        raise NotFound(f"no cell has read or written the file {text!r} as it is now - known files: `mlops lineage`")
    return seen


def _referred(project: Project, reference: str, before: int) -> int:
    """Return what a cell read or wrote under a reference last before a row ID."""
    row = project.store.row(
        "SELECT source, target, kind FROM edge WHERE reference = ? AND recorded < ? ORDER BY recorded DESC LIMIT 1",
        reference, before,
    )  # fmt: skip
    if row is None:
        raise NotFound(f"no cell has read or written {reference}{_then(before)} - see `mlops lineage`")
    return int(row["source"] if row["kind"] == "read" else row["target"])


def _url(project: Project, address: str, before: int) -> int:
    number = project.store.value("SELECT id FROM node WHERE kind = 'external' AND name = ? AND id < ?", address, before)
    if number is None:
        rows = project.store.rows(
            "SELECT name FROM node WHERE kind = 'external' AND id < ? ORDER BY id DESC LIMIT 5", before
        )
        raise NotFound.naming("address", address, [row[0] for row in rows], "no cell has asked it")
    return int(number)


def _run(project: Project, text: str, before: int) -> int:
    public = text.lstrip("/").partition("/")[0]
    rows = project.store.rows(
        "SELECT run.id, public FROM run JOIN node USING (id) WHERE public >= ? AND public < ? AND run.id < ? LIMIT 9",
        public, f"{public}g", before,
    )  # fmt: skip
    if not public or not rows:
        raise NotFound(f"no run {text!r}{_then(before)} - see `mlops runs`")
    return _only(rows, public)


def _fit(project: Project, name: str, before: int) -> int:
    number = project.store.value(
        "SELECT id FROM node WHERE kind = 'fit' AND name = ? AND id < ? ORDER BY id DESC LIMIT 1", name, before
    )
    if number is None:
        rows = project.store.rows("SELECT DISTINCT name FROM node WHERE kind = 'fit' AND id < ? ORDER BY 1", before)
        known = [row[0] for row in rows]
        raise NotFound.naming("fit of", name, known, "see `mlops fits`")
    return int(number)


def _config(project: Project, name: str, before: int) -> int:
    if before < LATEST:
        return _referred(project, f"config:{name}", before)
    number = project.store.value("SELECT id FROM node WHERE public = ?", section_id(project, name))
    if number is None:
        raise NotFound(f"no run has read the table [{name}] of mlops.toml as it is now")
    return int(number)


def _checkpoint(project: Project, text: str, before: int) -> int:
    number = project.store.value(
        "SELECT checkpoint.id FROM checkpoint JOIN node USING (id) WHERE (checkpoint.name = ? OR public = ?)"
        " AND checkpoint.id < ? ORDER BY checkpoint.id DESC LIMIT 1",
        text, text, before,
    )  # fmt: skip
    if number is None:
        raise NotFound(f"no checkpoint {text!r}{_then(before)} - see `mlops checkpoints`")
    return int(number)


def _column(project: Project, text: str, before: int) -> int:
    return resolve_column(project, f"column:{text}", before)[0]


def resolve_column(project: Project, reference: str, before: int = LATEST) -> tuple[int, str]:
    """Return the node and the column that a reference means; one that names no column means all, ``*``.

    Raises:
        NotFound: there is no such thing, or it has no such column; the message lists what it has.
        UsageError: it is not well formed.
    """
    text = reference.removeprefix("column:")
    if text == reference:
        return resolve(project, reference, before), "*"
    failure: NotFound | None = None
    places = [place for place, sign in enumerate(text) if sign == "/" and text[:place] not in ("", "models:", "runs:")]
    for place in reversed(places):  # names of things and of columns may hold slashes
        if place + 1 == len(text):
            continue
        try:
            node = resolve(project, text[:place], before)
        except NotFound as error:
            failure = error
            continue
        column, known = text[place + 1 :], columns_of(project.store, node)
        if known is None or column in known:
            return node, column
        shown = [name for name in known if name not in SIGNS]
        failure = NotFound.naming(f"column of {text[:place]}", column, shown)
    if failure is None:
        raise UsageError(f"{reference!r} names no column - write column:NAME/COLUMN")
    raise failure


def columns_of(store: Store, node: int) -> list[str] | None:
    """Return the columns of a table, or the features of a model, as they are listed; None if they are not known."""
    text = store.value(
        "SELECT column_list.columns FROM table_columns JOIN column_list ON hash = table_columns.columns WHERE id = ?",
        node,
    )
    text = text or store.value("SELECT columns FROM dataset WHERE id = ?", node)
    if text is not None:
        return list(json.loads(text))
    signature = store.value("SELECT signature FROM model_version WHERE id = ?", node)
    fields = json.loads(signature)["inputs"] if signature else []
    return [str(field["name"]) for field in fields if "name" in field] or None


SCHEMES: dict[str, Callable[[Project, str, int], int]] = {
    "var": _variable,
    "cell": _cell,
    "file": _file,
    "url": _url,
    "runs": _run,
    "models": _model,
    "dataset": _dataset,
    "fit": _fit,
    "config": _config,
    "checkpoint": _checkpoint,
    "column": _column,
}
