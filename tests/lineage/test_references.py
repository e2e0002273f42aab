"""References: what a name means now, and what is said when it means nothing."""

import re
from types import SimpleNamespace

import pytest

from mlops_nb.capture import nodes, runs
from mlops_nb.errors import NotFound, UsageError
from mlops_nb.lineage.references import resolve


@pytest.fixture
def things(project, workspace):
    """One thing of every kind, by its row ID."""
    (workspace / "mlops.toml").write_text("[criteria]\nauc = 0.5\n")
    (workspace / "data.csv").write_text("a\n1\n")
    from mlops_nb.capture.artifacts import log_artifact
    from mlops_nb.capture.sections import read_section

    run = runs.start(project, "script", "old")
    project.run = run
    read_section(project, "criteria")
    file = log_artifact(project, "data.csv")
    with project.store.write() as store:
        content = project.content.put(b"content")
        for version in (1, 2):
            number = nodes.add_node(store, "dataset", "flights", public=f"da7a{version:012}")
            store.execute(
                "INSERT INTO dataset (id, name, version, fingerprint, rows, columns, content, run, created_at)"
                " VALUES (?, 'flights', ?, ?, 1, '[]', ?, ?, 0)",
                number, version, f"f{version}", content, run,
            )  # fmt: skip
            nodes.add_edge(store, run, number, "wrote", "dataset:flights")
            number = nodes.add_node(store, "model", "late", public=f"30de{version:012}")
            store.execute(
                "INSERT INTO model_version (id, name, version, content, format, flavor, trusted, run, created_at)"
                " VALUES (?, 'late', ?, ?, 'skops', 'sklearn', '[]', ?, 0)",
                number, version, content, run,
            )  # fmt: skip
            nodes.add_edge(store, run, number, "wrote", "models:/late")
        store.execute(
            "INSERT INTO alias_move (id, model, alias, version, reason, actor, at)"
            " VALUES (1, 'late', 'champion', 2, '', '', 0), (2, 'late', 'champion', 1, '', '', 0)"
        )

    def node(public):
        return project.store.value("SELECT id FROM node WHERE public = ?", public)

    return SimpleNamespace(
        project=project, run=run, public=runs.public_id(project, run), file=node(file.id), file_id=file.id,
        dataset={n: node(f"da7a{n:012}") for n in (1, 2)}, model={n: node(f"30de{n:012}") for n in (1, 2)},
    )  # fmt: skip


MEANT = {
    "dataset:flights": lambda t: t.dataset[2],
    "dataset:flights/latest": lambda t: t.dataset[2],
    "dataset:flights/1": lambda t: t.dataset[1],
    "dataset:flights@1": lambda t: t.dataset[1],
    "flights": lambda t: t.dataset[2],
    "models:/late": lambda t: t.model[2],
    "models:/late/latest": lambda t: t.model[2],
    "models:/late/2": lambda t: t.model[2],
    "models:late/1": lambda t: t.model[1],
    "models:/late@champion": lambda t: t.model[1],
    "late": lambda t: t.model[2],
    "file:data.csv": lambda t: t.file,
    "file:./data.csv": lambda t: t.file,
    "data.csv": lambda t: t.file,
    "da7a000000000001": lambda t: t.dataset[1],
    "30de000000000002": lambda t: t.model[2],
}


@pytest.mark.parametrize("reference", MEANT)
def test_the_meaning_of(things, reference):
    assert resolve(things.project, reference) == MEANT[reference](things)


def test_a_run_is_found_by_its_id(things):
    assert resolve(things.project, f"runs:/{things.public}") == things.run
    assert resolve(things.project, things.public) == things.run


def test_a_thing_is_found_by_the_beginning_of_its_id(things):
    assert resolve(things.project, things.file_id[:10]) == things.file


def test_a_table_of_the_charter_is_found_as_it_is_now(things):
    assert resolve(things.project, "config:criteria")
    (things.project.root / "mlops.toml").write_text("[criteria]\nauc = 0.9\n")
    with pytest.raises(NotFound, match=r"no run has read the table \[criteria\] of mlops.toml as it is now"):
        resolve(things.project, "config:criteria")


