"""With autolog and without it a framework does the same, looks the same and pickles the same."""

import ast
import pickle
import traceback

import pytest

from tests.autolog.conftest import recorded

#: Prints what a user could tell a difference by; the first cell imports, so that the import is seen too.
PROGRAM = """
import hashlib, inspect, pickle, sys, traceback, warnings
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output
shell = InteractiveShell.instance()
if sys.argv[1] == "with":
    shell.run_cell("%load_ext mlops_nb")

def cell(source):
    result = shell.run_cell(source, store_history=True)
    assert result.success, result.error_in_exec
    return shell.user_ns

cell('''
import numpy as np, warnings
from sklearn.datasets import load_iris
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import accuracy_score, get_scorer, make_scorer, precision_score
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
X, y = load_iris(return_X_y=True)
np.random.seed(0)
models = [
    LogisticRegression(max_iter=300).fit(X, y), Ridge().fit(X, y), RandomForestClassifier(5, random_state=0).fit(X, y),
    make_pipeline(StandardScaler(), LogisticRegression()).fit(X, y), DummyClassifier(strategy="uniform").fit(X, y),
    HistGradientBoostingClassifier(max_iter=3, random_state=0).fit(X, y),
    GridSearchCV(Ridge(), {"alpha": [1, 2]}, cv=2, scoring="r2").fit(X, y),
]
''')
names = cell("drawn = np.random.rand(3); scores = cross_val_score(models[0], X, y, cv=3)")
for model in names["models"]:
    if "GridSearchCV" not in repr(model):  # its times differ
        print(hashlib.sha256(pickle.dumps(model)).hexdigest(), repr(model), sorted(vars(model)))
print(names["drawn"], names["scores"])
for function in ("accuracy_score", "cross_val_score", "make_scorer"):
    f = names[function]
    assert pickle.loads(pickle.dumps(f)) is f
    print(pickle.dumps(f), repr(f).split(" at ")[0], inspect.signature(f), inspect.getsource(f)[:80], f.__wrapped__.__name__)
print(pickle.dumps(names["get_scorer"]("accuracy")), pickle.dumps(names["models"][-1].scorer_))
print(type(names["models"][0]).__module__, inspect.signature(type(names["models"][0]).fit))
import sklearn.metrics, sklearn.base
print(type(sklearn.metrics.__loader__), sklearn.metrics.__spec__.loader is sklearn.metrics.__loader__, sorted(vars(sklearn.metrics.__loader__)))
# a warning that Python shows once is shown once
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("default")
    cell("for _ in range(3): DummyClassifier().fit(X, y), warnings.warn('once')")
print([str(w.message)[:40] for w in caught])
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("default")
    cell("precision_score([0, 1], [0, 0])")
print([str(w.message)[:40] for w in caught])
for failing in ("LogisticRegression().fit(X, y[:3])", "accuracy_score([1], [1, 2])", "LogisticRegression(C=-1).fit(X, y)",
                "cross_val_score(models[0], X, y, cv='no')"):
    with capture_output():
        error = shell.run_cell(failing).error_in_exec
    frames = [f"{frame.name}" for frame in traceback.extract_tb(error.__traceback__) if "IPython" not in frame.filename]
    print(failing, type(error).__name__, frames)
"""


def test_a_notebook_shows_and_pickles_the_same(run_process, workspace):
    bare = run_process(PROGRAM, "without").stdout.splitlines()
    seen = run_process(PROGRAM, "with").stdout.splitlines()
    assert len(bare) == len(seen) > 15
    for before, after in zip(bare, seen, strict=True):
        if " [" in before and before.split(" [")[-1].startswith("'"):  # a traceback: at most one frame more
            frames = [ast.literal_eval("[" + line.rpartition(" [")[2]) for line in (before, after)]
            assert before.rpartition(" [")[0] == after.rpartition(" [")[0]
            extra = [name for name in frames[1] if name not in frames[0]]
            assert frames[0] == [name for name in frames[1] if name not in extra]
            assert len(extra) <= 1
        else:
            assert before == after
    import sqlite3

    stored = sqlite3.connect(workspace / ".mlops" / "lineage.db")
    assert stored.execute("SELECT count(*) FROM fit").fetchone()[0] >= 10  # the cells were recorded indeed


def test_a_failing_fit_has_no_frame_of_ours_at_all(iris, shell):
    error = shell.run_cell("LogisticRegression().fit(X, y[:3])").error_in_exec
    assert "mlops_nb" not in "".join(frame.filename for frame in traceback.extract_tb(error.__traceback__))


