"""A notebook run cold, after a restart under the cell cache, and without it: whether all that can be seen is the same."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.soundness.notebook import Notebook, parse
from tests.soundness.runner import SHELLS, Server


@dataclass(frozen=True)
class Ran:
    """What a run showed and left: outputs, values alone and together, files; and what the cache did about each cell."""

    shown: list[str] = field(default_factory=list)
    state: dict[str, str | None] = field(default_factory=dict)
    together: str | None = None
    done: list[tuple[bool, str]] = field(default_factory=list)
    files: dict[str, str] = field(default_factory=dict)
    trouble: str | None = None

    @property
    def restored(self) -> list[int]:
        """The numbers of the cells that were restored, from 1."""
        return [number for number, (restored, _) in enumerate(self.done, 1) if restored]

    def same(self, other: Ran) -> bool:
        """Whether another run showed and left the same."""
        return (self.shown, self.state, self.together, self.files) == (
            other.shown, other.state, other.together, other.files,
        )  # fmt: skip

    def __str__(self) -> str:
        """Return what a person needs who looks for the reason."""
        return "\n".join(
            f"{restored!s:5} {shown!r:40.40} {reason}"
            for (restored, reason), shown in zip(self.done, self.shown, strict=False)
        )


class Caching:
    """Runs notebooks in shells that a server forks."""

    def __init__(self, server: Server, folder: Path):
        self.server, self.folder = server, folder

    def home(self) -> Path:
        """Return a fresh project whose cache keeps everything it can, however quick the cell."""
        home = Path(tempfile.mkdtemp(dir=self.folder)) / "notebook"
        home.mkdir()
        (home / "mlops.toml").write_text("[cache]\nmin_seconds = 0\n")
        return home

    def run(self, notebook: Notebook, home: Path, cached: bool = True) -> Ran:
        """Run a notebook from its beginning, with its files as they are at first."""
        for path in home.iterdir():
            if path.name not in (".mlops", "mlops.toml"):
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        cells = [(cell.source, cell.id) for cell in notebook.cells]
        return Ran(**self.server.ask(home=str(home), cells=cells, files=notebook.files, cached=cached))

    def three(self, notebook: Notebook) -> tuple[Ran, Ran, Ran]:
        """Run a notebook without the cache, cold, and after a restart."""
        home = self.home()
        plain = self.run(notebook, home, cached=False)
        cold = self.run(notebook, home)
        warm = self.run(notebook, home)
        shutil.rmtree(home.parent)
        return plain, cold, warm

    def changed(self, before: str, after: str) -> Ran:
        """Run a notebook, then another as after a restart, which must be as without the cache; return that run."""
        home = self.home()
        self.run(parse(before), home)
        plain = self.run(parse(after), home, cached=False)
        warm = self.run(parse(after), home)
        assert warm.trouble is None and warm.same(plain), f"{warm}\n{plain}"
        return warm


@pytest.fixture(scope="module")
def caching(tmp_path_factory) -> Any:
    """Forks shells under the cell cache."""
    folder = tmp_path_factory.mktemp("caching")
    server = Server(folder, f"{SHELLS} mlops_nb.cache.switch")
    yield Caching(server, folder)
    server.stop()
