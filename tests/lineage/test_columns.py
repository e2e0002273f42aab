"""Which columns a result came from: exact where the code tells it, never less than the truth."""

from __future__ import annotations

import random
import re
import warnings
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from mlops_nb.errors import NotFound, UsageError
from mlops_nb.lineage.columns import column_edges, column_sources, column_targets, columns
from mlops_nb.lineage.impact import impact
from mlops_nb.lineage.references import resolve, resolve_column
from mlops_nb.lineage.tracing.kinds import ALL
from mlops_nb.project import Project
from tests.lineage import programs
from tests.lineage.columnar import Cells

SAME, CHANGED, SUMMED = "DIRECT/IDENTITY", "DIRECT/TRANSFORMATION", "DIRECT/AGGREGATION"
FILTERED, JOINED, GROUPED = "INDIRECT/FILTER", "INDIRECT/JOIN", "INDIRECT/GROUP_BY"
SORTED, DECIDED = "INDIRECT/SORT", "INDIRECT/CONDITIONAL"


@pytest.fixture
def cells(project: Project) -> Cells:
    df = pd.DataFrame({"a": [1.0, 2, 3, 4], "b": [5.0, 6, 7, 8], "k": list("xyxy"), "y": [0, 1, 0, 1]})
    return Cells(project, df=df, other=pd.DataFrame({"k": ["x", "y"], "z": [1.0, 2.0]}), limit=2, names=["a", "b"])


def exact(cells: Cells, name: str, column: str) -> set[tuple[str, str, str]]:
    """Return what a column surely comes from, but for the index: name, column, kind."""
    links = column_sources(cells.project, cells.nodes[name], column)
    assert not any(link.assumed for link in links), links
    return {(link.name, link.column, link.relation) for link in links if link.column != "(index)"}


