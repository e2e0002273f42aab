"""JUnit XML: the report that Jenkins, GitLab and GitHub's actions show, of one suite with a case for each check."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol
from xml.etree import ElementTree as Xml

from mlops_nb.errors import UsageError


class Case(Protocol):
    """What a report tells of a check."""

    @property
    def kind(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def verdict(self) -> str: ...
    @property
    def detail(self) -> str: ...
    @property
    def seconds(self) -> float: ...


def write(path: Path, cases: Sequence[Case], *, passed: str, broken: str) -> None:
    """Write a report.

    Args:
        path: the file; one that is there is written over, as a job runs again and again
        cases: the checks
        passed: the verdict of one that passed
        broken: the verdict of one that could not be made, which is an error and no failure

    Raises:
        UsageError: it cannot be written there.
    """
    failures = [case for case in cases if case.verdict not in (passed, broken)]
    errors = [case for case in cases if case.verdict == broken]
    counts = {
        "name": "mlops ci",
        "tests": str(len(cases)), "failures": str(len(failures)), "errors": str(len(errors)),
        "time": f"{sum(case.seconds for case in cases):.3f}",
    }  # fmt: skip
    root = Xml.Element("testsuites", counts)
    suite = Xml.SubElement(root, "testsuite", counts)
    for case in cases:
        named = {"classname": f"mlops.{case.kind}", "name": _plain(case.name), "time": f"{case.seconds:.3f}"}
        told = Xml.SubElement(suite, "testcase", named)
        if case.verdict != passed:
            kind = "error" if case.verdict == broken else "failure"
            Xml.SubElement(told, kind, {"message": _plain(case.detail), "type": case.verdict})
    Xml.indent(root)
    try:
        Xml.ElementTree(root).write(path, encoding="utf-8", xml_declaration=True)
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error} - give a file in a folder that is there") from error


def _plain(text: str) -> str:
    """Leave out what XML cannot hold, such as the escapes of colours."""
    return "".join(letter for letter in text if letter.isprintable() or letter in "\n\t")
