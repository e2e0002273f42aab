"""Columns that mlops.toml denies leave no value in the store."""

import warnings

import pandas as pd
import pytest

from mlops_nb.capture import columns
from mlops_nb.capture.artifacts import log_artifact
from mlops_nb.capture.runs import log_param
from mlops_nb.data.checks import check
from mlops_nb.data.datasets import dataset, load_dataset
from mlops_nb.errors import ContractViolation, UsageError
from mlops_nb.monitoring.drift import drift
from mlops_nb.registry.versions import register

SETTING = '[privacy]\ndeny_columns = ["ssn", "email*"]\n'
VALUES = ["078-05-1120", "219-09-9999", "457-55-5462", "721-07-4426", "987-65-4320", "123-45-6789"]


def people(**more):
    mails = [f"person{number}@mail.example" for number in range(len(VALUES))]
    return pd.DataFrame({"age": [31, 22, 54, 19, 40, 61], "SSN": VALUES, "email_home": mails, **more})


@pytest.fixture
def denying(project):
    (project.root / "mlops.toml").write_text(SETTING)
    return project


def held(project):
    """Return which values of denied columns any file of the store holds."""
    texts = [path.read_bytes() for path in project.home.rglob("*") if path.is_file()]
    return [value for value in [*VALUES, "mail.example"] if any(value.encode() in text for text in texts)]


def test_without_the_setting_every_column_is_kept(project):
    record = dataset(project, people(), "people")
    assert set(record.columns) == {"age", "SSN", "email_home"}
    assert list(load_dataset(project, "people").columns) == ["age", "SSN", "email_home"]


def test_a_dataset_is_kept_without_denied_columns_and_says_so(denying):
    record = dataset(denying, people(), "people")
    assert record.columns["SSN"] == {"type": str(people()["SSN"].dtype), "denied": True}
    assert record.columns["email_home"]["denied"] is True
    assert record.columns["age"]["max"] == 61
    with pytest.warns(
        UserWarning, match=r"dataset 'people' was kept without SSN, email_home: \[privacy\] deny_columns"
    ):
        frame = load_dataset(denying, "people")
    assert list(frame.columns) == ["age"]
    assert held(denying) == []


def test_a_denied_level_of_the_index_is_left_out_too(denying):
    frame = people(height=range(6)).set_index(["SSN", "age"])
    assert dataset(denying, frame, "people").columns["SSN"]["denied"] is True
    with pytest.warns(UserWarning, match="without SSN, email_home"):
        assert load_dataset(denying, "people").index.names == ["age"]
    assert held(denying) == []


def test_a_denied_level_of_the_columns_is_left_out(denying):
    frame = people()
    frame.columns = pd.MultiIndex.from_tuples([("who", "age"), ("who", "ssn"), ("email", "home")])
    assert [name for name, facts in dataset(denying, frame, "people").columns.items() if "denied" not in facts] == [
        "('who', 'age')"
    ]
    assert held(denying) == []


def test_what_a_denied_column_holds_makes_no_other_version(denying):
    first = dataset(denying, people(), "people")
    second = dataset(denying, people().assign(SSN="none"), "people")
    assert (first.version, second.version, first.fingerprint) == (1, 1, second.fingerprint)


def test_a_table_of_denied_columns_alone_is_refused(denying):
    with pytest.raises(
        UsageError, match=r"every column of this frame is in \[privacy\] deny_columns \(SSN\) - nothing is left"
    ):
        dataset(denying, people()[["SSN"]], "people")


def test_a_contract_judges_a_denied_column_without_examples(denying):
    with (denying.root / "mlops.toml").open("a") as file:
        file.write('[contract.people.columns]\nSSN = { values = ["none"] }\nage = { max = 60 }\n')
    with pytest.raises(
        ContractViolation, match="SSN: 6 rows break 'values .'none'.'; age: 1 rows break 'max 60', such as 61"
    ):
        check(denying, people(), "people")
    assert held(denying) == []