#: A cell, a column of ``v``, and what it comes from.
CASES: list[tuple[str, str, set[tuple[str, str, str]]]] = [
    ("v = df['a']", "", {("df", "a", SAME)}),
    ("v = df.a", "", {("df", "a", SAME)}),
    ("v = df[['a', 'b']]", "b", {("df", "b", SAME)}),
    ("v = df[names]", "a", {("df", "a", SAME), ("names", "", FILTERED)}),
    ("v = df.loc[:, ['a', 'y']]", "y", {("df", "y", SAME)}),
    ("v = df.iloc[:, :-1]", "k", {("df", "k", SAME)}),
    ("v = df.iloc[:, -1]", "", {("df", "y", SAME)}),
    ("v = df[df.a > 1]", "b", {("df", "b", SAME), ("df", "a", FILTERED)}),
    ("v = df.loc[df['a'] > limit, 'b']", "", {("df", "b", SAME), ("df", "a", FILTERED), ("limit", "", FILTERED)}),
    ("v = df.query('a > 1 and b < @limit')", "y",
     {("df", "y", SAME), ("df", "a", FILTERED), ("df", "b", FILTERED), ("limit", "", FILTERED)}),
    ("v = df.assign(c=df.a + df.b)", "c", {("df", "a", CHANGED), ("df", "b", CHANGED)}),
    ("v = df.assign(c=lambda d: d['a'] * limit)", "c", {("df", "a", CHANGED), ("limit", "", CHANGED)}),
    ("v = df.copy()\nv['c'] = v.a / v.b", "c", {("df", "a", CHANGED), ("df", "b", CHANGED)}),
    ("v = df.copy()\nv['c'] = v.a / v.b", "a", {("df", "a", SAME)}),
    ("v = df.copy()\nv['a'] = 0", "a", set()),
    ("v = df.copy()\nv.loc[v.a > 1, 'b'] = 0", "b", {("df", "b", CHANGED), ("df", "a", DECIDED)}),
    ("v = df.rename(columns={'a': 'A'})", "A", {("df", "a", SAME)}),
    ("v = df.drop(columns=['a'])", "b", {("df", "b", SAME)}),
    ("v = df.astype({'a': 'int'})", "a", {("df", "a", CHANGED)}),
    ("v = df.fillna(0)", "b", {("df", "b", CHANGED)}),
    ("v = df.sort_values('a')", "b", {("df", "b", SAME), ("df", "a", SORTED)}),
    ("v = df.groupby('k').agg(m=('a', 'mean'))", "m", {("df", "a", SUMMED), ("df", "k", GROUPED)}),
    ("v = df.groupby('k').agg(m=('a', 'mean')).reset_index()", "k", {("df", "k", SAME)}),
    ("v = df.groupby('k')[['a']].mean()", "a", {("df", "a", SUMMED), ("df", "k", GROUPED)}),
    ("v = df.groupby('k')['a'].transform('mean')", "", {("df", "a", CHANGED), ("df", "k", GROUPED)}),
    ("v = df.merge(other, on='k')", "z", {("other", "z", SAME), ("df", "k", JOINED), ("other", "k", JOINED)}),
    ("v = df.merge(other, on='k')", "k", {("df", "k", SAME), ("other", "k", SAME)}),
    ("v = df.merge(other[[*['k'], 'z']], on='k')", "a",
     {("df", "a", SAME), ("df", "k", JOINED), ("other", "k", JOINED)}),
    ("v = pd.concat([df, df])", "a", {("df", "a", SAME)}),
    ("v = pd.concat([df[['a']], df[['b']]], axis=1)", "b", {("df", "b", SAME)}),
    ("v = df.melt(id_vars='k', value_vars=['a', 'b'])", "value", {("df", "a", CHANGED), ("df", "b", CHANGED)}),
    ("v = df.pivot_table(index='k', columns='y', values='a')", "0",
     {("df", "a", SUMMED), ("df", "k", GROUPED), ("df", "y", GROUPED)}),
    ("v = df.set_index('a', drop=False)\nv['a'] = v.b", "a", {("df", "a", SAME), ("df", "b", SAME)}),
    ("v = df.pivot_table(index='k', columns='y', values='a')", "k",
     {("df", "k", SAME), ("df", "y", GROUPED), ("df", "a", FILTERED)}),
    ("v = pd.get_dummies(df, columns=['k'])", "k_x", {("df", "k", CHANGED)}),
    ("v = pd.get_dummies(df, columns=['k'])", "a", {("df", "a", SAME)}),
    ("v = df.apply(lambda r: r.a + r['b'], axis=1)", "", {("df", "a", CHANGED), ("df", "b", CHANGED)}),
    ("def f(d):\n    d = d.copy()\n    d['q'] = d.a + 1\n    return d\nv = f(df)", "q", {("df", "a", CHANGED)}),
    ("for c in ['a', 'b']:\n    df[c] = df[c] * 2\nv = df", "a", {("df", "a", CHANGED)}),
    ("v = df.a.to_numpy()", "", {("df", "a", CHANGED)}),
    ("v = np.log(df.a)", "", {("df", "a", CHANGED)}),
    ("v = np.where(df.a > 1, df.b, 0)", "", {("df", "b", CHANGED), ("df", "a", DECIDED)}),
    ("v = df.a.mean()", "", {("df", "a", SUMMED)}),
    ("v = df[[c for c in df.columns if c != 'y']]", "a", {("df", "a", SAME)}),
    ("v = df if df.y.sum() > 1 else df.head(1)", "a", {("df", "a", SAME), ("df", "y", DECIDED)}),
]  # fmt: skip


@pytest.mark.parametrize(("code", "column", "sources"), CASES, ids=[f"{c[0]} [{c[1]}]" for c in CASES])
def test_the_columns_that_a_result_comes_from(cells: Cells, code: str, column: str, sources: set[Any]):
    cells.run(code)
    assert exact(cells, "v", column) == sources


FITTED = """
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
"""


def test_a_model_comes_from_its_features_and_its_target(cells: Cells):
    cells.run(f"{FITTED}model = make_pipeline(StandardScaler(), LogisticRegression())\nmodel.fit(df[['a', 'b']], df.y)")
    assert exact(cells, "model", "a") == {("df", "a", SAME)}
    assert exact(cells, "model", "(fit)") == {("df", name, CHANGED) for name in "aby"}


def test_a_model_does_not_come_from_columns_that_it_leaves_out(cells: Cells):
    cells.run(
        f"{FITTED}prepared = ColumnTransformer([('n', StandardScaler(), ['a'])])\n"
        "model = make_pipeline(prepared, LogisticRegression()).fit(df, df.y)"
    )
    assert exact(cells, "model", "(fit)") == {("df", "a", CHANGED), ("df", "y", CHANGED)}
    assert exact(cells, "model", "a") == {("df", "a", SAME)}


def test_a_prediction_comes_from_the_model_and_its_input(cells: Cells):
    cells.run(
        f"{FITTED}X, X2, y, y2 = train_test_split(df[['a', 'b']], df.y, test_size=2, random_state=0, stratify=df.y)"
    )
    cells.run("model = LogisticRegression().fit(X, y)")
    cells.run("p = model.predict(X2)")
    links = column_sources(cells.project, cells.nodes["p"])
    assert {link.name for link in links} >= {"model", "X", "X2", "y", "df"}
    assert {link.column for link in links if link.name == "df"} <= {"a", "b", "y", "(index)"}


