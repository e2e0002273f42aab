"""Data contracts: what a table must look like, written in ``mlops.toml`` and enforced where data comes in.

[contract.flights]
rows = { min = 1000 }
[contract.flights.columns]
origin    = { type = "text", nulls = false, values = ["EWR", "JFK", "LGA"] }
dep_delay = { type = "number", min = -120, max = 2000 }
flight_id = { type = "text", nulls = false, unique = true }
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING, Any

from mlops_nb.capture import columns, runs
from mlops_nb.capture.sections import read_section
from mlops_nb.data.datasets import frame_of
from mlops_nb.data.fingerprints import fingerprint, to_table
from mlops_nb.errors import ContractViolation, NotFound, UsageError
from mlops_nb.ids import canonical_json
from mlops_nb.project import Project
from mlops_nb.records import Json, Record, to_json
from mlops_nb.verbs import Value

if TYPE_CHECKING:
    import pandas as pd

EXAMPLES = 3


@dataclass(frozen=True)
class Rule(Record):
    """One rule of a contract and how many rows broke it."""

    column: str
    rule: str
    passed: bool
    failures: int
    examples: list[Json]


@dataclass(frozen=True)
class Quality(Record):
    """The verdict of a contract on a table."""

    contract: str
    passed: bool
    rows: int
    rules: list[Rule]


def _types() -> dict[str, Callable[[Any], bool]]:
    from pandas.api import types

    return {
        "integer": types.is_integer_dtype,
        "number": lambda dtype: types.is_numeric_dtype(dtype) and not types.is_bool_dtype(dtype),
        "text": types.is_string_dtype,
        "boolean": types.is_bool_dtype,
        "datetime": types.is_datetime64_any_dtype,
        "category": lambda dtype: str(dtype) == "category",
    }


def _fits(column: pd.Series[Any], kind: str) -> bool:
    from pandas.api import types

    if types.is_object_dtype(column.dtype):
        return kind == "text" and types.infer_dtype(column, skipna=True) in ("string", "empty")
    return bool(_types()[kind](column.dtype))


def _breaches(column: pd.Series[Any], rule: str, limit: Any) -> Any:
    """Return a mask of the rows that break a rule."""
    import pandas as pd

    present = column.notna()
    if isinstance(limit, date):
        limit = pd.Timestamp(limit)
    if rule == "nulls":
        return ~present if limit is False else present & False
    if rule == "unique":
        return column.duplicated(keep=False) & present if limit else present & False
    if rule == "values":
        return present & ~column.isin(limit)
    if rule == "min":
        return present & (column < limit)
    return present & (column > limit)


COLUMN_RULES = ("type", "nulls", "unique", "values", "min", "max")


def evaluate(frame: pd.DataFrame, contract: Mapping[str, Any], name: str) -> Quality:
    """Hold a table against a contract.

    Raises:
        UsageError: the contract itself is not well formed.
    """
    rules: list[Rule] = []
    _well_formed(contract, name)
    for key, limit in contract.get("rows", {}).items():
        passed = len(frame) >= limit if key == "min" else len(frame) <= limit
        rules.append(Rule("(rows)", f"{key} {limit}", passed, 0 if passed else len(frame), []))
    for column, wanted in contract.get("columns", {}).items():
        rules.extend(_column_rules(frame, column, wanted, name))
    return Quality(name, all(rule.passed for rule in rules), len(frame), rules)


def _well_formed(contract: Mapping[str, Any], name: str) -> None:
    for key in contract:
        if key not in ("rows", "columns"):
            raise UsageError(f"[contract.{name}] has no part {key!r} - there are: rows, columns")
    rows, columns = contract.get("rows", {}), contract.get("columns", {})
    for place, table in {"rows": rows, "columns": columns, **(columns if isinstance(columns, dict) else {})}.items():
        if not isinstance(table, dict):
            raise UsageError(f"[contract.{name}] {place} = {table!r} is no table of rules - write {{ min = 1 }}")
    for key, limit in rows.items():
        if key not in ("min", "max"):
            raise UsageError(f"[contract.{name}] rows has no rule {key!r} - there are: min, max")
        if not isinstance(limit, int):
            raise UsageError(f"[contract.{name}] rows: {key} = {limit!r} is no whole number - write {key} = 1")


def _column_rules(frame: pd.DataFrame, column: str, wanted: Mapping[str, Any], name: str) -> list[Rule]:
    if column not in frame.columns:
        return [Rule(column, "present", False, len(frame), [])]
    values, rules, known = frame[column], [], _types()
    for rule, limit in wanted.items():
        if rule not in COLUMN_RULES:
            raise UsageError(f"[contract.{name}] {column} has no rule {rule!r} - there are: {', '.join(COLUMN_RULES)}")
        if rule == "type":
            if limit not in known:
                raise UsageError(f"[contract.{name}] {column}: no type {limit!r} - there are: {', '.join(known)}")
            passed = _fits(values, limit)
            rules.append(Rule(column, f"type {limit}", passed, 0 if passed else len(frame), [str(values.dtype)]))
            continue
        try:
            broken = values[_breaches(values, rule, limit)]
        except TypeError:
            rules.append(Rule(column, f"{rule} {limit}", False, len(frame), [f"a {values.dtype} has no such order"]))
            continue
        examples = [] if rule == "nulls" else [_shown(value) for value in broken.head(EXAMPLES).astype(object)]
        rules.append(Rule(column, f"{rule} {limit}", broken.empty, len(broken), examples))
    return rules


def _shown(value: object) -> Json:
    """Return a value in JSON types, as text where it has none."""
    try:
        shown: Json = to_json(value)
    except TypeError:
        return str(value)
    return shown


def hold(project: Project, frame: Value, contract: str) -> Quality:
    """Hold a table against a data contract of mlops.toml, and stop if it breaks one rule.

    Args:
        project: the project
        frame: a DataFrame, the name of a dataset, or the path of a .csv or .parquet file
        contract: the contract's name, as in [contract.NAME]

    Raises:
        ContractViolation: the data breaks the contract; the verdict is recorded first.
        NotFound: mlops.toml has no such contract.
        UsageError: the contract is not well formed, or it is no table.
    """
    run = runs.active(project)
    section = read_section(project, f"contract.{contract}")
    if not section:
        known = [str(key) for key in project.section("contract")]
        raise NotFound.naming("contract", contract, known, f"write one as [contract.{contract}] in mlops.toml")
    table = frame_of(project, frame)
    verdict = _without_values(project, evaluate(table, section, contract))
    with project.store.write() as store:
        store.execute(
            "INSERT INTO quality (id, contract, fingerprint, run, passed, rules, checked_at)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            store.next_id(), contract, _fingerprint(table), run, int(verdict.passed),
            canonical_json(to_json(verdict.rules)), time.time(),
        )  # fmt: skip
    if not verdict.passed:
        broken = [rule for rule in verdict.rules if not rule.passed]
        raise ContractViolation(
            f"the data breaks contract {contract!r} ({len(table)} rows): "
            + "; ".join(_sentence(rule) for rule in broken)
            + f" - mend the data, or change [contract.{contract}] in mlops.toml"
        )
    return verdict


def _without_values(project: Project, verdict: Quality) -> Quality:
    """Leave out the examples of columns whose values must not be kept."""
    hidden = columns.denied(project, {rule.column for rule in verdict.rules})
    rules = [replace(rule, examples=[]) if rule.column in hidden else rule for rule in verdict.rules]
    return replace(verdict, rules=rules)


def _fingerprint(table: pd.DataFrame) -> str:
    """Return the fingerprint of a table; one too bad to be stored has none, and is judged all the same."""
    try:
        return fingerprint(to_table(table))
    except UsageError:
        return ""


def _sentence(rule: Rule) -> str:
    if rule.rule == "present":
        return f"column {rule.column!r} is missing"
    examples = f", such as {', '.join(map(str, rule.examples))}" if rule.examples else ""
    return f"{rule.column}: {rule.failures} rows break '{rule.rule}'{examples}"
