"""Packages that were installed from a folder: no registry has them, so they come from where they came from.

Where the same version of one is installed here from the same folder, its files here are copied, which is what an
editable installation and one of pure Python amount to; to build it again takes seconds, and may write into the user's
folder.
"""

from __future__ import annotations

import shutil
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

from mlops_nb.environments import uv
from mlops_nb.errors import NotInstallable

PURE = "Root-Is-Purelib: true"


def install(name: str, version: str, origin: Any, folder: Path, python: Path, packages: Path) -> str:
    """Install a package from its folder into an environment, and say how.

    Args:
        name: the package
        version: the recorded one
        origin: its ``direct_url.json``
        folder: where it was installed from
        python: the interpreter of the environment
        packages: where the environment has its packages

    Raises:
        NotInstallable: the folder is gone, has another version, or cannot be built.
    """
    here = _here(name, version, origin)
    if here is not None:
        _copy(here, packages)
        return f"{name} {version} is the one that is installed here from {folder}"
    if not folder.is_dir():
        raise NotInstallable(f"{name} {version} was installed from {folder}, which is not there any more - put it back")
    editable = ["--editable"] if origin.get("dir_info", {}).get("editable") else []
    uv.run("pip", "install", "--no-deps", "--python", python, *editable, folder, folder=folder)
    return f"{name} {version} was installed from {folder} as it is now"


def _here(name: str, version: str, origin: Any) -> Distribution | None:
    """Return the package as it is installed here, if it is the same and can be copied."""
    import json

    try:
        found = distribution(name)
    except PackageNotFoundError:
        return None
    same = json.loads(found.read_text("direct_url.json") or "{}").get("url") == origin.get("url")
    return found if found.version == version and same and PURE in (found.read_text("WHEEL") or "") else None


def _copy(found: Distribution, packages: Path) -> None:
    for file in found.files or ():
        if ".." in file.parts or "__pycache__" in file.parts:  # commands and data, which capture does not need
            continue
        target = packages / file
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(str(found.locate_file(file)), target)
