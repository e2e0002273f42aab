"""Tables that cross a boundary are known without a call: by fingerprint, profile and rows, never as a copy."""

from __future__ import annotations

import ast
import dataclasses
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mlops_nb.capture import nodes, observers, runs
from mlops_nb.capture.observers import Seen
from mlops_nb.data import measuring
from mlops_nb.data.crossings import Crossing, Crossings, tables
from mlops_nb.data.datasets import SAMPLE, dataset, load_dataset, profile
from mlops_nb.data.fingerprints import fingerprint, frame_fingerprint, to_table
from mlops_nb.data.measuring import Measurer
from mlops_nb.lineage.details import show
from mlops_nb.project import Project

FRAME = pd.DataFrame({"x": [1, 2, 2], "s": ["a", None, "b"]})


class Cell:
    """A cell as capture hands it to observers; every variable is one that it made."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self.crossings = Crossings()

    def ended(self, code: str, **variables: Any) -> None:
        """Let the observer see a cell, and wait until all is measured."""
        run = runs.start(self.project, "script", "cells")
        with self.project.store.write() as store:
            execution = nodes.add_node(store, "execution", "cell")
            store.execute(
                "INSERT INTO execution (id, run, process, source, started_at) SELECT ?, id, process, ?, 0 FROM run"
                " WHERE id = ?", execution, self.project.content.put(b"cell"), run,
            )  # fmt: skip
            made = {name: nodes.add_node(store, "variable", name) for name in variables}
            for number in made.values():
                nodes.add_edge(store, execution, number, "wrote")
        self.crossings(Seen(self.project, run, execution, ast.parse(code), variables, {}, made, []))
        if self.crossings.measurer is not None:
            assert self.crossings.measurer.wait(20)

    def found(self) -> dict[tuple[str, str], Crossing]:
        """Return what is recorded, by variable and boundary."""
        return {(crossing.name, crossing.boundary): crossing for crossing in tables(self.project)}


@pytest.fixture
def cell(project: Project) -> Cell:
    return Cell(project)


@pytest.mark.parametrize(
    ("code", "boundary"),
    [
        ("df = pd.read_csv('x.csv')", "read"),
        ("df = pd.read_sql('SELECT 1', connection)", "read"),
        ("df = mlops.load_dataset('d')", "read"),
        ("df.to_parquet('x.parquet')", "written"),
        ("model.fit(df, y)", "fit"),
        ("model.fit(X=df)", "fit"),
        ("Z = scaler.fit_transform(df)", "fit"),
    ],
)
def test_a_table_that_crosses_a_boundary_is_measured(cell: Cell, code: str, boundary: str):
    cell.ended(code, df=FRAME)
    found = cell.found()["df", boundary]
    assert (found.rows, found.fingerprint, found.reason) == (3, fingerprint(to_table(FRAME)), None)
    assert found.columns["x"] == {"type": "int64", "nulls": 0, "distinct": 2, "min": 1, "max": 2, "mean": 5 / 3,
                                  "quantiles": [1.1, 1.5, 2, 2, 2]}  # fmt: skip
    assert found.columns["s"]["nulls"] == 1


@pytest.mark.parametrize("code", ["df = pd.DataFrame()", "print(df)", "df['x'] = 1", "model.fit(df)\ndf = 1\n"])
def test_one_that_crosses_none_is_not(cell: Cell, code: str):
    cell.ended(code, df=FRAME)
    assert cell.found() == {}


def test_what_is_taken_from_a_table_that_was_read_is_not_read_itself(cell: Cell):
    code = "df = pd.read_csv('x.csv')\nsome = df[df.x > 1]\nboth = df.merge(some)\nthird = clean(df)\ndf = df.dropna()"
    cell.ended(code, df=FRAME, some=FRAME, both=FRAME, third=FRAME)
    assert {name for name, _ in cell.found()} == {"df", "third"}


def test_nothing_is_kept_of_a_cell_whose_author_does_not_want_it(cell: Cell):
    cell.ended("print()", df=FRAME)
    seen = Seen(
        cell.project, 0, 1, ast.parse("df = pd.read_csv('x.csv')"), {"df": FRAME}, {}, {"df": 2}, [], skipped=True
    )
    cell.crossings(seen)
    assert cell.found() == {}


def test_the_same_data_has_one_profile_and_no_copy(cell: Cell):
    cell.ended("df = pd.read_csv('x.csv')\ncopy = pd.read_csv('x.csv')", df=FRAME, copy=FRAME.copy())
    assert len(cell.found()) == 2
    assert cell.project.store.value("SELECT count(*) FROM table_profile") == 1
    assert cell.project.store.value("SELECT count(*) FROM content WHERE size > 100") == 0


def test_it_is_known_as_the_dataset_that_it_is(cell: Cell):
    dataset(cell.project, FRAME, "kept")
    cell.ended("df = pd.read_csv('x.csv')", df=FRAME)
    assert cell.found()["df", "read"].dataset == "kept/1"


@pytest.fixture
def loading(cell: Cell, monkeypatch: pytest.MonkeyPatch) -> Cell:
    """A cell that hears what its own calls load, as in a session."""
    monkeypatch.setattr(observers, "KEEPERS", [cell.crossings.kept])
    dataset(cell.project, FRAME, "letters")
    return cell


def test_what_a_dataset_holds_is_not_measured_again(loading: Cell):
    loading.ended('df = load_dataset("letters")', df=load_dataset(loading.project, "letters"))
    assert loading.crossings.measurer is None
    assert loading.found()["df", "read"].dataset == "letters/1"
    assert loading.found()["df", "read"].rows == 3


def test_what_a_cell_makes_of_a_dataset_has_not_been_read(loading: Cell):
    df = load_dataset(loading.project, "letters")
    df.loc[0, "x"] = 7
    loading.ended('df = load_dataset("letters")\ndf.loc[0, "x"] = 7', df=df)
    assert loading.found() == {}


def test_what_it_passes_on_is_measured_as_it_is_then(cell: Cell, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(observers, "KEEPERS", [cell.crossings.kept])
    dataset(cell.project, pd.DataFrame({"x": np.arange(400_000), "y": 0.5}), "numbers")
    same, other = load_dataset(cell.project, "numbers"), load_dataset(cell.project, "numbers")
    other.iloc[399_999, 1] = 1.0
    code = 'same = load_dataset("numbers")\nsame.to_csv("s.csv")\nother.to_csv("o.csv")'
    cell.ended(code, same=same, other=other)
    assert cell.found()["same", "written"].dataset == "numbers/1"
    assert cell.found()["other", "written"].fingerprint == frame_fingerprint(other)


def test_what_is_known_is_shown_with_the_variable(cell: Cell):
    cell.ended("df = pd.read_csv('x.csv')", df=FRAME)
    facts = show(cell.project, "var:df").facts
    assert (facts["rows"], facts["columns"]["x"]["max"]) == (3, 2)


def test_a_table_is_measured_as_it_was_although_it_changes_at_once(cell: Cell):
    frame = pd.DataFrame({"x": np.arange(300_000.0)})
    expected = frame_fingerprint(frame)
    measurer = cell.crossings._measurer(cell.project)
    waiting = measurer.wait
    measurer.wait = lambda seconds: True  # type: ignore[method-assign]
    cell.ended("df = pd.read_csv('x.csv')", df=frame)
    frame.loc[:, "x"] = 0.0
    assert waiting(20)
    assert cell.found()["df", "read"].fingerprint == expected


def test_of_a_denied_column_nothing_is_kept_but_its_name_and_type(cell: Cell):
    (cell.project.root / "mlops.toml").write_text('[privacy]\ndeny_columns = ["s"]\n')
    cell.ended("df = pd.read_csv('x.csv')", df=FRAME)
    found = cell.found()["df", "read"]
    assert found.columns["s"] == {"type": "object" if FRAME["s"].dtype == object else "str", "denied": True}
    assert found.fingerprint == fingerprint(to_table(FRAME[["x"]]))


# -- what cannot be measured ----------------------------------------------------------------------------------


ASKED: list[str] = []


class Odd:
    """An object that notes whenever it is asked anything."""

    def __repr__(self) -> str:
        ASKED.append("repr")
        return "odd"

    def __eq__(self, other: object) -> bool:
        ASKED.append("eq")
        return True

    def __hash__(self) -> int:
        ASKED.append("hash")
        return 1


@pytest.mark.parametrize(
    ("frame", "reason"),
    [
        (pd.DataFrame({"o": pd.Series([Odd(), Odd()], dtype=object)}), "column 'o' holds objects of the type Odd"),
        (pd.DataFrame({"o": pd.Series([[1], [2]], dtype=object)}), "column 'o' holds objects of the type list"),
        (pd.DataFrame({"x": [1]}, index=pd.Index([Odd()], dtype=object)), "the index holds objects of the type Odd"),
        (
            pd.DataFrame([[1]], columns=pd.Index([Odd()], dtype=object)),
            "a column whose label is neither text nor a number",
        ),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), "two columns have one name"),
        (pd.DataFrame({"m": pd.Series([1, "a"], dtype=object)}), "or one mixes types"),
    ],
)
def test_what_cannot_be_read_without_asking_it_is_not_asked(cell: Cell, frame: pd.DataFrame, reason: str):
    ASKED.clear()
    cell.ended("df = pd.read_csv('x.csv')", df=frame)
    found = cell.found()["df", "read"]
    assert found.fingerprint is None
    assert reason in str(found.reason)
    assert ASKED == []


def test_a_table_that_could_change_meanwhile_is_not_measured_later(cell: Cell, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(measuring, "pinnable", lambda: False)
    cell.ended("df = pd.read_csv('x.csv')", df=FRAME)
    cell.ended("big = pd.read_csv('x.csv')", big=pd.DataFrame({"x": np.zeros(200_000)}))
    assert cell.found()["df", "read"].fingerprint == fingerprint(to_table(FRAME))
    assert "it can change while it is read" in str(cell.found()["big", "read"].reason)


def test_the_end_of_a_session_waits_a_moment_and_says_what_was_not_measured(
    cell: Cell, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(measuring, "EXIT_SECONDS", 0.2)
    measurer = cell.crossings._measurer(cell.project)
    monkeypatch.setattr(
        measurer, "_measure", lambda waiting: [time.sleep(0.01) or measurer._pulse() for _ in range(2000)]
    )
    monkeypatch.setattr(measurer, "wait", lambda seconds: True)
    cell.ended("df = pd.read_csv('x.csv')", df=FRAME)
    began = time.monotonic()
    measurer.close()
    assert time.monotonic() - began < 2
    assert cell.found()["df", "read"].reason == "its session ended before it was measured"


def test_pins_are_bounded(cell: Cell, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(measuring, "_memory", lambda: 1000)
    monkeypatch.setattr(measuring, "FEW", 0)
    measurer = Measurer(cell.project)
    monkeypatch.setattr(measurer, "_measure", lambda waiting: time.sleep(0.3))
    with cell.project.store.write() as store:
        first, second = (nodes.add_node(store, "variable", name) for name in "ab")
    measurer.add(first, pd.DataFrame({"x": np.zeros(1000)}))
    measurer.add(second, pd.DataFrame({"x": np.zeros(1000)}))
    cell.project.store.flush()
    assert cell.project.store.value("SELECT reason FROM table_print WHERE id = ?", second) == (
        "too many large tables were waiting to be measured"
    )
    assert measurer.wait(5)


def test_a_table_that_cannot_be_measured_does_not_end_the_measuring(cell: Cell, monkeypatch: pytest.MonkeyPatch):
    def fail(*_: Any) -> str:
        raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr(measuring, "strange", fail)
        cell.ended("df = pd.read_csv('x.csv')", df=FRAME)
    cell.ended("df = pd.read_csv('x.csv')", df=FRAME)
    assert [crossing.reason for crossing in tables(cell.project)] == [None, "MemoryError while it was measured"]


# -- steps and notebooks --------------------------------------------------------------------------------------


def test_what_a_step_made_and_nobody_read_is_what_it_left(project: Project, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("MLOPS_RUN", "0")
    cell = Cell(project)
    cell.ended("used = pd.DataFrame()\nleft = pd.DataFrame()", used=FRAME, left=FRAME.assign(y=1))
    last = cell.crossings.last
    assert last is not None
    cell.crossings(dataclasses.replace(last, read={"used": last.made["used"]}, made={}))
    cell.crossings._end_step()
    assert cell.crossings._measurer(project).wait(10)
    assert set(cell.found()) == {("left", "step")}


def test_tables_of_a_notebook_are_known(kernel: Any, workspace: Any, project: Project):
    (workspace / "in.csv").write_text("a,b\n1,x\n2,y\n")
    kernel.run("%load_ext mlops_nb")
    kernel.run("import pandas as pd\ndf = pd.read_csv('in.csv')")
    kernel.run("df['c'] = 1\ndf.to_csv('out.csv')")
    kernel.stop()
    found = {(crossing.name, crossing.boundary): crossing for crossing in tables(project)}
    assert {key: crossing.rows for key, crossing in found.items()} == {("df", "read"): 2, ("df", "written"): 2}
    assert list(found["df", "written"].columns) == ["a", "b", "c"]


# -- fingerprints and profiles --------------------------------------------------------------------------------

KINDS: dict[str, Callable[[], Any]] = {
    "floats": lambda: np.array([1.5, -0.0, np.nan, np.inf]),
    "floats without gaps": lambda: np.array([1.5, -0.0, 3.0, -np.inf]),
    "small floats": lambda: np.array([1.5, np.nan, 2, 3], dtype="float32"),
    "integers": lambda: np.array([1, -2, 3, 4]),
    "small integers": lambda: np.array([1, 2, 3, 4], dtype="uint16"),
    "booleans": lambda: np.array([True, False, True, True]),
    "text": lambda: ["a", None, "ü", ""],
    "times": lambda: pd.to_datetime(["2020-01-01", None, "2021-01-01", "2022-01-01"]),
    "nullable": lambda: pd.array([1, None, 3, 4], dtype="Int64"),
    "categories": lambda: pd.Categorical(["a", None, "b", "a"]),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("index", [None, pd.Index([3, 1, 2, 0], name="key"), pd.Index(list("abcd"))])
def test_a_table_has_one_fingerprint_hashed_where_it_lies_or_as_arrow(kind: str, index: Any):
    frame = pd.DataFrame({"c": KINDS[kind](), "d": [1.0, 2, 3, 4]}, index=index)
    assert frame_fingerprint(frame) == fingerprint(to_table(frame))


def test_a_gap_far_down_counts_by_its_place():
    values = np.arange(200_000.0)
    prints = set()
    for place in (0, 70_000, 70_001, 199_999):
        column = values.copy()
        column[place] = np.nan
        frame = pd.DataFrame({"x": column})
        assert frame_fingerprint(frame) == fingerprint(to_table(frame))
        prints.add(frame_fingerprint(frame))
    assert len(prints) == 4


def test_a_dataset_of_the_first_scheme_is_still_the_same_version(project: Project):
    kept = dataset(project, FRAME, "d")
    with project.store.write() as store:
        store.execute("UPDATE dataset SET fingerprint = ?", fingerprint(to_table(FRAME), "table1"))
    assert dataset(project, FRAME.copy(), "d").id == kept.id
    assert dataset(project, FRAME.assign(x=0), "d").version == 2


def test_the_profile_of_a_long_table_says_what_it_has_from_a_sample():
    table = to_table(pd.DataFrame({"x": np.arange(50_000)}))
    facts = profile(table, sampled=True)["x"]
    assert (facts["sample"], facts["max"], facts["nulls"]) == (SAMPLE, 49_999, 0)
    assert "sample" not in profile(table)["x"]
