"""References: the names under which people and notebooks speak of things, and what they mean now.

var:NAME  var:RUN/NAME  cell:ID  cell:N  file:PATH  url:ADDRESS  runs:/ID  dataset:NAME  dataset:NAME/VERSION
models:/NAME/VERSION  models:/NAME/latest  models:/NAME@ALIAS  fit:ESTIMATOR  config:TABLE  column:NAME/COLUMN
or an ID, or a unique prefix of one
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable

from mlops_nb.capture.artifacts import at_path, is_at, resolve_path
from mlops_nb.capture.sections import section_id
from mlops_nb.errors import NotFound, UsageError
from mlops_nb.ids import file_digest
from mlops_nb.project import Project
from mlops_nb.store.db import Store

MODEL = re.compile(r"^(?P<name>[^/@]+)(?:/(?P<version>\d+|latest)|@(?P<alias>[^/@]+))?$")
DATASET = re.compile(r"^(?P<name>[^/@]+)(?:[/@](?P<version>\d+|latest))?$")
#: What stands in a list of columns and is none.
SIGNS = ("(index)", "(fit)", "")
WAYS = "var:NAME, cell:N, file:PATH, dataset:NAME, models:/NAME/1, models:/NAME@alias, runs:/ID, or an ID"


def resolve(project: Project, reference: str) -> int:
    """Return the row ID of the node that a reference means now.

    Raises:
        NotFound: it means nothing here; the message lists what is known.
        UsageError: it is the prefix of more than one ID, or is not well formed.
    """
    scheme, colon, rest = reference.partition(":")
    if colon and scheme in SCHEMES:
        return SCHEMES[scheme](project, rest)
    return _bare(project, reference)


def _bare(project: Project, text: str) -> int:
    """Find what a word without a scheme means: an ID, else a dataset, a model, a variable, a file."""
    if re.fullmatch(r"[0-9a-f]{4,64}", text):
        rows = project.store.rows(
            "SELECT id, public FROM node WHERE public >= ? AND public < ? LIMIT 9", text, f"{text}g"
        )
        if len(rows) == 1:
            return int(rows[0]["id"])
        if rows:
            shown = ", ".join(row["public"] for row in rows)
            raise UsageError(f"{text!r} is the beginning of more than one ID: {shown} - give more of it")
    for find in (_dataset, _model, _variable, _file):
        try:
            return find(project, text)
        except UsageError:  # not found, or not even of that form
            continue
    raise NotFound(f"nothing is called {text!r} in {project.root} - a reference is {WAYS}")


def _model(project: Project, text: str) -> int:
    match = MODEL.match(text.lstrip("/"))
    if match is None:
        raise UsageError(f"models:{text} is not a reference to a model - write models:/NAME/1 or models:/NAME@alias")
    name, version, alias = match["name"], match["version"], match["alias"]
    store = project.store
    if not store.value("SELECT count(*) FROM model_version WHERE name = ?", name):
        known = [row[0] for row in store.rows("SELECT DISTINCT name FROM model_version ORDER BY name")]
        raise NotFound.naming("model", name, known, "register one with mlops.register(model, name)")
    if alias:
        version = store.value(
            "SELECT version FROM alias_move WHERE model = ? AND alias = ? ORDER BY id DESC LIMIT 1", name, alias
        )
        if version is None:
            known = [r[0] for r in store.rows("SELECT DISTINCT alias FROM alias_move WHERE model = ?", name)]
            raise NotFound.naming(f"alias of model {name!r}", alias, known, f"see `mlops promote {name} VERSION`")
    if version in (None, "latest"):
        return _latest(project, "model_version", name)
    number = store.value("SELECT id FROM model_version WHERE name = ? AND version = ?", name, int(version))
    if number is None:
        known = [str(r[0]) for r in store.rows("SELECT version FROM model_version WHERE name = ?", name)]
        raise NotFound.naming(f"version of model {name!r}", version, known)
    return int(number)


def _latest(project: Project, table: str, name: str) -> int:
    """Return the version that was registered, or confirmed by a cached step, last: it need not be the newest."""
    return int(
        project.store.value(
            f"SELECT {table}.id FROM {table} LEFT JOIN edge ON edge.target = {table}.id AND edge.kind = 'wrote'"
            f" WHERE {table}.name = ? ORDER BY coalesce(edge.recorded, 0) DESC, version DESC LIMIT 1",
            name,
        )
    )


def _dataset(project: Project, text: str) -> int:
    match = DATASET.match(text)
    if match is None:
        raise NotFound(f"dataset:{text} is not a reference to a dataset - write dataset:NAME or dataset:NAME/2")
    store, name = project.store, match["name"]
    rows = store.rows("SELECT id, version FROM dataset WHERE name = ? ORDER BY version DESC", name)
    if not rows:
        known = [row[0] for row in store.rows("SELECT DISTINCT name FROM dataset ORDER BY name")]
        raise NotFound.naming("dataset", name, known, "register one with mlops.dataset(frame, name)")
    if match["version"] in (None, "latest"):
        return _latest(project, "dataset", name)
    for row in rows:
        if row["version"] == int(match["version"]):
            return int(row["id"])
    raise NotFound.naming(f"version of dataset {name!r}", match["version"], [str(row["version"]) for row in rows])


def _variable(project: Project, text: str) -> int:
    run, _, name = text.rpartition("/")
    number = project.store.value(
        """
        SELECT node.id FROM node JOIN edge ON edge.target = node.id JOIN execution ON execution.id = edge.source
            JOIN node AS above ON above.id = execution.run
        WHERE node.kind IN ('variable', 'import', 'result') AND node.name = ? AND (? = '' OR above.public LIKE ? || '%')
        ORDER BY node.id DESC LIMIT 1
        """,
        name, run, run,
    )  # fmt: skip
    if number is None:
        raise NotFound(f"no variable {text!r} was bound in a recorded cell - see `mlops runs`")
    return int(number)


def _cell(project: Project, text: str) -> int:
    number = project.store.value(  # an ID may look like a number
        "SELECT id FROM execution WHERE cell = ? OR CAST(count AS TEXT) = ? ORDER BY cell = ? DESC, id DESC LIMIT 1",
        text, text, text,
    )  # fmt: skip
    if number is None:
        raise NotFound(f"no cell {text!r} has been executed - give its ID or its number, as in cell:3")
    return int(number)


def _file(project: Project, text: str) -> int:
    path = resolve_path(project, text)
    if path.is_file():  # what it is now, if that has been seen before
        number = project.store.value("SELECT id FROM artifact WHERE hash = ?", file_digest(path))
        if number is not None:
            return int(number)
    seen = at_path(project, path)
    if seen is None or path.is_file() or (path.is_dir() and not is_at(project, seen, path)):
        raise NotFound(f"no cell has read or written the file {text!r} as it is now - known files: `mlops lineage`")
    return seen


def _url(project: Project, address: str) -> int:
    number = project.store.value("SELECT id FROM node WHERE kind = 'external' AND name = ?", address)
    if number is None:
        rows = project.store.rows("SELECT name FROM node WHERE kind = 'external' ORDER BY id DESC LIMIT 5")
        raise NotFound.naming("address", address, [row[0] for row in rows], "no cell has asked it")
    return int(number)


def _run(project: Project, text: str) -> int:
    number = project.store.value(
        "SELECT run.id FROM run JOIN node USING (id) WHERE public = ?", text.lstrip("/").partition("/")[0]
    )
    if number is None:
        raise NotFound(f"no run {text!r} - see `mlops runs`")
    return int(number)


def _fit(project: Project, name: str) -> int:
    number = project.store.value("SELECT id FROM node WHERE kind = 'fit' AND name = ? ORDER BY id DESC LIMIT 1", name)
    if number is None:
        known = [row[0] for row in project.store.rows("SELECT DISTINCT name FROM node WHERE kind = 'fit' ORDER BY 1")]
        raise NotFound.naming("fit of", name, known, "see `mlops fits`")
    return int(number)


def _config(project: Project, name: str) -> int:
    number = project.store.value("SELECT id FROM node WHERE public = ?", section_id(project, name))
    if number is None:
        raise NotFound(f"no run has read the table [{name}] of mlops.toml as it is now")
    return int(number)


def _column(project: Project, text: str) -> int:
    return resolve_column(project, f"column:{text}")[0]


def resolve_column(project: Project, reference: str) -> tuple[int, str]:
    """Return the node and the column that a reference means; one that names no column means all, ``*``.

    Raises:
        NotFound: there is no such thing, or it has no such column; the message lists what it has.
        UsageError: it is not well formed.
    """
    text = reference.removeprefix("column:")
    if text == reference:
        return resolve(project, reference), "*"
    failure: NotFound | None = None
    places = [place for place, sign in enumerate(text) if sign == "/" and text[:place] not in ("", "models:", "runs:")]
    for place in reversed(places):  # names of things and of columns may hold slashes
        if place + 1 == len(text):
            continue
        try:
            node = resolve(project, text[:place])
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


SCHEMES: dict[str, Callable[[Project, str], int]] = {
    "var": _variable,
    "cell": _cell,
    "file": _file,
    "url": _url,
    "runs": _run,
    "models": _model,
    "dataset": _dataset,
    "fit": _fit,
    "config": _config,
    "column": _column,
}
