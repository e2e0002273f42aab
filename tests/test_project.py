"""The project: found, opened, described and started."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import mlops_nb as mlops
from mlops_nb import project as projects
from mlops_nb.errors import NoProject, UsageError
from mlops_nb.project import Project, find_root, init, status


def test_a_project_is_found_from_a_folder_below_it(project, workspace):
    deep = workspace / "a" / "b"
    deep.mkdir(parents=True)
    assert find_root(deep) == workspace


def test_a_charter_alone_makes_a_project(workspace):
    (workspace / "mlops.toml").write_text("")
    assert find_root(workspace) == workspace


def test_the_nearest_project_is_the_one(project, workspace):
    inner = workspace / "inner"
    init(str(inner))
    assert find_root(inner) == inner


def test_mlops_home_overrides_the_search(project, workspace, monkeypatch):
    monkeypatch.setenv("MLOPS_HOME", str(workspace / "elsewhere"))
    assert find_root(workspace) == workspace / "elsewhere"


def test_where_there_is_no_project_the_message_says_how_to_start_one(workspace):
    with pytest.raises(NoProject, match=rf"no project at or above {workspace} - start one there with: mlops init"):
        Project.find()


def test_the_python_api_without_a_project_says_so(run_process):
    failed = run_process("import mlops_nb as mlops; mlops.runs()", check=False)
    assert "NoProject: no project at or above" in failed.stderr


def test_init_founds_a_project(workspace):
    made = init("new/place")
    assert made.created
    assert made.project == workspace / "new" / "place"
    assert made.store.is_file()


def test_init_opens_a_project_that_is_there(workspace):
    init()
    again = init()
    assert not again.created
    assert (workspace / ".mlops" / ".gitignore").read_text() == "*\n"


def test_the_store_of_a_project_is_kept_out_of_git(workspace):
    subprocess.run(["git", "init", "-q"], check=True)
    init()
    assert subprocess.run(["git", "status", "--porcelain"], capture_output=True, text=True).stdout.count(".mlops") == 0


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("data/x.csv", "data/x.csv"),
        ("./data/../x.csv", "x.csv"),
        ("../outside.csv", "{above}/outside.csv"),
        ("/etc/hostname", "/etc/hostname"),
    ],
)
def test_a_path_is_named_relative_to_the_root_where_it_lies_below(project, workspace, path, name):
    assert project.relative(Path(path)) == name.format(above=workspace.parent)


def test_a_path_is_relative_to_the_root_also_from_a_folder_below(project, workspace, monkeypatch):
    (workspace / "sub").mkdir()
    monkeypatch.chdir(workspace / "sub")
    assert project.relative(Path("x.csv")) == "sub/x.csv"


def test_a_path_through_a_link_to_the_root_is_relative_to_it(workspace):
    (workspace / "real").mkdir()
    (workspace / "link").symlink_to("real")
    linked = Project(workspace / "link")
    assert linked.relative(workspace / "real" / "x.csv") == "x.csv"
    linked.store.close()


# -- the charter ----------------------------------------------------------------------------------------------


def test_an_absent_charter_is_an_empty_one(project):
    assert project.settings() == {}
    assert project.section("a.b") == {}


def test_a_table_of_the_charter_is_found_by_its_dotted_name(project, workspace):
    (workspace / "mlops.toml").write_text("[a.b]\nx = 1\n[c]\ny = 2\n")
    assert project.section("a.b") == {"x": 1}
    assert project.section("a.b.x") == {}


def test_a_charter_that_is_not_toml_is_told(project, workspace):
    (workspace / "mlops.toml").write_text("[unfinished")
    with pytest.raises(UsageError, match=r"mlops.toml is not valid TOML"):
        project.settings()


def test_the_digest_of_a_table_changes_with_it_and_with_nothing_else(project, workspace):
    def digest(text):
        (workspace / "mlops.toml").write_text(text)
        return project.section_digest("a")

    before = digest("[a]\nx = 1\ny = 2013-01-01\n")
    assert digest("[b]\nz = 3\n[a]\ny = 2013-01-01\nx = 1 # the same\n") == before
    assert digest("[a]\nx = 2\ny = 2013-01-01\n") != before


def test_a_table_may_say_inf_and_nan(project, workspace):
    (workspace / "mlops.toml").write_text("[a]\nmax = inf\nmin = -inf\nx = nan\n")
    assert project.section_digest("a") == project.section_digest("a") != project.section_digest("b")


# -- at hand --------------------------------------------------------------------------------------------------


def test_the_project_at_hand_is_the_one_of_the_working_folder(project):
    projects.use(None)
    found = projects.current()
    assert found.root == project.root
    found.store.close()


def test_a_project_is_at_hand_inside_a_block_only(project, workspace):
    other = Project(workspace / "other")
    with projects.using(other):
        assert projects.current() is other
    assert projects.current() is project
    other.store.close()


def test_the_actor_can_be_named(workspace, monkeypatch):
    monkeypatch.setenv("MLOPS_ACTOR", "ada")
    named = Project(workspace)
    assert named.actor == "ada"
    named.store.close()


def test_status_counts_what_there_is(project, run_process):
    run_process("import mlops_nb as mlops; mlops.log_metric('a', 1)")
    (project.root / "x.csv").write_text("a\n1\n")
    mlops.log_artifact("x.csv")
    found = status(project)
    assert (found.project, found.runs, found.running, found.files, found.models) == (project.root, 2, 1, 1, 0)
    assert found.bytes > 4096


# -- the package ----------------------------------------------------------------------------------------------


def test_every_public_name_is_there_and_documented():
    for name in mlops.API:
        assert (getattr(mlops, name).__doc__ or "").splitlines()[0].endswith((".", ":")), name
    assert set(mlops.API) <= set(dir(mlops))


def test_a_name_that_is_not_public_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'mlops_nb' has no attribute 'nothing'"):
        mlops.nothing  # noqa: B018


def test_nobody_passes_a_project_to_the_public_functions():
    import inspect

    takes = [name for name in mlops.API if "project" in inspect.signature(getattr(mlops, name)).parameters]
    assert takes == []


def test_importing_the_package_imports_nothing_heavy():
    code = "import sys; before = set(sys.modules); import mlops_nb; print(*sorted(set(sys.modules) - before))"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True,
        env=os.environ | {"PYTHONPATH": str(Path(mlops.__file__).parents[1])},
    ).stdout.split()  # fmt: skip
    assert [name for name in loaded if name.startswith("mlops_nb.")] == ["mlops_nb._version"]
