"""Exporting a run: what is asked for, what is refused, and the same bytes every time."""

import contextlib
import json
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from mlops_nb.capture import runs
from mlops_nb.errors import NotFound, StoreReadOnly, UsageError
from mlops_nb.lineage.export.exports import FORMATS, export
from mlops_nb.project import Project
from tests.conftest import environment

EACH = pytest.mark.parametrize("format", FORMATS)


def tree(path):
    """Every byte below a path."""
    return {file.relative_to(path).as_posix(): file.read_bytes() for file in (path, *path.rglob("*")) if file.is_file()}


@EACH
@pytest.mark.parametrize("run", ["session", "repeated"])
def test_the_same_run_is_the_same_bytes_every_time(story, tmp_path, format, run):
    first, second = (export(story.project, getattr(story, run).id, format=format, to=str(tmp_path / n)) for n in "ab")
    assert tree(first.path) == tree(second.path)
    assert (first.entries, first.files, first.bytes) == (second.entries, second.files, second.bytes)
    assert first.files == len(tree(first.path))


@EACH
def test_nothing_exported_says_where_on_the_machine_things_are(story, tmp_path, format):
    for run in (story.session, story.pipeline, story.repeated):
        written = export(story.project, run.id, format=format, to=str(tmp_path / run.id)).path
        for name, data in tree(written).items():
            for place in story.private:
                assert place.encode() not in data, (name, place)
            assert not name.startswith("/")


def test_a_run_is_named_by_a_reference_or_the_beginning_of_its_id(story, tmp_path):
    for number, reference in enumerate((f"runs:/{story.session.id}", story.session.id, story.session.id[:9])):
        assert export(story.project, reference, to=str(tmp_path / str(number))).run == story.session.id


def test_without_a_run_it_is_the_one_that_goes_on_in_the_notebook_and_elsewhere_the_last(shell, project, workspace):
    shell.run_cell("x = 1", store_history=True)
    here = runs.runs(project)[0].id
    pipeline = runs.start(project, "pipeline", "nightly")
    step = runs.start(project, "step", "load", parent=pipeline)
    for number in (step, pipeline):
        runs.finish(project, number, "ok")
    shell.run_cell("written = %mlops export", store_history=True).raise_error()
    assert shell.user_ns["written"].run == here
    elsewhere = Project(workspace)
    assert runs.get(elsewhere, export(elsewhere).run).name == "nightly"
    elsewhere.store.close()


def test_an_export_where_nothing_has_run_is_refused(project):
    with pytest.raises(NotFound, match="no run has been recorded in .* - run a cell"):
        export(project)


def test_what_is_no_run_is_refused(story, tmp_path):
    with pytest.raises(NotFound, match="no run .*feed' - see `mlops runs`"):
        export(story.project, "runs:/feed")
    with pytest.raises(NotFound, match="no run 'zebra' - see `mlops runs`"):
        export(story.project, "zebra")
    with pytest.raises(UsageError, match="'cities' is a dataset, not a run - see `mlops runs`"):
        export(story.project, "cities")
    with pytest.raises(UsageError, match="'dataset:cities' is a dataset, not a run - see `mlops runs`"):
        export(story.project, "dataset:cities")


def test_an_unknown_format_is_refused_with_those_there_are(story):
    with pytest.raises(UsageError, match="no format 'csv' - there are: openlineage, prov, crate"):
        export(story.project, story.session.id, format="csv")


@EACH
def test_a_target_that_exists_is_left_as_it_is(story, tmp_path, format):
    (tmp_path / "there").write_text("mine")
    with pytest.raises(UsageError, match="there exists - remove it, or give another place with --to"):
        export(story.project, story.session.id, format=format, to=str(tmp_path / "there"))
    assert tree(tmp_path) == {"there": b"mine"}


def test_a_file_goes_into_a_folder_that_is_named(story, tmp_path):
    (tmp_path / "there").mkdir()
    for to in (str(tmp_path / "there"), f"{tmp_path / 'new'}/"):
        written = export(story.project, story.session.id, format="prov", to=to)
        assert written.path == Path(to) / f"{story.session.id}.prov.json"
        assert written.path.is_file()
    with pytest.raises(UsageError, match="there exists"):  # a crate is the folder itself, and this one is not empty
        export(story.project, story.session.id, format="crate", to=str(tmp_path / "there"))