def test_unloading_puts_everything_back(run_process, workspace):
    printed = run_process("""
        import sys
        from IPython.core.interactiveshell import InteractiveShell
        shell = InteractiveShell.instance()
        shell.run_cell("import sklearn.base, sklearn.metrics, sklearn.model_selection, lightgbm, xgboost, keyword")
        import lightgbm, sklearn.base, sklearn.metrics, sklearn.model_selection, statsmodels.base.wrapper, xgboost
        def state():
            functions = [getattr(sklearn.metrics, name) for name in sklearn.metrics.__all__]
            functions += [sklearn.model_selection.cross_val_score, xgboost.train]
            cells = [cell.cell_contents for f in functions for cell in getattr(f, "__closure__", None) or ()]
            return [*map(id, cells), sklearn.base.config_context, lightgbm.train, lightgbm.engine.train,
                    statsmodels.base.wrapper.ResultsWrapper.__init__, *sys.meta_path]
        before = state()
        shell.run_cell("%load_ext mlops_nb")
        during = state()
        shell.run_cell("%unload_ext mlops_nb")
        from mlops_nb.capture.observers import OBSERVERS
        print(before != during, before == state(), not [o for o in OBSERVERS if "Autolog" in repr(o)])
        shell.run_cell("%load_ext mlops_nb")
        print(len(state()) == len(during))
    """).stdout
    assert printed.split() == ["True"] * 4


def test_what_was_imported_before_is_seen_too_and_is_still_itself(bare_shell):
    import mlops_nb

    bare_shell.run_cell("from sklearn.metrics import accuracy_score\nfrom sklearn.linear_model import Ridge")
    early = bare_shell.user_ns["accuracy_score"]
    mlops_nb.load_ipython_extension(bare_shell)
    try:
        bare_shell.run_cell("Ridge().fit([[1], [2]], [1, 2]); value = accuracy_score([1, 2], [1, 2])")
        import sklearn.metrics

        assert early is sklearn.metrics.accuracy_score
        assert pickle.loads(pickle.dumps(early)) is early
        from mlops_nb.project import current

        assert [fit.estimator.rpartition(".")[2] for fit in recorded()] == ["Ridge"]
        assert current().store.value("SELECT count(*) FROM metric WHERE name LIKE 'accuracy_score%'") == 1
    finally:
        mlops_nb.unload_ipython_extension(bare_shell)


def test_a_forked_child_and_worker_processes_record_nothing(iris):
    iris("""
    import os
    from sklearn.metrics import accuracy_score
    pid = os.fork()
    if pid == 0:
        try:
            accuracy_score(y, y); LogisticRegression().fit(X, y)
        finally:
            os._exit(0)
    status = os.waitpid(pid, 0)[1]
    assert status == 0
    from sklearn.model_selection import GridSearchCV
    GridSearchCV(LogisticRegression(), {"C": [1, 2]}, cv=2, n_jobs=2).fit(X, y)
    """)
    assert [fit.kind for fit in recorded()] == ["search"]


def test_loading_imports_no_framework(run_process, workspace):
    printed = run_process("""
        import sys
        from IPython.core.interactiveshell import InteractiveShell
        InteractiveShell.instance().run_cell("%load_ext mlops_nb")
        heavy = {"sklearn", "numpy", "pandas", "xgboost", "lightgbm", "statsmodels", "keras", "torch", "ipywidgets",
                 "skops"}
        print(heavy & set(sys.modules))
    """).stdout
    assert printed.strip() == "set()"


def test_a_framework_that_is_not_as_we_know_it_is_a_gap_said_once(bare_shell, monkeypatch):
    import sklearn.metrics

    import mlops_nb

    def changed(y_true, y_pred):
        return 1.0

    monkeypatch.setattr(sklearn.metrics, "__all__", ["accuracy_score"])
    monkeypatch.setattr(sklearn.metrics, "accuracy_score", changed)
    with pytest.warns(RuntimeWarning, match=r"changed is not built as mlops-nb knows it.*mlops.log_metric") as warned:
        mlops_nb.load_ipython_extension(bare_shell)
    try:
        assert len(warned) == 1
        assert bare_shell.run_cell("1 + 1").result == 2
    finally:
        mlops_nb.unload_ipython_extension(bare_shell)


def test_autolog_can_be_switched_off_in_the_charter(bare_shell, workspace):
    import mlops_nb

    (workspace / "mlops.toml").write_text("[capture]\nautolog = false\n")
    mlops_nb.load_ipython_extension(bare_shell)
    try:
        bare_shell.run_cell("from sklearn.linear_model import Ridge\nRidge().fit([[1], [2]], [1, 2])")
        assert recorded() == []
    finally:
        mlops_nb.unload_ipython_extension(bare_shell)
