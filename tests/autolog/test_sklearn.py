"""scikit-learn: the keys are MLflow's, and one call of the user is recorded once."""

import math

import numpy as np
import pytest

from mlops_nb.autolog.fits import candidates, fits
from mlops_nb.capture.runs import runs
from mlops_nb.errors import NotFound, UsageError
from mlops_nb.lineage.details import show
from mlops_nb.lineage.graph import lineage
from tests.autolog.conftest import gaps, recorded

#: What MLflow's autolog logs of a classifier with probabilities, and of a regressor.
CLASSIFIER = {
    "training_precision_score", "training_recall_score", "training_f1_score", "training_accuracy_score",
    "training_log_loss", "training_roc_auc", "training_score",
}  # fmt: skip
REGRESSOR = {
    "training_mean_squared_error", "training_mean_absolute_error", "training_r2_score",
    "training_root_mean_squared_error", "training_score",
}  # fmt: skip


def test_a_classifier_is_recorded_under_mlflows_keys(iris, shell, project):
    iris("model = LogisticRegression(C=0.5, max_iter=300).fit(X_train, y_train)")
    (fit,) = recorded()
    assert (fit.kind, fit.estimator) == ("fit", "sklearn.linear_model._logistic.LogisticRegression")
    assert (fit.rows, fit.features, fit.note) == (75, 4, None)
    assert fit.parameters == shell.user_ns["model"].get_params(deep=True)
    assert set(fit.metrics) == CLASSIFIER
    (run,) = runs(project)
    assert run.parameters["C"] == 0.5
    assert set(run.metrics) >= CLASSIFIER


def test_the_metrics_are_what_scikit_learn_computes(iris, shell):
    iris("model = LogisticRegression(max_iter=300).fit(X_train, y_train, sample_weight=y_train + 1)")
    from sklearn import metrics

    data, y, model = (shell.user_ns[name] for name in ("X_train", "y_train", "model"))
    weight, predicted, probabilities = y + 1, model.predict(data), model.predict_proba(data)
    averaged = {"average": "weighted", "sample_weight": weight}
    assert recorded()[0].metrics == pytest.approx(
        {
            "training_precision_score": metrics.precision_score(y, predicted, **averaged),
            "training_recall_score": metrics.recall_score(y, predicted, **averaged),
            "training_f1_score": metrics.f1_score(y, predicted, **averaged),
            "training_accuracy_score": metrics.accuracy_score(y, predicted, sample_weight=weight),
            "training_log_loss": metrics.log_loss(y, probabilities, sample_weight=weight),
            "training_score": model.score(data, y, sample_weight=weight),
        },
        abs=1e-12,
    )  # no roc_auc: scikit-learn weights no samples where there are more than two classes


def test_a_regressor_is_recorded_under_mlflows_keys(iris, shell):
    iris("""
    from sklearn.linear_model import Ridge
    model = Ridge().fit(X, y)
    """)
    from sklearn.metrics import mean_squared_error

    (fit,) = recorded()
    assert set(fit.metrics) == REGRESSOR
    error = mean_squared_error(shell.user_ns["y"], shell.user_ns["model"].predict(shell.user_ns["X"]))
    assert fit.metrics["training_root_mean_squared_error"] == pytest.approx(math.sqrt(error))


def test_parameters_keep_their_types(iris):
    iris("""
    import numpy as np
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    model = make_pipeline(SimpleImputer(), LogisticRegression(C=np.float64(2), class_weight={0: 1, 1: 2, 2: 1}))
    model.set_params(logisticregression__max_iter=500).fit(X, y)
    """)
    kept = recorded()[0].parameters
    assert kept["logisticregression__C"] == 2.0
    assert kept["logisticregression__max_iter"] == 500
    assert kept["logisticregression__class_weight"] == {"0": 1, "1": 2, "2": 1}
    assert kept["simpleimputer__missing_values"] == "nan"
    assert kept["simpleimputer"] == "SimpleImputer()"


