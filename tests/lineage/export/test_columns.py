"""Column lineage: what is known stays what it is, and everything that can have gone in stands where it is not known."""

from __future__ import annotations

import pytest

from mlops_nb.capture import nodes
from mlops_nb.lineage.columns import column_sources
from mlops_nb.lineage.export.columns import ANY, MANY, UNKNOWN, UNLISTED, Columns, Origin, derived
from mlops_nb.lineage.export.facts import CellFacts, Thing, Touch, read
from mlops_nb.lineage.export.names import Names
from tests.lineage.columnar import Cells


def thing(number, *columns):
    return Thing(number, f"{number:x}", "dataset", f"d{number}", None, columns={c: {} for c in columns} or None)


def cell(reads, writes):
    return CellFacts(0, None, tuple(Touch(t, False) for t in reads), tuple(Touch(t, False) for t in writes), ())


RAW, MORE, DARK = thing(1, "a", "b"), thing(2, "c"), thing(3)
FRAME, MADE = thing(10), thing(20, "x", "y")
CHAIN = [cell([RAW], [FRAME]), cell([FRAME], [MADE])]


# -- where the store knows nothing ----------------------------------------------------------------------------


def test_where_nothing_is_known_every_column_that_can_reach_it_is_given_with_the_doubt(project):
    found = Columns(project.store, [RAW, MORE], [*CHAIN, cell([MORE], [])]).origins(MADE, "x")
    assert found == [Origin(RAW.key, name, (), UNKNOWN) for name in "ab"]


def test_an_input_without_known_columns_stands_as_a_whole(project):
    found = Columns(project.store, [DARK], [cell([DARK], [MADE])]).origins(MADE, "x")
    assert found == [Origin(DARK.key, ANY, (), UNLISTED)]


def test_wide_tables_of_which_nothing_is_known_stand_as_a_whole(project):
    wide, made = thing(1, *map(str, range(101))), thing(20, *map(str, range(101)))
    columns = Columns(project.store, [wide], [cell([wide], [made])])
    assert columns.origins(made, "7") == [Origin(wide.key, ANY, (), MANY)]
    assert columns.known(made) == {}


# -- where it does --------------------------------------------------------------------------------------------


@pytest.fixture
def followed(project):
    """Run two cells; return the origins of a variable's column in the last one, by the variable and column."""
    import pandas as pd

    cells = Cells(project, df=pd.DataFrame({"a": [1.0, 2.0], "b": [3.0, 4.0], "k": ["x", "y"]}))

    def run(code):
        cells.run(code)
        last = read(project, Names(project), cells.run_number).cells[-1]
        columns = Columns.of_cell(project, last)
        made = {touch.thing.name: touch.thing for touch in last.writes}

        def origins(name, column):
            return {(columns.inputs[o.key].name, o.column): o.how for o in columns.origins(made[name], column)}

        return origins, columns, made

    return run


def test_every_way_in_which_a_column_went_in_is_told_closest_first(followed):
    origins, _, made = followed("v = df[df.a > 1].sort_values('b')")
    assert list(made["v"].columns) == ["a", "b", "k"]
    sort = ("INDIRECT/SORT",)
    assert origins("v", "a") == {("df", "a"): ("DIRECT/IDENTITY", "INDIRECT/FILTER"), ("df", "b"): sort}
    assert origins("v", "b") == {("df", "a"): ("INDIRECT/FILTER",), ("df", "b"): ("DIRECT/IDENTITY", *sort)}


def test_a_column_from_the_text_of_the_cell_comes_from_no_column(followed):
    origins, _, _ = followed("v = pd.DataFrame({'c': [1, 2]}, index=[5, 6])\nw = df.a")
    assert origins("v", "c") == {}


def test_only_where_values_went_over_one_is_derived_from_the_other(followed):
    _, columns, made = followed("v = df.assign(c=df.a * 2)\nw = pd.Series([1, 2])[df.a > 1]")
    ((_, pairs),) = columns.known(made["v"]).items()
    assert pairs["c"] == {"a": ("DIRECT/TRANSFORMATION",)}
    assert derived(pairs)
    ((_, pairs),) = columns.known(made["w"]).items()
    assert not derived(pairs)


def test_of_two_files_with_the_same_column_read_by_one_cell_it_is_not_known_which(project):
    cells = Cells(project)
    cells.run("v = 1")
    execution = project.store.value("SELECT max(id) FROM execution")
    with project.store.write() as store:
        numbers = [nodes.add_node(store, "dataset", name) for name in ("left", "right")]
        made = nodes.add_node(store, "dataset", "made")
        for number in numbers:
            nodes.add_edge(store, number, execution, "read")
        nodes.add_edge(store, execution, made, "wrote")
        row = "INSERT INTO column_edge VALUES (?, '=', ?, '=', 'DIRECT/IDENTITY', 0)"
        store.execute(row, execution, made)
    left, right = (
        Thing(n, f"{n:x}", "dataset", "d", None, columns=c)
        for n, c in zip(numbers, ({"k": {}, "a": {}}, {"k": {}}), strict=True)
    )
    part = CellFacts(execution, None, (Touch(left, False), Touch(right, False)), (), ())
    columns = Columns(project.store, [left, right], [part])
    out = Thing(made, "m", "dataset", "made", None, columns={"k": {}, "a": {}})
    assert columns.origins(out, "a") == [Origin(left.key, "a", ("DIRECT/IDENTITY",))]
    assert columns.origins(out, "k") == [Origin(key, "k", (), UNKNOWN) for key in (left.key, right.key)]
    assert all(link.assumed for link in column_sources(project, made, "k"))
