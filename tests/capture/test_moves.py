"""Files that are moved, removed, replaced, listed or held open between cells and by others."""

import os
import time

import pytest

from mlops_nb.capture.files.origins import Origins
from mlops_nb.errors import NotFound
from mlops_nb.lineage.references import resolve

from .conftest import Used, sha

QUIET = 0.05  # seconds after which a file does not look as if it had just been written


def give(path, data=b"given"):
    """Make a file that no cell has made."""
    path.write_bytes(data)
    time.sleep(QUIET)
    return data


# -- moves and removals ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "move",
    [
        "os.rename('a.csv', 'b.csv')",
        "os.replace('a.csv', 'b.csv')",
        "shutil.move('a.csv', 'b.csv')",
        "Path('a.csv').rename('b.csv')",
        "subprocess.run(['mv', 'a.csv', 'b.csv'])",
    ],
)
def test_a_moved_file_is_the_same_artifact_at_another_place(cell, workspace, move):
    data = give(workspace / "a.csv")
    used = cell("import os, shutil, subprocess\nfrom pathlib import Path", move)
    assert used.edges() == {"file:a.csv": ("read removed", sha(data)), "file:b.csv": ("wrote", sha(data))}
    assert used.project.store.value("SELECT count(*) FROM artifact") == 1


def test_a_file_moved_out_of_the_way_of_a_new_one_keeps_its_content(cell, workspace):
    old = give(workspace / "x.csv", b"old")
    used = cell("import os\nos.rename('x.csv', 'x.bak')\nopen('x.csv', 'w').write('new')")
    assert used.edges()["file:x.bak"] == ("wrote", sha(old))
    assert used.edges()["file:x.csv"][1] == sha(b"new")


def test_a_file_replaced_with_its_size_and_time_kept_is_another_version(cell, workspace):
    give(workspace / "x.csv", b"old")
    cell("open('x.csv').read()")
    old = os.stat(workspace / "x.csv")
    (workspace / "tmp").write_bytes(b"new")
    os.utime(workspace / "tmp", ns=(old.st_atime_ns, old.st_mtime_ns))
    os.replace(workspace / "tmp", workspace / "x.csv")
    time.sleep(QUIET)
    assert cell("open('x.csv').read()").edges() == {"file:x.csv": ("read", sha(b"new"))}


def test_a_removed_file_is_an_input_of_what_removed_it(cell, workspace):
    data = give(workspace / "a.csv")
    used = cell("open('a.csv').read()", "import os\nos.remove('a.csv')")
    assert used.edges() == {"file:a.csv": ("removed", sha(data))}


@pytest.mark.parametrize("remove", ["import shutil\nshutil.rmtree('d')", "!rm -r d"])
def test_files_in_a_removed_folder_are_removed(cell, workspace, remove):
    (workspace / "d").mkdir()
    data = give(workspace / "d" / "a.csv")
    used = cell("open('d/a.csv').read()", remove)
    assert used.edges() == {"file:d/a.csv": ("removed", sha(data))}


def test_a_move_that_failed_is_none(cell, workspace):
    give(workspace / "a.csv")
    assert cell("import os\ntry: os.rename('a.csv', 'no/b.csv')\nexcept OSError: pass").edges() == {}


def test_a_moved_folder_is_moved_as_one(cell, workspace):
    (workspace / "d").mkdir()
    give(workspace / "d" / "a.csv")
    used = cell("import os\nos.rename('d', 'e')").edges()
    assert {reference: ways for reference, (ways, _) in used.items()} == {"file:d": "read removed", "file:e": "wrote"}
    assert used["file:d"][1] == used["file:e"][1]


def test_a_folder_made_in_the_cell_and_moved_leaves_its_files_at_their_last_place(cell):
    used = cell("import os\nos.mkdir('t')\nopen('t/a.csv', 'w').write('x')\nos.rename('t', 'u')").edges()
    assert used == {"file:u/a.csv": ("wrote", sha(b"x"))}


