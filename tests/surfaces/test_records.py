"""How records look: each as text and as HTML, nothing in them as markup."""

from __future__ import annotations

import base64
import dataclasses
import re
import types
import typing
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from mlops_nb.data.quality import Rule
from mlops_nb.lineage.columns import ColumnLineage, ColumnLink
from mlops_nb.lineage.graph import Graph, GraphEdge, GraphNode
from mlops_nb.lineage.verdicts import Verdict
from mlops_nb.monitoring.drift import ColumnDrift
from mlops_nb.pipelines.pipelines import Pipeline
from mlops_nb.records import Record, Records
from mlops_nb.surfaces import catalogue, drawing
from mlops_nb.surfaces.html import body, to_html
from mlops_nb.surfaces.text import FILLED_BY, brief, to_text

EVIL = "<script>alert(1)</script>\"'&"
assert catalogue.verbs()


def every_record() -> list[type[Record]]:
    """Return every record of the package."""
    found, pending = [], [Record]
    while pending:
        pending += (kinds := pending.pop().__subclasses__())
        found += [kind for kind in kinds if kind.__module__.startswith("mlops_nb.")]
    return sorted(found, key=lambda kind: kind.__name__)


def made(hint: Any) -> Any:
    """Make a value of a type hint in which every text is hostile."""
    if isinstance(hint, type) and issubclass(hint, Record):
        hints = typing.get_type_hints(hint)
        return _consistent(hint(**{field.name: made(hints[field.name]) for field in dataclasses.fields(hint)}))
    simple = {str: EVIL, int: 3, float: 0.5, bool: False, Path: Path(EVIL), datetime: datetime(2020, 1, 1, tzinfo=UTC)}
    if hint in simple:
        return simple[hint]
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is list:
        return [made(arguments[0])]
    if origin is dict:
        return {EVIL: made(arguments[1])}
    if isinstance(hint, types.UnionType) or origin is typing.Union:
        return made(next(argument for argument in arguments if argument is not type(None)))
    return EVIL


def _consistent(record: Record) -> Record:
    if isinstance(record, Graph):
        return Graph(
            [GraphNode(EVIL, EVIL, EVIL, EVIL), GraphNode("b", "model", EVIL)], [GraphEdge(EVIL, "b", EVIL)], True
        )
    return record


class Reader(HTMLParser):
    """Collects the elements of a page, and its pictures."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.handlers: list[str] = []
        self.pictures: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element."""
        self.tags.add(tag)
        self.handlers += [name for name, _ in attrs if name.startswith("on")]
        self.pictures += [
            base64.b64decode(value.partition(",")[2]).decode()
            for name, value in attrs
            if name == "src" and value and value.startswith("data:image/svg+xml;base64,")
        ]


RECORDS = every_record()


def test_every_record_is_known_here():
    names = {kind.__name__ for kind in RECORDS}
    assert {"Status", "Run", "Graph", "Detail", "Dataset", "Quality", "Gate", "Alias", "DriftReport", "Panel"} <= names


@pytest.mark.parametrize("kind", RECORDS, ids=lambda kind: kind.__name__)
def test_every_record_has_text(kind: type[Record]):
    assert to_text(made(kind)).strip()
    assert to_text(Records([made(kind)])).strip()


@pytest.mark.parametrize("kind", RECORDS, ids=lambda kind: kind.__name__)
def test_no_record_smuggles_markup_into_its_html(kind: type[Record]):
    for record in (made(kind), Records([made(kind)])):
        page = Reader(to_html(record))
        assert not page.tags & {"script", "iframe", "object", "svg"}
        assert page.handlers == []
        for picture in page.pictures:
            elements = {element.tag.rpartition("}")[2] for element in ElementTree.fromstring(picture).iter()}
            assert "script" not in elements


@pytest.mark.parametrize("kind", RECORDS, ids=lambda kind: kind.__name__)
def test_every_record_has_html_that_shows_something(kind: type[Record]):
    shown = re.sub(r"<style>.*?</style>", "", to_html(made(kind)), flags=re.S)
    assert "&lt;script&gt;" in shown or "<img" in shown or ">3<" in shown or "✓" in shown


@pytest.mark.parametrize("kind", RECORDS, ids=lambda kind: kind.__name__)
def test_every_record_has_json_with_its_fields(kind: type[Record]):
    shown = made(kind).to_json()
    assert isinstance(shown, dict)
    assert shown


