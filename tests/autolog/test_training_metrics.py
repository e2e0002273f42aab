"""Training metrics cost nothing that the user would feel, and change nothing; where that is not sure, there are none."""

import inspect
import pickle
import warnings

import numpy as np
import pytest

from mlops_nb.autolog import training_metrics
from mlops_nb.autolog.fits import Training
from tests.autolog.conftest import gaps, recorded

SLOW = ("CV", "GaussianProcess", "MLP", "Boost", "Forest", "ExtraTrees", "Bagging", "Nu", "Stacking", "Quantile")


class Generous:
    """Allows every estimator five seconds."""

    def allowance(self, seconds: float) -> float:
        return 5.0

    def spent(self, seconds: float) -> None:
        pass


@pytest.mark.parametrize("kind", ["classifier", "regressor"])
def test_no_estimator_of_scikit_learn_is_changed_by_reading_its_metrics(kind):
    import sklearn.metrics  # noqa: F401  # what a session has long imported
    from sklearn.utils import all_estimators

    random = np.random.default_rng(0)
    data, y = random.random((40, 3)), np.arange(40) % 2
    tried = 0
    for name, estimator_class in all_estimators(type_filter=kind):
        if any(part in name for part in SLOW) or any(
            p.default is inspect.Parameter.empty for p in inspect.signature(estimator_class).parameters.values()
        ):
            continue
        estimator = estimator_class()
        if "n_estimators" in estimator.get_params():
            estimator.set_params(n_estimators=3)
        try:
            with warnings.catch_warnings(action="ignore"):
                estimator.fit(data, y)
        except ValueError:  # it wants other data
            continue
        before, drawn, filters = pickle.dumps(estimator), np.random.get_state()[1].tolist(), list(warnings.filters)
        training = Training(name, rows=40)
        with warnings.catch_warnings(action="error"):
            training_metrics.read(Generous(), estimator, data, y, None, training)
        assert pickle.dumps(estimator) == before, name
        assert np.random.get_state()[1].tolist() == drawn, name
        assert warnings.filters == filters
        assert training.metrics or training.notes, name
        tried += 1
    assert tried > 15


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("Pipeline([('f', FunctionTransformer(lambda X: X)), ('m', LogisticRegression())])", "may run code of yours"),
        ("SVC(kernel=lambda a, b: a @ b.T)", "may run code of yours"),
        ("Mine()", None),
        ("RandomForestClassifier(3, verbose=1)", "it is verbose, and predicting would print"),
        ("KNeighborsClassifier()", "predicting would change its state"),
        ("LogisticRegression(random_state=np.random.RandomState(0))", "predicting would change its state"),
        ("GridSearchCV(LogisticRegression(), {'C': [1, 2]}, cv=2, refit=False)", "predicting failed with"),
    ],
)
def test_where_predicting_might_be_noticed_there_are_none_and_the_reason_is_said(iris, source, reason):
    iris("""
    import numpy as np
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.model_selection import GridSearchCV
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import FunctionTransformer
    from sklearn.svm import SVC
    predictions = []
    class Mine(LogisticRegression):
        def predict(self, X):
            predictions.append(len(X))
            return super().predict(X)
    """)
    iris(f"model = {source}.fit(X, y)")
    (fit,) = recorded()
    assert not any(name.startswith("training_") for name in fit.metrics)
    assert f"no training metrics: {reason or 'predicting may run code of yours'}" in fit.note or reason in fit.note
    assert iris("predictions") == []
    assert gaps() == []


def test_data_of_a_class_of_the_users_is_not_predicted(iris):
    iris("""
    import numpy as np
    class Data(np.ndarray):
        pass
    LogisticRegression().fit(X.to_numpy().view(Data), y)
    """)
    assert recorded()[0].note == "no training metrics: predicting a Data may run code of yours"


def test_what_would_take_too_long_is_not_predicted(iris, monkeypatch):
    from mlops_nb.autolog import recorder

    monkeypatch.setattr(recorder, "FREE_SECONDS", 0.01)
    iris("""
    import numpy as np
    from sklearn.linear_model import Ridge
    random = np.random.default_rng(0)
    many, target = random.random((300_000, 3)), random.random(300_000)
    """)
    iris("Ridge().fit(many[:2000], target[:2000])")
    iris("Ridge().fit(many, target)")
    few, all_ = recorded()
    assert few.metrics
    assert all_.metrics == {}
    assert "predicting 300,000 rows takes" in all_.note


def test_a_loop_of_fits_may_spend_so_much_and_no_more(iris, monkeypatch):
    from mlops_nb.autolog import recorder

    monkeypatch.setattr(recorder, "FREE_SECONDS", 0.03)
    monkeypatch.setattr(recorder, "FREE_PART", 0.0)
    iris("for _ in range(60): LogisticRegression().fit(X_train, y_train)")
    found = recorded()
    assert len(found) == 60
    assert "training_score" in found[0].metrics
    spent = [fit for fit in found if fit.metrics]
    assert len(spent) < 60
    assert any("the time for them in this cell is spent" in fit.note for fit in found if fit.note)
