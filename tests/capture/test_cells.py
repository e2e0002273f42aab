"""Every cell that runs is a fact: its source, how it ended and what it showed."""

import base64
import time

import pytest

from mlops_nb.capture import cells, runs
from mlops_nb.project import Project
from mlops_nb.proof import fsck


def test_a_cell_is_recorded_with_source_count_status_and_times(shell, project, executions):
    before = time.time()
    shell.run_cell("x = 1", store_history=True, cell_id="abcd1234")
    (cell,) = executions(project)
    assert (cell.source, cell.count, cell.status, cell.error, cell.cell) == ("x = 1", 1, "ok", None, "abcd1234")
    assert before <= cell.started.timestamp() <= cell.ended.timestamp() <= time.time()


def test_cells_of_a_kernel_are_recorded_in_order_with_the_counts_it_shows(module_kernel, recorded, executions):
    count = module_kernel.run("'counted'", cell_id="c1")[0]["execution_count"]
    module_kernel.run("None", cell_id="c2")
    first, second = executions(recorded(module_kernel))[-2:]
    assert [(cell.cell, cell.count, cell.source) for cell in (first, second)] == [
        ("c1", count, "'counted'"),
        ("c2", count + 1, "None"),
    ]


def test_a_cell_is_on_record_while_it_is_still_running(module_kernel, executions):
    request = module_kernel.send("import time; print('now', flush=True); time.sleep(1)")
    module_kernel.wait_until("now")
    project = Project(module_kernel.folder)
    seen = set()
    while "time.sleep(1)" not in str(seen):  # the cell is given to the writer first, and does not wait for it
        seen = {(cell.source[-13:], cell.status) for cell in executions(project)}
    assert ("time.sleep(1)", "running") in seen
    project.store.close()
    module_kernel.outputs(request)


def test_a_cell_that_raises_is_failed_with_its_error(shell, project, executions):
    shell.run_cell("int('x')", store_history=True)
    (cell,) = executions(project)
    assert (cell.status, cell.error) == ("failed", "ValueError: invalid literal for int() with base 10: 'x'")


def test_a_cell_that_is_not_python_is_failed_with_its_error(shell, project, executions):
    shell.run_cell("x = = 1", store_history=True)
    (cell,) = executions(project)
    assert cell.status == "failed"
    assert cell.error.startswith("SyntaxError: ")


def test_a_cell_whose_error_cannot_be_shown_is_failed(shell, project, executions):
    shell.run_cell("class E(Exception):\n    def __str__(self): raise ValueError\nraise E", store_history=True)
    (cell,) = executions(project)
    assert cell.status == "failed"


def test_an_interrupted_cell_is_aborted_and_the_next_one_is_recorded(module_kernel, recorded, executions):
    request = module_kernel.send("import time; print('here', flush=True); time.sleep(60)")
    module_kernel.wait_until("here")
    module_kernel.interrupt()
    module_kernel.outputs(request)
    module_kernel.run("after = 1")
    interrupted, after = executions(recorded(module_kernel))[-2:]
    assert (interrupted.status, interrupted.error) == ("aborted", "KeyboardInterrupt: ")
    assert (after.status, after.source) == ("ok", "after = 1")


def test_a_killed_kernel_leaves_its_cell_and_its_run_aborted(kernel, executions):
    kernel.run("%load_ext mlops_nb")
    kernel.run("kept = 1")
    kernel.send("import time; print('here', flush=True); time.sleep(60)")
    kernel.wait_until("here")
    project = Project(kernel.folder)
    while project.store.value("SELECT count(*) FROM execution") < 2:
        time.sleep(0.001)
    kernel.kill()
    (run,) = runs.runs(project)
    assert (run.status, run.reason) == ("aborted", "its process ended before it did")
    assert [(cell.source.split(";")[0], cell.status) for cell in executions(project)] == [
        ("kept = 1", "ok"),
        ("import time", "aborted"),
    ]
    assert fsck(project).problems == []
    project.store.close()


def test_a_run_that_is_still_going_is_not_called_aborted(module_kernel, recorded):
    module_kernel.run("1")
    assert {run.status for run in runs.runs(recorded(module_kernel))} == {"running"}


