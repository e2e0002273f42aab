"""Locks: an environment pinned in ``pylock.toml`` (PEP 751) and ``requirements.txt``, with the hashes of all archives.

Nothing is resolved anew: the recorded versions are pinned, and uv adds where they are to be had. ``--minimal`` starts
from what the slice imports and the notebook asks for (PEP 723), and lets uv find what those need, held to the recorded
versions. What came from a folder is in no registry: it is named, and left out.
"""

from __future__ import annotations

import os
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from mlops_nb.capture.distributions import needs, packages_of
from mlops_nb.capture.environments import Environment, canonical, commit_of, environment
from mlops_nb.environments import uv
from mlops_nb.environments.recorded import Recorded, recorded
from mlops_nb.errors import NotInstallable, UsageError
from mlops_nb.project import Project
from mlops_nb.records import Record
from mlops_nb.verbs import verb

PYLOCK, REQUIREMENTS = "pylock.toml", "requirements.txt"
OURS = "# Written by mlops env"  # how a file begins that may be written over


@dataclass(frozen=True)
class Lock(Record):
    """A locked environment: the files that were written, what is pinned, and what is not or disagrees."""

    ref: str | None
    environment: str
    python: str
    platform: str
    packages: dict[str, str]
    local: list[str]
    notes: list[str]
    files: list[Path] = field(default_factory=list)


@dataclass(frozen=True)
class Pins:
    """What uv is asked to lock: requirements by the name of the package, those from folders, and what is to be said."""

    environment: Environment
    wanted: dict[str, str]
    local: dict[str, Path]  # by name, the folders that packages were installed from
    held: list[str] = field(default_factory=list)  # with it, what the wanted need is found, at these versions
    notes: list[str] = field(default_factory=list)


@verb("env lock", job=True)
def env_lock(project: Project, ref: str | None = None, *, minimal: bool = False, to: str = ".") -> Lock:
    """Write the environment of a run, a model or a value as pylock.toml and requirements.txt, all versions pinned.

    Args:
        ref: a run, model, variable, cell, file, dataset or ID; the environment that is here, if it is not given
        minimal: only what its slice imports, and what that needs
        to: the folder that the two files are written to

    Raises:
        NotFound: the reference means nothing, or its environment was not recorded.
        UsageError: the folder holds such a file that is not from here, or there is no slice.
        NotInstallable: no registry has a version, or uv is not here.
    """
    found, folder = recorded(project, ref), Path(to)
    for name in (PYLOCK, REQUIREMENTS):
        check_ours(folder / name)
    pins = pinned(found, minimal=minimal)
    texts, warnings = lock(project, pins, found.name)
    head = f"{OURS} lock{f' {ref}' if ref else ''}{' --minimal' if minimal else ''}: {pins.environment.hash}\n"
    head += "".join(f"# Left out, as it was installed from a folder: {line}\n" for line in _local(pins, place=False))
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        (folder / name).write_text(head + text, encoding="utf-8")
    return Lock(
        ref, pins.environment.hash, pins.environment.python, pins.environment.platform, _locked(texts[PYLOCK]),
        _local(pins), [*pins.notes, *warnings], [folder / name for name in texts],
    )  # fmt: skip


def check_ours(path: Path) -> None:
    """Refuse to write over a file that is not from here.

    Raises:
        UsageError: it is another.
    """
    if path.exists() and OURS[2:] not in path.read_text(encoding="utf-8", errors="replace")[:80]:
        raise UsageError(f"{path} is there already, and not from `mlops env` - give another folder: --to FOLDER")


def pinned(found: Recorded, *, minimal: bool = False) -> Pins:
    """Return the pins of a recorded environment.

    Raises:
        UsageError: it has no slice, or the notebook's own block cannot be read.
    """
    here, wanted, local = found.environment, {}, {}
    notes: list[str] = []
    known = here.origins or {**environment().origins}
    for name, version in here.packages.items():
        origin = known.get(name, {})
        if "dir_info" in origin:
            local[name] = Path(unquote(urlsplit(origin["url"]).path))
        else:
            wanted[name] = _requirement(name, version, origin, notes)
    asked = found.declared()
    if asked is not None:
        notes += asked.disagreements(here)
    if not minimal:
        return Pins(here, wanted, local, notes=notes)
    modules, unread = found.modules()
    roots = {canonical(_name(line)) for line in asked.dependencies} if asked else set()
    return _minimal(Pins(here, wanted, local, notes=[*notes, *unread]), modules, roots)


