"""Cells of every kind, in a real kernel: how each ended, what ran inside it, and what it read and made."""

import os
import re
import shutil
import subprocess
import sys
import time
import zipfile

import pytest

from mlops_nb.capture import cells, environments
from mlops_nb.data.checks import check
from mlops_nb.ids import digest
from mlops_nb.lineage.details import show
from mlops_nb.lineage.references import resolve
from mlops_nb.lineage.slices import slice_of


@pytest.fixture
def ran(module_kernel, recorded):
    """Run a cell in the kernel of this module and return its execution, with the project that it is in."""

    def run(source, cell=None):
        module_kernel.run(source, cell)
        project = recorded(module_kernel)
        content = digest(source.encode())
        number = project.store.value("SELECT max(id) FROM execution WHERE source = ?", content)
        return (None if number is None else cells.load(project, number)), project

    return run


def names(project, execution, kind):
    """The variables that a cell read or wrote."""
    here, there = ("target", "source") if kind == "read" else ("source", "target")
    rows = project.store.rows(
        f"SELECT node.name FROM edge JOIN node ON node.id = edge.{there} WHERE edge.{here} ="
        " (SELECT id FROM node WHERE public = ?) AND edge.kind = ? AND node.kind IN ('variable', 'import')",
        execution.id, kind,
    )  # fmt: skip
    return {row[0] for row in rows}


def files(project, execution, kind):
    """The references to files that a cell read or wrote."""
    here = "target" if kind == "read" else "source"
    rows = project.store.rows(
        f"SELECT reference FROM edge WHERE {here} = (SELECT id FROM node WHERE public = ?) AND kind = ?"
        " AND reference LIKE 'file:%'",
        execution.id, kind,
    )  # fmt: skip
    return {row[0].removeprefix("file:") for row in rows}


def save(path, text):
    """Save a file, a moment before a cell runs: what is written as it begins may have changed under it."""
    path.write_text(text)
    time.sleep(0.05)


# -- how a cell ends ------------------------------------------------------------------------------------------


def stop(kernel, source):
    """Run a cell and interrupt it when it says so."""
    request = kernel.send(source)
    kernel.wait_until("now")
    time.sleep(0.2)
    kernel.interrupt()
    kernel.outputs(request)


def test_a_fit_that_is_interrupted_is_aborted_and_what_it_changed_is_its_doing(module_kernel, recorded):
    module_kernel.run("class Model:\n    def fit(self):\n        for self.step in range(10**9): pass\nmodel = Model()")
    source = "print('now', flush=True)\nmodel.fit()"
    stop(module_kernel, source)
    project = recorded(module_kernel)
    number = project.store.value("SELECT max(id) FROM execution WHERE source = ?", digest(source.encode()))
    found = cells.load(project, number)
    assert (found.status, found.error.partition(":")[0]) == ("aborted", "KeyboardInterrupt")
    assert names(project, found, "wrote") == {"model"}
    assert check(project, "var:model").verdict == "tainted"


def test_an_async_cell_that_is_interrupted_is_aborted(module_kernel, recorded):
    source = "import asyncio\nprint('now', flush=True)\nfor _ in range(600):\n    await asyncio.sleep(0.1)"
    stop(module_kernel, source)
    project = recorded(module_kernel)
    number = project.store.value("SELECT max(id) FROM execution WHERE source = ?", digest(source.encode()))
    found = cells.load(project, number)
    assert (found.status, found.error.partition(":")[0]) == ("aborted", "CancelledError")


@pytest.mark.parametrize(
    ("source", "error"),
    [
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("import sys; sys.exit('enough')", "SystemExit: enough"),
        ("f(", ("SyntaxError: ", "_IncompleteInputError: ")),
        ("x = = 2", "SyntaxError: "),
        ("if True:\nx", "IndentationError: "),
        ("import asyncio\nawait asyncio.sleep(0)\n1 / 0", "ZeroDivisionError: "),
    ],
)
def test_a_cell_that_raises_whatever_it_is_is_failed(ran, source, error):
    found, _ = ran(source)
    assert found.status == "failed"
    assert found.error.startswith(error)


@pytest.mark.parametrize("source", ["", "   ", "\n\n"])
def test_an_empty_cell_is_none(ran, source):
    found, _ = ran(source)
    assert found is None


def test_a_cell_that_is_kept_out_of_the_history_is_recorded_without_a_number(shell, project):
    shell.run_cell("unnumbered = 1", store_history=False)
    assert tuple(project.store.row("SELECT count, parent FROM execution")) == (None, None)
    assert resolve(project, "var:unnumbered")


