"""Containers: a Dockerfile and a devcontainer that install a lock, so the same packages from the same archives."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from mlops_nb.environments import locks
from mlops_nb.environments.locks import OURS, PYLOCK, REQUIREMENTS
from mlops_nb.errors import UsageError
from mlops_nb.project import Project
from mlops_nb.records import Record
from mlops_nb.verbs import verb

DOCKERFILE, DEVCONTAINER = "Dockerfile", "devcontainer.json"
PLACE = ".devcontainer"  # the folder in which editors look for one
USER = "vscode"

BUILD = """\
{head}
FROM python:{python}-slim

COPY --from=ghcr.io/astral-sh/uv:{uv} /uv /usr/local/bin/uv
{system}COPY {pylock} /tmp/{pylock}
RUN uv pip sync --system --no-cache /tmp/{pylock} && rm /tmp/{pylock}

RUN useradd --create-home {user}
USER {user}
WORKDIR /home/{user}/work
"""
GIT = "RUN apt-get update && apt-get install -y --no-install-recommends git && rm -rf /var/lib/apt/lists/*\n"


@dataclass(frozen=True)
class Exported(Record):
    """The files that make a container of an environment, what is not in it, and what is to be said."""

    ref: str | None
    environment: str
    files: list[Path]
    local: list[str]
    notes: list[str]


@verb("env export", job=True)
def env_export(
    project: Project, ref: str | None = None, *, docker: bool = False, devcontainer: bool = False, to: str = "."
) -> Exported:
    """Write the environment of a run, a model or a value as a Dockerfile, or for editors as a devcontainer.

    Args:
        ref: a run, model, variable, cell, file, dataset or ID; the environment that is here, if it is not given
        docker: write a Dockerfile and the lock beside it
        devcontainer: write .devcontainer/ with a devcontainer.json, a Dockerfile and the lock
        to: the folder that they are written to

    Raises:
        NotFound: the reference means nothing, or its environment was not recorded.
        UsageError: neither kind is asked for, or the folder holds such a file that is not from here.
        NotInstallable: no registry has a version, or uv is not here.
    """
    if not (docker or devcontainer):
        raise UsageError("what is wanted? - give --docker or --devcontainer, or both")
    folders = [Path(to)] * docker + [Path(to) / PLACE] * devcontainer
    files = [folder / name for folder in folders for name in _names(folder)]
    for file in files:
        locks.check_ours(file)
    for folder in folders:
        locked = locks.env_lock(project, ref, to=str(folder))
        for name, text in _texts(locked, with_editor=DEVCONTAINER in _names(folder)).items():
            (folder / name).write_text(text, encoding="utf-8")
    return Exported(ref, locked.environment, files, locked.local, [*locked.notes, *_said(locked)])


def _names(folder: Path) -> list[str]:
    return [DOCKERFILE, PYLOCK, REQUIREMENTS] + [DEVCONTAINER] * (folder.name == PLACE)


def _texts(locked: locks.Lock, *, with_editor: bool) -> dict[str, str]:
    """Return the text of each file by its name."""
    from importlib.metadata import version

    head = f"{OURS} export{f' {locked.ref}' if locked.ref else ''}: {locked.environment}"
    python = locked.python.rpartition(" ")[2]
    pinned = {"python": python, "uv": version("uv"), "pylock": PYLOCK, "user": USER, "head": head}
    from_git = "vcs = {" in locked.files[0].read_text(encoding="utf-8")
    texts = {DOCKERFILE: BUILD.format(**pinned, system=GIT if from_git else "")}
    if with_editor:
        texts[DEVCONTAINER] = f"// {head.removeprefix('# ')}\n" + json.dumps(_devcontainer(locked), indent=2) + "\n"
    return texts


def _devcontainer(locked: locks.Lock) -> dict[str, object]:
    name = f"environment {locked.environment[:8]}" + (f" of {locked.ref}" if locked.ref else "")
    extensions = ["ms-python.python", "ms-toolsai.jupyter"]
    return {
        "name": name, "build": {"dockerfile": DOCKERFILE, "context": "."}, "remoteUser": USER,
        "customizations": {"vscode": {"extensions": extensions}},
    }  # fmt: skip


def _said(locked: locks.Lock) -> list[str]:
    """Say how a container is not the recorded environment."""
    found = []
    if not locked.platform.startswith("Linux"):
        found.append(f"it was recorded on {locked.platform}, and the container is Linux")
    if not locked.python.startswith("CPython"):
        found.append(f"it was recorded with {locked.python}, and the container has CPython")
    return found
