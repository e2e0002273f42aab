"""XGBoost and LightGBM: parameters of the booster and of the call, and each iteration's metrics with its step."""

import pickle

import pytest

from mlops_nb.project import current
from tests.autolog.conftest import gaps, recorded


def steps(name):
    rows = current().store.rows("SELECT step, value FROM metric WHERE name = ? ORDER BY id", name)
    return [(row["step"], row["value"]) for row in rows]


def test_xgboost_is_recorded_under_mlflows_keys(iris, shell):
    iris("""
    import xgboost as xgb
    data = xgb.DMatrix(X, y == 1)
    params = {"objective": "binary:logistic", "eta": 0.2, "eval_metric": ["logloss", "auc"]}
    history = {}
    booster = xgb.train(params, data, 4, evals=[(data, "train")], evals_result=history, verbose_eval=False)
    """)
    (fit,) = recorded()
    assert (fit.estimator, fit.rows, fit.features, fit.note) == ("xgboost.core.Booster", 150, 4, None)
    assert fit.parameters == {
        "objective": "binary:logistic", "eta": 0.2, "eval_metric": ["logloss", "auc"], "num_boost_round": 4,
        "maximize": None, "early_stopping_rounds": None, "verbose_eval": False, "custom_metric": None,
    }  # fmt: skip
    history = shell.user_ns["history"]["train"]
    assert steps("train-logloss") == [*enumerate(history["logloss"])]
    assert steps("train-auc") == [*enumerate(history["auc"])]


def test_xgboost_that_stops_early_says_where(iris, shell):
    iris("""
    import xgboost as xgb
    data, other = xgb.DMatrix(X, y == 1), xgb.DMatrix(X, y == 2)
    booster = xgb.train({"objective": "binary:logistic"}, data, 50, evals=[(data, "train"), (other, "valid")],
                        early_stopping_rounds=2, verbose_eval=False)
    """)
    (fit,) = recorded()
    best = shell.user_ns["booster"].best_iteration
    valid = steps("valid-logloss")
    assert fit.metrics["best_iteration"] == best
    assert fit.metrics["stopped_iteration"] == len(valid) - 2
    assert valid[-1] == (len(valid) - 1, valid[best][1])  # the best once more as a last step


def test_an_xgboost_estimator_is_recorded_with_both_its_parameters(iris):
    iris("""
    import xgboost as xgb
    model = xgb.XGBClassifier(n_estimators=3, max_depth=2).fit(X, y, eval_set=[(X, y)], verbose=False)
    model.score(X_test, y_test)
    """)
    (fit,) = recorded()
    assert fit.estimator == "xgboost.sklearn.XGBClassifier"
    assert {"n_estimators": 3, "max_depth": 2, "num_boost_round": 3, "objective": "multi:softprob"}.items() <= (
        fit.parameters.items()
    )
    assert [step for step, _ in steps("validation_0-mlogloss")] == [0, 1, 2]
    assert "XGBClassifier_score_X_test" in fit.metrics


def test_lightgbm_is_recorded_under_mlflows_keys(iris, shell):
    iris("""
    import lightgbm as lgb
    data = lgb.Dataset(X, y == 1)
    history = {}
    mine = [lgb.record_evaluation(history)]
    booster = lgb.train({"objective": "binary", "verbosity": -1}, data, num_boost_round=3, valid_sets=[data],
                        valid_names=["seen"], callbacks=mine)
    """)
    (fit,) = recorded()
    assert (fit.estimator, fit.rows, fit.features) == ("lightgbm.basic.Booster", 150, 4)
    assert fit.parameters == {
        "objective": "binary", "verbosity": -1, "num_boost_round": 3, "keep_training_booster": False,
    }  # fmt: skip
    assert steps("seen-binary_logloss") == [*enumerate(shell.user_ns["history"]["seen"]["binary_logloss"])]
    assert len(shell.user_ns["mine"]) == 1  # the user's list is his


def test_lightgbm_that_stops_early_says_where(iris, shell):
    iris("""
    import lightgbm as lgb
    model = lgb.LGBMRegressor(n_estimators=60, verbosity=-1).fit(
        X, y, eval_set=[(X[:40], 1 - y[:40])], callbacks=[lgb.early_stopping(2, verbose=False)])
    """)
    (fit,) = recorded()
    best, rounds = shell.user_ns["model"].best_iteration_, len(steps("valid_0-l2")) - 1
    assert fit.estimator == "lightgbm.sklearn.LGBMRegressor"
    assert (fit.metrics["best_iteration"], fit.metrics["stopped_iteration"]) == (best, rounds)
    assert steps("valid_0-l2")[-1] == (rounds, steps("valid_0-l2")[best - 1][1])
    assert fit.parameters["num_boost_round"] == fit.parameters["n_estimators"] == 60


def test_boosters_inside_a_search_are_recorded_once(iris):
    iris("""
    import lightgbm as lgb, xgboost as xgb
    from sklearn.model_selection import GridSearchCV
    GridSearchCV(xgb.XGBClassifier(n_estimators=2), {"max_depth": [1, 2]}, cv=2).fit(X, y)
    GridSearchCV(lgb.LGBMClassifier(n_estimators=2, verbosity=-1), {"max_depth": [1, 2]}, cv=2).fit(X, y)
    """)
    assert [fit.kind for fit in recorded()] == ["search", "search"]
    assert gaps() == []


def test_functions_and_models_are_pickled_as_they_were(iris, shell):
    iris("import lightgbm as lgb, xgboost as xgb\nfrom lightgbm.engine import train as lgb_train")
    for function in (shell.user_ns["xgb"].train, shell.user_ns["lgb"].train, shell.user_ns["lgb_train"]):
        assert pickle.loads(pickle.dumps(function)) is function
    iris("seen = lgb.LGBMClassifier(n_estimators=2, verbosity=-1).fit(X, y)")
    iris("%mlops off")
    iris("bare = lgb.LGBMClassifier(n_estimators=2, verbosity=-1).fit(X, y)")
    assert pickle.dumps(shell.user_ns["seen"]) == pickle.dumps(shell.user_ns["bare"])


@pytest.mark.parametrize("call", ["lgb.train({}, None, no_such=1)", "xgb.train({}, None, no_such=1)", "lgb.train()"])
def test_a_wrong_call_fails_as_it_does_without(iris, shell, call):
    iris("import lightgbm as lgb, xgboost as xgb")
    seen = shell.run_cell(call).error_in_exec
    iris("%mlops off")
    bare = shell.run_cell(call).error_in_exec
    assert (type(seen), str(seen)) == (type(bare), str(bare))
    assert recorded() == []