def test_an_example_of_a_model_has_nothing_in_a_denied_column(denying):
    from sklearn.dummy import DummyRegressor

    model = DummyRegressor().fit(people(), people()["age"])
    version = register(denying, model, "m", example=people())
    assert [column["name"] for column in version.signature["inputs"]] == ["age", "SSN", "email_home"]
    kept = denying.content.text(denying.store.value("SELECT example FROM model_version"))
    assert (
        kept
        == '{"dataframe_split":{"columns":["age","SSN","email_home"],"data":[[31,null,null],[22,null,null],[54,null,null],[19,null,null],[40,null,null]]}}'
    )
    assert held(denying) == []


def test_a_drift_report_judges_a_denied_column_and_shows_no_value_of_it(denying):
    many = pd.concat([people()] * 10)
    report = drift(denying, many, many.assign(SSN="457-55-5462"))
    by_name = {column.column: column for column in report.columns}
    assert by_name["SSN"].statistic > 0.5
    assert by_name["SSN"].labels == [f"bin {number}" for number in range(1, 7)]
    assert by_name["age"].labels[0] == "missing"
    assert held(denying) == []


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_a_file_with_a_denied_column_is_not_copied(denying, suffix):
    path = denying.root / f"people{suffix}"
    people().to_csv(path) if suffix == ".csv" else people().to_parquet(path)
    with pytest.raises(
        UsageError, match=r"has the column 'SSN', which \[privacy\] deny_columns keeps out of the store"
    ):
        log_artifact(denying, str(path))
    people()[["age"]].to_csv(denying.root / "ages.csv")
    assert log_artifact(denying, "ages.csv").stored
    assert held(denying) == []


def test_an_output_that_names_a_denied_column_is_not_kept(shell, denying):
    shell.push({"frame": people()})
    for source in ("frame.head()", "frame['SSN']", "print(frame)", "frame[['age']]", "import matplotlib"):
        shell.run_cell(source, store_history=True)
    denying.store.flush()
    rows = denying.store.rows("SELECT DISTINCT execution, content FROM output ORDER BY execution")
    assert {denying.content.text(row["content"]) for row in rows[:-2]} == {"[redacted:column-SSN]"}
    assert "31" in denying.content.text(rows[-1]["content"])
    assert held(denying) == []


def test_the_setting_is_read_anew_when_it_has_changed(project):
    assert columns.denied(project, ["ssn", "Email", "mail"]) == []
    (project.root / "mlops.toml").write_text(SETTING)
    assert columns.denied(project, ["ssn", "Email", "mail"]) == ["ssn", "Email"]
    (project.root / "mlops.toml").write_text('[privacy]\ndeny_columns = ["mail"]\n')
    assert columns.denied(project, ["ssn", "Email", "mail"]) == ["mail"]


def test_a_setting_that_is_no_list_of_names_is_refused(project):
    (project.root / "mlops.toml").write_text('[privacy]\ndeny_columns = "ssn"\n')
    with pytest.raises(
        UsageError, match=r"\[privacy\] deny_columns = 'ssn' is no list of names - write \[\"ssn\", \"email\*\"\]"
    ):
        dataset(project, people(), "people")


def test_an_uncommitted_change_of_data_is_left_out_where_columns_are_denied(start_kernel, workspace):
    import subprocess

    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false"]
    (workspace / "mlops.toml").write_text(SETTING)
    (workspace / "people.csv").write_text("ssn\n1\n")
    (workspace / "code.py").write_text("x = 1\n")
    for command in (["init", "-q"], ["add", "people.csv", "code.py"], ["commit", "-qm", "first"]):
        subprocess.run([*git, *command], check=True)
    (workspace / "people.csv").write_text("ssn\n078-05-1120\n")
    (workspace / "code.py").write_text("x = 2\n")
    from mlops_nb.project import Project

    project = Project(workspace)
    log_param(project, "depth", 1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        diff = project.content.text(project.store.value("SELECT git_diff FROM process"))
    assert "+x = 2" in diff
    assert held(project) == []
    project.store.close()
