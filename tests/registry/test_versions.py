"""Model versions: what is registered comes back predicting the same, and nothing else comes back."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import skops.io as sio
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_files
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

from mlops_nb.capture import environments
from mlops_nb.errors import NotFound, StoreCorrupt, Untrusted, UsageError
from mlops_nb.lineage.graph import lineage
from mlops_nb.project import Project
from mlops_nb.proof import fsck
from mlops_nb.registry import formats
from mlops_nb.registry.versions import load_model, models, register
from tests.registry.conftest import X, Y

NUMBERS = X[["a", "b"]]


def encoder() -> ColumnTransformer:
    return ColumnTransformer([("text", OneHotEncoder(), ["c"]), ("numbers", StandardScaler(), ["a", "b"])])


FITTED = {
    "logistic regression": LogisticRegression().fit(NUMBERS, Y),
    "random forest": RandomForestClassifier(5, random_state=0).fit(NUMBERS, Y),
    "gradient boosting": HistGradientBoostingClassifier(max_iter=5).fit(NUMBERS, Y),
    "pipeline": Pipeline([("encode", encoder()), ("fit", LogisticRegression())]).fit(X, Y),
    "pipeline of trees": make_pipeline(encoder(), RandomForestClassifier(5, random_state=0)).fit(X, Y),
    "pipeline with a function": make_pipeline(FunctionTransformer(np.nan_to_num), LogisticRegression()).fit(NUMBERS, Y),
}


@pytest.mark.parametrize("kind", FITTED)
def test_a_model_comes_back_predicting_the_same(project: Project, kind: str):
    fitted = FITTED[kind]
    frame = X[list(fitted.feature_names_in_)]
    register(project, fitted, "m", example=frame.head())
    loaded = load_model(project, "models:/m/1")
    assert type(loaded) is type(fitted)
    np.testing.assert_array_equal(loaded.predict_proba(frame), fitted.predict_proba(frame))


def test_each_registration_is_the_next_version(project: Project, model: LogisticRegression):
    assert [register(project, model, "m").version for _ in range(3)] == [1, 2, 3]
    assert register(project, model, "other").version == 1


@pytest.mark.parametrize("reference", ["m", "models:/m", "models:/m/latest", "models:/m/2"])
def test_a_model_is_loaded_by_any_of_its_names(project: Project, model: LogisticRegression, reference: str):
    register(project, LogisticRegression().fit(NUMBERS, 1 - Y), "m")
    register(project, model, "m")
    np.testing.assert_array_equal(load_model(project, reference).coef_, model.coef_)


def test_models_are_listed_newest_first(project: Project, model: LogisticRegression):
    for name in ("a", "b", "a"):
        register(project, model, name)
    assert [(v.name, v.version) for v in models(project)] == [("a", 2), ("b", 1), ("a", 1)]
    assert [v.version for v in models(project, "a")] == [2, 1]


def test_the_public_shape_of_a_model_version(project: Project, model: LogisticRegression):
    register(project, model, "m")
    (shown,) = models(project).to_json()
    assert shown["name"] == "m"
    assert shown["version"] == 1
    assert shown["aliases"] == []
    assert len(shown["run"]) == 16
    assert shown["created"].endswith("Z")


# -- signature, example, environment --------------------------------------------------------------------------


def test_the_signature_names_inputs_and_outputs(project: Project):
    version = register(project, FITTED["pipeline"], "m", example=X.head())
    assert version.signature == {
        "inputs": [
            {"name": "a", "type": "double"}, {"name": "b", "type": "double"}, {"name": "c", "type": "string"}
        ],
        "outputs": [{"type": "tensor", "tensor-spec": {"dtype": "int64", "shape": [-1]}}],
    }  # fmt: skip


def test_an_array_has_a_tensor_signature(project: Project):
    fitted = LogisticRegression().fit(NUMBERS.to_numpy(), Y)
    version = register(project, fitted, "m", example=NUMBERS.to_numpy())
    assert version.signature["inputs"] == [{"type": "tensor", "tensor-spec": {"dtype": "float64", "shape": [-1, 2]}}]


def example(project: Project) -> dict:
    address = project.store.value("SELECT example FROM model_version ORDER BY version DESC LIMIT 1")
    return json.loads(project.content.text(address))


def test_the_example_is_the_head_of_the_input(project: Project, model: LogisticRegression):
    register(project, model, "m", example=NUMBERS)
    split = example(project)["dataframe_split"]
    assert split["columns"] == ["a", "b"]
    np.testing.assert_allclose(split["data"], NUMBERS.head().to_numpy())


def test_an_example_keeps_missing_values_as_null(project: Project):
    frame = pd.DataFrame({"a": pd.array([1, None] * 20, dtype="Int64"), "t": pd.to_datetime(["2020-01-01", None] * 20)})
    version = register(project, DummyClassifier().fit(frame, [0, 1] * 20), "m", example=frame)
    assert example(project)["dataframe_split"]["data"][:2] == [[1, "2020-01-01T00:00:00"], [None, None]]
    assert [column["type"] for column in version.signature["inputs"]] == ["long", "datetime"]


def test_an_example_may_be_named_by_a_file(project: Project, model: LogisticRegression):
    NUMBERS.to_csv("x.csv", index=False)
    version = register(project, model, "m", example="x.csv")
    assert [column["name"] for column in version.signature["inputs"]] == ["a", "b"]


def test_without_an_example_there_is_no_signature(project: Project, model: LogisticRegression):
    assert register(project, model, "m").signature is None


def test_a_version_knows_its_environment(project: Project, model: LogisticRegression):
    register(project, model, "m")
    number = project.store.value("SELECT environment FROM model_version")
    kept = environments.load(project.store, number)
    assert kept is not None
    assert kept.packages["scikit-learn"] == environments.environment().packages["scikit-learn"]


def test_a_version_carries_its_intent(project: Project, model: LogisticRegression):
    assert register(project, model, "m", intent="to try").intent == "to try"


def test_a_version_shows_metrics_and_parameters_of_its_run(shell, project: Project, model: LogisticRegression):
    shell.user_ns["model"] = model
    shell.run_cell("import mlops_nb as mlops\nmlops.log_metric('auc', 0.9)\nmlops.log_param('depth', 3)")
    shell.run_cell("v = mlops.register(model, 'm')")
    assert shell.user_ns["v"].metrics == {"auc": 0.9}
    assert shell.user_ns["v"].parameters == {"depth": 3}


def test_lineage_leads_from_the_dataset_to_the_model(kernel):
    kernel.run(
        "%load_ext mlops_nb\nimport pandas as pd, mlops_nb as mlops\nfrom sklearn.linear_model import LinearRegression"
    )
    kernel.run("mlops.dataset(pd.DataFrame({'x': [1.0, 2.0], 'y': [1.0, 2.0]}), 'points')")
    kernel.run("points = mlops.load_dataset('points')")
    kernel.run("line = LinearRegression().fit(points[['x']], points['y'])")
    kernel.run("mlops.register(line, 'line')")
    kernel.settle()
    project = Project(kernel.folder)
    graph = lineage(project, "models:/line/1")
    kinds = {(node.kind, node.name) for node in graph.nodes}
    assert {("dataset", "points"), ("variable", "line"), ("model", "line")} <= kinds
    model_id = next(node.id for node in graph.nodes if node.kind == "model")
    assert any(edge.target == model_id and edge.kind == "wrote" for edge in graph.edges)
    project.store.close()


# -- what is not let in ---------------------------------------------------------------------------------------


class Bomb:
    """Writes a file when it is unpickled."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (exec, ("open('exploded', 'w').close()",))


