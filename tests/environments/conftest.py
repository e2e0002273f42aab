"""A registry of small packages on this machine, and projects whose cells ran where they say."""

from __future__ import annotations

import functools
import hashlib
import http.server
import re
import threading
import zipfile
from collections.abc import Callable, Iterator
from importlib.metadata import Distribution, distribution
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement

from mlops_nb.capture import environments
from mlops_nb.capture.environments import Environment
from mlops_nb.project import Project


class Registry:
    """Wheels, and the pages of a simple index (PEP 503) over them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def add(
        self, name: str, version: str, *needs: str, tag: str = "py3-none-any", yanked: str = "", code: str = ""
    ) -> Path:
        """Build the wheel of a package with one module, and list it."""
        place = self.folder / name
        place.mkdir(exist_ok=True)
        wheel = place / f"{name}-{version}-{tag}.whl"
        info = f"{name}-{version}.dist-info"
        required = "".join(f"Requires-Dist: {need}\n" for need in needs)
        files = {
            f"{name}.py": code or f"version = {version!r}\n",
            f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{required}",
            f"{info}/WHEEL": f"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: {tag}\n",
        }
        with zipfile.ZipFile(wheel, "w") as archive:
            for path, text in files.items():
                archive.writestr(path, text)
            archive.writestr(f"{info}/RECORD", "".join(f"{path},,\n" for path in [*files, f"{info}/RECORD"]))
        return self._list(wheel, yanked)

    def add_installed(self, *names: str) -> dict[str, str]:
        """Pack the wheels of packages as they are installed here, with all that they need; return their versions."""
        found: dict[str, str] = {}
        pending = list(names)
        while pending:
            package = distribution(pending.pop())
            name = environments.canonical(package.metadata["Name"])
            if name not in found:
                found[name] = package.version
                self._pack(package, name)
                needs = map(Requirement, package.requires or ())
                pending += [n.name for n in needs if n.marker is None or n.marker.evaluate({"extra": ""})]
        return found

    def _pack(self, package: Distribution, name: str) -> None:
        place = self.folder / name
        place.mkdir()
        tags = [tag.split("-") for tag in re.findall(r"(?m)^Tag: (.+)$", package.read_text("WHEEL") or "")]
        tag = "-".join(".".join(dict.fromkeys(parts)) for parts in zip(*tags, strict=True))
        wheel = place / f"{name.replace('-', '_')}-{package.version}-{tag}.whl"
        left_out = {"direct_url.json", "INSTALLER", "REQUESTED"}
        with zipfile.ZipFile(wheel, "w") as archive:
            for file in package.files or ():
                if ".." not in file.parts and "__pycache__" not in file.parts and file.name not in left_out:
                    archive.write(str(file.locate()), str(file))
        self._list(wheel)

    def _list(self, wheel: Path, yanked: str = "") -> Path:
        place = wheel.parent
        mark = f' data-yanked="{yanked}"' if yanked else ""
        digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
        with (place / "index.html").open("a") as page:
            page.write(f'<a href="{wheel.name}#sha256={digest}"{mark}>{wheel.name}</a>\n')
        return wheel


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def registry(
    workspace: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Registry]:
    """The only registry that uv asks in a test, with a cache of its own."""
    folder = tmp_path_factory.mktemp("registry")
    handler = functools.partial(_Quiet, directory=str(folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("UV_DEFAULT_INDEX", f"http://127.0.0.1:{server.server_port}/")
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path_factory.mktemp("jupyter")))
    for name in ("UV_INDEX", "UV_FIND_LINKS", "UV_NO_INDEX"):
        monkeypatch.delenv(name, raising=False)
    yield Registry(folder)
    server.shutdown()
    server.server_close()


def make(packages: dict[str, str], **changed: Any) -> Environment:
    """Return an environment like the one that is here, but for what is given."""
    here = environments.environment()
    given = {"python": here.python, "system": here.platform, "origins": {}} | changed
    return Environment.of(given["python"], given["system"], packages, given["origins"])


@pytest.fixture
def ran_in(shell: Any, project: Project) -> Callable[..., Environment]:
    """Run cells, and have it that they ran in an environment."""

    def run(environment: Environment, *sources: str) -> Environment:
        for source in sources or ("a = 1\na",):
            assert shell.run_cell(source, store_history=True).success
        project.store.flush()
        with project.store.write() as store:
            store.execute("UPDATE process SET environment = ?", environments.environment_id(store, environment))
        return environment

    return run
