"""What ``mlops.toml`` may say of the checks; everything has a default.

[ci]
reproduce = ["models:/late-flights@champion", "file:report.csv"]   # by default: every model that an alias points at
notebooks = ["analysis/*.ipynb"]             # by default: every notebook of the project
accept = ["clean", "uncheckable"]            # verdicts on notebooks that pass; by default: clean alone
gates = ["models:/late-flights@champion"]    # by default: every model that an alias points at, if there are criteria
run = ["flights"]                            # pipelines to run first; by default: none
rtol = 1e-9                                  # how far numbers may differ that come out again; by default: not at all
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mlops_nb.capture.notebooks import RECEIPTS
from mlops_nb.errors import UsageError
from mlops_nb.lineage.verdicts import VERDICTS
from mlops_nb.project import CHARTER, Project
from mlops_nb.registry.gates import SECTION as CRITERIA
from mlops_nb.registry.versions import aliases_of

SECTION = "ci"
LISTS = ("reproduce", "notebooks", "accept", "gates", "run")


@dataclass(frozen=True)
class Settings:
    """What is checked."""

    reproduce: list[str]
    notebooks: list[str]
    gates: list[str]
    accept: list[str] = field(default_factory=lambda: ["clean"])
    run: list[str] = field(default_factory=list)
    rtol: float = 0.0

    @classmethod
    def of(cls, project: Project) -> Settings:
        """Read what a project wants to have checked.

        Raises:
            UsageError: a name or a value in the table makes no sense.
        """
        table = project.section(SECTION)
        for name, value in table.items():
            _check(name, value)
        aliased = [*_aliased(project)]
        return cls(
            reproduce=table.get("reproduce", aliased),
            notebooks=[*_notebooks(project, table.get("notebooks"))],
            gates=table.get("gates", aliased if project.section(CRITERIA) else []),
            accept=table.get("accept", ["clean"]), run=table.get("run", []), rtol=float(table.get("rtol", 0.0)),
        )  # fmt: skip


def _check(name: str, value: Any) -> None:
    if name not in (*LISTS, "rtol"):
        known = ", ".join((*LISTS, "rtol"))
        raise UsageError(f"{CHARTER} has [{SECTION}] {name}, which means nothing - there are: {known}")
    if name == "rtol":
        if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
            raise UsageError(f"[{SECTION}] rtol = {value!r} is no tolerance - give a part of the number, such as 1e-9")
    elif not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise UsageError(f'[{SECTION}] {name} = {value!r} is no list of texts - write {name} = ["…"]')
    elif name == "accept" and (unknown := [item for item in value if item not in VERDICTS]):
        raise UsageError(f"[{SECTION}] accept names {unknown[0]!r}, no verdict - there are: {', '.join(VERDICTS)}")


def _aliased(project: Project) -> Iterator[str]:
    """Yield each version that an alias points at, once, under the first of its aliases."""
    for row in project.store.rows("SELECT DISTINCT name FROM model_version ORDER BY name"):
        versions: set[int] = set()
        for alias, version in sorted(aliases_of(project, row["name"]).items()):
            if version not in versions:
                yield f"models:/{row['name']}@{alias}"
            versions.add(version)


def _notebooks(project: Project, patterns: list[str] | None) -> Iterator[str]:
    """Yield the paths of the notebooks that patterns mean, by default of all; one without any checks nothing."""
    if patterns is None:
        yield from map(project.relative, _every(project.root))
    for pattern in patterns or ():
        found = sorted(path for path in project.root.glob(pattern) if path.suffix == ".ipynb")
        if not found:
            raise UsageError(f"[{SECTION}] notebooks names {pattern!r}: there is no such notebook in {project.root}")
        yield from map(project.relative, found)


def _every(root: Path) -> Iterator[Path]:
    """Yield every notebook below a folder, but for hidden ones, those of installed packages, and those as they ran."""
    for folder, inside, files in os.walk(root):
        inside[:] = sorted(
            name for name in inside
            if not name.startswith(".") and name not in (RECEIPTS, "node_modules")
            and not (Path(folder) / name / "pyvenv.cfg").exists()
        )  # fmt: skip
        yield from (Path(folder) / name for name in sorted(files) if name.endswith(".ipynb"))