class Stranger(LogisticRegression):
    """A type that nobody vouches for."""


STRANGER = f"{Stranger.__module__}.Stranger"


def test_a_pickle_is_refused_and_does_not_run(project: Project):
    Path("m.pkl").write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(UsageError, match=r"m\.pkl is not a \.skops file"):
        register(project, "m.pkl", "m")
    assert not Path("exploded").exists()


def test_a_pickle_in_disguise_is_refused_and_does_not_run(project: Project):
    Path("m.skops").write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(UsageError, match=r"m\.skops is not a readable \.skops file"):
        register(project, "m.skops", "m")
    assert not Path("exploded").exists()
    assert models(project) == []


def test_an_object_of_an_unknown_type_is_refused(project: Project):
    with pytest.raises(Untrusted, match=rf"nobody vouches for: {STRANGER}.*trust=\['{STRANGER}'\]"):
        register(project, Stranger().fit(NUMBERS, Y), "m")
    assert models(project) == []


def test_an_unknown_type_that_a_person_vouches_for_is_kept_and_loaded(project: Project):
    fitted = Stranger().fit(NUMBERS, Y)
    register(project, fitted, "m", trust=[STRANGER])
    np.testing.assert_array_equal(load_model(project, "m").coef_, fitted.coef_)


def test_a_file_with_an_unknown_type_is_refused(project: Project):
    Path("m.skops").write_bytes(sio.dumps(Stranger().fit(NUMBERS, Y)))
    with pytest.raises(Untrusted, match=STRANGER):
        register(project, "m.skops", "m")


def test_a_file_of_known_types_is_registered(project: Project):
    fitted = FITTED["pipeline of trees"]
    Path("m.skops").write_bytes(sio.dumps(fitted))
    register(project, "m.skops", "m")
    np.testing.assert_array_equal(load_model(project, "m").predict(X), fitted.predict(X))


