"""An environment is locked as it was recorded: every version pinned, with the hashes of its archives."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from mlops_nb.capture import environments
from mlops_nb.environments import uv
from mlops_nb.environments.locks import env_lock
from mlops_nb.errors import NotFound, NotInstallable, UsageError
from mlops_nb.project import Project
from tests.environments.conftest import Registry, make
from tests.surfaces.conftest import mlops


def pylock(folder: str = ".") -> dict[str, dict[str, object]]:
    return {one["name"]: one for one in tomllib.loads((Path(folder) / "pylock.toml").read_text())["packages"]}


def test_the_recorded_versions_are_pinned_with_their_hashes_and_not_the_newest(registry: Registry, project, ran_in):
    wheel = registry.add("leaf", "1.0")
    registry.add("leaf", "2.0")
    ran_in(make({"leaf": "1.0"}))
    made = env_lock(project, "cell:1")
    assert (made.packages, made.local, made.notes) == ({"leaf": "1.0"}, [], [])
    (archive,) = pylock()["leaf"]["wheels"]
    assert archive["url"].endswith(wheel.name)
    requirements = Path("requirements.txt").read_text()
    assert "leaf==1.0" in requirements
    assert f"--hash=sha256:{archive['hashes']['sha256']}" in requirements


def test_a_lock_may_be_written_again_and_no_other_file_is_written_over(registry: Registry, project, ran_in):
    registry.add("leaf", "1.0")
    ran_in(make({"leaf": "1.0"}))
    env_lock(project, "cell:1", to="locks")
    env_lock(project, "cell:1", to="locks")
    Path("requirements.txt").write_text("mine\n")
    with pytest.raises(UsageError, match="requirements.txt is there already, and not from `mlops env`"):
        env_lock(project, "cell:1")
    assert Path("requirements.txt").read_text() == "mine\n"
    assert not Path("pylock.toml").exists()


def test_a_version_that_no_registry_has_is_named_and_nothing_is_written(registry: Registry, project, ran_in):
    registry.add("leaf", "1.0")
    ran_in(make({"leaf": "1.0", "lost": "3.1"}))
    with pytest.raises(NotInstallable, match=r"of cell:1 cannot be locked: .*lost.* - name the index that has it"):
        env_lock(project, "cell:1")
    ran_in(make({"leaf": "0.9"}))
    with pytest.raises(NotInstallable, match="there is no version of leaf==0.9"):
        env_lock(project, "cell:1")
    assert not Path("pylock.toml").exists()


def test_a_version_that_was_withdrawn_is_locked_and_that_is_said(registry: Registry, project, ran_in):
    registry.add("leaf", "1.0", yanked="it deletes files")
    ran_in(make({"leaf": "1.0"}))
    made = env_lock(project, "cell:1")
    assert made.packages == {"leaf": "1.0"}
    assert any("it deletes files" in note for note in made.notes)


def test_the_least_is_what_the_slice_imports_and_what_that_needs(registry: Registry, project, ran_in):
    registry.add("leaf", "1.0")
    registry.add("leaf", "2.0")
    registry.add("tree", "1.0", "leaf>=1")
    registry.add("moss", "1.0")
    attempt = "try:\n    import json, {0}\nexcept ImportError:\n    {0} = 1"
    cells = [attempt.format("tree"), attempt.format("moss"), "a = tree\n1"]
    ran_in(make({"leaf": "1.0", "tree": "1.0", "moss": "1.0"}), *cells)
    assert env_lock(project, "cell:3").packages == {"leaf": "1.0", "moss": "1.0", "tree": "1.0"}
    assert env_lock(project, "cell:3", minimal=True).packages == {"leaf": "1.0", "tree": "1.0"}


def test_what_a_slice_needs_and_nobody_recorded_is_said(registry: Registry, project, ran_in):
    registry.add("leaf", "1.0")
    registry.add("tree", "1.0", "leaf>=1")
    ran_in(make({"tree": "1.0"}), "try:\n    import tree, bush\nexcept ImportError:\n    tree = 1\ntree")
    made = env_lock(project, "cell:1", minimal=True)
    assert "leaf 1.0 is needed by others, and was not recorded" in made.notes
    assert "module bush is of no recorded package: it is left out" in made.notes


def test_what_came_from_a_folder_is_left_out_and_named(registry: Registry, project, ran_in):
    registry.add("leaf", "1.0")
    origin = {"mine": {"url": "file:///somewhere/mine", "dir_info": {"editable": True}}}
    ran_in(make({"leaf": "1.0", "mine": "0.1"}, origins=origin))
    made = env_lock(project, "cell:1")
    assert (made.packages, made.local) == ({"leaf": "1.0"}, ["mine 0.1 (/somewhere/mine)"])
    assert "/somewhere" not in Path("requirements.txt").read_text()


def test_what_came_from_an_archive_is_locked_by_its_hash(registry: Registry, project, ran_in):
    wheel = registry.add("leaf", "1.0")
    url = wheel.as_uri()
    hashed = {"leaf": {"url": url, "archive_info": {"hashes": {"sha256": "0" * 64}}}}
    ran_in(make({"leaf": "1.0"}, origins=hashed))
    with pytest.raises(NotInstallable, match="leaf was installed from file:.*, which has other content now: sha256"):
        env_lock(project, "cell:1")
    gone = {"leaf": {"url": "file:///gone/leaf-1.0-py3-none-any.whl", "archive_info": {}}}
    ran_in(make({"leaf": "1.0"}, origins=gone))
    (note,) = env_lock(project, "cell:1").notes
    assert note.startswith("leaf was installed from file:///gone/leaf-1.0-py3-none-any.whl, which is gone: version 1.0")


def test_where_the_notebook_asks_for_something_else_that_is_said(registry: Registry, project, ran_in):
    registry.add("leaf", "1.0")
    block = '# /// script\n# dependencies = ["leaf>=2", "moss"]\n# requires-python = ">=3.99"\n# ///\na = 1\na'
    ran_in(make({"leaf": "1.0"}), block)
    python = environments.environment().version
    assert env_lock(project, "cell:1").notes == [
        f"the notebook asks for Python >=3.99, recorded is {python}",
        "the notebook asks for leaf>=2, recorded is 1.0",
        "the notebook asks for moss, which is not recorded",
    ]
    assert env_lock(project, "cell:1", minimal=True).packages == {"leaf": "1.0"}


@pytest.mark.parametrize("line", ['dependencies = ["leaf', 'dependencies = ["no name!"]', "dependencies = 3"])
def test_a_block_that_cannot_be_read_is_refused(registry: Registry, project, ran_in, line: str):
    ran_in(make({}), f"# /// script\n# {line}\n# ///\na = 1")
    with pytest.raises(UsageError, match="the '# /// script' block of the notebook cannot be read"):
        env_lock(project, "cell:1")


def test_an_environment_of_which_nothing_is_known_is_refused(project: Project):
    with pytest.raises(NotFound, match="nothing is called 'nothing'"):
        env_lock(project, "nothing")
    with pytest.raises(UsageError, match="--minimal needs a reference"):
        env_lock(project, minimal=True)
    with project.store.write() as store:
        store.execute("INSERT INTO node (id, public, kind, name, created_at) VALUES (1, 'beef', 'external', 'x', 0)")
    with pytest.raises(NotFound, match="the environment of beef was not recorded"):
        env_lock(project, "beef")


def test_without_uv_it_is_said_how_to_get_it(monkeypatch: pytest.MonkeyPatch):
    import sys

    monkeypatch.setitem(sys.modules, "uv", None)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(NotInstallable, match="uv is not here, .* - type: pip install uv"):
        uv.find()


def test_the_command_and_the_magic_are_two_words(registry: Registry, project, ran_in, shell, workspace):
    registry.add("leaf", "1.0")
    ran_in(make({"leaf": "1.0"}))
    done = mlops(workspace, "env", "lock", "cell:1", "--to", "there")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[0].startswith("the environment of cell:1: CPython")
    assert pylock("there").keys() == {"leaf"}
    assert shell.run_line_magic("mlops", "env lock cell:1 --to here").packages == {"leaf": "1.0"}
