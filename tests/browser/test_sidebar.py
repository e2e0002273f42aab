"""The sidebar in a real browser, beside a real kernel."""

from __future__ import annotations

from playwright.sync_api import expect

from .conftest import Lab, Server

DATA = """\
import numpy as np
import pandas as pd
import mlops_nb as mlops
random = np.random.default_rng(7)
frame = pd.DataFrame({"delay": random.normal(10, 5, 400), "hour": random.integers(5, 23, 400)})
"""
MODEL = """\
from sklearn.linear_model import LogisticRegression
late = frame["delay"] + random.normal(0, 2, 400) > 12
model = LogisticRegression().fit(frame, late)
mlops.log_metric("accuracy", model.score(frame, late))
"""
REGISTER = 'version = mlops.register(model, "late", example=frame, intent="tell late flights from others")'
DRIFT = 'report = mlops.drift(frame, frame.assign(delay=frame["delay"] + 8), name="June")'


def test_the_runs_follow_the_cells_as_they_run(lab: Lab, server: Server) -> None:
    server.folder("live")
    server.notebook("live/explore.ipynb", "%load_ext mlops_nb", "answer = 42", "import time\ntime.sleep(4)")
    lab.open("live/explore.ipynb", "live")
    runs = lab.section("runs")
    expect(runs).to_contain_text("%load_ext mlops_nb")  # nothing yet: it says what to type
    lab.run_cell(0)
    lab.run_cell(1)
    run = runs.get_by_role("button", expanded=False).filter(has_text="explore")
    expect(run).to_contain_text("running")
    run.click()
    expect(runs).to_contain_text("answer = 42")
    lab.run_cell(2, wait=False)
    expect(runs).to_contain_text("import time")


def test_a_node_of_the_lineage_graph_shows_the_source_of_its_cell(lab: Lab, server: Server) -> None:
    server.folder("graph")
    server.notebook("graph/explore.ipynb", "%load_ext mlops_nb", "numbers = [1, 2, 3]", "total = sum(numbers)\ntotal")
    lab.open("graph/explore.ipynb", "graph")
    for cell in range(3):
        lab.run_cell(cell)
    lab.section("lineage").get_by_role("button", name="Open lineage graph").click()
    graph = lab.page.get_by_role("region", name="Lineage graph")
    node = graph.get_by_role("button", name="total = sum(numbers)")
    node.focus()
    lab.page.keyboard.press("Enter")
    detail = lab.page.get_by_role("region", name="Detail")
    expect(detail.get_by_role("region", name="Source")).to_contain_text("total = sum(numbers)")
    expect(detail.get_by_role("region", name="Outputs")).to_contain_text("6")


def test_the_lineage_graph_is_there_again_after_a_reload(lab: Lab, server: Server) -> None:
    server.folder("restored")
    server.notebook("restored/explore.ipynb", "%load_ext mlops_nb", "numbers = [1, 2, 3]")
    lab.open("restored/explore.ipynb", "restored")
    for cell in range(2):
        lab.run_cell(cell)
    lab.section("lineage").get_by_role("button", name="Open lineage graph").click()
    graph = lab.page.get_by_role("region", name="Lineage graph")
    expect(graph.get_by_role("button", name="numbers, variable")).to_be_visible()
    lab.page.wait_for_timeout(1500)  # Lab saves its layout a moment later
    lab.page.goto(f"{server.url}lab/workspaces/restored")
    lab.wait_until_restored()
    expect(graph.get_by_role("button", name="numbers, variable")).to_be_visible()


def test_a_registered_model_is_promoted_from_the_sidebar(lab: Lab, server: Server) -> None:
    server.folder("promoted")
    server.notebook("promoted/train.ipynb", "%load_ext mlops_nb", DATA, MODEL, REGISTER)
    lab.open("promoted/train.ipynb", "promoted")
    for cell in range(4):
        lab.run_cell(cell)
    models = lab.section("models")
    models.get_by_role("button", name="Promote late version 1").click()
    dialog = lab.page.get_by_role("dialog")
    accept = dialog.get_by_role("button", name="Promote")
    expect(accept).to_be_disabled()  # a promotion without a reason is none
    dialog.get_by_label("Reason").fill("the first one, to try the way")
    accept.click()
    expect(models.locator(".jp-Mlops-chip")).to_have_text("champion")


def test_a_model_is_reproduced_from_the_lineage_graph(lab: Lab, server: Server) -> None:
    server.folder("again")
    server.notebook("again/train.ipynb", "%load_ext mlops_nb", DATA, MODEL, REGISTER)
    lab.open("again/train.ipynb", "again")
    for cell in range(4):
        lab.run_cell(cell)
    lab.command("mlops-nb:open-lineage")
    lab.page.get_by_role("button", name="late, model").click()
    detail = lab.page.get_by_role("region", name="Detail")
    detail.get_by_role("button", name="Reproduce").click()
    expect(detail.get_by_text("✓ identical")).to_be_visible(timeout=120_000)
    lab.screenshot("reproduced")