@pytest.mark.parametrize(
    ("reference", "told"),
    [
        ("dataset:trains", "no dataset 'trains' - known: 'flights'; register one with"),
        ("dataset:flights/7", "no version of dataset 'flights' '7' - known: '2', '1'"),
        ("dataset:a/b/c", "dataset:a/b/c is not a reference to a dataset - write dataset:NAME"),
        ("models:/early", "no model 'early' - known: 'late'; register one with"),
        ("models:/late/7", "no version of model 'late' '7' - known: '1', '2'"),
        (
            "models:/late@winner",
            "no alias of model 'late' 'winner' - known: 'champion'; see `mlops promote late VERSION`",
        ),
        ("runs:/feed", "no run '/feed' - see `mlops runs`"),
        ("var:nothing", "no variable 'nothing' was bound in a recorded cell"),
        ("cell:99", "no cell '99' has been executed - give its ID or its number, as in cell:3"),
        ("cell:abc", "no cell 'abc' has been executed"),
        ("file:missing.csv", "no cell has read or written the file 'missing.csv'"),
        ("nothing", "nothing is called 'nothing' in "),
        ("feedfeed", "nothing is called 'feedfeed' in "),
        ("no/such/path.csv", "nothing is called 'no/such/path.csv' in "),
        ("x" * 5000, "nothing is called "),
        ("", "nothing is called '' in "),
    ],
)
def test_what_means_nothing_is_told(things, reference, told):
    with pytest.raises(NotFound, match=re.escape(told)):
        resolve(things.project, reference)


def test_the_beginning_of_several_ids_is_told_with_them(things):
    with pytest.raises(UsageError, match=r"'da7a0' is the beginning of more than one ID: da7a0+1, da7a0+2 - give more"):
        resolve(things.project, "da7a0")


def test_a_model_reference_that_is_not_well_formed_is_told(things):
    with pytest.raises(
        UsageError, match=re.escape("models:/late/two is not a reference to a model - write models:/NAME/1")
    ):
        resolve(things.project, "models:/late/two")


def test_a_file_that_has_changed_is_not_taken_for_what_it_was(things):
    (things.project.root / "data.csv").write_text("a\n2\n")
    with pytest.raises(NotFound, match="the file 'data.csv' as it is now"):
        resolve(things.project, "file:data.csv")


def test_a_file_that_is_gone_is_what_was_last_seen_there(things):
    (things.project.root / "data.csv").unlink()
    assert resolve(things.project, "file:data.csv") == things.file


def test_a_file_is_found_from_a_folder_below_the_root(things, monkeypatch):
    (things.project.root / "deep").mkdir()
    monkeypatch.chdir(things.project.root / "deep")
    assert resolve(things.project, "file:data.csv") == things.file
    assert resolve(things.project, "file:../data.csv") == things.file


# -- cells and variables --------------------------------------------------------------------------------------


@pytest.fixture
def cells(shell, project):
    shell.run_cell("x = 1", store_history=True, cell_id="12345678")
    shell.run_cell("x = 2", store_history=True, cell_id="abcdefgh")
    return project


def source(project, number):
    return project.content.text(project.store.value("SELECT source FROM execution WHERE id = ?", number))


def test_a_cell_is_found_by_its_number_and_by_its_id(cells):
    assert source(cells, resolve(cells, "cell:1")) == "x = 1"
    assert source(cells, resolve(cells, "cell:abcdefgh")) == "x = 2"


def test_a_cell_is_found_by_an_id_that_looks_like_a_number(cells):
    assert source(cells, resolve(cells, "cell:12345678")) == "x = 1"


def test_a_variable_is_the_one_that_was_bound_last(cells):
    maker = cells.store.value("SELECT source FROM edge WHERE target = ?", resolve(cells, "var:x"))
    assert source(cells, maker) == "x = 2"
    assert resolve(cells, "x") == resolve(cells, "var:x")


def test_a_variable_can_be_asked_for_in_a_run(cells):
    run = runs.runs(cells)[0].id
    assert resolve(cells, f"var:{run}/x") == resolve(cells, f"var:{run[:6]}/x") == resolve(cells, "var:x")
    with pytest.raises(NotFound, match="no variable 'feed/x' was bound"):
        resolve(cells, "var:feed/x")


def test_a_variable_of_a_pipeline_is_that_of_any_step_and_of_a_cached_one_that_of_its_original(cells):
    mine = runs.runs(cells)[0].id
    pipeline = runs.start(cells, "pipeline", "all")
    step = runs.start(cells, "step", "one", parent=pipeline, original=runs.row_id(cells, mine))
    for run in (pipeline, step):
        assert resolve(cells, f"var:{runs.public_id(cells, run)}/x") == resolve(cells, f"var:{mine}/x")
    other = runs.public_id(cells, runs.start(cells, "step", "two", parent=pipeline))
    with pytest.raises(NotFound, match=f"no variable '{other}/x' was bound"):
        resolve(cells, f"var:{other}/x")


def test_a_run_is_found_by_the_beginning_of_its_id_unless_several_begin_so(project):
    started = [runs.public_id(project, runs.start(project, "script", "s")) for _ in range(17)]
    assert resolve(project, f"runs:/{started[0][:12]}") == runs.row_id(project, started[0])
    digits = [public[0] for public in started]
    shared = next(digit for digit in digits if digits.count(digit) > 1)
    with pytest.raises(UsageError, match=f"'{shared}' is the beginning of more than one ID: "):
        resolve(project, f"runs:/{shared}")
