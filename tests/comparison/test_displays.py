"""How differences are shown."""

from __future__ import annotations

import dataclasses

from mlops_nb.comparison.bisection import Bisection, Tried
from mlops_nb.comparison.cells import CellChange
from mlops_nb.comparison.differences import Difference
from mlops_nb.comparison.environments import EnvironmentChange
from mlops_nb.comparison.explanations import Effect, Explanation
from mlops_nb.comparison.histories import Point
from mlops_nb.comparison.programs import Change
from mlops_nb.comparison.tables import DataChange
from mlops_nb.comparison.values import MetricChange, ParameterChange
from mlops_nb.surfaces.html import to_html
from mlops_nb.surfaces.text import to_text

FOUND = Difference(
    "runs:/a", "runs:/b",
    [
        CellChange("changed", "c1", None, 2, "x = 1\ny = 2", "x = 1\ny = 3", True),
        CellChange("moved", "c2", "train", 4, "z = 1\nz", "z = 1\nz", False),
    ],
    [ParameterChange("changed", "k", 1, 2, True)],
    [DataChange("dataset:d", "rows added", None, None, 3, "by id: 7", True)],
    [EnvironmentChange("git commit", "a" * 40, "b" * 40, False), EnvironmentChange("numpy", "1", "2", True)],
    [MetricChange("changed", "mae", 1.0, 0.5, -0.5)],
    ["A: the disk was full"],
)  # fmt: skip


def test_the_text_shows_each_list_and_the_lines_that_differ():
    assert to_text(FOUND).splitlines() == [
        "runs:/a → runs:/b",
        "",
        "metric  A  B    difference",
        "mae     1  0.5  -0.5",
        "",
        "cells",
        "* changed cell 2",
        "    - y = 2",
        "    + y = 3",
        "  moved cell 4 of train",
        "      z = 1",
        "",
        "   parameter  change   A  B",
        "*  k          changed  1  2",
        "",
        "   data       change      column  A  B  detail",
        "*  dataset:d  rows added             3  by id: 7",
        "",
        "environment  A             B",
        "git commit   aaaaaaaaaaaa  bbbbbbbbbbbb",
        "numpy        1             2             imported by a cell",
        "",
        "* in the lineage of a metric that changed, or of the model",
        "",
        "not known",
        "  A: the disk was full",
    ]


def test_the_html_shows_each_list_with_lines_in_their_colours():
    shown = to_html(FOUND)
    assert '<pre><span class="bad">- y = 2</span>\n<span class="good">+ y = 3</span></pre>' in shown
    for part in ("mae", "<h4>* changed cell 2</h4>", "numpy", "by id: 7", "<li>A: the disk was full</li>", "lineage"):
        assert part in shown


def test_nothing_that_differs_is_said():
    for shown in (to_text(Difference("a", "b")), to_html(Difference("a", "b"))):
        assert "no difference found" in shown
        assert "lineage" not in shown


def test_a_long_cell_is_cut():
    lines = "\n".join(f"x{number} = 0" for number in range(50))
    cell = CellChange("added", None, None, 1, None, lines, False)
    assert "… 20 more lines" in to_text(dataclasses.replace(FOUND, cells=[cell]))


WHY = Explanation(
    "mae", [6.0, 15.0], 6.0, 15.0,
    [Effect("cell [5]", "cell", "x = 1 → x = 2", "moves it", 5.0, -1.0), Effect("k", "parameter", "1 → 2", "no effect", 6.0, 0.0),
     Effect("shift", "parameter", "0 → 9", "moves it", 15.0, 9.0)],
    1.0, 0.0, ["could not be separated: +1 (the changes act on each other)"], None, 5, 0,
)  # fmt: skip


def test_why_a_metric_moved_is_a_waterfall_in_letters():
    assert to_text(dataclasses.replace(FOUND, explanation=WHY)).partition("why ")[2].splitlines() == [
        "mae moved from 6 to 15 (5 runs)",
        "",
        "  A                      6  ███████████",
        "  shift                 +9             █████████████████",
        "  cell [5]              -1                            ██",
        "  not separated         +1                            ██",
        "  B                     15  ████████████████████████████",
        "",
        "change    what           verdict    effect",
        "shift     0 → 9          moves it   +9",
        "cell [5]  x = 1 → x = 2  moves it   -1",
        "k         1 → 2          no effect  0",
        "",
        "  could not be separated: +1 (the changes act on each other)",
    ]


def test_why_a_metric_moved_is_a_picture_that_is_told_in_words_too():
    shown = to_html(dataclasses.replace(FOUND, explanation=WHY))
    assert 'alt="what moved mae from A to B: A 6; shift +9; cell [5] -1; not separated +1; B 15"' in shown
    assert "could not be separated: +1 (the changes act on each other)" in shown


def test_a_refusal_is_shown_without_a_picture():
    refused = dataclasses.replace(WHY, effects=[], rest=None, refused="A <cannot> be run again", notes=[])
    assert to_text(refused).splitlines()[-1] == "nothing is attributed: A <cannot> be run again"
    assert "nothing is attributed: A &lt;cannot&gt; be run again" in to_html(refused)
    assert "<img" not in to_html(refused)


def test_a_waterfall_far_from_zero_does_not_begin_at_zero():
    near = Explanation("auc", [0.9, 0.91], 0.9, 0.91, [Effect("k", "parameter", "1 → 2", "moves it", 0.91, 0.01)], 0.0)
    lines = to_text(near).splitlines()[2:5]
    assert [line.count("█") for line in lines] == [6, 22, 28]


def test_a_bisection_says_what_moved_it_and_what_was_tried():
    good, bad = Point("runs:/a", 1.0, None, "good"), Point("runs:/b", 9.0, None, "bad")
    found = Bisection(
        "mae", good, bad, "nearer to 9 is bad", "k moved it", [Change("parameter", "k", "1", "2")], [], [good, good, bad],
        [Tried(["k", "<j>"], 9.0, "bad"), Tried(["k"], None, "neither", "NameError: j")], ["a note"], 4, 1,
    )  # fmt: skip
    assert to_text(found).splitlines()[:6] == [
        "mae: k moved it",
        "",
        "1 in runs:/a, then 9 in runs:/b (nearer to 9 is bad; 4 runs, 1 reused)",
        "",
        "cause  kind       A → B",
        "k      parameter  1 → 2",
    ]
    assert to_text(found).splitlines()[-1] == "  a note"
    assert "k, &lt;j&gt;" in to_html(found)