@pytest.mark.parametrize("link", ["os.link('d/a.csv', 'e/b.csv')", "os.symlink('../d/a.csv', 'e/b.csv')"])
def test_a_link_has_the_content_of_what_it_leads_to(cell, workspace, link):
    for name in "de":
        (workspace / name).mkdir()
    data = give(workspace / "d" / "a.csv")
    used = cell("import os", link).edges()
    assert {reference.partition(":")[2]: each for reference, each in used.items()} == {
        "d/a.csv": ("read", sha(data)), "e/b.csv": ("wrote", sha(data)),
    }  # fmt: skip


# -- order within a cell --------------------------------------------------------------------------------------


def test_a_file_read_natively_before_it_is_written_was_an_input(cell, workspace):
    cell("import pandas as pd\npd.DataFrame({'a': [1]}).to_parquet('t.parquet')")
    time.sleep(QUIET)
    used = cell("f = pd.read_parquet('t.parquet')\nf['b'] = 2\nf.to_parquet('t.parquet')").edges()
    assert {reference: ways for reference, (ways, _) in used.items()} == {
        "overwritten:t.parquet": "read", "file:t.parquet": "wrote",
    }  # fmt: skip


def test_a_file_written_natively_and_read_back_was_no_input(cell):
    cell("import pandas as pd\npd.DataFrame({'a': [1]}).to_parquet('t.parquet')")
    used = cell("pd.DataFrame({'a': [2]}).to_parquet('t.parquet')\npd.read_parquet('t.parquet')").edges()
    assert {reference: ways for reference, (ways, _) in used.items()} == {"file:t.parquet": "wrote"}


def test_what_is_appended_to_was_an_input(cell, workspace):
    give(workspace / "log.txt")
    used = cell("with open('log.txt', 'a') as f: f.write('more')").edges()
    assert {reference: ways for reference, (ways, _) in used.items()} == {
        "overwritten:log.txt": "read", "file:log.txt": "wrote",
    }  # fmt: skip


@pytest.mark.parametrize(
    "append", ["!echo more >> log.txt", "import h5py\nwith h5py.File('f.h5', 'a') as f: f['b'] = [2]"]
)
def test_what_may_have_been_changed_in_place_was_an_input(cell, workspace, append):
    give(workspace / "log.txt")
    cell("import h5py\nwith h5py.File('f.h5', 'w') as f: f['a'] = [1]")
    ways = sorted(ways for ways, _ in cell(append).edges().values())
    assert ways == ["read", "wrote"]


# -- handles that outlive their cell --------------------------------------------------------------------------


def test_what_is_written_through_a_handle_of_an_earlier_cell_is_an_output_of_the_later(cell):
    cell("f = open('log.txt', 'w')", "f.write('one'); f.flush()")
    assert cell("f.write('two'); f.flush()").edges()["file:log.txt"] == ("wrote", sha(b"onetwo"))
    assert cell("x = 1").edges() == {}
    assert cell("f.write('three'); f.close()").edges()["file:log.txt"] == ("wrote", sha(b"onetwothree"))


def test_a_database_that_is_written_through_an_old_connection_is_an_output(cell):
    cell("import sqlite3\nc = sqlite3.connect('x.db')", "c.execute('CREATE TABLE t (a)'); c.commit()")
    used = cell("c.execute('INSERT INTO t VALUES (1)'); c.commit()").edges()
    assert used["file:x.db"][0] == "wrote"
    assert cell("x = 1").edges() == {}


def test_a_database_that_is_read_through_an_old_connection_is_an_input(cell):
    cell("import sqlite3\nc, d = sqlite3.connect('x.db'), sqlite3.connect('x.db')")
    cell("c.execute('CREATE TABLE t (a)'); c.execute('INSERT INTO t VALUES (1)'); c.commit()")
    time.sleep(QUIET)
    used = cell("d.execute('SELECT * FROM t').fetchall()").edges()
    assert {reference: ways for reference, (ways, _) in used.items()} == {"file:x.db": "read"}
    assert cell("x = 1").edges() == {}