def test_a_silent_request_is_no_cell(module_kernel, recorded):
    module_kernel.outputs(module_kernel.send("quiet = 1", silent=True))
    project = recorded(module_kernel)
    assert project.store.value("SELECT count(*) FROM execution WHERE source = ?", digest(b"quiet = 1")) == 0


# -- what runs inside ------------------------------------------------------------------------------------------


def test_an_async_cell_reads_and_makes_what_its_syntax_says(ran):
    ran("import asyncio\nbase = 2")
    found, project = ran("awaited = await asyncio.sleep(0, base * 2)")
    assert found.status == "ok"
    assert names(project, found, "wrote") == {"awaited"}
    assert {"asyncio", "base"} <= names(project, found, "read")


def test_async_for_and_with_bind_like_any_other(ran):
    ran("async def numbers():\n    for number in range(3):\n        yield number")
    found, project = ran("total = 0\nasync for each in numbers():\n    total += each")
    assert names(project, found, "wrote") == {"total", "each"}
    assert "numbers" in names(project, found, "read")


def test_cells_run_by_cells_lie_inside_them_at_any_depth(ran):
    source = "get_ipython().run_cell('get_ipython().run_cell(\"inmost = 1\")\\nmiddle = inmost')\nouter = middle"
    found, project = ran(source)
    rows = project.store.rows(
        "SELECT execution.id, parent, count FROM execution JOIN node USING (id) WHERE execution.id >="
        " (SELECT id FROM node WHERE public = ?) ORDER BY execution.id",
        found.id,
    )
    assert [row["parent"] for row in rows] == [None, rows[0]["id"], rows[1]["id"]]
    assert [row["count"] for row in rows[1:]] == [None, None]
    assert names(project, found, "wrote") >= {"outer", "middle", "inmost"}


@pytest.mark.parametrize("magic", ["%%time", "%%capture kept", "%%prun -q", "%%time\n%%capture kept"])
def test_the_body_of_a_magic_that_runs_it_reads_and_makes(ran, magic):
    ran("start = 5")
    found, project = ran(f"{magic}\nended = start + {len(magic)}")
    assert "start" in names(project, found, "read")
    assert "ended" in names(project, found, "wrote")


def test_what_a_script_binds_by_run_is_made_by_the_cell_that_reads_the_script(ran, module_kernel):
    save(module_kernel.folder / "helper.py", "halved = 10 / 2\n")
    found, project = ran("%run helper.py")
    assert "halved" in names(project, found, "wrote")
    assert "helper.py" in files(project, found, "read")


def test_a_script_run_in_the_namespace_reads_it(ran, module_kernel):
    ran("given = 3")
    save(module_kernel.folder / "inside.py", "doubled = given * 2\n")
    found, project = ran("%run -i inside.py")
    assert "doubled" in names(project, found, "wrote")
    assert "inside.py" in files(project, found, "read")
    assert "given = 3" in [cell.source for cell in slice_of(project, "var:doubled").cells]


def test_what_a_command_writes_is_written_by_its_cell_and_its_output_bound(ran):
    found, project = ran("listed = !echo a line\n!echo 42 > answer.txt")
    assert "listed" in names(project, found, "wrote")
    assert "answer.txt" in files(project, found, "wrote")
    read, project = ran("answer = int(open('answer.txt').read())")
    assert "answer.txt" in files(project, read, "read")


def test_a_cell_of_bash_writes_its_files(ran):
    found, project = ran("%%bash\nprintf 'a,b\\n1,2\\n' > shelled.csv")
    assert (found.status, files(project, found, "wrote")) == ("ok", {"shelled.csv"})


# -- modules of the user's ------------------------------------------------------------------------------------


def test_a_module_that_a_cell_imports_is_an_input_of_it_though_nobody_committed_it(ran, module_kernel):
    folder = module_kernel.folder
    save(folder / "inner.py", "STEP = 2\n")
    save(folder / "mine.py", "import inner\ndef grow(x): return x + inner.STEP\n")
    found, project = ran("import mine")
    assert {"mine.py", "inner.py"} <= files(project, found, "read")
    used, project = ran("grown = mine.grow(1)")
    assert files(project, used, "read") == set()
    assert [file.path for file in slice_of(project, "var:grown").files] == ["inner.py", "mine.py"]
    save(folder / "mine.py", "import inner\ndef grow(x): return x - inner.STEP\n")
    reasons = [(reason.verdict, reason.what) for reason in check(project, "var:grown").reasons]
    assert ("stale", "mine.py has changed since it was read") in reasons