def test_a_kernel_that_is_shut_down_ends_its_run(kernel):
    kernel.run("%load_ext mlops_nb")
    kernel.run("x = 1")
    kernel.stop()
    project = Project(kernel.folder)
    assert [run.status for run in runs.runs(project)] == ["ok"]
    project.store.close()


def test_a_cell_with_await_is_recorded_like_any_other(module_kernel, recorded, shown):
    source = "import asyncio\nawaited = await asyncio.sleep(0, 'done')\nawaited"
    module_kernel.run(source)
    project = recorded(module_kernel)
    assert shown(project, source) == [("text/plain", "'done'")]
    assert project.store.value("SELECT count(*) FROM node WHERE kind = 'variable' AND name = 'awaited'") == 1


def test_a_cell_run_by_a_cell_lies_inside_it(shell, project, executions):
    shell.run_cell("get_ipython().run_cell('inner = 1')\nouter = 2", store_history=True)
    (outer,) = executions(project)
    rows = project.store.rows("SELECT parent, count FROM execution ORDER BY id")
    assert [row["count"] for row in rows] == [1, None]
    assert rows[1]["parent"] == project.store.value("SELECT id FROM node WHERE public = ?", outer.id)


def test_a_failed_cell_inside_a_cell_fails_alone(shell, project):
    shell.run_cell("get_ipython().run_cell('1/0')\nouter = 2", store_history=True)
    assert [row[0] for row in project.store.rows("SELECT status FROM outcome ORDER BY id")] == ["ok", "failed"]


def test_the_same_source_is_kept_once(shell, project):
    for _ in range(3):
        shell.run_cell("x = 1", store_history=True)
    assert project.store.value("SELECT count(*) FROM execution") == 3
    assert project.store.value("SELECT count(DISTINCT source) FROM execution") == 1


def test_a_cell_deeper_than_the_analysis_can_follow_is_recorded(shell, project, executions):
    shell.run_cell("y = " + "f(" * 90 + "1" + ")" * 90, store_history=True)
    shell.run_cell("z = 1" + " + 1" * 900, store_history=True)
    assert [cell.status for cell in executions(project)] == ["failed", "ok"]


# -- outputs --------------------------------------------------------------------------------------------------

OUTPUTS = {
    "1 + 1": ["2"],
    "print('a')": ["a\n"],
    "print('a')\nprint('b')\n'c'": ["a\nb\n", "'c'"],
    "display(1)": ["1"],
    "for n in range(3):\n    display(n)": ["0", "1", "2"],
    "import sys; _ = sys.stderr.write('oops\\n')": ["oops\n"],
    "x = 1": [],
    "print('', end='')": [],
    "None": [],
    "2;": [],
    "print('before'); 1/0": ["before\n"],
}


@pytest.mark.parametrize("source", OUTPUTS)
def test_what_a_cell_shows_is_kept_once(module_kernel, recorded, shown, source):
    module_kernel.run(source)
    assert [text for _, text in shown(recorded(module_kernel), source)] == OUTPUTS[source]


@pytest.mark.parametrize("source", OUTPUTS)
def test_what_a_cell_of_a_terminal_shows_is_kept_once(shell, project, shown, source):
    shell.run_cell(source, store_history=True)
    texts = [text for _, text in shown(project, source)]
    displayed = "display" in source  # a terminal prints what it displays: one stream
    assert texts == (["".join(f"{text}\n" for text in OUTPUTS[source])] if displayed else OUTPUTS[source])


def test_outputs_of_one_cell_are_not_kept_for_the_next(module_kernel, recorded, shown):
    module_kernel.run("display('first'); print('one'); 'uno'")
    module_kernel.run("display('second'); print('two'); 'due'")
    found = [text for _, text in shown(recorded(module_kernel), "display('second'); print('two'); 'due'")]
    assert sorted(found) == ["'due'", "'second'", "two\n"]


def test_what_is_printed_after_a_capture_was_shown_is_kept(module_kernel, recorded, shown):
    module_kernel.run("%%capture kept\nprint('inside')")
    module_kernel.run("kept.show()")
    assert shown(recorded(module_kernel), "kept.show()") == [("text/plain", "inside\n")]


