"""Every case in a real kernel: its slice has what the last cell needs and no more, and shows the same by itself."""

import textwrap
import zipfile
from dataclasses import replace

import pytest

from mlops_nb.ids import digest
from mlops_nb.project import Project
from tests.soundness.cases import CASES
from tests.soundness.notebook import parse
from tests.soundness.runner import slicer


class Ran:
    """A notebook that ran under capture: its project, and what its last cell showed."""

    def __init__(self, kernel, notebook):
        kernel.outputs(kernel.send("%load_ext mlops_nb", silent=True))
        self.shown = [kernel.run(cell.source, cell_id=cell.id) for cell in notebook.cells]
        kernel.settle()
        self.project = Project(kernel.folder)

    def slice(self, ref):
        return slicer()(self.project, ref)


@pytest.fixture
def run(kernels):
    """Run a notebook under capture in a fresh kernel."""
    started = []

    def started_and_run(notebook, kernel=None):
        kernel = kernel or kernels.kernel(notebook.files)
        started.append((kernel, Ran(kernel, notebook)))
        return started[-1][1]

    yield started_and_run
    for kernel, ran in started:
        ran.project.store.close()
        kernel.stop()


@pytest.fixture
def alone(kernels):
    """What the last cell shows in a fresh kernel in which only some of the cells run, as the numbers they had."""

    def shown(notebook, kept):
        kernel = kernels.kernel(notebook.files)
        try:
            for index in sorted(kept):
                kernel.outputs(kernel.send(f"get_ipython().execution_count = {index + 1}", silent=True))
                found = kernel.run(notebook.cells[index].source)
            return found
        finally:
            kernel.stop()

    return shown


@pytest.mark.parametrize("name", CASES)
def test_exactly_what_is_marked_is_needed_by(server, name):
    notebook = parse(CASES[name])
    wanted, needed = server.replay(notebook).shown[-1], notebook.marked("need")
    assert wanted and "Error>" not in wanted
    assert server.replay(notebook, needed).shown[-1] == wanted
    assert server.surplus(notebook, needed) == []


@pytest.mark.parametrize("name", CASES)
def test_the_slice_of(run, alone, name):
    notebook = parse(CASES[name])
    ran = run(notebook)
    found = ran.slice(f"cell:{len(notebook.cells)}")
    kept = {cell.execution_count - 1 for cell in found.cells}
    missing = [notebook.cells[index].source for index in notebook.marked("need") if index not in kept]
    needless = [notebook.cells[index].source for index in notebook.marked("drop") if index in kept]
    assert (missing, needless) == ([], [])
    assert [cell.source for cell in found.cells] == [notebook.cells[index].source for index in sorted(kept)]
    assert alone(notebook, kept) == ran.shown[-1]


def test_a_file_that_another_kernel_wrote_is_not_taken_for_ours(run, kernels):
    ours = kernels.kernel()
    theirs = kernels.kernel()
    cells = parse("""
        # %% drop
        open("shared.txt", "w").write("ours")
        # %%
        before = open("shared.txt").read()
        # %% need
        print(open("shared.txt").read())
        """.replace("\n        ", "\n"))  # fmt: skip
    run(replace(cells, cells=cells.cells[:2]), ours)
    path = str(ours.folder / "shared.txt")
    theirs.outputs(theirs.send(f"__import__('os').chdir({str(ours.folder)!r})", silent=True))
    run(parse(f"# %%\nopen({path!r}, 'w').write('theirs')"), theirs)
    ours.run(cells.cells[2].source)
    ours.settle()
    with_us = Project(ours.folder)
    found = slicer()(with_us, "cell:3")
    with_us.store.close()
    sources = [cell.source for cell in found.cells]
    assert cells.cells[0].source not in sources
    assert digest(b"theirs") in str(found.files) or any("'theirs'" in source for source in sources)


def wheel(folder, version):
    """Write a package that says its version."""
    name = f"tinylib-{version}"
    info = f"{name}.dist-info"
    with zipfile.ZipFile(folder / f"{name}-py3-none-any.whl", "w") as archive:
        archive.writestr("tinylib.py", f"VERSION = {version!r}\n")
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: tinylib\nVersion: {version}\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")


def test_installing_a_package_is_a_matter_of_the_environment_and_said(run, kernels, tmp_path):
    for version in ("1.0", "2.0"):
        wheel(tmp_path, version)
    install = f"%pip install -q --no-index --no-deps --find-links {tmp_path} --target {tmp_path / 'site'} --upgrade"
    notebook = parse(textwrap.dedent(f"""
        # %% need
        import importlib, sys
        sys.path.insert(0, {str(tmp_path / "site")!r})
        # %% either
        {install} tinylib==1.0
        # %% need
        import tinylib
        # %% drop
        before = tinylib.VERSION
        # %% either
        {install} tinylib==2.0
        # %% need
        tinylib = importlib.reload(tinylib)
        # %% need
        print(tinylib.VERSION)
        """))  # fmt: skip
    ran = run(notebook)
    assert ran.shown[-1][0]["text"] == "2.0\n"
    found = ran.slice("cell:7")
    kept = {cell.execution_count - 1 for cell in found.cells}
    assert set(notebook.marked("need")) <= kept
    assert not kept & set(notebook.marked("drop"))
    assert 4 in kept or "tinylib" in f"{found.uncheckable} {found.files}"


def test_a_secret_of_the_environment_is_not_in_the_store(run):
    secret = "hunter2-" + "x" * 20
    notebook = parse("""
# %% need
import os
os.environ["DB_PASSWORD"] = open(".secret").read()
# %% need
dsn = f"postgresql://user:{os.environ['DB_PASSWORD']}@localhost/db"
# %% need
settings = {"dsn": dsn, "password": os.environ["DB_PASSWORD"]}
# %% drop
n = len(dsn)
# %% need
print(len(settings["dsn"]))
""")
    ran = run(replace(notebook, files={".secret": secret}))
    found = ran.slice("cell:5")
    assert {cell.execution_count - 1 for cell in found.cells} == {0, 1, 2, 4}
    kept = [file for file in (ran.project.home).rglob("*") if file.is_file()]
    assert kept
    assert not [file for file in kept if secret.encode() in file.read_bytes()]
