"""Column lineage: what is known where it is known, everything that can have gone in where it is not."""

from mlops_nb.lineage.export.columns import ANY, MANY, UNKNOWN, UNLISTED, ColumnEdge, Columns, Origin
from mlops_nb.lineage.export.facts import CellFacts, Thing, Touch


def thing(number, *columns):
    return Thing(number, f"{number:x}", "dataset", f"d{number}", None, columns={c: {} for c in columns} or None)


def cell(reads, writes):
    return CellFacts(0, None, tuple(Touch(t, False) for t in reads), tuple(Touch(t, False) for t in writes), ())


RAW, MORE, DARK = thing(1, "a", "b"), thing(2, "c"), thing(3)
FRAME, MADE = thing(10), thing(20, "x", "y")
CHAIN = [cell([RAW], [FRAME]), cell([FRAME], [MADE])]


def origins(edges, inputs=(RAW,), cells=CHAIN, column="x"):
    return Columns(inputs, cells, edges).origins(MADE, column)


def test_where_nothing_is_known_every_column_that_can_reach_it_is_given_with_the_doubt():
    assert origins([]) == [Origin(RAW.key, name, "TRANSFORMATION", UNKNOWN) for name in "ab"]


def test_an_input_that_does_not_reach_it_is_not_given():
    assert origins([], (RAW, MORE), [*CHAIN, cell([MORE], [])]) == origins([])


def test_an_input_without_known_columns_stands_as_a_whole():
    found = origins([], (DARK,), [cell([DARK], [MADE])])
    assert found == [Origin(DARK.key, ANY, "TRANSFORMATION", UNLISTED)]


def test_wide_tables_of_which_nothing_is_known_stand_as_a_whole():
    wide, made = thing(1, *map(str, range(101))), thing(20, *map(str, range(101)))
    columns = Columns([wide], [cell([wide], [made])], [])
    assert columns.origins(made, "7") == [Origin(wide.key, ANY, "TRANSFORMATION", MANY)]


def test_known_edges_are_followed_through_what_lies_between():
    edges = [ColumnEdge(1, "a", 10, "k", "IDENTITY"), ColumnEdge(10, "k", 20, "x", "IDENTITY")]
    assert origins(edges) == [Origin(RAW.key, "a", "IDENTITY")]
    edges[0] = ColumnEdge(1, "a", 10, "k", "AGGREGATION")
    assert origins(edges) == [Origin(RAW.key, "a", "AGGREGATION")]


def test_a_known_edge_that_leads_to_where_nothing_is_known_falls_back_to_everything():
    assert origins([ColumnEdge(1, "a", 20, "x"), ColumnEdge(10, "k", 20, "x")]) == origins([])


def test_what_is_known_of_one_column_says_nothing_of_another():
    edges = [ColumnEdge(1, "a", 20, "x")]
    assert [origin.column for origin in origins(edges)] == ["a"]
    assert origins(edges, column="y") == origins([])


def test_edges_in_a_circle_end():
    edges = [ColumnEdge(10, "k", 20, "x"), ColumnEdge(20, "x", 10, "k")]
    assert origins(edges) == origins([])