@pytest.mark.parametrize("character", ["\x1b", "\x0c", "\ud800", "\x00", "\uffff"])
def test_a_name_that_xml_cannot_hold_does_not_break_the_picture(character: str):
    graph = Graph([GraphNode("a", "execution", f"before{character}after")], [], False)
    (picture,) = Reader(to_html(graph)).pictures
    texts = [element.text or "" for element in ElementTree.fromstring(picture).iter() if element.tag.endswith("text")]
    assert any("before" in text and "after" in text for text in texts)


def test_a_drift_report_draws_reference_and_current_over_each_other():
    column = ColumnDrift("x", "numeric", "KS", 0.3, 0.1, 0.01, 0.2, True, ["a", "b"], [0.5, 0.5], [0.1, 0.9])
    (picture,) = Reader(to_html(dataclasses.replace(made_report(), columns=[column]))).pictures
    tags = [element.tag.rpartition("}")[2] for element in ElementTree.fromstring(picture).iter()]
    assert tags.count("rect") == 2
    assert tags.count("polyline") == 1


def made_report() -> Any:
    from mlops_nb.monitoring.drift import DriftReport

    return made(DriftReport)


def test_a_verdict_has_a_sign_beside_its_colour():
    assert "✕ drifted" in to_html(dataclasses.replace(made_report(), drifted=True))
    assert "✓ stable" in to_html(dataclasses.replace(made_report(), drifted=False))


def test_verdicts_that_are_not_clean_are_told_apart_by_sign_and_colour():
    found = [body(Verdict("var:x", word, [])) for word in ("stale", "tainted", "uncheckable")]
    assert found == [
        'var:x: <span class="doubt">◷ stale</span>', 'var:x: <span class="bad">▲ tainted</span>',
        'var:x: <span class="quiet">? uncheckable</span>',
    ]  # fmt: skip


def test_a_thing_that_is_called_like_a_verdict_is_none():
    assert "✓" not in to_html(Records([GraphNode("a", "variable", "clean")]))


def test_the_lineage_of_columns_shows_the_end_of_a_long_path():
    link = ColumnLink(
        "1", "file", "/a/very/long/way/to/the/folder/of/the/data/in.csv", "x", "DIRECT/IDENTITY", False, 1
    )
    shown = to_text(ColumnLineage("2", "total", "*", [link], []))
    assert shown.startswith("total (2)\n")
    assert "file …/way/to/the/folder/of/the/data/in.csv  x" in shown


@pytest.mark.parametrize("most", range(4, 30))
def test_a_long_name_is_cut_to_its_room(most: int):
    for name in ("/some/where/far/away.csv", "/onelongnamewithoutanyfolder.csv", "not a path but just as long as"):
        assert len(brief(name, most)) <= most
        assert len(name) > most or brief(name, most) == name


def test_the_picture_of_a_lineage_has_a_colour_and_a_word_for_each_kind():
    kinds = [
        "execution",
        "variable",
        "dataset",
        "file",
        "external",
        "model",
        "fit",
        "figure",
        "drift",
        "config",
        "run",
        "checkpoint",
    ]
    (picture,) = Reader(to_html(Graph([GraphNode(kind, kind, kind) for kind in kinds], [], False))).pictures
    texts = [element.text for element in ElementTree.fromstring(picture).iter() if element.tag.endswith("text")]
    assert texts[len(kinds) :] == [drawing.WORDS.get(kind, kind) for kind in drawing.COLOURS]
    assert set(drawing.COLOURS) == set(kinds)


def test_an_empty_list_says_so():
    assert to_text(Records()) == "none"
    assert "none" in to_html(Records())


def test_an_empty_graph_says_how_to_fill_it():
    assert to_text(Graph([], [], False)) == "nothing has run yet"


def test_a_circle_in_the_lineage_is_drawn():
    nodes = [GraphNode(name, "execution", name) for name in "abc"]
    edges = [GraphEdge(a, b, "wrote") for a, b in ("ab", "bc", "ca")]
    assert Reader(to_html(Graph(nodes, edges, False))).pictures


def test_a_pipeline_that_cannot_run_shows_why():
    record = Pipeline("p", None, [], "two notebooks <both> write x")
    assert "two notebooks <both> write x" in to_text(record)
    assert "&lt;both&gt;" in to_html(record)


def test_examples_of_a_broken_rule_are_shown():
    from mlops_nb.data.quality import Quality

    record = Quality("c", False, 1234, [Rule("x", "min 2", False, 2, [1, None])])
    assert "broken by 2" in to_text(record)
    assert "(1,234 rows)" in to_html(record)


@pytest.mark.parametrize("section", FILLED_BY)
def test_an_empty_section_says_what_fills_it(section: str):
    assert re.search(r"mlops|%load_ext", FILLED_BY[section])
