"""statsmodels: what MLflow reads off results, whichever model made them, and without filling the user's caches."""

import pickle

import pytest

from tests.autolog.conftest import gaps, recorded

METRICS = {
    "aic", "bic", "centered_tss", "condition_number", "df_model", "df_resid", "ess", "f_pvalue", "fvalue", "llf",
    "mse_model", "mse_resid", "mse_total", "rsquared", "rsquared_adj", "scale", "ssr", "uncentered_tss",
}  # fmt: skip


def test_a_regression_is_recorded_under_mlflows_keys(iris, shell):
    iris("import statsmodels.api as sm")
    iris("results = sm.OLS(y, sm.add_constant(X)).fit(cov_type='HC1')")
    (fit,) = recorded()
    assert (fit.estimator, fit.rows, fit.features) == ("statsmodels.regression.linear_model.OLS", 150, 5)
    assert fit.parameters == {"method": "pinv", "cov_type": "HC1", "cov_kwds": None, "use_t": None}
    assert set(fit.metrics) == METRICS
    results = shell.user_ns["results"]
    assert fit.metrics == pytest.approx({name: float(getattr(results, name)) for name in METRICS})


def test_reading_results_does_not_fill_their_cache(iris, shell):
    iris("import statsmodels.api as sm")
    iris("seen = sm.OLS(y, sm.add_constant(X)).fit()")
    iris("%mlops off")
    iris("bare = sm.OLS(y, sm.add_constant(X)).fit()")
    seen, bare = (shell.user_ns[name] for name in ("seen", "bare"))
    assert sorted(seen._results._cache) == sorted(bare._results._cache)
    assert len(pickle.dumps(seen)) == len(pickle.dumps(bare))


def test_every_fit_of_the_user_is_recorded_once_also_without_a_name(iris):
    iris("""
    import statsmodels.api as sm, statsmodels.formula.api as smf
    late = (y == 1).astype(int)
    sm.Logit(late, sm.add_constant(X.iloc[:, :2])).fit(disp=0).prsquared   # fits another model to compare with
    for _ in range(2):
        smf.ols("a ~ b", {"a": X.iloc[:, 0], "b": X.iloc[:, 1]}).fit().summary()
    """)
    assert [fit.estimator.rpartition(".")[2] for fit in recorded()] == ["Logit", "OLS", "OLS"]
    assert recorded()[0].parameters["method"] == "newton"
    assert gaps() == []