def test_what_is_inside_a_pipeline_a_search_or_a_validation_is_recorded_once(iris):
    iris("""
    from sklearn.model_selection import GridSearchCV, cross_val_predict, cross_val_score, learning_curve
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.ensemble import BaggingClassifier, VotingClassifier
    from sklearn.multiclass import OneVsRestClassifier
    pipe = make_pipeline(StandardScaler(), LogisticRegression())
    pipe.fit(X, y)
    GridSearchCV(pipe, {"logisticregression__C": [1, 2]}, cv=2).fit(X, y)
    cross_val_score(GridSearchCV(pipe, {"logisticregression__C": [1, 2]}, cv=2), X, y, cv=2)
    VotingClassifier([("a", LogisticRegression()), ("b", pipe)], n_jobs=2).fit(X, y)
    OneVsRestClassifier(pipe).fit(X, y)
    BaggingClassifier(LogisticRegression(), n_estimators=2).fit(X, y)
    cross_val_predict(pipe, X, y, cv=2)
    learning_curve(pipe, X, y, cv=2, train_sizes=[0.5, 1.0])
    """)
    assert [(fit.kind, fit.estimator.rpartition(".")[2]) for fit in recorded()] == [
        ("fit", "Pipeline"), ("search", "GridSearchCV"), ("cross-validation", "GridSearchCV"),
        ("fit", "VotingClassifier"), ("fit", "OneVsRestClassifier"), ("fit", "BaggingClassifier"),
    ]  # fmt: skip
    assert gaps() == []


def test_fits_of_the_users_own_threads_and_functions_are_each_recorded(iris):
    iris("""
    from concurrent.futures import ThreadPoolExecutor
    def train(C):
        return LogisticRegression(C=C).fit(X, y).C
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(train, [1.0, 2.0, 3.0]))
    train(4.0)
    """)
    assert sorted(fit.parameters["C"] for fit in recorded()) == [1.0, 2.0, 3.0, 4.0]


def test_preparing_data_is_recorded_only_as_a_part_of_a_pipeline(iris):
    iris("""
    from sklearn.preprocessing import StandardScaler
    from sklearn.decomposition import PCA
    from sklearn.cluster import KMeans
    StandardScaler().fit_transform(X)
    PCA(2).fit_transform(X)
    KMeans(2, n_init=1).fit_predict(X)
    """)
    assert [fit.estimator.rpartition(".")[2] for fit in recorded()] == ["PCA", "KMeans"]
    assert recorded()[1].metrics == {}


def test_every_candidate_of_a_search_is_kept_with_its_scores(iris, shell, project):
    iris("""
    from sklearn.model_selection import RandomizedSearchCV
    search = RandomizedSearchCV(
        LogisticRegression(), {"C": [0.01, 1.0, 100.0]}, n_iter=3, cv=2, random_state=0,
        scoring=["accuracy", "f1_macro"], refit="accuracy",
    ).fit(X, y)
    """)
    (fit,) = recorded()
    search = shell.user_ns["search"]
    assert (fit.kind, fit.candidates) == ("search", 3)
    assert fit.parameters["best_C"] == search.best_params_["C"]
    assert fit.parameters["estimator"] == "LogisticRegression()"
    assert fit.metrics["best_cv_score"] == pytest.approx(search.best_score_)
    found = candidates(project, "fit:RandomizedSearchCV")
    assert found[0].parameters == search.best_params_
    by_position = sorted(found, key=lambda candidate: candidate.position)
    for key in ("mean_test_accuracy", "std_test_f1_macro", "rank_test_accuracy", "mean_fit_time"):
        assert [c.metrics[key] for c in by_position] == pytest.approx(search.cv_results_[key].tolist())
    assert not any(key.startswith(("split", "param")) for key in found[0].metrics)


def test_a_cross_validation_keeps_its_folds(iris, shell, project):
    iris("""
    from sklearn.model_selection import cross_validate
    result = cross_validate(LogisticRegression(C=7.0), X, y, cv=3, return_train_score=True)
    """)
    (fit,) = recorded()
    scores = shell.user_ns["result"]["test_score"]
    assert (fit.kind, fit.candidates, fit.parameters["C"]) == ("cross-validation", 3, 7.0)
    assert fit.metrics["mean_test_score"] == pytest.approx(scores.mean())
    assert fit.metrics["std_test_score"] == pytest.approx(scores.std())
    assert [fold.metrics["test_score"] for fold in candidates(project, fit.id)] == pytest.approx(scores.tolist())


