"""Files that cells read and write, known by their content."""

import hashlib

import pytest

from mlops_nb.capture.files.places import Places
from mlops_nb.lineage.references import resolve


def sha(data):
    return hashlib.sha256(data).hexdigest()


@pytest.fixture
def files(shell, project):
    """Run cells; return ``{path: (ways, hash)}`` of the files that the last one touched."""

    def run(*sources):
        for source in sources:
            shell.run_cell(source, store_history=True)
        store = project.store
        last = store.value("SELECT max(id) FROM execution WHERE parent IS NULL")
        found = {}
        for row in store.rows(
            "SELECT edge.kind, edge.reference, hash FROM edge JOIN node ON node.id = source + target - ?"
            " LEFT JOIN artifact ON artifact.id = node.id"
            " WHERE ? IN (source, target) AND node.kind = 'file' ORDER BY edge.kind",
            last, last,
        ):  # fmt: skip
            scheme, _, path = row["reference"].partition(":")
            ways, _ = found.get(path, ("", None))
            found[path] = (f"{ways} {row['kind']}".strip(), row["hash"])
        return found

    return run


def test_a_file_that_is_read_with_open_is_known_by_its_hash(files, workspace):
    (workspace / "in.txt").write_bytes(b"data")
    assert files("text = open('in.txt').read()") == {"in.txt": ("read", sha(b"data"))}


def test_a_file_that_is_written_with_open_is_known_by_its_hash(files):
    assert files("with open('out.txt', 'w') as f:\n    f.write('made')") == {"out.txt": ("wrote", sha(b"made"))}


def test_what_a_cell_wrote_and_read_back_is_no_input_of_it(files):
    cell = "with open('t.txt', 'w') as f:\n    f.write('x')\nopen('t.txt').read()"
    assert files(cell) == {"t.txt": ("wrote", sha(b"x"))}


@pytest.mark.parametrize(
    ("write", "read", "name"),
    [
        ("frame.to_csv('d.csv')", "pd.read_csv('d.csv')", "d.csv"),
        ("frame.to_pickle('d.pkl')", "pd.read_pickle('d.pkl')", "d.pkl"),
        ("frame.to_json('d.json')", "pd.read_json('d.json')", "d.json"),
        ("np.save('d.npy', np.ones(3))", "np.load('d.npy')", "d.npy"),
        ("np.savetxt('d.txt', np.ones(3))", "np.loadtxt('d.txt')", "d.txt"),
        ("frame.to_csv('d.csv.gz')", "pd.read_csv('d.csv.gz')", "d.csv.gz"),
        ("Path('p.txt').write_text('x')", "Path('p.txt').read_bytes()", "p.txt"),
    ],
)
def test_files_of_libraries_are_seen(files, workspace, write, read, name):
    first = "import pandas as pd, numpy as np\nfrom pathlib import Path\nframe = pd.DataFrame({'a': [1, 2]})"
    assert files(first, write) == {name: ("wrote", sha((workspace / name).read_bytes()))}
    assert files(read) == {name: ("read", sha((workspace / name).read_bytes()))}


def test_the_same_content_that_was_moved_is_the_same_artifact(files, project, workspace):
    (workspace / "a.csv").write_bytes(b"a,b\n1,2\n")
    files("open('a.csv').read()")
    (workspace / "a.csv").rename(workspace / "b.csv")
    files("open('b.csv').read()")
    assert resolve(project, "file:b.csv") == resolve(project, "file:a.csv")
    assert project.store.value("SELECT count(*) FROM artifact") == 1
    places = project.store.rows("SELECT path FROM location ORDER BY path")
    assert [row["path"] for row in places] == ["a.csv", "b.csv"]


def test_changed_content_at_the_same_place_is_another_artifact(files, project, workspace):
    (workspace / "a.csv").write_bytes(b"1")
    files("open('a.csv').read()")
    before = resolve(project, "file:a.csv")
    (workspace / "a.csv").write_bytes(b"2")
    files("open('a.csv').read()")
    assert resolve(project, "file:a.csv") != before


def test_a_file_that_is_read_and_then_overwritten_is_not_taken_for_what_it_became(files, project, workspace):
    (workspace / "a.txt").write_bytes(b"before")
    files("t = open('a.txt').read()\nwith open('a.txt', 'w') as f: f.write('after')")
    references = [row[0] for row in project.store.rows("SELECT reference FROM edge WHERE kind = 'read'")]
    assert "file:a.txt" not in references
    assert resolve(project, "file:a.txt")


