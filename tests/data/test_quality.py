"""Contracts: each rule kept and broken, examples of what broke it, and a verdict that outlives the refusal."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from mlops_nb.data.checks import check
from mlops_nb.data.datasets import dataset
from mlops_nb.data.quality import evaluate
from mlops_nb.errors import ContractViolation, NotFound, UsageError
from mlops_nb.project import Project
from mlops_nb.proof import fsck

FRAME = pd.DataFrame(
    {
        "whole": [1, 2, 2],
        "real": [0.5, None, 9.0],
        "text": ["a", None, "c"],
        "flag": [True, False, True],
        "time": pd.to_datetime(["2020-01-01", "2020-06-01", None]),
        "kind": pd.Categorical(["x", "y", "x"]),
        "objects": pd.Series([1, 2, 3], dtype=object),
        "mixed": pd.Series([1, "a", None], dtype=object),
        "span": pd.to_timedelta([1, 2, 3], "s"),
    }
)


def rules(**columns: dict[str, object]) -> list[tuple[str, bool, int]]:
    quality = evaluate(FRAME, {"columns": columns}, "c")
    return [(rule.column, rule.passed, rule.failures) for rule in quality.rules]


@pytest.mark.parametrize(
    ("column", "rule", "limit", "failures"),
    [
        ("whole", "type", "integer", 0),
        ("whole", "type", "number", 0),
        ("real", "type", "number", 0),
        ("real", "type", "integer", 3),
        ("text", "type", "text", 0),
        ("text", "type", "number", 3),
        ("flag", "type", "boolean", 0),
        ("flag", "type", "number", 3),
        ("time", "type", "datetime", 0),
        ("time", "type", "text", 3),
        ("kind", "type", "category", 0),
        ("text", "type", "category", 3),
        ("objects", "type", "text", 3),
        ("mixed", "type", "text", 3),
        ("text", "nulls", False, 1),
        ("text", "nulls", True, 0),
        ("whole", "nulls", False, 0),
        ("whole", "unique", True, 2),
        ("whole", "unique", False, 0),
        ("text", "unique", True, 0),
        ("text", "values", ["a", "c"], 0),
        ("text", "values", ["a"], 1),
        ("kind", "values", ["x"], 1),
        ("whole", "values", [1, 2], 0),
        ("real", "min", 0, 0),
        ("real", "min", 1, 1),
        ("real", "max", 9, 0),
        ("real", "max", 8.9, 1),
        ("text", "min", 1, 3),
        ("gone", "nulls", False, 3),
    ],
)
def test_a_rule_is_kept_or_broken_by_so_many_rows(column: str, rule: str, limit: object, failures: int):
    assert rules(**{column: {rule: limit}}) == [(column, failures == 0, failures)]


def test_a_date_of_toml_bounds_times(project: Project):
    Path("mlops.toml").write_text("[contract.c.columns]\ntime = { min = 2020-02-01 }\n")
    with pytest.raises(ContractViolation, match=r"time: 1 rows break 'min 2020-02-01'.*2020-01-01T00:00:00"):
        check(project, FRAME[["time"]], "c")


def test_values_without_a_json_form_are_shown_as_text():
    (rule,) = evaluate(FRAME, {"columns": {"span": {"values": [1]}}}, "c").rules
    assert rule.examples == ["0 days 00:00:01", "0 days 00:00:02", "0 days 00:00:03"]


def test_text_of_objects_is_text():
    frame = pd.DataFrame({"s": pd.Series(["a", None], dtype=object)})
    assert evaluate(frame, {"columns": {"s": {"type": "text"}}}, "c").passed


@pytest.mark.parametrize(("limits", "passed"), [({"min": 3}, True), ({"min": 4}, False), ({"max": 3}, True), ({"max": 2}, False)])  # fmt: skip
def test_rows_are_counted(limits: dict[str, int], passed: bool):
    assert evaluate(FRAME, {"rows": limits}, "c").passed is passed


def test_an_empty_table_breaks_a_minimum_of_rows_and_no_rule_of_a_column():
    quality = evaluate(FRAME.iloc[:0], {"rows": {"min": 1}, "columns": {"whole": {"unique": True, "min": 0}}}, "c")
    assert [(rule.column, rule.passed) for rule in quality.rules] == [
        ("(rows)", False), ("whole", True), ("whole", True)
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("contract", "message"),
    [
        ({"columns": {"whole": {"maximum": 1}}}, "whole has no rule 'maximum' - there are: type, nulls"),
        ({"columns": {"whole": {"type": "int"}}}, "whole: no type 'int' - there are: integer, number"),
        ({"rows": {"about": 3}}, "rows has no rule 'about' - there are: min, max"),
        ({"rows": {"min": "many"}}, "rows: min = 'many' is no whole number"),
        ({"rows": 3}, "rows = 3 is no table of rules"),
        ({"columns": {"whole": "integer"}}, "whole = 'integer' is no table of rules"),
        ({"columns": 3}, "columns = 3 is no table of rules"),
        ({"column": {}}, "has no part 'column' - there are: rows, columns"),
    ],
)
def test_a_contract_that_is_not_well_formed_is_no_verdict(contract: dict[str, object], message: str):
    with pytest.raises(UsageError, match=message):
        evaluate(FRAME, contract, "c")


@pytest.fixture
def contracted(project: Project) -> Project:
    Path("mlops.toml").write_text(
        '[contract.c.columns]\nwhole = { type = "integer", min = 2 }\ngone = { nulls = false }\n'
        '[contract.easy.columns]\nwhole = { type = "integer" }\n'
        '[contract.strict.columns]\nmixed = { type = "number" }\n'
    )
    return project


def test_a_violation_names_column_rule_rows_and_examples(contracted: Project):
    with pytest.raises(
        ContractViolation,
        match=r"the data breaks contract 'c' \(3 rows\): whole: 1 rows break 'min 2', such as 1;"
        r" column 'gone' is missing - mend the data, or change \[contract.c\]",
    ):
        check(contracted, FRAME[["whole"]], "c")


def test_the_verdict_is_recorded_before_it_is_refused(contracted: Project):
    with pytest.raises(ContractViolation):
        check(contracted, FRAME[["whole"]], "c")
    (row,) = contracted.store.rows("SELECT * FROM quality")
    assert (row["contract"], row["passed"]) == ("c", 0)
    assert [rule["passed"] for rule in json.loads(row["rules"])] == [True, False, False]


def test_a_kept_contract_gives_its_verdict(contracted: Project):
    quality = check(contracted, FRAME[["whole"]], "easy")
    assert quality.passed
    assert contracted.store.value("SELECT passed FROM quality") == 1


def test_data_too_bad_to_be_stored_is_judged_all_the_same(contracted: Project):
    with pytest.raises(ContractViolation, match="mixed: 3 rows break 'type number', such as object"):
        check(contracted, FRAME[["mixed"]], "strict")
    assert contracted.store.value("SELECT passed FROM quality") == 0
    assert fsck(contracted).ok


def test_a_dataset_is_checked_by_its_name(contracted: Project):
    dataset(contracted, FRAME[["whole"]], "d")
    assert check(contracted, "d", "easy").rows == 3


def test_an_unknown_contract_is_told_with_those_there_are(contracted: Project):
    with pytest.raises(NotFound, match=r"no contract 'd' - known: 'c', 'easy', 'strict'; write one as \[contract.d\]"):
        check(contracted, FRAME, "d")


def test_without_any_contract_the_message_says_how_to_write_one(project: Project):
    with pytest.raises(NotFound, match=r"no contract 'c' - none exist yet; write one as \[contract.c\] in mlops.toml"):
        check(project, FRAME, "c")