# -- what exists ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "question",
    [
        "os.listdir('d')",
        "[e.name for e in os.scandir('d')]",
        "glob.glob('d/*.csv')",
        "list(Path('d').iterdir())",
        "list(Path('d').glob('*.csv'))",
        "list(os.walk('d'))",
    ],
)
def test_a_folder_that_a_cell_lists_is_known(cell, workspace, question):
    (workspace / "d").mkdir()
    assert cell("import glob, os\nfrom pathlib import Path", question).listed() == {"d"}


def test_asking_whether_a_file_is_there_is_a_question_to_the_folder(cell):
    assert cell("import os\nos.path.exists('x.csv')").listed() == {"."}


def test_looking_for_a_module_is_no_question_of_the_cell(cell, workspace):
    (workspace / "mine.py").write_text("v = 1")
    time.sleep(QUIET)
    used = cell("import sys\nsys.path.insert(0, '')", "import mine")
    assert used.listed() == set()
    assert used.edges() == {"file:mine.py": ("read", sha(b"v = 1"))}


def test_a_module_that_was_compiled_before_is_an_input_by_its_source(cell, workspace):
    (workspace / "mine.py").write_text("v = 1")
    cell("import sys\nsys.path.insert(0, '')\nsys.dont_write_bytecode = False", "import mine")
    time.sleep(QUIET)
    assert cell("del sys.modules['mine']\nimport mine").edges() == {"file:mine.py": ("read", sha(b"v = 1"))}


def test_a_dataset_is_one_thing_and_each_of_its_files_belongs_to_it(cell, project):
    cell("import pandas as pd\nframe = pd.DataFrame({'a': [1, 2], 'k': ['x', 'y']})")
    frame = cell("frame.to_parquet('parts', partition_cols=['k'])").edges()
    time.sleep(QUIET)
    assert list(frame) == ["file:parts"]
    assert cell("pd.read_parquet('parts')").edges() == {"file:parts": ("read", frame["file:parts"][1])}
    assert resolve(project, "file:parts") == project.store.value("SELECT artifact FROM folder")
    one = next(iter((project.root / "parts" / "k=x").iterdir())).relative_to(project.root)
    node = project.store.value("SELECT artifact FROM location WHERE path = ?", str(one))
    assert project.store.value("SELECT count(*) FROM edge WHERE target = ? AND kind = 'holds'", node) == 1
    with project.store.write(), pytest.raises(NotFound, match="has read or written the file 'parts' as it is now"):
        (project.root / one).write_text("other")
        resolve(project, "file:parts")


# -- others ---------------------------------------------------------------------------------------------------


def test_where_the_system_does_not_tell_who_it_was_everything_counts_and_is_marked(workspace, monkeypatch, request):
    monkeypatch.setattr(Origins, "open", lambda self, poll: None)  # as in many containers
    cell = request.getfixturevalue("cell")
    cell("import pandas as pd\npd.DataFrame({'a': [1]}).to_parquet('t.parquet')")
    time.sleep(QUIET)
    used = cell("pd.read_parquet('t.parquet')")
    assert used.edges() == {"file:t.parquet": ("read", sha((workspace / "t.parquet").read_bytes()))}
    assert used.doubts() == {"file:t.parquet": "another process may have done this"}


def test_a_cell_that_replaces_open_is_none_of_ours(cell):
    cell("import builtins\nreal, calls = builtins.open, []")
    cell("def mine(*a, **k): calls.append(a); return real(*a, **k)\nbuiltins.open = mine", "!echo 1 > a.txt")
    used = cell("builtins.open = real\nassert calls == []")
    assert used.project.store.value("SELECT status FROM outcome WHERE id = ?", used.last) == "ok"


def test_what_another_process_does_is_not_taken_for_the_cells_own(cell, workspace, start_process):
    give(workspace / "theirs.csv")
    other = start_process(
        """
        import time
        for i in range(400):
            open("theirs.csv").read(); open("theirs.txt", "w").write(str(i)); time.sleep(0.005)
        """
    )
    while not (workspace / "theirs.txt").exists():
        time.sleep(0.01)
    used = cell("import time", "time.sleep(0.1)")
    edges, doubts = used.edges(), used.doubts()
    other.kill()
    assert {reference.replace("overwritten:", "file:") for reference in edges} <= doubts.keys()