def test_empty_sections_say_what_to_type(lab: Lab, server: Server) -> None:
    server.folder("empty")
    lab.open("empty", "empty")
    for section, code in {
        "status": "mlops init",
        "runs": "%load_ext mlops_nb",
        "lineage": "%load_ext mlops_nb",
        "pipelines": "mlops run",
        "models": 'mlops.register(model, "name", ...)',
        "drift": "mlops.drift(reference, current)",
    }.items():
        expect(lab.section(section).get_by_text(code, exact=True)).to_be_visible()


def test_every_control_of_the_sidebar_is_reached_by_the_tab_key(lab: Lab, server: Server) -> None:
    server.folder("keys")
    server.notebook("keys/train.ipynb", "%load_ext mlops_nb", DATA, MODEL, REGISTER)
    lab.open("keys/train.ipynb", "keys")
    for cell in range(4):
        lab.run_cell(cell)
    expect(lab.section("models").get_by_role("button", name="Promote late version 1")).to_be_visible()
    expect(lab.section("lineage").get_by_role("button", name="version variable")).to_be_visible()  # the last word
    panel = lab.page.locator("#mlops-nb-panel")
    index = "panel => [...panel.querySelectorAll('button')].indexOf(document.activeElement)"
    inside = "panel => panel.contains(document.activeElement)"
    panel.get_by_role("button", name="Refresh").focus()
    reached = set()
    while panel.evaluate(inside):
        reached.add(panel.evaluate(index))
        lab.page.keyboard.press("Tab")
    assert set(range(panel.evaluate("panel => panel.querySelectorAll('button').length"))) <= reached
    unnamed = panel.evaluate(
        """panel => [...panel.querySelectorAll('button')]
            .filter(button => !(button.getAttribute('aria-label') ?? button.textContent).trim())
            .map(button => button.outerHTML)"""
    )
    assert unnamed == []


def test_a_drift_report_shows_which_columns_left(lab: Lab, server: Server) -> None:
    server.folder("drift")
    server.notebook("drift/monitor.ipynb", "%load_ext mlops_nb", DATA, DRIFT)
    lab.open("drift/monitor.ipynb", "drift")
    for cell in range(3):
        lab.run_cell(cell)
    drift = lab.section("drift")
    expect(drift.get_by_role("button", name="June drifted")).to_contain_text("1 of 2 columns")
    rows = drift.get_by_role("row")
    expect(rows.nth(1)).to_contain_text("delay")  # what drifted comes first
    expect(rows.nth(1).get_by_role("img", name="drifted")).to_be_visible()
    expect(rows.nth(2).get_by_role("img", name="stable")).to_be_visible()


def test_the_sidebar_follows_the_theme(lab: Lab, server: Server) -> None:
    server.folder("flights")
    cells = ("%load_ext mlops_nb", DATA, MODEL, REGISTER, 'mlops.promote("late", 1, reason="first")', DRIFT)
    server.notebook("flights/explore.ipynb", *cells)
    lab.open("flights/explore.ipynb", "theme")
    for cell in range(len(cells)):
        lab.run_cell(cell)
    expect(lab.section("drift").get_by_role("button", name="June drifted")).to_be_visible()
    lab.command("mlops-nb:open-lineage")
    lab.page.get_by_role("button", name="late, model").click()
    expect(lab.page.get_by_role("region", name="Source")).to_contain_text("mlops.register")
    colours = set()
    for theme in ("Light", "Dark"):
        lab.theme(theme)
        panel = lab.page.locator("#mlops-nb-panel")
        colours.add(panel.evaluate("panel => getComputedStyle(panel).backgroundColor"))
        lab.screenshot(f"sidebar-{theme.lower()}")
    assert len(colours) == 2


def test_the_panel_in_a_cell_has_tabs_and_is_refreshed(lab: Lab, server: Server) -> None:
    server.folder("panel")
    server.notebook("panel/train.ipynb", "%load_ext mlops_nb", "%mlops panel", DATA, MODEL, REGISTER)
    lab.open("panel/train.ipynb", "panel")
    for cell in range(2):
        lab.run_cell(cell)
    panel = lab.page.locator(".jp-OutputArea .mlops-nb").first
    panel.get_by_role("tab", name="Models").click()
    body = panel.get_by_role("tabpanel")
    expect(body).to_contain_text("mlops.register(model")  # nothing yet: it says what to type
    for cell in range(2, 5):
        lab.run_cell(cell)
    panel.get_by_role("button", name="Refresh").click()
    expect(body).to_contain_text("accuracy")
    panel.get_by_role("tab", name="Models").press("ArrowLeft")
    expect(panel.get_by_role("tab", name="Pipelines")).to_be_focused()