def test_a_model_that_is_fitted_anew_forgets_what_it_learned(cells: Cells):
    cells.run(f"{FITTED}model = LogisticRegression().fit(df[['a']], df.y)")
    cells.run("model.fit(df[['b']], df.y)")
    assert ("df", "a", CHANGED) not in exact(cells, "model", "(fit)")


def test_a_model_that_starts_warm_does_not(cells: Cells):
    cells.run(f"{FITTED}model = LogisticRegression(warm_start=True, max_iter=5).fit(df[['a']], df.y)")
    cells.run("model.fit(df[['a']] * other.z.sum(), df.y)")
    cells.run("model.fit(df[['b']].rename(columns={'b': 'a'}), df.y)")
    assert ("df", "a", CHANGED) in exact(cells, "model", "(fit)")


def test_columns_are_followed_from_cell_to_cell(cells: Cells):
    cells.run("df['c'] = df.a + 1")
    cells.run("g = df.groupby('k').agg(m=('c', 'max')).reset_index()")
    cells.run("v = g.m * 2")
    assert ("df", "a", SUMMED) in exact(cells, "v", "")
    assert not {link for link in exact(cells, "v", "") if link[1] in ("b", "y")}


def test_a_list_of_columns_is_followed_into_a_longer_one(cells: Cells):
    cells.run("keys = ['k', 'b']")
    cells.run("v = df[[*keys, 'a']]")
    assert exact(cells, "v", "a") == {("df", "a", SAME), ("keys", "", FILTERED)}


def test_what_a_column_feeds_is_the_other_way_round(cells: Cells):
    cells.run("df['c'] = df.a + 1")
    cells.run("v = df[['c', 'b']]\nw = df.b")
    links = column_targets(cells.project, cells.first["df"], "a")
    assert {(link.name, link.column) for link in links} == {("df", "a"), ("df", "c"), ("v", "c")}


def test_the_impact_of_a_column_is_less_than_that_of_its_table(cells: Cells):
    cells.run("v = df[['a']]\nw = df.b")
    before = cells.project.store.value("SELECT public FROM node WHERE id = ?", cells.first["df"])
    assert {node.name for node in impact(cells.project, f"column:{before}/a").variables} == {"df", "v"}
    assert {"v", "w"} <= {node.name for node in impact(cells.project, before).variables}


# -- never less than the truth --------------------------------------------------------------------------------

ASSUMED = {
    "an unknown function": "v = unknown(df)",
    "a function that may change anything": "v = df.a\nunknown(other)",
    "a method of an object of the user's": "v = thing.clean(df)",
    "code in a text": "exec('v = other.z')",
    "a class of the notebook": "class C:\n    pass\nC.v = df\nv = C.v",
    "a generator": "def g():\n    yield other.z\nv = next(g())",
    "a table in an object": "thing.t = df\nv = thing.t.a",
    "a star import": "from os.path import *\nv = splitext(str(df.a))",
}


@pytest.mark.parametrize("code", ASSUMED.values(), ids=ASSUMED)
def test_what_is_not_understood_comes_from_everything_that_the_cell_read(cells: Cells, code: str):
    class Thing:
        def clean(self, frame: pd.DataFrame) -> pd.DataFrame:
            return frame

    cells.run("def sub(d):\n    return d\nunknown = sub")
    cells.namespace |= {"thing": Thing(), "unknown": lambda frame: frame}
    cells.run(code)
    links = column_sources(cells.project, cells.nodes["v"], "a")
    assert {("df", "*", True), ("other", "*", True)} <= {(link.name, link.column, link.assumed) for link in links}


def test_which_of_several_files_a_table_was_read_from_is_assumed(shell: Any, project: Project):
    for name in ("one.csv", "two.csv"):
        Path(name).write_text(f"a,b\n1,{name}\n")
    shell.run_cell("import pandas as pd\nv = pd.read_csv('one.csv')")
    shell.run_cell("w = pd.read_csv('one.csv')\nx = pd.read_csv('two.csv')")
    found = {
        name: {
            (link.name, link.assumed) for link in columns(project, f"column:{name}/a").sources if link.kind == "file"
        }
        for name in ("v", "w")
    }
    assert found == {"v": {("one.csv", False)}, "w": {("one.csv", True), ("two.csv", True)}}


