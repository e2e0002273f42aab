"""The verdicts beside the cells in a real browser, as they are edited, run, moved and deleted."""

from __future__ import annotations

from playwright.sync_api import Locator, expect

from .conftest import Lab, Server

NOTEBOOK = "const notebook = [...jupyterapp.shell.widgets('main')].find(widget => widget.sessionContext).content;"
CELLS = ("%load_ext mlops_nb", "x = 1", "y = x + 1", "z = y", "other = 'unrelated'")
STORY = (
    "%load_ext mlops_nb",
    "delays = [4, 17, 9, 31, 12, 25]",
    "limit = 12",
    "late = [delay for delay in delays if delay > limit]\nlen(late)",
    "share = len(late) / len(delays)\nshare",
    "worst = max(delays)",
    "queue = (delay for delay in delays)",
    "next(queue)",
)


def start(lab: Lab, server: Server, name: str, cells: tuple[str, ...] = CELLS) -> None:
    """Open a notebook two folders below its project and run every cell."""
    server.folder(name)
    (server.root / name / "mlops.toml").touch()
    server.folder(f"{name}/deep")
    server.notebook(f"{name}/deep/explore.ipynb", *cells)
    lab.open(f"{name}/deep/explore.ipynb", name)
    lab.page.evaluate("async () => { await jupyterapp.commands.execute('notebook:run-all-cells'); }")


def cell(lab: Lab, index: int) -> Locator:
    return lab.page.locator(f".jp-Notebook [data-windowed-list-index='{index}']")


def sign(lab: Lab, index: int) -> Locator:
    return cell(lab, index).locator(".jp-Mlops-badge > *")


def expect_verdicts(lab: Lab, *verdicts: str | None) -> None:
    """Expect the cells after the first to be shown with these verdicts, None for no sign."""
    for index, verdict in enumerate(verdicts, 1):
        if verdict is None:
            expect(sign(lab, index)).to_have_count(0)
        else:
            expect(sign(lab, index)).to_have_accessible_name(f"Cell [{count(lab, index)}]: {verdict}")


def count(lab: Lab, index: int) -> int:
    found: int = lab.page.evaluate(
        f"index => {{ {NOTEBOOK} return notebook.widgets[index].model.executionCount; }}", index
    )
    return found


def edit(lab: Lab, index: int, text: str) -> None:
    """Type at the end of a cell; nothing is saved."""
    cell(lab, index).locator(".cm-content").click()
    lab.page.keyboard.press("Control+End")
    lab.page.keyboard.type(text)


def act(lab: Lab, index: int, command: str) -> None:
    """Run a command of the notebook at a cell."""
    lab.page.evaluate(
        f"""async ([index, command]) => {{
            {NOTEBOOK}
            notebook.activeCellIndex = index;
            notebook.deselectAll();
            await jupyterapp.commands.execute(command);
        }}""",
        [index, command],
    )


def test_a_verdict_follows_what_a_person_does(lab: Lab, server: Server) -> None:
    start(lab, server, "followed")
    expect_verdicts(lab, "clean", "clean", "clean", "clean")
    expect(sign(lab, 0)).to_have_count(0)  # what loads the extension ran before it
    line = lab.page.locator("#mlops-nb-verdict")
    expect(line).to_contain_text("4 clean")

    edit(lab, 1, "0")
    expect_verdicts(lab, "stale", "stale", "stale", "clean")
    expect(line).to_contain_text("3 stale")
    for _ in "0":
        lab.page.keyboard.press("Backspace")
    expect_verdicts(lab, "clean", "clean", "clean", "clean")

    lab.run_cell(1)
    expect_verdicts(lab, "clean", "stale", "stale", "clean")
    lab.run_cell(2)
    lab.run_cell(3)
    expect_verdicts(lab, "clean", "clean", "clean", "clean")

    act(lab, 2, "notebook:move-cell-up")  # y = x + 1 stands above x = 1 now
    expect_verdicts(lab, "tainted", "clean", "tainted", "clean")
    act(lab, 1, "notebook:move-cell-down")
    expect_verdicts(lab, "clean", "clean", "clean", "clean")

    act(lab, 1, "notebook:insert-cell-below")
    edit(lab, 2, "x = 3")  # it would disturb, although it never ran
    expect_verdicts(lab, "clean", None, "tainted", "tainted", "clean")
    act(lab, 2, "notebook:delete-cell")
    expect_verdicts(lab, "clean", "clean", "clean", "clean")

    act(lab, 1, "notebook:delete-cell")
    expect_verdicts(lab, "tainted", "tainted", "clean")