@EACH
def test_a_target_that_cannot_be_written_is_refused(story, tmp_path, format):
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(StoreReadOnly, match="cannot write .*inside: .* - give a place you may write with --to"):
        export(story.project, story.session.id, format=format, to=str(tmp_path / "file" / "inside"))


def test_the_command_line_exports_into_the_project(story):
    command = [sys.executable, "-m", "mlops_nb", "export", story.session.id, "--format", "prov", "--json"]
    root = story.project.root
    done = subprocess.run(command, cwd=root, env=environment(root), text=True, capture_output=True, check=True)
    path = root / "exports" / f"{story.session.id}.prov.json"
    assert json.loads(done.stdout)["path"] == str(path)
    assert "entity" in json.loads(path.read_text())


TOKEN, PASSWORD = "ghp_" + "a1B2c3D4e5" * 4, "hunter2horse"
LEAK = f" {TOKEN} https://me:{PASSWORD}@db.example/x"
#: Where the store keeps text of the user, by table; what is JSON, separately.
TEXTS = {
    "node": ["name"], "run": ["name", "notebook"], "outcome": ["reason"], "metric": ["name"], "parameter": ["name"],
    "process": ["program", "actor"], "doubt": ["reason"], "edge": ["reference"], "execution": ["cell"],
    "model_version": ["intent", "flavor"], "column_edge": ["source_column", "target_column"],
}  # fmt: skip


@pytest.fixture(scope="module")
def leaking(story, tmp_path_factory):
    """The recorded project as a store would hold it that was written before secrets were recognised."""
    root = tmp_path_factory.mktemp("old") / "project"
    shutil.copytree(story.project.root, root)
    project = Project(root)
    sources = {row["source"] for row in project.store.rows("SELECT source FROM execution")}
    spoiled = {key: project.content.put(project.content.get(key) + f"\n# {LEAK}".encode()) for key in sources}
    shown = {row["content"] for row in project.store.rows("SELECT content FROM output WHERE mime LIKE 'text/%'")}
    said = {key: project.content.put(project.content.get(key) + LEAK.encode()) for key in shown}
    project.store.flush()
    project.store.close()
    with contextlib.closing(sqlite3.connect(root / ".mlops" / "lineage.db")) as old, old:
        for table, columns in TEXTS.items():
            for column in columns:
                old.execute(f"UPDATE {table} SET {column} = {column} || ? WHERE {column} IS NOT NULL", (LEAK,))
        old.execute("UPDATE parameter SET value = ?", (json.dumps({"to": LEAK, "db_password": "a-long-phrase-9"}),))
        for table in ("dataset", "column_list"):
            old.execute(f"UPDATE {table} SET columns = replace(columns, '\"temp\"', ?)", (json.dumps(f"temp{LEAK}"),))
        old.execute("INSERT INTO gap SELECT id, id, ? FROM run", (LEAK,))
        old.executemany(
            "UPDATE execution SET source = ? WHERE source = ?", [(new, key) for key, new in spoiled.items()]
        )
        old.executemany("UPDATE output SET content = ? WHERE content = ?", [(new, key) for key, new in said.items()])
    for receipt in (root / "receipts").rglob("*.ipynb"):
        receipt.write_text(receipt.read_text().replace("import pandas", f"# {LEAK}\\nimport pandas"))
    project = Project(root)
    yield project
    project.store.close()


@EACH
@pytest.mark.parametrize("run", ["session", "pipeline"])
def test_a_secret_in_an_old_store_is_not_exported(story, leaking, tmp_path, format, run):
    written = export(leaking, getattr(story, run).id, format=format, to=str(tmp_path / "out")).path
    files = tree(written)
    for name, data in files.items():
        if not name.endswith((".parquet", ".skops")):  # bytes that are copied as they are
            for secret in (TOKEN, PASSWORD, "a-long-phrase-9"):
                assert secret.encode() not in data, (name, data[max(0, data.find(secret.encode()) - 200) :][:300])
        assert TOKEN not in name
    assert b"[redacted:github-token]" in b"".join(files.values())
