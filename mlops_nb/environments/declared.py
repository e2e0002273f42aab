"""What a notebook says that it needs, in the ``# /// script`` block of a cell (PEP 723) that juv and uv read too."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from mlops_nb.capture.environments import Environment, canonical
from mlops_nb.errors import UsageError

BLOCK = re.compile(r"(?m)^# /// script[ \t]*\r?\n(?P<content>(?:^#(?: .*)?\r?\n)+?)^# ///[ \t]*$")  # PEP 723's own


@dataclass(frozen=True)
class Declared:
    """The packages that a notebook asks for, and the versions of Python."""

    dependencies: tuple[str, ...] = ()
    python: str | None = None

    def disagreements(self, environment: Environment) -> Iterator[str]:
        """Say where an environment is not what the notebook asks for.

        Raises:
            UsageError: what it asks for cannot be read.
        """
        from packaging.requirements import Requirement
        from packaging.specifiers import SpecifierSet

        try:
            if self.python and not SpecifierSet(self.python).contains(environment.version, prereleases=True):
                yield f"the notebook asks for Python {self.python}, recorded is {environment.version}"
            for wanted in map(Requirement, self.dependencies):
                if wanted.marker is not None and not wanted.marker.evaluate():
                    continue
                recorded = environment.packages.get(canonical(wanted.name))
                if recorded is None:
                    yield f"the notebook asks for {wanted}, which is not recorded"
                elif not wanted.specifier.contains(recorded, prereleases=True):
                    yield f"the notebook asks for {wanted}, recorded is {recorded}"
        except ValueError as error:
            raise UsageError(f"the '# /// script' block of the notebook cannot be read: {error}") from None


def declared(sources: Iterable[str]) -> Declared | None:
    """Return what the first block in the cells of a notebook says; None where there is none.

    Raises:
        UsageError: it cannot be read.
    """
    for source in sources:
        if match := BLOCK.search(source):
            lines = match["content"].splitlines()
            try:
                table = tomllib.loads("\n".join(line[2:] if line.startswith("# ") else line[1:] for line in lines))
                return Declared(tuple(table.get("dependencies", ())), table.get("requires-python"))
            except (tomllib.TOMLDecodeError, TypeError) as error:
                raise UsageError(f"the '# /// script' block of the notebook cannot be read: {error}") from None
    return None
