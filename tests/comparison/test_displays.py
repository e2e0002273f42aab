"""How differences are shown."""

from __future__ import annotations

import dataclasses

from mlops_nb.comparison.cells import CellChange
from mlops_nb.comparison.differences import Difference
from mlops_nb.comparison.environments import EnvironmentChange
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