def test_a_file_that_others_change_between_two_reads_is_read_twice(cell, workspace, run_process):
    give(workspace / "x.csv", b"one")
    first = cell("open('x.csv').read()").edges()
    run_process("open('x.csv', 'w').write('two')")
    time.sleep(QUIET)
    second = cell("open('x.csv').read()").edges()
    assert first == {"file:x.csv": ("read", sha(b"one"))}
    assert second == {"file:x.csv": ("read", sha(b"two"))}


def test_a_file_that_others_change_while_the_cell_runs_is_not_certain(cell, workspace):
    give(workspace / "x.csv", b"one")
    used = cell("import subprocess\nopen('x.csv').read()\nsubprocess.run('echo two > x.csv', shell=True)")
    assert used.edges()["overwritten:x.csv"][0] == "read"
    assert used.doubts()["file:x.csv"] == "the cell changed it after it had read it"


def test_hashing_in_the_background_is_no_read_of_the_next_cell(cell, workspace):
    (workspace / "big.bin").write_bytes(bytes(30_000_000))
    time.sleep(QUIET)
    cell("open('big.bin', 'rb').read(1)")
    for _ in range(5):
        assert cell("x = 1").edges() == {}


# -- lazily read ----------------------------------------------------------------------------------------------


def test_a_lazy_frame_reads_when_it_is_collected(cell):
    cell("import polars as pl\npl.DataFrame({'a': [1]}).write_parquet('t.parquet')")
    assert cell("lazy = pl.scan_parquet('t.parquet')").edges() == {}
    cell("pl.DataFrame({'a': [2]}).write_parquet('t.parquet')")
    time.sleep(QUIET)
    used = cell("lazy.collect()").edges()
    assert {reference: ways for reference, (ways, _) in used.items()} == {"file:t.parquet": "read"}


# -- links and places -----------------------------------------------------------------------------------------


def test_a_file_behind_a_link_is_seen_once(cell, workspace, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    data = give(elsewhere / "x.csv")
    (workspace / "data").symlink_to(elsewhere)
    (workspace / "link.csv").symlink_to(elsewhere / "x.csv")
    assert cell("open('link.csv').read()").edges() == {"file:link.csv": ("read", sha(data))}
    assert cell("open('data/x.csv').read()").edges() == {"file:data/x.csv": ("read", sha(data))}


def test_native_reads_in_a_folder_that_the_code_names_are_seen(cell, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    cell("import pandas as pd")
    import pandas as pd

    pd.DataFrame({"a": [1]}).to_parquet(elsewhere / "x.parquet")
    time.sleep(QUIET)
    assert cell(f"pd.read_parquet('{elsewhere}/x.parquet')").edges() == {
        f"file:{elsewhere}/x.parquet": ("read", sha((elsewhere / "x.parquet").read_bytes()))
    }


def test_the_file_of_a_temporary_folder_is_seen(cell):
    cell("import pandas as pd, tempfile\nframe = pd.DataFrame({'a': [1]})")
    used = cell("d = tempfile.mkdtemp()\nframe.to_parquet(d + '/x.parquet')").edges()
    assert [(reference.rpartition("/")[2], ways) for reference, (ways, _) in used.items()] == [("x.parquet", "wrote")]


def test_what_a_process_that_is_no_child_does_is_dropped_where_the_system_tells(kernel, recorded, workspace):
    kernel.run("%load_ext mlops_nb")
    give(workspace / "theirs.csv")
    request = kernel.send("import time; print('on', flush=True); time.sleep(0.5)")
    kernel.wait_until("on")
    (workspace / "theirs.csv").read_bytes()
    (workspace / "theirs.txt").write_text("x")
    kernel.outputs(request)
    used = Used(recorded(kernel))
    if Origins.here():
        assert (used.edges(), used.doubts()) == ({}, {})
    else:
        assert used.edges().keys() == used.doubts().keys() == {"file:theirs.csv", "file:theirs.txt"}
