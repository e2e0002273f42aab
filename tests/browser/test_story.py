"""The story of a number in a real browser: what it shows fits, and judging it while it runs does not spoil it."""

from __future__ import annotations

import shutil

import nbformat
from playwright.sync_api import Locator, expect

from tests.conftest import ROOT

from .conftest import Lab, Server

STORY = ROOT / "notebooks" / "lineage"
PLACES = {cell.id: place for place, cell in enumerate(nbformat.read(STORY / "where-from.ipynb", 4).cells)}


def at(lab: Lab, cell: str, where: str = "center") -> Locator:
    """Scroll to a cell of the story and return it."""
    lab.page.evaluate(
        "async ([place, where]) => { const all = [...jupyterapp.shell.widgets('main')];"
        " await all.find(widget => widget.sessionContext).content.scrollToItem(place, where); }",
        [PLACES[cell], where],
    )
    return lab.page.locator(f".jp-Notebook [data-windowed-list-index='{PLACES[cell]}']")


def test_the_story_is_clean_while_it_is_judged_and_its_pictures_fit(lab: Lab, server: Server) -> None:
    shutil.copytree(STORY, server.root / "lineage", ignore=shutil.ignore_patterns(".mlops"))
    (server.root / "lineage" / "mlops.toml").touch()
    lab.page.set_viewport_size({"width": 1280, "height": 540})
    lab.open("lineage/where-from.ipynb", "story")
    lab.command("application:toggle-left-area")
    lab.page.evaluate("async () => { await jupyterapp.commands.execute('notebook:run-all-cells'); }")
    for cell, name in (("from-10", "Cell [8]: clean"), ("from-17", "Cell [12]: clean")):
        expect(at(lab, cell).locator(".jp-Mlops-badge > *")).to_have_accessible_name(name)
    for theme in ("Light", "Dark"):
        lab.theme(theme)
        picture = at(lab, "from-12").get_by_role("img", name="lineage of 14 things")
        expect(picture).to_be_visible()
        assert picture.evaluate("img => img.offsetWidth <= img.parentElement.clientWidth")
        lab.screenshot(f"story-lineage-{theme.lower()}")
        expect(at(lab, "from-38").get_by_role("row", name="share = round(late.mean(), 4)")).to_contain_text("▲ tainted")
        lab.screenshot(f"story-verdicts-{theme.lower()}")
