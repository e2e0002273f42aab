"""Built environments: a recorded one made again as a virtual environment, and held against the record.

They are kept under ``.mlops/environments`` by the hash of the environment. One is built under another name and renamed
when it is whole, so that none is ever half built, and two processes that build the same do not meet.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from mlops_nb.capture.environments import Environment, environment, installed_in
from mlops_nb.environments import kernels, local, locks, uv
from mlops_nb.environments.locks import PYLOCK, Pins
from mlops_nb.environments.recorded import Recorded, recorded
from mlops_nb.errors import NotInstallable, UsageError
from mlops_nb.project import ENVIRONMENTS, Project
from mlops_nb.records import Record
from mlops_nb.verbs import Progress, silent, verb

NOTES = "mlops.json"  # in a built environment, what was said when it was built
SELF = "mlops-nb"


@dataclass(frozen=True)
class Restored(Record):
    """A built environment: where it is, its kernel, whether it was there already, and how it is not as recorded."""

    ref: str
    environment: str
    folder: Path
    python: Path
    kernel: str
    packages: int
    built: bool
    seconds: float
    differences: list[str]
    notes: list[str]


@verb("env restore", job=True)
def env_restore(
    project: Project, ref: str, *, folder: str | None = None, lenient: bool = False, progress: Progress = silent
) -> Restored:
    """Build the environment of a run, a model or a value again, check it, and have Jupyter offer its kernel.

    Args:
        ref: a run, model, variable, cell, file, dataset or ID
        folder: where to build it, instead of among those that the project keeps
        lenient: take the Python and the platform that are here where the recorded ones are not, and say so
        progress: told how far it is

    Raises:
        NotFound: the reference means nothing, or its environment was not recorded.
        UsageError: the folder is there already.
        NotInstallable: a package, a Python or the platform is not to be had.
    """
    found = recorded(project, ref)
    if folder is not None and Path(folder).exists():
        raise UsageError(f"{folder} is there already - give the name of a folder that is to be made")
    made = restore(found, Path(folder).resolve() if folder else None, lenient=lenient, progress=progress)
    if _has(made, "ipykernel"):
        kernels.register(made.folder, found.environment)
    return made


def restore(
    found: Recorded, folder: Path | None = None, *, lenient: bool = False, progress: Progress = silent
) -> Restored:
    """Return a recorded environment, built now unless it is there and still as it was built.

    Raises:
        UsageError: the notebook's own block cannot be read.
        NotInstallable: a package, a Python or the platform is not to be had.
    """
    started, kept = time.monotonic(), found.project.home / ENVIRONMENTS
    target = folder or kept / found.environment.hash
    if not lenient:
        _check_platform(found)
    whole = _whole(target)
    if not whole:
        shutil.rmtree(target, ignore_errors=True)
        kept.mkdir(parents=True, exist_ok=True)
        (kept / "CACHEDIR.TAG").write_text("Signature: 8a477f597d28d172789f06886806bc55\n", encoding="utf-8")
        target.parent.mkdir(parents=True, exist_ok=True)
        _build(found, target, lenient, progress)
    told = json.loads((target / NOTES).read_text(encoding="utf-8"))
    return Restored(
        found.ref or "", found.environment.hash, target, python_of(target), kernels.kernel_of(found.environment),
        len(told["packages"]), not whole, time.monotonic() - started, told["differences"], told["notes"],
    )  # fmt: skip


def _check_platform(found: Recorded) -> None:
    here = _platform()
    if found.environment.platform != here:
        raise NotInstallable(
            f"the environment {found.name} was recorded on {found.environment.platform}, and here is {here}"
            " - build it on such a machine, or near it with --lenient"
        )


def _platform() -> str:
    return f"{platform.system()} {platform.machine()}"


def _whole(target: Path) -> bool:
    """Whether an environment was built and nobody has changed its packages since."""
    try:
        told = json.loads((target / NOTES).read_text(encoding="utf-8"))
        return bool(told["packages"] == installed_in(packages_of(target))[0]) and python_of(target).exists()
    except (OSError, ValueError, KeyError):
        return False


def python_of(folder: Path) -> Path:
    """Return the interpreter of a virtual environment."""
    return folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def packages_of(folder: Path) -> Path:
    """Return where a virtual environment has its packages.

    Raises:
        FileNotFoundError: it has none.
    """
    found = next(folder.glob("Lib/site-packages" if os.name == "nt" else "lib/python*/site-packages"), None)
    if found is None:
        raise FileNotFoundError(folder)
    return found


def _build(found: Recorded, target: Path, lenient: bool, progress: Progress) -> None:
    """Build an environment beside its place, and rename it when it is whole."""
    with tempfile.TemporaryDirectory(prefix=".building-", dir=target.parent, ignore_cleanup_errors=True) as place:
        folder = Path(place) / "environment"
        progress("environment", 0, 0)
        pins = locks.pinned(found)
        texts, notes = locks.lock(found.project, pins, found.name)
        notes = [*pins.notes, *notes, *_make(found, folder, lenient)]
        for name, text in texts.items():
            (folder / name).write_text(text, encoding="utf-8")
        _install(found, pins, folder)
        notes += _install_local(pins, folder)
        made = built(folder)
        told = {"packages": made.packages, "differences": _differences(found.environment, made), "notes": notes}
        kernels.put(folder, found.environment, python_of(target))
        (folder / NOTES).write_text(json.dumps(told, indent=1), encoding="utf-8")
        try:
            folder.rename(target)
        except OSError:
            if not _whole(target):  # another process was quicker
                raise
        progress("environment", 1, 1)


def _make(found: Recorded, folder: Path, lenient: bool) -> list[str]:
    """Make an empty virtual environment with the recorded Python, found or fetched by uv; return what is to be said."""
    wanted = found.environment.version
    here = wanted == platform.python_version() and found.environment.python == environment().python
    command: list[str | Path] = ["venv", "--relocatable", "--no-project", folder, "--python"]
    try:
        uv.run(*command, sys.executable if here else wanted, folder=found.project.root)
    except NotInstallable as error:
        if here or not lenient:
            raise NotInstallable(
                f"the environment {found.name} needs Python {wanted}: {error} - install it, or build with the Python"
                f" that is here, {platform.python_version()}: --lenient"
            ) from None
        uv.run(*command, sys.executable, folder=found.project.root)
        return [f"Python {wanted} is not to be had: built with {platform.python_version()}"]
    return []


def _install(found: Recorded, pins: Pins, folder: Path) -> None:
    """Install what is locked.

    Raises:
        NotInstallable: an archive is gone, has another hash, or none is for this platform.
    """
    if not pins.wanted:
        return
    try:
        uv.run("pip", "sync", "--python", python_of(folder), folder / PYLOCK, folder=found.project.root)
    except NotInstallable as error:
        raise NotInstallable(f"the environment {found.name} cannot be built: {error}") from None


def _install_local(pins: Pins, folder: Path) -> list[str]:
    """Install what came from folders; this package itself may be missing, as the one that is here can stand in."""
    said, here = [], pins.environment
    origins = here.origins or environment().origins
    for name, place in pins.local.items():
        python, packages = python_of(folder), packages_of(folder)
        try:
            said.append(local.install(name, here.packages[name], origins[name], place, python, packages))
        except NotInstallable as error:
            if name != SELF:
                raise
            said.append(f"{error}; capture comes from the {SELF} that is here")
    return said


def built(folder: Path) -> Environment:
    """Return what a built environment is."""
    settings = folder / "pyvenv.cfg"
    python = f"{_setting(settings, 'implementation')} {_setting(settings, 'version_info')}"
    return Environment.of(python, _platform(), *installed_in(packages_of(folder)))


def _differences(then: Environment, made: Environment) -> list[str]:
    """Say how a built environment is not what was recorded."""
    changed = [(name, *both) for name, both in then.changes_to(made).items()]
    changed += [("python", then.python, made.python)] if then.python != made.python else []
    changed += [("platform", then.platform, made.platform)] if then.platform != made.platform else []
    return [f"{name} {old or 'none'} → {new or 'none'}" for name, old, new in changed]


def _setting(path: Path, name: str) -> str:
    """Return a setting of a ``pyvenv.cfg``."""
    lines = (line.partition("=") for line in path.read_text(encoding="utf-8").splitlines())
    return next((value.strip() for key, _, value in lines if key.strip() == name), "")


def _has(made: Restored, package: str) -> bool:
    return package in installed_in(packages_of(made.folder))[0]
