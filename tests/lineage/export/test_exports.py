"""Exporting a run: what is asked for, what is refused, and the same bytes every time."""

import json
import subprocess
import sys

import pytest

from mlops_nb.errors import NotFound, StoreReadOnly, UsageError
from mlops_nb.lineage.export.exports import FORMATS, export
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


def test_what_is_no_run_is_refused(story, tmp_path):
    with pytest.raises(NotFound, match="no run .*feed' - see `mlops runs`"):
        export(story.project, "runs:/feed")
    with pytest.raises(NotFound, match="nothing is called 'zebra'"):
        export(story.project, "zebra")
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