@pytest.mark.parametrize("tool", [np.load, np.memmap, load_files], ids=lambda tool: tool.__name__)
def test_what_would_run_on_prediction_is_refused_even_from_a_known_package(project: Project, tool: object):
    """``numpy.load`` unpickles, ``numpy.memmap`` overwrites: a file may not choose what a transformer calls."""
    Path("m.skops").write_bytes(sio.dumps(make_pipeline(FunctionTransformer(tool))))
    with pytest.raises(Untrusted, match=rf"nobody vouches for: \S*{tool.__name__} "):
        register(project, "m.skops", "m")
    assert models(project) == []


def test_an_object_that_cannot_be_written_is_refused(project: Project):
    with pytest.raises(UsageError, match="a generator cannot be written as skops: .*register a scikit-learn estimator"):
        register(project, (x for x in ()), "m")


def test_a_missing_file_is_named(project: Project):
    with pytest.raises(NotFound, match=r"no file 'm\.skops'"):
        register(project, "m.skops", "m")


@pytest.mark.parametrize("name", ["", "a/b", "a@b", "a:b"])
def test_a_name_that_would_be_a_reference_is_refused(project: Project, model: LogisticRegression, name: str):
    with pytest.raises(UsageError, match="a model cannot be called"):
        register(project, model, name)


def test_a_planted_model_is_refused_and_not_constructed(project: Project):
    """Another model's bytes in the place of the registered ones have another hash."""
    register(project, RandomForestClassifier(60, random_state=0).fit(NUMBERS, Y), "m")
    (blob,) = [path for path in project.home.glob("blobs/??/*") if path.is_file()]
    blob.write_bytes(sio.dumps(Stranger().fit(NUMBERS, Y)))
    with pytest.raises(StoreCorrupt, match="damaged: its bytes have another hash"):
        load_model(project, "m")
    assert any("is damaged" in problem for problem in fsck(project).problems)


def test_planted_bytes_under_their_own_hash_are_refused_by_their_types(project: Project, model: LogisticRegression):
    register(project, model, "m")
    planted = project.content.put(sio.dumps(Stranger().fit(NUMBERS, Y)))
    with project.store.write() as store:
        store.execute("UPDATE model_version SET content = ?", planted)
    with pytest.raises(Untrusted, match=STRANGER):
        load_model(project, "m")


def test_bytes_trust_no_type_that_was_not_recorded():
    data, types = formats.dump(FITTED["random forest"], [])
    assert types == ["sklearn.tree._tree.Tree"]
    with pytest.raises(Untrusted, match=r"sklearn\.tree\._tree\.Tree"):
        formats.load(data, [])


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("models:/x/1", "no model 'x' - known: 'm'"),
        ("models:/m/9", "no version of model 'm' '9' - known: '1'"),
        ("models:/m@best", "no alias of model 'm' 'best' - none exist yet"),
        ("var:model", "no variable 'model'"),
        ("dataset:d", "'dataset:d' is not a model - see `mlops models`"),
    ],
)
def test_a_reference_that_means_no_model_is_told(project: Project, model, reference: str, message: str):
    from mlops_nb.data.datasets import dataset

    register(project, model, "m")
    dataset(project, X, "d")
    with pytest.raises(NotFound, match=message):
        load_model(project, reference)


def test_a_function_inside_a_live_model_needs_somebody_to_vouch_for_it(project):
    import numpy as np
    from sklearn.preprocessing import FunctionTransformer

    model = FunctionTransformer(np.testing.runstring)
    with pytest.raises(Untrusted, match="runstring"):
        register(project, model, "transformer")


def test_a_model_that_was_trained_with_other_packages_is_loaded_with_a_warning(project: Project):
    register(project, FITTED["logistic regression"], "m")
    here = environments.environment()
    old = here.packages | {"numpy": "1.9", "pytest": "1.0"}
    for python, told in (
        (here.python, f"numpy 1.9 .here {here.packages['numpy']}."),
        ("CPython 3.5.1", "CPython 3.5.1"),
    ):
        then = environments.Environment.of(python, here.platform, old, {})
        with project.store.write() as store:
            store.execute("UPDATE model_version SET environment = ?", environments.environment_id(store, then))
        with pytest.warns(RuntimeWarning, match=f"models:/m was trained with {told}") as warned:
            load_model(project, "m")
        assert "pytest" not in str(warned[0].message)


def test_a_model_is_loaded_without_a_word_where_its_packages_are_the_same(project: Project, recwarn):
    register(project, FITTED["logistic regression"], "m")
    here = environments.environment()
    then = environments.Environment.of(f"{here.python}9", here.platform, here.packages | {"pytest": "1.0"}, {})
    with project.store.write() as store:
        store.execute("UPDATE model_version SET environment = ?", environments.environment_id(store, then))
    load_model(project, "m")
    assert not [warning for warning in recwarn if issubclass(warning.category, RuntimeWarning)]
