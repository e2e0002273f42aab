"""Copies of models are kept where mlops.toml asks for them, and can be had back."""

import pickle

import pytest

import mlops_nb
from mlops_nb.autolog.keeping import load_fit
from mlops_nb.errors import NotFound
from mlops_nb.project import current
from tests.autolog.conftest import IRIS, recorded


@pytest.fixture
def keeping(bare_shell, workspace):
    (workspace / "mlops.toml").write_text("[capture]\nmodels = true\n")
    mlops_nb.load_ipython_extension(bare_shell)
    bare_shell.run_cell(IRIS)
    yield bare_shell
    mlops_nb.unload_ipython_extension(bare_shell)


def test_a_kept_model_predicts_as_it_did(keeping):
    keeping.run_cell("model = LogisticRegression(max_iter=200).fit(X, y)")
    keeping.run_cell("LogisticRegression().fit(X, y)")
    named, nameless = recorded()
    assert (named.kept, nameless.kept) == (True, False)
    loaded = load_fit(current(), named.id)
    namespace = keeping.user_ns
    assert (loaded.predict(namespace["X"]) == namespace["model"].predict(namespace["X"])).all()
    assert pickle.dumps(loaded.coef_) == pickle.dumps(namespace["model"].coef_)


def test_a_model_of_ones_own_class_is_not_kept_and_nothing_is_said(keeping, recwarn):
    keeping.run_cell("class Mine(LogisticRegression): pass\nmodel = Mine(max_iter=200).fit(X, y)")
    assert [fit.kept for fit in recorded()] == [False]
    assert not [warning for warning in recwarn if issubclass(warning.category, RuntimeWarning)]


def test_without_being_asked_no_copy_is_kept(iris):
    iris("model = LogisticRegression().fit(X, y)")
    assert recorded()[0].kept is False
    with pytest.raises(NotFound, match=r"no copy of 'fit:LogisticRegression' is kept - say models = true"):
        load_fit(current(), "fit:LogisticRegression")