def test_content_is_taken_before_a_later_cell_changes_it(files, project):
    files("open('f', 'w').write('one')", "v = open('f').read()", "open('f', 'w').write('two')")
    rows = project.store.rows(
        "SELECT edge.kind, hash FROM edge JOIN artifact ON artifact.id IN (source, target)"
        " WHERE reference = 'file:f' ORDER BY min(source, target)"
    )
    found = [(row["kind"], row["hash"]) for row in rows]
    assert found == [("wrote", sha(b"one")), ("read", sha(b"one")), ("wrote", sha(b"two"))]


def test_a_file_that_is_gone_when_the_cell_ends_is_not_invented(files):
    assert files("import os\nopen('t.txt', 'w').close()\nos.remove('t.txt')") == {}


def test_where_python_looks_for_the_text_of_a_syntax_error_is_no_input(files):
    cell = "import ast\ntry:\n    ast.parse('1 +')\nexcept SyntaxError:\n    pass"
    assert files(cell) == {}


def test_code_of_the_project_is_an_input_and_the_store_itself_is_none(files, workspace):
    (workspace / "mine.py").write_text("v = 1")
    assert files("open('mine.py').read(); open('.mlops/lineage.db', 'rb').read(1)") == {
        "mine.py": ("read", sha(b"v = 1"))
    }


def test_data_outside_of_the_project_is_named_by_its_whole_path(files, tmp_path_factory):
    path = tmp_path_factory.mktemp("elsewhere") / "d.csv"
    path.write_bytes(b"1")
    assert files(f"open({str(path)!r}).read()") == {str(path): ("read", sha(b"1"))}


def test_a_folder_whose_name_begins_like_the_project_is_outside_of_it(files, workspace, tmp_path_factory):
    other = workspace.with_name(workspace.name + "-other")
    other.mkdir()
    (other / "notes.txt").write_bytes(b"1")
    assert files(f"open({str(other / 'notes.txt')!r}).read()") == {str(other / "notes.txt"): ("read", sha(b"1"))}


@pytest.mark.parametrize(
    ("path", "counts"),
    [
        ("/data/photo.jpg", True), ("/srv/me/jobs/notes.txt", True), ("/srv/me/other/settings.yaml", True),
        ("/srv/me/.cache/fonts.json", False), ("/srv/me/.cache/weights.safetensors", False),
        ("/srv/me/jobs/.hidden/x.txt", False), ("/usr/share/zoneinfo/UTC", False), ("/opt/tool/data.json", False),
        ("/data/helper.py", False), ("/tmp/half.txt", False), ("/tmp/half.csv", True), ("/etc/hosts.csv", False),
    ],
)  # fmt: skip
def test_files_outside_of_the_project_are_data_unless_a_program_keeps_them_for_itself(path, counts):
    assert Places("/srv/me/jobs/project").is_data(path) is counts


def test_a_file_that_is_opened_by_a_cell_inside_a_cell_belongs_to_the_outer_one(files, workspace):
    (workspace / "in.txt").write_bytes(b"data")
    assert files("get_ipython().run_cell(\"t = open('in.txt').read()\")") == {"in.txt": ("read", sha(b"data"))}


def test_what_opens_between_cells_belongs_to_no_cell(files, workspace):
    (workspace / "in.txt").write_bytes(b"data")
    (workspace / "in.txt").read_bytes()
    assert files("x = 1") == {}


def test_a_cell_that_fails_has_read_what_it_read(files, workspace):
    (workspace / "in.txt").write_bytes(b"data")
    assert files("open('in.txt').read()\n1/0") == {"in.txt": ("read", sha(b"data"))}


def test_a_path_of_bytes_is_seen_and_so_is_that_a_file_was_missing(files, workspace):
    (workspace / "in.txt").write_bytes(b"data")
    cell = """
import os
os.fdopen(os.open(b'in.txt', os.O_RDONLY)).read()
try:
    open('missing.txt')
except FileNotFoundError:
    pass
"""
    assert files(cell) == {"in.txt": ("read", sha(b"data")), "missing.txt": ("read", None)}