def _requirement(name: str, version: str, origin: Any, notes: list[str]) -> str:
    """Return the line that has exactly this package: by its commit or its archive, where no registry gave it."""
    url, commit = origin.get("url"), commit_of(origin)
    if "vcs_info" in origin and commit:
        place = origin.get("subdirectory")
        return f"{name} @ {origin['vcs_info']['vcs']}+{url}@{commit}{f'#subdirectory={place}' if place else ''}"
    if url and url.startswith("file:") and not Path(unquote(urlsplit(url).path)).exists():
        notes.append(f"{name} was installed from {url}, which is gone: version {version} of a registry is pinned")
    elif url:
        return f"{name} @ {url}{f'#sha256={commit}' if commit else ''}"
    return f"{name}=={version}"


def _name(line: str) -> str:
    from packaging.requirements import Requirement

    return Requirement(line).name


def _minimal(all_of: Pins, modules: set[str], roots: set[str]) -> Pins:
    """Keep what modules come from; with what a package from a folder needs, which uv cannot look up."""
    notes, here = list(all_of.notes), all_of.environment
    for module in sorted(modules - sys.stdlib_module_names):
        if owners := packages_of([module]) & here.packages.keys():
            roots |= owners
        else:
            notes.append(f"module {module} is of no recorded package: it is left out")
    local = {name: folder for name, folder in all_of.local.items() if name in roots}
    for name in local:
        roots |= needs(name)
    wanted = {name: line for name, line in all_of.wanted.items() if name in roots}
    return Pins(here, wanted, local, list(all_of.wanted.values()), notes)


def lock(project: Project, pins: Pins, name: str) -> tuple[dict[str, str], list[str]]:
    """Return the text of each lock file by its name, and what uv warns of, such as a version that was withdrawn.

    Raises:
        NotInstallable: no registry has a version, or an archive is not the recorded one any more.
    """
    with tempfile.TemporaryDirectory(prefix="mlops-") as place:
        folder, wanted = Path(place), "\n".join(pins.wanted.values())
        options: list[str | Path] = ["--python", sys.executable, "--python-version", pins.environment.version]
        options += ["--no-header", "--no-annotate"]
        if pins.held:
            (folder / "held.txt").write_text("\n".join(pins.held), encoding="utf-8")
            options += ["--constraints", folder / "held.txt"]
        else:
            options.append("--no-deps")
        warnings: list[str] = []
        for kind, more in ((PYLOCK, ["--format", PYLOCK]), (REQUIREMENTS, ["--generate-hashes"])):
            command = ["pip", "compile", "-", *options, *more, "--output-file", folder / kind]
            try:
                warnings += uv.run(*command, folder=project.root, text=wanted)
            except NotInstallable as error:
                told = f"the environment {name} cannot be locked: {error}"
                raise NotInstallable(f"{told} - name the index that has it, as in UV_INDEX=URL") from None
        texts = {kind: (folder / kind).read_text(encoding="utf-8") for kind in (PYLOCK, REQUIREMENTS)}
    _check_archives(pins.environment, texts[PYLOCK])
    return texts, [*dict.fromkeys(warnings), *_strangers(pins, texts[PYLOCK])]


def _locked(pylock: str) -> dict[str, str]:
    """Return what a lock pins, by name."""
    return {one["name"]: one.get("version", "") for one in tomllib.loads(pylock).get("packages", [])}


def _check_archives(then: Environment, pylock: str) -> None:
    """Refuse an archive that is not the recorded one any more: uv locks what lies at its address now.

    Raises:
        NotInstallable: it has another hash.
    """
    for one in tomllib.loads(pylock).get("packages", []):
        found = one.get("archive", {}).get("hashes", {}).get("sha256")
        origin = then.origins.get(one["name"], {})
        if found and (recorded_hash := commit_of(origin)) and found != recorded_hash:
            raise NotInstallable(
                f"{one['name']} was installed from {origin['url']}, which has other content now: sha256 {found[:12]}"
                f" and not {recorded_hash[:12]} - put the file back as it was"
            )


def _strangers(pins: Pins, pylock: str) -> Iterator[str]:
    """Say what uv found to be needed and nobody recorded."""
    for name, version in _locked(pylock).items():
        if name not in pins.environment.packages:
            yield f"{name} {version} is needed by others, and was not recorded"


def _local(pins: Pins, *, place: bool = True) -> list[str]:
    """Name what came from folders; a file that others read does not say which folders."""
    versions = pins.environment.packages
    return [f"{name} {versions[name]}" + f" ({os.fspath(folder)})" * place for name, folder in pins.local.items()]
