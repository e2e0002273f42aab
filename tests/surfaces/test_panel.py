"""The panel: the same sections as text, HTML and widget, and a refresh that looks again."""

from __future__ import annotations

import pytest

from mlops_nb.data.datasets import dataset
from mlops_nb.monitoring.drift import drift
from mlops_nb.project import Project
from mlops_nb.surfaces.displays.surfaces import sections
from mlops_nb.surfaces.html import to_html
from mlops_nb.surfaces.panel import panel
from mlops_nb.surfaces.text import FILLED_BY, to_text
from mlops_nb.surfaces.widgets import panel_widget

TITLES = ["Runs", "Lineage", "Pipelines", "Models", "Drift"]


def test_an_empty_project_says_what_fills_each_section(project: Project):
    shown = panel(project)
    assert list(sections(shown)) == TITLES
    text = to_text(shown)
    for sentence in FILLED_BY.values():
        assert sentence in text


def test_every_section_shows_what_there_is(project: Project):
    import pandas as pd
    from sklearn.dummy import DummyClassifier

    from mlops_nb.registry.versions import register
    from tests.pipelines.conftest import write_notebook

    frame = pd.DataFrame({"column": range(20)})
    write_notebook("a-step.ipynb", "1")
    dataset(project, frame, "points")
    register(project, DummyClassifier().fit(frame, [0, 1] * 10), "a-model")
    drift(project, frame, frame + 100, name="a-report")
    drawn = sections(panel(project))
    assert "script" in drawn["Runs"]
    assert "<img" in drawn["Lineage"]
    assert "a-step" in drawn["Pipelines"]
    assert "a-model" in drawn["Models"]
    assert "a-report" in drawn["Drift"]
    assert "✕ drifted" in drawn["Drift"]


def test_the_limit_bounds_every_list(project: Project):
    import pandas as pd

    for number in range(4):
        drift(project, pd.DataFrame({"x": range(9)}), pd.DataFrame({"x": range(9)}), name=f"r{number}")
    assert [report.name for report in panel(project, limit=2).reports] == ["r3", "r2"]


def test_the_widget_looks_again_when_it_is_asked_to(project: Project):
    import pandas as pd

    widget = panel_widget(panel(project))
    assert "no drift report yet" in widget.sections["Drift"]
    drift(project, pd.DataFrame({"x": range(9)}), pd.DataFrame({"x": range(9)}), name="later")
    widget._handle_custom_msg("refresh", [])
    assert "later" in widget.sections["Drift"]


@pytest.mark.parametrize("message", ["something else", {"type": "refresh"}, None])
def test_the_widget_ignores_what_it_does_not_know(project: Project, message: object):
    widget = panel_widget(panel(project))
    before = dict(widget.sections)
    widget._handle_custom_msg(message, [])
    assert widget.sections == before


def test_the_widget_carries_html_and_text_for_where_no_widgets_run(project: Project):
    shown = panel(project)
    data, _ = panel_widget(shown)._repr_mimebundle_()
    assert data["text/html"] == to_html(shown)
    assert data["text/plain"] == to_text(shown)