def test_metric_calls_are_named_after_what_was_predicted(iris, project):
    iris("from sklearn.metrics import *\nmodel = LogisticRegression().fit(X_train, y_train)")
    iris("""
    predicted = model.predict(X_test)
    accuracy_score(y_test, predicted)
    accuracy_score(y_train, model.predict(X_train))
    """)
    iris("f1_score(y_test, predicted, average='macro'); confusion_matrix(y_test, predicted)")
    iris("""
    sure = model.predict_proba(X_test)[:, 1] > 0.5
    average_precision_score(y_test == 1, sure)
    model.score(X_test, y_test)
    """)
    iris("""
    def evaluate(fitted, data, labels):
        guess = fitted.predict(data)
        return balanced_accuracy_score(labels, guess)
    evaluate(model, X_test, y_test)
    mean_absolute_error(y_test, [1] * len(y_test)); mean_squared_error([1, 2], [2, 1])
    """)
    keys = {
        "accuracy_score_X_test", "accuracy_score-2_X_train", "f1_score_X_test", "average_precision_score_X_test",
        "LogisticRegression_score_X_test", "balanced_accuracy_score_X_test",
    }  # fmt: skip
    assert set(recorded()[0].metrics) - CLASSIFIER == keys
    (run,) = runs(project)
    assert set(run.metrics) - CLASSIFIER - keys == {"mean_absolute_error_y_test", "mean_squared_error_unknown_dataset"}


def test_a_new_fit_begins_to_count_anew(iris, project):
    for _ in range(2):
        iris("model = LogisticRegression().fit(X_train, y_train); model.score(X_test, y_test)")
    iris("model.score(X_test, y_test)")
    first, second = recorded()
    assert "LogisticRegression_score_X_test" in first.metrics
    assert {"LogisticRegression_score_X_test", "LogisticRegression_score-2_X_test"} <= set(second.metrics)


def test_a_run_shows_the_parameters_of_its_newest_fit_and_what_was_named(iris, project):
    iris("import mlops_nb as mlops; mlops.log_param('tol', 'mine')")
    iris("LogisticRegression(C=1.0).fit(X, y)")
    iris("LogisticRegression(C=2.0).fit(X, y)")
    (run,) = runs(project)
    assert (run.parameters["C"], run.parameters["tol"]) == (2.0, "mine")
    assert show(project, f"runs:/{run.id}").facts["parameters"]["C"] == 2.0


def test_a_fit_is_a_node_between_its_cell_and_the_variable_that_holds_it(iris, project):
    iris("model = LogisticRegression(C=3.0).fit(X, y)")
    found = lineage(project, "var:model")
    kinds = {node.id: node.kind for node in found.nodes}
    assert ("execution", "fit") in {(kinds[e.source], kinds[e.target]) for e in found.edges}
    assert ("fit", "variable") in {(kinds[e.source], kinds[e.target]) for e in found.edges}
    shown = show(project, "fit:LogisticRegression")
    assert shown.facts["parameters"]["C"] == 3.0
    assert "training_score" in shown.facts["metrics"]


def test_a_registered_model_comes_from_the_fit_that_made_it_whatever_it_is_called(iris, project):
    iris("X.to_csv('x.csv')")
    iris("""
    import pandas as pd, mlops_nb as mlops
    other = LogisticRegression(C=1.0).fit(pd.read_csv("x.csv", index_col=0), y)
    held = [LogisticRegression(C=7.0).fit(pd.read_csv("x.csv", index_col=0), y)]
    """)
    iris("LogisticRegression(C=9.0).fit(X, y)")
    iris("mlops.register(held[0], 'iris')")
    found = lineage(project, "models:/iris/1")
    (model,) = [node.id for node in found.nodes if node.kind == "model"]
    made = [edge.source for edge in found.edges if edge.target == model]
    fits_of_it = [node.id for node in found.nodes if node.kind == "fit" and node.id in made]
    assert [fit.parameters["C"] for fit in recorded() if fit.id in fits_of_it] == [7.0]
    assert "x.csv" in {node.name for node in found.nodes if node.kind == "file"}


