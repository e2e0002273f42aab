"""What recording costs: a metric, a model; MLflow on SQLite beside it."""

from __future__ import annotations

import statistics
import sys

import pytest

from tests.benchmarks.conftest import answer_of

METRIC = """
import json, os, tempfile, time
os.chdir(tempfile.mkdtemp())
import mlops_nb as mlops
from mlops_nb.project import init
init(".")
mlops.log_metric("warm", 1.0)
began = time.process_time()
for step in range(3000):
    mlops.log_metric("loss", 0.5, step=step)
print(json.dumps((time.process_time() - began) / 3000 * 1e6))
"""

FLOOR = """
import json, os, sqlite3, tempfile, time
os.chdir(tempfile.mkdtemp())
db = sqlite3.connect("floor.db", isolation_level=None)
db.execute("PRAGMA journal_mode = WAL")
db.execute("PRAGMA synchronous = NORMAL")
db.execute("CREATE TABLE metric (run TEXT, name TEXT, value REAL, step INTEGER, at REAL)")
began = time.process_time()
for step in range(3000):
    db.execute("BEGIN IMMEDIATE")
    db.execute("INSERT INTO metric VALUES ('r', 'loss', 0.5, ?, 1.0)", (step,))
    db.execute("COMMIT")
print(json.dumps((time.process_time() - began) / 3000 * 1e6))
"""

MLFLOW = """
import json, os, tempfile, time
os.chdir(tempfile.mkdtemp())
os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
import mlflow
mlflow.set_tracking_uri("sqlite:///mlflow.db")
with mlflow.start_run():
    mlflow.log_metric("warm", 1.0)
    began = time.process_time()
    for step in range(200):
        mlflow.log_metric("loss", 0.5, step=step)
    print(json.dumps((time.process_time() - began) / 200 * 1e6))
"""

REGISTER = """
import json, os, statistics, tempfile, time
os.chdir(tempfile.mkdtemp())
import mlops_nb as mlops
from mlops_nb.project import init
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
init(".")
X, y = load_iris(return_X_y=True, as_frame=True)
model = make_pipeline(StandardScaler(), LogisticRegression()).fit(X, y)
mlops.register(model, "warm", example=X.head())
times = []
for _ in range(7):
    began = time.process_time()
    mlops.register(model, "iris", example=X.head(), intent="to see how long it takes")
    times.append(time.process_time() - began)
print(json.dumps(statistics.median(times) * 1000))
"""


def test_a_metric_is_committed_fast(benchmark, figure):
    benchmark.pedantic(lambda: answer_of(sys.executable, METRIC), rounds=1)
    pairs = [(answer_of(sys.executable, METRIC), answer_of(sys.executable, FLOOR)) for _ in range(5)]
    figure("log_metric, committed", statistics.median(ours for ours, _ in pairs), "µs", "< 60")
    figure("  over three bare statements", statistics.median(ours / floor for ours, floor in pairs), "times", "")


#: The same model with the same example, logged and registered; children count, since MLflow finds out in one what the
#: model requires.
MLFLOW_MODEL = """
import json, os, tempfile, warnings
os.chdir(tempfile.mkdtemp())
os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
warnings.simplefilter("ignore")
import mlflow
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
mlflow.set_tracking_uri("sqlite:///mlflow.db")
X, y = load_iris(return_X_y=True, as_frame=True)
model = make_pipeline(StandardScaler(), LogisticRegression()).fit(X, y)
def spent():
    used = os.times()
    return used.user + used.system + used.children_user + used.children_system
def log():
    with mlflow.start_run():
        mlflow.sklearn.log_model(model, name="iris", input_example=X.head(), registered_model_name="iris")
log()
began = spent()
for _ in range(3):
    log()
print(json.dumps((spent() - began) / 3 * 1000))
"""


@pytest.mark.slow
def test_a_metric_beside_mlflow(benchmark, figure, mlflow):
    def pair() -> tuple[float, float]:
        return answer_of(mlflow, MLFLOW), answer_of(sys.executable, METRIC)

    pairs = [benchmark.pedantic(pair, rounds=1), *(pair() for _ in range(4))]
    figure("log_metric, MLflow on SQLite over ours", statistics.median(a / b for a, b in pairs), "times", ">= 80")
    figure("  MLflow's own", statistics.median(theirs for theirs, _ in pairs), "µs", "")
    figure("  ours", statistics.median(ours for _, ours in pairs), "µs", "< 60")


def test_a_model_is_registered_fast(benchmark, figure):
    took = benchmark.pedantic(lambda: answer_of(sys.executable, REGISTER), rounds=1)
    figure("register a scikit-learn model", took, "ms", "< 100")


@pytest.mark.slow
def test_a_model_beside_mlflow(benchmark, figure, mlflow):
    def pair() -> tuple[float, float]:
        return answer_of(mlflow, MLFLOW_MODEL), answer_of(sys.executable, REGISTER)

    pairs = [benchmark.pedantic(pair, rounds=1), *(pair() for _ in range(2))]
    figure(
        "register a model, MLflow on SQLite over ours", statistics.median(a / b for a, b in pairs), "times", ">= 150"
    )
    figure("  MLflow's own", statistics.median(theirs for theirs, _ in pairs), "ms", "")
    figure("  ours", statistics.median(ours for _, ours in pairs), "ms", "< 100")