def test_a_figure_is_kept_as_the_image_that_was_shown(module_kernel, recorded):
    source = "%matplotlib inline\nimport matplotlib.pyplot as plt\n_ = plt.plot([1, 2])"
    (output,) = module_kernel.run(source)
    project = recorded(module_kernel)
    number = project.store.value("SELECT execution FROM output WHERE mime = 'image/png' ORDER BY execution DESC")
    (kept,) = cells.outputs(project, number)
    assert (kept.mime, kept.text, kept.truncated) == ("image/png", None, False)
    assert base64.b64decode(kept.data) == base64.b64decode(output["data"]["image/png"])


def test_a_figure_is_a_node_that_its_cell_wrote(module_kernel, recorded):
    svg = '<svg xmlns="http://www.w3.org/2000/svg"/>'
    module_kernel.run(f"from IPython.display import SVG, display\ndisplay(SVG({svg!r}))")
    project = recorded(module_kernel)
    row = project.store.row("SELECT id, name FROM node WHERE kind = 'figure' ORDER BY id DESC")
    assert row["name"] == "figure 1"
    assert project.store.value("SELECT kind FROM edge WHERE target = ?", row["id"]) == "wrote"


def test_the_images_of_a_long_session_do_not_pile_up_in_the_memory_of_the_kernel(module_kernel):
    for _ in range(3):
        module_kernel.run("from IPython.display import Image, display\ndisplay(Image(b'\\x89PNG', format='png'))")
    code = """
        outputs = get_ipython().history_manager.outputs.values()
        print(sum(output.output_type == "display_data" for cell in outputs for output in cell))
        """
    assert module_kernel.text(code) == "0\n"


def test_a_table_is_kept_as_text_and_html_and_shown_as_html(module_kernel, recorded, shown):
    source = "import pandas as pd\npd.DataFrame({'a': [1]})"
    module_kernel.run(source)
    project = recorded(module_kernel)
    ((mime, html),) = shown(project, source)
    assert mime == "text/html"
    assert "<table" in html
    kept = project.store.rows("SELECT mime FROM output ORDER BY execution DESC, mime LIMIT 2")
    assert [row["mime"] for row in kept] == ["text/html", "text/plain"]


def test_a_big_output_is_kept_in_part_and_says_so(shell, project):
    shell.run_cell(f"print('x' * {3 * cells.TEXT_LIMIT})", store_history=True)
    number = project.store.value("SELECT execution FROM output")
    (output,) = cells.outputs(project, number)
    assert (len(output.text), output.truncated) == (cells.TEXT_LIMIT, True)


def test_an_image_beyond_the_limit_is_not_kept_and_says_so(module_kernel, recorded):
    module_kernel.run(
        f"from IPython.display import Image, display\ndisplay(Image(bytes({cells.IMAGE_LIMIT + 1}), format='png'))"
    )
    project = recorded(module_kernel)
    row = project.store.row("SELECT execution, truncated FROM output WHERE mime = 'image/png' ORDER BY execution DESC")
    assert row["truncated"] == 1
    assert [output.data for output in cells.outputs(project, row["execution"])] == [""]


def test_nothing_is_formatted_for_us(module_kernel):
    module_kernel.run(
        "class Counting:\n    n = 0\n    def __repr__(self):\n        Counting.n += 1\n        return 'c'"
    )
    module_kernel.run("Counting()")
    module_kernel.run("display(Counting())")
    assert module_kernel.text("print(Counting.n)") == "2\n"


def test_objects_that_are_only_bound_are_never_asked_anything(module_kernel):
    module_kernel.run(
        """
        class Shy:
            asked = []
            def __getattribute__(self, name):
                Shy.asked.append(name)
                return object.__getattribute__(self, name)
            def __eq__(self, other): Shy.asked.append("eq"); return True
            def __repr__(self): Shy.asked.append("repr"); return "shy"
            __hash__ = None
        """
    )
    module_kernel.run("shy = Shy()")
    module_kernel.run("other = shy\npair = (shy, other)")
    assert module_kernel.text("print(Shy.asked)") == "[]\n"