def test_a_module_is_not_among_the_columns(shell: Any, project: Project):
    shell.run_cell("import pandas as pd")
    shell.run_cell("v = pd.DataFrame({'a': [1]})")
    assert columns(project, "var:v").sources == []


def test_a_table_that_is_changed_through_another_name_keeps_its_lineage(cells: Cells):
    cells.run("view = df")
    cells.run("view['n'] = other.z")
    assert ("other", "z", SAME) in exact(cells, "df", "n")


def test_a_result_that_is_not_what_the_code_says_is_all_assumed(cells: Cells):
    cells.run("def shape(d):\n    return d[['a']]\nv = shape(df)")
    assert cells.rows("v")
    cells.namespace["pd"].DataFrame.shuffled = lambda self: self[["b"]]
    try:
        cells.run("v = df.shuffled()")
    finally:
        del cells.namespace["pd"].DataFrame.shuffled
    assert all(link.assumed for link in column_sources(cells.project, cells.nodes["v"], "b"))


@pytest.mark.parametrize("seed", [*range(22), 20086, 20380, 20839, 21542, 23030])  # the last five found faults
def test_a_column_that_changes_with_another_is_in_the_lineage_of_it(project: Project, seed: int):
    """Programs by chance: each column of the input is changed, and whatever changes with it must be known to."""
    warnings.simplefilter("ignore")
    chance = random.Random(seed)
    source, tables = programs.program(chance, chance.randint(2, 5))
    before = programs.result(source, tables)
    cells = Cells(project, **{name: table.copy() for name, table in tables.items()})
    for code in ("limit = 2\n" + programs.PREPARED, *source):
        cells.run(code)
    for name, column in [(name, column) for name, table in tables.items() for column in table.columns]:
        after = programs.result(source, programs.perturbed(tables, name, column, chance))
        if before is None or after is None:
            continue
        for variable, label in programs.differing(before, after, cells.nodes):
            if cells.nodes[variable] == cells.first.get(variable):
                continue
            origin = project.store.value("SELECT public FROM node WHERE id = ?", cells.first[name])
            links = column_sources(project, cells.nodes[variable], label)
            assert any(link.id == origin and link.column in (column, ALL) for link in links), (
                f"{name}.{column} changes {variable}.{label}", source,
            )  # fmt: skip


# -- what is stored -------------------------------------------------------------------------------------------


def test_a_hundred_columns_that_stay_are_one_row(project: Project):
    cells = Cells(project, wide=pd.DataFrame({f"c{n}": [1.0] for n in range(100)}))
    cells.run("wide['sum'] = wide.c0 + wide.c1")
    assert len(cells.rows("wide")) == 3


def test_the_lineage_of_a_typical_cell_takes_less_than_two_kilobytes(cells: Cells):
    cells.run("v = df[df.a > 1].merge(other, on='k').groupby('k').agg(m=('a', 'mean'), n=('z', 'sum')).reset_index()")
    assert 0 < sum(len(repr(row)) for row in cells.rows("v")) < 2_000


def test_a_cell_without_tables_writes_nothing(project: Project):
    cells = Cells(project, limit=2)
    cells.run("n = limit + 1")
    assert project.store.value("SELECT count(*) FROM column_edge") == 0


def test_a_column_with_the_name_of_a_sign_is_only_itself(cells: Cells):
    cells.run("v = pd.DataFrame({'*': df.a, '=': df.b, '': df.y})")
    assert exact(cells, "v", "\\*") == {("df", "a", SAME)}
    assert exact(cells, "v", "\\=") == {("df", "b", SAME)}


def test_two_columns_of_one_name_are_told_apart_by_nothing(cells: Cells):
    cells.run("t = pd.concat([df[['a']], df[['b']].rename(columns={'b': 'a'})], axis=1)")
    cells.run("v = t.sum(axis=1)")
    assert {"a", "b"} <= {link.column for link in column_sources(cells.project, cells.nodes["v"]) if link.name == "df"}


def test_the_edges_of_a_cell_are_written_out_by_name(cells: Cells):
    cells.run("v = df[['a', 'b']]")
    execution = cells.project.store.value(
        "SELECT source FROM edge WHERE target = ? AND kind = 'wrote'", cells.nodes["v"]
    )
    edges = [edge for edge in column_edges(cells.project, execution) if edge.target == cells.nodes["v"]]
    assert {(e.column, e.made, e.relation) for e in edges} == {("a", "a", SAME), ("b", "b", SAME)}


