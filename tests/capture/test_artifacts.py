"""Artifacts: files that are kept, named by their content."""

import pytest

import mlops_nb as mlops
from mlops_nb.errors import NotFound
from mlops_nb.lineage.references import resolve


def test_a_logged_file_is_kept_with_a_copy(project, workspace):
    (workspace / "model.bin").write_bytes(b"weights" * 5000)
    kept = mlops.log_artifact("model.bin")
    (workspace / "model.bin").unlink()
    assert (kept.name, kept.size, kept.stored, kept.id) == ("model.bin", 35_000, True, kept.hash[:16])
    assert project.content.get(kept.hash) == b"weights" * 5000


def test_the_id_of_an_artifact_survives_rename_and_move(project, workspace):
    (workspace / "a.txt").write_text("same")
    before = mlops.log_artifact("a.txt")
    (workspace / "deep").mkdir()
    (workspace / "a.txt").rename(workspace / "deep" / "b.txt")
    after = mlops.log_artifact("deep/b.txt")
    assert (after.id, after.name) == (before.id, "deep/b.txt")
    assert project.store.value("SELECT count(*) FROM artifact") == 1


def test_a_logged_file_belongs_to_the_run_that_logged_it(project, workspace):
    (workspace / "a.txt").write_text("x")
    kept = mlops.log_artifact("a.txt")
    row = project.store.row("SELECT source, reference FROM edge WHERE target = ?", resolve(project, kept.id))
    assert tuple(row) == (project.run, "file:a.txt")


def test_an_observed_file_becomes_kept_when_it_is_logged(shell, project, workspace):
    (workspace / "a.txt").write_text("x")
    shell.run_cell("open('a.txt').read()", store_history=True)
    assert project.store.value("SELECT stored FROM artifact") == 0
    assert mlops.log_artifact("a.txt").stored


def test_a_file_that_is_not_there_is_told(project, workspace):
    with pytest.raises(NotFound, match=rf"no file 'nothing.bin' in {workspace}"):
        mlops.log_artifact("nothing.bin")


def test_a_folder_is_not_a_file(project, workspace):
    (workspace / "folder").mkdir()
    with pytest.raises(NotFound, match="no file 'folder'"):
        mlops.log_artifact("folder")