def test_a_module_compiled_long_ago_is_an_input_too(ran, module_kernel):
    save(module_kernel.folder / "compiled.py", "A = 1\n")
    subprocess.run([sys.executable, "-c", "import compiled"], cwd=module_kernel.folder, check=True)
    found, project = ran("from compiled import A")
    assert "compiled.py" in files(project, found, "read")


def test_a_module_that_a_cell_wrote_leads_back_to_that_cell(ran):
    written, project = ran("%%writefile made_here.py\ndef one(): return 1")
    assert "made_here.py" in files(project, written, "wrote")
    ran("import made_here")
    _, project = ran("number = made_here.one()")
    assert written.source in [cell.source for cell in slice_of(project, "var:number").cells]


def test_a_module_that_is_reloaded_is_read_again(ran, module_kernel):
    save(module_kernel.folder / "again.py", "VALUE = 1\n")
    ran("import importlib, again")
    save(module_kernel.folder / "again.py", "VALUE = 22\n")
    found, project = ran("again = importlib.reload(again)")
    assert "again.py" in files(project, found, "read")
    ran("seen = again.VALUE")
    assert "again.py was read in more than one version" in slice_of(project, "var:seen").uncheckable


def test_a_module_thrown_out_and_imported_anew_is_read_again(ran, module_kernel):
    save(module_kernel.folder / "thrown.py", "VALUE = 1\n")
    ran("import sys, thrown")
    save(module_kernel.folder / "thrown.py", "VALUE = 22\n")
    found, project = ran("del sys.modules['thrown']; import thrown")
    assert "thrown.py" in files(project, found, "read")


@pytest.mark.parametrize("order", ["before", "after"])
def test_an_edited_module_under_autoreload_is_read_by_the_cell_that_uses_it(kernel, recorded, executions, order):
    loads = ["%load_ext autoreload\n%autoreload 2", "%load_ext mlops_nb"]
    for source in loads if order == "before" else loads[::-1]:
        kernel.run(source)
    save(kernel.folder / "edited.py", "def f(): return 1\n")
    for source in ("import edited", "a = edited.f()"):
        kernel.run(source)
    save(kernel.folder / "edited.py", "def f(): return 1 + 1\n")
    assert kernel.text("b = edited.f(); print(b)") == "2\n"
    project = recorded(kernel)
    last = executions(project)[-1]
    assert files(project, last, "read") == {"edited.py"}
    assert "edited" in names(project, last, "wrote")  # it became another
    assert slice_of(project, "var:a").uncheckable == []


# -- packages -------------------------------------------------------------------------------------------------


def wheel(folder, version):
    """Build the wheel of a package that holds nothing."""
    path = folder / f"tiny_thing-{version}-py3-none-any.whl"
    info = f"tiny_thing-{version}.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("tiny_thing.py", f"VERSION = {version!r}\n")
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: tiny-thing\nVersion: {version}\n")
        archive.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{info}/RECORD", "")
    return path


def test_a_cell_that_installs_a_package_changes_the_environment_of_those_after_it(start_kernel, workspace, recorded):
    place = workspace / "site-packages"
    place.mkdir()
    kernel = start_kernel(PYTHONPATH=os.pathsep.join([str(place), os.environ.get("PYTHONPATH", "")]))
    path = wheel(workspace, "1.0")
    install = f"%pip install -q --no-index --no-deps --target {place} {path}"
    for source in ("%load_ext mlops_nb", "before = 1", install, "import tiny_thing; after = tiny_thing.VERSION"):
        kernel.run(source)
    shutil.rmtree(place / "tiny_thing-1.0.dist-info")  # somebody else, while no cell runs
    time.sleep(2 * environments.RECENT)
    kernel.run("later = 1")
    project = recorded(kernel)
    facts = {name: show(project, name).facts for name in ("cell:2", "cell:3", "cell:4", "cell:5")}
    assert re.fullmatch(r"none → 1\.0 \([0-9a-f]{12}\)", facts["cell:3"]["packages"]["tiny-thing"])  # of which archive
    assert not any("packages" in facts[name] for name in ("cell:2", "cell:4", "cell:5"))
    found = [facts[name]["environment"] for name in facts]
    assert found[0] == found[1] == found[3] != found[2]
    assert install not in [cell.source for cell in slice_of(project, "var:later").cells]
