"""The panel as a widget: tabs over the sections, refreshed by a button, with HTML and text where no widgets run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anywidget
import traitlets

from mlops_nb.project import current
from mlops_nb.surfaces.displays.surfaces import sections
from mlops_nb.surfaces.html import STYLE, to_html
from mlops_nb.surfaces.panel import Panel, panel
from mlops_nb.surfaces.text import to_text


class PanelWidget(anywidget.AnyWidget):
    """The panel of a project; the browser only shows what Python has drawn."""

    _esm = Path(__file__).with_name("panel.js")
    sections = traitlets.Dict().tag(sync=True)
    style_sheet = traitlets.Unicode(STYLE).tag(sync=True)

    def __init__(self, shown: Panel) -> None:
        super().__init__(sections=sections(shown))
        self.record = shown
        self.on_msg(self._asked)

    def _asked(self, _widget: Any, content: Any, _buffers: Any) -> None:
        if content == "refresh":
            self.record = panel(current())
            self.sections = sections(self.record)

    def _repr_mimebundle_(self, **options: Any) -> tuple[dict[str, Any], dict[str, Any]] | None:
        bundle = super()._repr_mimebundle_(**options)
        if bundle is None:
            return None
        data, metadata = bundle if isinstance(bundle, tuple) else (bundle, {})
        return {**data, "text/html": to_html(self.record), "text/plain": to_text(self.record)}, metadata


def panel_widget(shown: Panel) -> PanelWidget:
    """Return the widget of a panel."""
    return PanelWidget(shown)
