"""A recorded environment is built again, whole or not at all, and held against the record."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from pathlib import Path

import pytest

from mlops_nb.capture import environments
from mlops_nb.environments.restored import env_restore, packages_of
from mlops_nb.errors import NotInstallable, UsageError
from mlops_nb.project import status
from tests.environments.conftest import Registry, make


def imported(python: Path, code: str) -> str:
    done = subprocess.run([python, "-I", "-c", code], text=True, capture_output=True, check=True)
    return done.stdout.strip()


def test_it_holds_the_recorded_packages_and_no_others(registry: Registry, project, ran_in):
    registry.add("leaf", "1.0")
    registry.add("leaf", "2.0")
    kept = ran_in(make({"leaf": "1.0"}))
    made = env_restore(project, "cell:1")
    assert (made.built, made.packages, made.differences, made.notes) == (True, 1, [], [])
    assert made.folder == project.home / "environments" / kept.hash
    assert imported(made.python, "import leaf; print(leaf.version)") == "1.0"
    assert (made.folder / "bin" / "activate").is_file()


def test_the_second_time_it_is_there_already(registry: Registry, project, ran_in):
    registry.add("leaf", "1.0")
    ran_in(make({"leaf": "1.0"}))
    bytes_before = status(project).bytes
    first = env_restore(project, "cell:1")
    second = env_restore(project, "cell:1")
    assert (second.built, second.folder) == (False, first.folder)
    assert second.seconds < 0.5
    assert status(project).bytes == bytes_before


def test_one_that_somebody_has_changed_is_built_anew(registry: Registry, project, ran_in):
    registry.add("leaf", "1.0")
    ran_in(make({"leaf": "1.0"}))
    made = env_restore(project, "cell:1")
    (packages_of(made.folder) / "other-1.0.dist-info").mkdir()
    again = env_restore(project, "cell:1")
    assert again.built
    assert not (packages_of(again.folder) / "other-1.0.dist-info").exists()


def test_two_that_build_the_same_do_not_meet(registry: Registry, project, ran_in, start_process):
    registry.add("leaf", "1.0")
    kept = ran_in(make({"leaf": "1.0"}))
    code = "import mlops_nb as mlops; print(mlops.env_restore('cell:1').packages)"
    both = [
        start_process(code, **{name: os.environ[name] for name in os.environ if name.startswith("UV_")}) for _ in "ab"
    ]
    told = [process.communicate(timeout=60) for process in both]
    assert [out.strip() for out, _ in told] == ["1", "1"], told
    folders = [path.name for path in (project.home / "environments").iterdir() if path.is_dir()]
    assert folders == [kept.hash]


def test_what_cannot_be_built_leaves_nothing_behind(registry: Registry, project, ran_in):
    registry.add("leaf", "1.0", tag="cp311-cp311-win_amd64")
    ran_in(make({"leaf": "1.0"}))
    with pytest.raises(NotInstallable, match="the environment of cell:1 cannot be .*leaf"):
        env_restore(project, "cell:1")
    assert [path.name for path in (project.home / "environments").iterdir()] == ["CACHEDIR.TAG"]


def test_an_archive_that_changed_under_its_name_is_refused(registry: Registry, project, ran_in):
    registry.add("leaf", "1.0").write_bytes(b"something else")
    ran_in(make({"leaf": "1.0"}))
    with pytest.raises(NotInstallable, match="the environment of cell:1 cannot be"):
        env_restore(project, "cell:1")


def test_another_platform_is_refused_unless_near_will_do(registry: Registry, project, ran_in):
    ran_in(make({}, system="Plan9 mips"))
    here = f"{platform.system()} {platform.machine()}"
    with pytest.raises(NotInstallable, match=f"was recorded on Plan9 mips, and here is {here}"):
        env_restore(project, "cell:1")
    assert env_restore(project, "cell:1", lenient=True).differences == [f"platform Plan9 mips → {here}"]


def test_a_python_that_is_not_to_be_had_is_refused_unless_near_will_do(registry, project, ran_in, monkeypatch):
    monkeypatch.setenv("UV_PYTHON_DOWNLOADS", "never")
    ran_in(make({}, python="CPython 3.11.99"))
    with pytest.raises(NotInstallable, match=r"needs Python 3\.11\.99: .* --lenient"):
        env_restore(project, "cell:1")
    made = env_restore(project, "cell:1", lenient=True)
    here = environments.environment()
    assert made.differences == [f"python CPython 3.11.99 → {here.python}"]
    assert made.notes == [f"Python 3.11.99 is not to be had: built with {here.version}"]


def test_it_may_be_built_elsewhere_and_nothing_is_written_over(registry: Registry, project, ran_in, workspace):
    registry.add("leaf", "1.0")
    ran_in(make({"leaf": "1.0"}))
    made = env_restore(project, "cell:1", folder="mine")
    assert made.folder == workspace / "mine"
    assert imported(made.python, "import leaf; print(leaf.version)") == "1.0"
    with pytest.raises(UsageError, match="mine is there already"):
        env_restore(project, "cell:1", folder="mine")


def test_a_kernel_is_registered_where_there_is_one_to_run(registry: Registry, project, ran_in):
    registry.add("ipykernel", "7.0")
    ran_in(make({"ipykernel": "7.0"}))
    made = env_restore(project, "cell:1")
    told = json.loads((Path(os.environ["JUPYTER_DATA_DIR"]) / "kernels" / made.kernel / "kernel.json").read_text())
    assert told["argv"][0] == str(made.python)
    assert "-m" in told["argv"] and told["language"] == "python"


def test_what_was_installed_from_a_folder_comes_from_it_again(registry: Registry, project, ran_in, tmp_path_factory):
    folder = tmp_path_factory.mktemp("mine")
    (folder / "mine.py").write_text("here = 1\n")
    (folder / "backend.py").write_text(BACKEND)
    (folder / "pyproject.toml").write_text(
        '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
        '[project]\nname = "mine"\nversion = "0.1"\n'
    )
    origin = {"mine": {"url": folder.as_uri(), "dir_info": {}}}
    ran_in(make({"mine": "0.1"}, origins=origin))
    made = env_restore(project, "cell:1")
    assert (made.differences, made.notes) == ([], [f"mine 0.1 was installed from {folder} as it is now"])
    assert imported(made.python, "import mine; print(mine.here)") == "1"
    ran_in(make({"mine": "0.2"}, origins=origin))
    assert env_restore(project, "cell:1").differences == ["mine 0.2 → 0.1"]
    ran_in(make({"mine": "0.3"}, origins={"mine": {"url": "file:///gone/mine", "dir_info": {}}}))
    with pytest.raises(NotInstallable, match="mine 0.3 was installed from /gone/mine, which is not there any more"):
        env_restore(project, "cell:1")


BACKEND = """
import zipfile
def build_wheel(folder, settings=None, metadata=None):
    name, info = "mine-0.1-py3-none-any.whl", "mine-0.1.dist-info"
    with zipfile.ZipFile(f"{folder}/{name}", "w") as wheel:
        wheel.write("mine.py")
        wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\\nName: mine\\nVersion: 0.1\\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        wheel.writestr(f"{info}/RECORD", "")
    return name
"""
