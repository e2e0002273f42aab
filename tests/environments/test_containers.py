"""A recorded environment as a container that installs its lock."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest

from mlops_nb.environments.containers import env_export
from mlops_nb.errors import UsageError
from tests.environments.conftest import Registry, make


def test_a_dockerfile_installs_the_lock_that_lies_beside_it(registry: Registry, project, ran_in):
    registry.add("leaf", "1.0")
    ran_in(make({"leaf": "1.0"}, python="CPython 3.12.4"))
    made = env_export(project, "cell:1", docker=True, to="image")
    assert sorted(path.name for path in made.files) == ["Dockerfile", "pylock.toml", "requirements.txt"]
    lines = (Path("image") / "Dockerfile").read_text().splitlines()
    assert "FROM python:3.12.4-slim" in lines
    assert [line for line in lines if line.startswith("COPY pylock.toml")]
    assert [one["name"] for one in tomllib.loads(Path("image/pylock.toml").read_text())["packages"]] == ["leaf"]


def test_a_devcontainer_is_where_editors_look_for_it(registry: Registry, project, ran_in):
    registry.add("leaf", "1.0")
    ran_in(make({"leaf": "1.0"}, system="Darwin arm64", python="PyPy 3.11.7"))
    made = env_export(project, "cell:1", devcontainer=True)
    first, _, text = Path(".devcontainer/devcontainer.json").read_text().partition("\n")
    assert first.startswith("// Written by mlops env export cell:1")
    assert json.loads(text)["build"] == {"dockerfile": "Dockerfile", "context": "."}
    assert Path(".devcontainer/Dockerfile").is_file()
    assert not Path("Dockerfile").exists()
    assert made.notes == [
        "it was recorded on Darwin arm64, and the container is Linux",
        "it was recorded with PyPy 3.11.7, and the container has CPython",
    ]
    assert env_export(project, "cell:1", devcontainer=True).files == made.files


def test_a_file_of_the_user_is_not_written_over_and_nothing_is_written(registry: Registry, project, ran_in):
    registry.add("leaf", "1.0")
    ran_in(make({"leaf": "1.0"}))
    Path("Dockerfile").write_text("FROM mine\n")
    with pytest.raises(UsageError, match="Dockerfile is there already, and not from `mlops env`"):
        env_export(project, "cell:1", docker=True, devcontainer=True)
    assert Path("Dockerfile").read_text() == "FROM mine\n"
    assert not Path("pylock.toml").exists()
    with pytest.raises(UsageError, match="give --docker or --devcontainer, or both"):
        env_export(project, "cell:1")