def test_a_model_that_no_fit_of_this_kernel_made_comes_from_none(iris, project):
    iris("import mlops_nb as mlops\nmodel = LogisticRegression().fit(X, y)\nmlops.register(model, 'iris')")
    iris("again = mlops.load_model('iris')")
    iris("mlops.register(again, 'copied')")
    wrote = "SELECT count(*) FROM edge JOIN fit ON fit.id = source JOIN node ON node.id = target WHERE name = ?"
    assert [project.store.value(wrote, name) for name in ("iris", "copied")] == [1, 0]


def test_a_failed_fit_is_not_recorded_and_a_loop_is_recorded_up_to_a_limit(iris, shell, monkeypatch):
    result = shell.run_cell("LogisticRegression(C=-1).fit(X, y)")
    assert type(result.error_in_exec).__name__ == "InvalidParameterError"
    assert not shell.run_cell("LogisticRegression().fit(X, y[:3])").success
    assert recorded() == []
    from mlops_nb.autolog import recorder

    monkeypatch.setattr(recorder, "LIMIT", 5)
    with pytest.warns(RuntimeWarning, match="only the first 5 fits and metrics of the cell are kept"):
        iris("from sklearn.metrics import accuracy_score\nfor _ in range(50): accuracy_score(y, y)")
    from mlops_nb.project import current

    assert current().store.value("SELECT count(*) FROM metric") == 5


def test_an_estimator_of_the_notebooks_own_is_seen_when_its_cell_has_ended(iris):
    iris("""
    from sklearn.base import BaseEstimator, ClassifierMixin
    class Constant(ClassifierMixin, BaseEstimator):
        def __init__(self, answer=1):
            self.answer = answer
        def fit(self, X, y):
            self.classes_ = [0, 1]
            return self
    class Broken(Constant):
        def get_params(self, deep=True):
            raise RuntimeError("no parameters today")
    own = Constant(answer=2)
    """)
    assert recorded() == []
    iris("own.fit(X, y)")
    iris("own.answer = 5")
    iris("broken = Broken().fit(X, y)")
    own, broken = recorded()
    assert (own.estimator, own.parameters) == ("__main__.Constant", {"answer": 2})
    assert "how it was fitted is not known" in own.note
    assert "its parameters cannot be read (RuntimeError)" in broken.note
    assert gaps() == []


def test_switched_off_nothing_is_recorded(iris):
    iris("%mlops off")
    iris("LogisticRegression().fit(X, y).score(X, y)")
    iris("%mlops on")
    assert recorded() == []


def test_fits_can_be_asked_for_by_kind_and_run(iris, project):
    iris("LogisticRegression().fit(X, y)")
    (run,) = runs(project)
    assert len(fits(project, run=run.id, kind="fit")) == 1
    assert fits(project, kind="search") == []
    with pytest.raises(UsageError, match="no kind of fit 'nap' - there are: fit, search, cross-validation"):
        fits(project, kind="nap")
    with pytest.raises(UsageError, match="'fit:LogisticRegression' has no candidates - see `mlops fits --kind search`"):
        candidates(project, "fit:LogisticRegression")
    with pytest.raises(NotFound, match="no fit of 'Ridge' - known: .*LogisticRegression"):
        candidates(project, "fit:Ridge")


def test_values_that_are_not_numbers_are_kept_as_such(iris, project):
    iris("""
    import warnings; warnings.simplefilter("ignore")
    from sklearn.model_selection import GridSearchCV
    GridSearchCV(LogisticRegression(), {"penalty": ["l2", "l1"]}, cv=2).fit(X, y)
    """)
    good, bad = candidates(project, "fit:GridSearchCV")
    assert bad.parameters == {"penalty": "l1"}
    assert np.isnan(bad.metrics["mean_test_score"])
    assert good.metrics["mean_test_score"] > 0.5
