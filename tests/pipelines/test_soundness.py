"""A step is skipped only where nothing it depended on has changed: the cases that once were wrong."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

import mlops_nb as mlops
from mlops_nb.capture import environments
from mlops_nb.data.datasets import dataset
from mlops_nb.errors import UsageError
from mlops_nb.pipelines import executor

from .conftest import write_notebook


@pytest.fixture
def step(project):
    """Write the only notebook of the project and run it; return its status and reason."""

    def write_and_run(*cells: str) -> tuple[str, str]:
        write_notebook(project.root / "only.ipynb", *cells)
        return again()

    def again() -> tuple[str, str]:
        (done,) = executor.run(project).steps
        return done.status, done.reason

    write_and_run.again = again
    return write_and_run


READ = "with open('a' + '.txt') as one, open('b' + '.txt') as two:\n    text = one.read() + two.read()"


def test_of_two_files_with_the_same_content_each_counts(project, step):
    for name in "ab":
        (project.root / f"{name}.txt").write_text("same")
    step(READ)
    assert step.again()[0] == "cached"
    (project.root / "b.txt").write_text("other")
    assert step.again() == ("ran", "b.txt changed or is gone")


def test_an_input_that_is_gone_is_a_change(project, step):
    for name in "ab":
        (project.root / f"{name}.txt").write_text(name)
    step(READ)
    (project.root / "a.txt").unlink()
    assert step.again()[0] == "failed"


def test_a_file_of_the_same_name_in_the_working_folder_does_not_stand_for_the_projects(project, step, monkeypatch):
    for name in "ab":
        (project.root / f"{name}.txt").write_text(name)
    step(READ)
    elsewhere = project.root / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "a.txt").write_text("a")
    (project.root / "a.txt").write_text("changed")
    monkeypatch.chdir(elsewhere)
    assert step.again() == ("ran", "a.txt changed or is gone")


def test_of_two_contracts_with_the_same_text_each_counts(project, step):
    (project.root / "mlops.toml").write_text("[contract.one]\nrows = { min = 1 }\n[contract.two]\nrows = { min = 1 }\n")
    step(
        "import pandas as pd, mlops_nb as mlops\nframe = pd.DataFrame({'x': [1]})\n"
        "mlops.check(frame, 'one'); mlops.check(frame, 'two')"
    )
    assert step.again()[0] == "cached"
    (project.root / "mlops.toml").write_text("[contract.one]\nrows = { min = 1 }\n[contract.two]\nrows = { min = 9 }\n")
    assert step.again()[0] == "failed"


def test_a_dataset_that_the_step_wrote_back_unchanged_is_still_its_input(project, step):
    dataset(project, pd.DataFrame({"x": [1]}), "base")
    step("import mlops_nb as mlops\nframe = mlops.load_dataset('base')", "mlops.dataset(frame, 'base')")
    assert step.again()[0] == "cached"
    dataset(project, pd.DataFrame({"x": [2]}), "base")
    assert step.again() == ("ran", "dataset:base changed")


def test_a_file_written_twice_is_an_output_as_it_was_left(project, step):
    write = "with open('out' + '.txt', 'w') as file:\n    file.write({!r})"
    step(write.format("first"), write.format("second"))
    assert step.again()[0] == "cached"


def test_a_run_whose_cells_were_not_recorded_stands_for_nothing(project, step):
    step("%load_ext mlops_nb\nget_ipython().run_line_magic('mlops', 'off')", "x = open('in' + '.txt', 'w')")
    assert step.again() == ("ran", "not every cell of its last run was recorded")


def test_a_run_with_a_gap_stands_for_nothing(project, step):
    step("x = 1")
    with project.store.write() as store:
        run = store.execute("SELECT id FROM run WHERE kind = 'step'").fetchone()[0]
        store.execute("INSERT INTO gap (id, run, message) VALUES (?, ?, 'disk full')", store.next_id(), run)
    assert step.again() == ("ran", "its last run was not recorded whole (disk full)")


def test_a_notebook_of_another_language_is_no_step(project, step):
    path = write_notebook(project.root / "only.ipynb", "x <- 1")
    path.write_text(path.read_text().replace('"language": "python"', '"language": "R"'))
    with pytest.raises(UsageError, match=r"only\.ipynb is written in r - only Python"):
        step.again()


def test_a_default_that_is_no_json_reaches_the_notebook_as_it_is(project, step):
    notebook = Path("only.ipynb")
    step("pair = (1, 2)", "assert pair == (1, 2)")
    document = json.loads(notebook.read_text())
    document["cells"][0]["metadata"]["tags"] = ["parameters"]
    notebook.write_text(json.dumps(document))
    assert step.again()[0] == "ran"
    assert mlops.runs(kind="step")[0].parameters == {"pair": "(1, 2)"}


def test_a_folder_of_files_that_was_read_counts_with_every_file(project, step):
    frame = pd.DataFrame({"a": [1, 2], "k": ["x", "y"]})
    frame.to_parquet(project.root / "parts", partition_cols=["k"])
    step("import pandas as pd\nlen(pd.read_parquet('parts'))")
    assert step.again()[0] == "cached"
    frame.assign(k="z").to_parquet(project.root / "parts", partition_cols=["k"])
    assert step.again() == ("ran", "parts changed or is gone")


def test_a_step_that_writes_its_output_natively_does_not_depend_on_what_it_replaces(project, step):
    cell = "import pandas as pd\npd.DataFrame({'a': [1]}).to_parquet('out.parquet')"
    step(cell)
    assert step(cell, "x = 1")[0] == "ran"
    assert step.again()[0] == "cached"
    (project.root / "out.parquet").write_bytes(b"")
    assert step.again() == ("ran", "its output out.parquet changed or is gone")


def test_a_step_that_asks_another_machine_is_not_skipped(project, step):
    step("import pandas as pd\ntry: pd.read_csv('http://127.0.0.1:9/x.csv')\nexcept OSError: pass")
    assert step.again() == ("ran", "what tcp://127.0.0.1:9 answers cannot be checked")


def test_a_step_under_which_packages_changed_does_not_stand_for_the_next(project, step):
    step("x = 1")
    with project.store.write() as store:
        environments.add_change(store, project.store.value("SELECT max(id) FROM execution"), during=True)
    assert step.again() == ("ran", "its last run was not recorded whole (packages changed while it ran)")
    assert step.again()[0] == "cached"
