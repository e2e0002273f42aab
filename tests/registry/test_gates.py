"""Gates: a version is held against the criteria as they are now, and the verdict decides about promotion."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlops_nb.data.datasets import dataset
from mlops_nb.errors import GateRefused, NotFound, UsageError
from mlops_nb.project import Project, log
from mlops_nb.registry.aliases import promote
from mlops_nb.registry.gates import gate, hold
from mlops_nb.registry.versions import load_model, models, register
from tests.registry.conftest import X

GOOD = {"auc": 0.9, "brier": 0.1}


@pytest.mark.parametrize(
    ("limit", "value", "passed"),
    [
        (">= 0.5", 0.5, True),
        ("> 0.5", 0.5, False),
        ("<= 0.5", 0.5, True),
        ("< 0.5", 0.5, False),
        (">=-1e-3", 0, True),
        ("< -2", -3, True),
        (">= 0.5", None, False),
        (">= 0.5", float("nan"), False),
    ],
)
def test_a_criterion_compares(limit: str, value: float | None, passed: bool):
    (verdict,) = hold({} if value is None else {"m": value}, {"m": limit})
    assert verdict.passed is passed


@pytest.mark.parametrize("limit", ["about 0.5", "0.5", "== 1", "", 0.5, ">= high"])
def test_a_criterion_that_is_none_is_told(limit: object):
    with pytest.raises(UsageError, match=r"\[charter.criteria\] m = .* is no criterion - write it like m = "):
        hold({"m": 1.0}, {"m": limit})


@pytest.mark.parametrize("value", ["high", True, [1], {"a": 1}])
def test_a_metric_that_is_no_number_is_told(value: object):
    with pytest.raises(UsageError, match="metric 'm' is .*, which is no number"):
        hold({"m": value}, {"m": ">= 0.5"})


def test_a_good_version_passes(judged: Project, model):
    register(judged, model, "m")
    verdict = gate(judged, "m", metrics=GOOD)
    assert verdict.passed
    assert verdict.exit_code == 0
    assert [(c.name, c.value, c.limit, c.passed) for c in verdict.criteria] == [
        ("auc", 0.9, ">= 0.8", True), ("brier", 0.1, "<= 0.2", True)
    ]  # fmt: skip


def test_one_missed_criterion_refuses(judged: Project, model):
    register(judged, model, "m")
    verdict = gate(judged, "m", metrics={"auc": 0.9, "brier": 0.3})
    assert not verdict.passed
    assert verdict.exit_code == 1
    assert [c.passed for c in verdict.criteria] == [True, False]


def test_a_missing_metric_refuses(judged: Project, model):
    register(judged, model, "m")
    verdict = gate(judged, "models:/m/1", metrics={"auc": 0.9})
    assert [(c.value, c.passed) for c in verdict.criteria] == [(0.9, True), (None, False)]


def test_no_metrics_at_all_are_not_those_of_the_run(shell, project: Project, model):
    Path("mlops.toml").write_text('[charter.criteria]\nauc = ">= 0.8"\n')
    shell.user_ns["model"] = model
    shell.run_cell("import mlops_nb as mlops\nmlops.log_metric('auc', 0.9)\nv = mlops.register(model, 'm')")
    shell.run_cell("of_run = mlops.gate('m')\nof_nothing = mlops.gate('m', metrics={})")
    assert shell.user_ns["of_run"].passed
    assert not shell.user_ns["of_nothing"].passed


def test_a_gate_needs_criteria(project: Project, model):
    register(project, model, "m")
    with pytest.raises(UsageError, match=r"mlops.toml has no \[charter.criteria\] - write down what success means"):
        gate(project, "m", metrics=GOOD)


def test_a_gate_needs_a_model(judged: Project):
    with pytest.raises(NotFound, match="no model 'm' - none exist yet"):
        gate(judged, "m", metrics=GOOD)


def test_what_is_no_model_has_no_gate(judged: Project):
    dataset(judged, X, "d")
    with pytest.raises(NotFound, match="'dataset:d' is not a model"):
        gate(judged, "dataset:d", metrics=GOOD)


def test_the_verdict_is_kept_with_the_version(judged: Project, model):
    register(judged, model, "m")
    gate(judged, "m", metrics=GOOD)
    (version,) = models(judged)
    assert version.gate is not None
    assert version.gate.passed


# -- promotion ------------------------------------------------------------------------------------------------


def nothing_happened(project: Project) -> bool:
    return (
        models(project)[0].aliases == [] and log(project) == [] and not project.store.rows("SELECT * FROM alias_move")
    )


def test_a_version_that_passed_is_promoted(judged: Project, model):
    register(judged, model, "m")
    gate(judged, "m", metrics=GOOD)
    move = promote(judged, "m", 1, reason="good")
    assert (move.model, move.alias, move.version, move.reason) == ("m", "champion", 1, "good")
    assert models(judged)[0].aliases == ["champion"]


def test_a_refused_promotion_leaves_nothing_behind(judged: Project, model):
    register(judged, model, "m")
    gate(judged, "m", metrics={"auc": 0.5})
    with pytest.raises(
        GateRefused, match=r"the gate refuses m 1: auc is 0.5, must be >= 0.8; brier is missing, must be <= 0.2"
    ):
        promote(judged, "m", 1, reason="please")
    assert nothing_happened(judged)


def test_a_version_that_was_never_judged_is_refused(judged: Project, model):
    register(judged, model, "m")
    with pytest.raises(GateRefused, match="m 1 has not been through its gate"):
        promote(judged, "m", 1, reason="please")
    assert nothing_happened(judged)


def test_criteria_that_changed_need_a_new_verdict(judged: Project, model):
    register(judged, model, "m")
    gate(judged, "m", metrics=GOOD)
    Path("mlops.toml").write_text('[charter.criteria]\nauc = ">= 0.85"\n')
    with pytest.raises(GateRefused, match="the criteria have changed since m 1 was judged"):
        promote(judged, "m", 1, reason="please")
    gate(judged, "m", metrics=GOOD)
    assert promote(judged, "m", 1, reason="judged anew").version == 1


def test_the_last_verdict_counts(judged: Project, model):
    register(judged, model, "m")
    gate(judged, "m", metrics=GOOD)
    gate(judged, "m", metrics={"auc": 0.1, "brier": 0.1})
    with pytest.raises(GateRefused, match="auc is 0.1"):
        promote(judged, "m", 1, reason="please")


def test_the_last_verdict_counts_whichever_process_gave_it(judged: Project, model, run_process):
    register(judged, model, "m")
    run_process("import mlops_nb as m; m.gate('m', metrics={'auc': 0.1, 'brier': 0.1})")
    gate(judged, "m", metrics=GOOD)
    assert promote(judged, "m", 1, reason="judged anew").version == 1


def test_without_criteria_nothing_is_in_the_way(project: Project, model):
    register(project, model, "m")
    assert promote(project, "m", 1, reason="why not").version == 1


def test_an_alias_moves_and_every_move_is_kept(project: Project, model):
    for _ in range(2):
        register(project, model, "m")
    for version in (1, 2, 1):
        promote(project, "m", version, reason=f"to {version}")
    assert [version.aliases for version in models(project)] == [[], ["champion"]]
    moves = project.store.rows("SELECT version, reason FROM alias_move ORDER BY id")
    assert [tuple(move) for move in moves] == [(1, "to 1"), (2, "to 2"), (1, "to 1")]


def test_the_last_move_counts_whichever_process_made_it(project: Project, model, run_process):
    for _ in range(2):
        register(project, model, "m")
    run_process("import mlops_nb as m; m.promote('m', 2, reason='newer')")
    promote(project, "m", 1, reason="back again")
    assert [version.aliases for version in models(project)] == [[], ["champion"]]


def test_aliases_of_a_model_are_apart(project: Project, model):
    for _ in range(2):
        register(project, model, "m")
    promote(project, "m", 1, reason="safe")
    promote(project, "m", 2, alias="challenger", reason="bold")
    assert [version.aliases for version in models(project)] == [["challenger"], ["champion"]]


def test_a_model_is_loaded_by_its_alias(project: Project, model):
    for _ in range(2):
        register(project, model, "m")
    promote(project, "m", 1, reason="safe")
    load_model(project, "models:/m@champion")
    read = project.store.value(
        "SELECT version FROM edge JOIN model_version ON model_version.id = edge.source"
        " WHERE reference = 'models:/m@champion'"
    )
    assert read == 1


def test_a_promotion_is_in_the_audit_chain(project: Project, model):
    register(project, model, "m")
    promote(project, "m", 1, reason="good")
    (entry,) = log(project)
    assert (entry.verb, entry.subject) == ("promote", "m")
    assert entry.arguments == {"model": "m", "version": 1, "alias": "champion", "reason": "good"}


@pytest.mark.parametrize("alias", ["", "latest", "a/b", "a@b", "a:b", "a b"])
def test_a_name_that_is_no_alias_is_refused(project: Project, model, alias: str):
    register(project, model, "m")
    with pytest.raises(UsageError, match="an alias cannot be called"):
        promote(project, "m", 1, alias=alias, reason="x")
    assert nothing_happened(project)


def test_a_promotion_needs_a_reason(project: Project, model):
    register(project, model, "m")
    with pytest.raises(UsageError, match="promote needs a reason"):
        promote(project, "m", 1, reason="  ")
    assert nothing_happened(project)


def test_a_version_that_does_not_exist_cannot_be_promoted(project: Project, model):
    register(project, model, "m")
    with pytest.raises(NotFound, match="no version of model 'm' '2'"):
        promote(project, "m", 2, reason="x")
    assert nothing_happened(project)


AUDITED = """
import mlops_nb as m
for number in range(20):
    m.promote('m', 1, reason=f'{number}')
"""


def test_the_audit_chain_holds_while_two_processes_promote(project: Project, model, start_process):
    from mlops_nb.proof import fsck

    register(project, model, "m")
    processes = [start_process(AUDITED) for _ in range(2)]
    assert [process.wait(timeout=60) for process in processes] == [0, 0]
    assert len(log(project, limit=100)) == 40
    assert fsck(project).problems == []