def test_the_reasons_are_read_and_followed_by_keyboard(lab: Lab, server: Server) -> None:
    start(lab, server, "reasons")
    expect_verdicts(lab, "clean", "clean", "clean", "clean")
    edit(lab, 1, "0")
    expect_verdicts(lab, "stale", "stale", "stale", "clean")
    act(lab, 3, "notebook:enter-command-mode")
    lab.page.evaluate(f"() => {{ {NOTEBOOK} notebook.activate(); }}")
    lab.page.keyboard.press("Tab")
    expect(sign(lab, 3)).to_be_focused()
    lab.page.keyboard.press("Enter")
    reasons = lab.page.get_by_role("dialog", name="Cell [4]: stale")
    link = reasons.get_by_role("button", name="cell [2] was edited since it ran")
    expect(link).to_be_focused()
    lab.page.keyboard.press("Escape")
    expect(reasons).to_have_count(0)
    expect(sign(lab, 3)).to_be_focused()
    sign(lab, 3).click()
    expect(link).to_be_visible()
    sign(lab, 3).click()  # the second click closes
    expect(reasons).to_have_count(0)
    sign(lab, 3).click()
    link.click()
    expect(cell(lab, 1)).to_be_focused()
    act(lab, 3, "notebook:enter-command-mode")
    lab.page.get_by_role("button", name="3 stale").click()  # the sidebar leads to the first
    expect(cell(lab, 1)).to_be_focused()


def test_signs_come_into_view_with_their_cells_and_are_switched_off(lab: Lab, server: Server) -> None:
    start(lab, server, "long", (*CELLS, *(f"v{number} = x + {number}" for number in range(120))))
    line = lab.page.locator("#mlops-nb-verdict")
    expect(line).to_contain_text("124 clean")
    lab.page.evaluate(f"async () => {{ {NOTEBOOK} await notebook.scrollToItem(124, 'center'); }}")
    expect(sign(lab, 124)).to_have_accessible_name("Cell [125]: clean")
    lab.page.evaluate(f"async () => {{ {NOTEBOOK} await notebook.scrollToItem(0); }}")
    edit(lab, 1, "0")
    expect(line).to_contain_text("123 stale")
    lab.page.evaluate(f"async () => {{ {NOTEBOOK} await notebook.scrollToItem(124, 'center'); }}")
    expect(sign(lab, 124)).to_have_accessible_name("Cell [125]: stale")
    lab.command("mlops-nb:toggle-verdicts")
    expect(lab.page.locator(".jp-Mlops-badge > *")).to_have_count(0)
    expect(line).to_have_text("")
    lab.command("mlops-nb:toggle-verdicts")
    expect(sign(lab, 124)).to_have_accessible_name("Cell [125]: stale")


def test_the_signs_follow_the_theme(lab: Lab, server: Server) -> None:
    lab.page.set_viewport_size({"width": 960, "height": 560})
    start(lab, server, "theme", STORY)
    expect_verdicts(lab, *["clean"] * 6, "uncheckable")
    for index in (5, 4, 3, 2):
        act(lab, index, "notebook:move-cell-up")
    expect_verdicts(lab, "tainted", *["clean"] * 5, "uncheckable")
    edit(lab, 3, "0")
    expect_verdicts(lab, "tainted", "clean", "stale", "stale", "stale", "clean", "uncheckable")
    colours = set()
    for theme in ("Light", "Dark"):
        lab.theme(theme)
        colours.add(sign(lab, 3).evaluate("sign => getComputedStyle(sign).color"))
        sign(lab, 5).click()
        expect(lab.page.get_by_role("dialog", name="stale")).to_contain_text("was edited since it ran")
        lab.screenshot(f"verdicts-{theme.lower()}")
        lab.page.keyboard.press("Escape")
    assert len(colours) == 2