def test_a_label_with_code_of_its_own_is_not_asked(cells: Cells):
    class Label:
        asked = 0

        def __hash__(self) -> int:
            return 1

        def __str__(self) -> str:
            Label.asked += 1
            return "label"

        __repr__ = __str__

    cells.namespace["odd"] = pd.DataFrame([[1, 2]], columns=[Label(), "a"])
    cells.run("v = odd")
    assert Label.asked == 0


def test_values_of_a_denied_column_do_not_enter_the_store_as_names(project: Project):
    (project.root / "mlops.toml").write_text('[privacy]\ndeny_columns = ["ssn"]\n')
    cells = Cells(project, df=pd.DataFrame({"ssn": ["078-05-1120", "219-09-9999"], "a": [1, 2], "k": [1, 1]}))
    cells.run("v = pd.get_dummies(df, columns=['ssn'])\nw = df.pivot_table(index='k', columns='ssn', values='a')")
    assert {link.column for link in column_sources(project, cells.nodes["v"]) if link.name == "df"} == {"*"}
    cells.project.store.flush()
    assert b"078-05-1120" not in project.store.path.read_bytes() + (project.home / "lineage.db-wal").read_bytes()


# -- references -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reference", "error", "told"),
    [
        ("column:v/zip", NotFound, "no column of v 'zip' - known: 'a', 'b', 'k', 'y'"),
        ("column:nothing/a", NotFound, "nothing is called 'nothing'"),
        ("column:a", UsageError, "'column:a' names no column - write column:NAME/COLUMN"),
    ],
)
def test_a_column_that_is_not_there_is_told_by_name(cells: Cells, reference: str, error: type, told: str):
    cells.run("v = df.copy()")
    with pytest.raises(error, match=re.escape(told)):
        resolve_column(cells.project, reference)


def test_a_column_is_found_by_its_name(cells: Cells):
    cells.run("v = df.rename(columns={'a': 'in/out'})")
    assert resolve_column(cells.project, "column:v/in/out") == (cells.nodes["v"], "in/out")
    assert resolve_column(cells.project, "column:var:v/k") == (cells.nodes["v"], "k")
    assert resolve_column(cells.project, "var:v") == (cells.nodes["v"], "*")
    assert resolve(cells.project, "column:v/k") == cells.nodes["v"]
    assert columns(cells.project, "column:v/in/out").sources[0].column == "a"


# -- in a notebook --------------------------------------------------------------------------------------------


def test_columns_are_followed_through_files_datasets_and_models(module_kernel: Any):
    kernel = module_kernel
    (kernel.folder / "in.csv").write_text("a,b,y\n" + "\n".join(f"{n},{n * 3 % 7},{n % 2}" for n in range(40)))
    for code in (
        "import pandas as pd, mlops_nb as mlops\nfrom sklearn.linear_model import LogisticRegression",
        "df = pd.read_csv('in.csv')",
        "df['r'] = df.a - df.b\ndf.to_csv('out.csv', index=False)",
        "back = pd.read_csv('out.csv')",
        "kept = mlops.dataset(back[['r', 'y']], 'kept')",
        "X = mlops.load_dataset('kept')",
        "model = LogisticRegression().fit(X[['r']], X.y)",
        "version = mlops.register(model, 'm', example=X[['r']])",
        "failed = df.a\nraise ValueError",
    ):
        kernel.run(code)
    kernel.settle()
    said = kernel.text("print(mlops.columns('column:models:/m/1/r').to_json()['sources'])")
    sources = {(link["kind"], link["name"], link["column"]) for link in eval(said)}
    assert {
        ("dataset", "kept", "r"),
        ("file", "out.csv", "r"),
        ("file", "in.csv", "a"),
        ("file", "in.csv", "b"),
    } <= sources
    assert ("file", "in.csv", "y") not in sources
    said = kernel.text("print(mlops.columns('column:file:in.csv/a').to_json()['targets'])")
    assert {("model", "m", "r"), ("dataset", "kept", "r")} <= {(t["kind"], t["name"], t["column"]) for t in eval(said)}
    said = kernel.text("print(mlops.columns('var:failed').to_json()['sources'])")
    assert {(link["name"], link["column"], link["assumed"]) for link in eval(said)} >= {("df", "*", True)}


def test_without_pandas_a_cell_costs_no_import(start_kernel: Any):
    kernel = start_kernel()
    kernel.run("%load_ext mlops_nb")
    kernel.run("x = 1")
    assert kernel.text("import sys\nprint('mlops_nb.lineage.recorder' in sys.modules, 'pandas' in sys.modules)") == (
        "False False\n"
    )
