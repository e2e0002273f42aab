"""The TypeScript of the API is written from the Python records, and the sidebar's copy is that one."""

from __future__ import annotations

import dataclasses
import typing
from pathlib import Path

import pytest

from mlops_nb.records import Record
from mlops_nb.surfaces.catalogue import verbs
from mlops_nb.surfaces.typescript import generate
from tests.conftest import ROOT

API = ROOT / "labextension" / "src" / "api.ts"


def returned(hint: object, found: set[type[Record]]) -> set[type[Record]]:
    """Collect the records inside a type hint."""
    if isinstance(hint, type) and issubclass(hint, Record):
        if hint not in found:
            found.add(hint)
            for inner in typing.get_type_hints(hint).values():
                returned(inner, found)
        return found
    for inner in typing.get_args(hint):
        returned(inner, found)
    return found


RECORDS = sorted(
    {kind for verb in verbs().values() if not verb.founds for kind in returned(verb.returns, set())},
    key=lambda kind: kind.__name__,
)


def test_the_text_is_the_same_every_time(run_process):
    code = "from mlops_nb.surfaces.typescript import generate; print(generate(), end='')"
    texts = {run_process(code, PYTHONHASHSEED=seed).stdout for seed in ("1", "2")}
    assert texts == {generate()}


@pytest.mark.parametrize("kind", RECORDS, ids=lambda kind: kind.__name__)
def test_every_record_is_an_interface_with_its_fields(kind: type[Record]):
    _, _, rest = generate().partition(f"export interface I{kind.__name__} {{\n")
    body = rest.partition("}\n")[0]
    for field in dataclasses.fields(kind):
        assert f"  {field.name}: " in body


def test_every_verb_of_the_api_has_its_answer():
    answers = generate().partition("export interface IAnswers {")[2]
    for name, verb in verbs().items():
        key = name if name.isidentifier() else f"'{name.replace(' ', '/')}'"
        assert (f"  {key}: " in answers) is not verb.founds


def test_nothing_is_any():
    assert ": any" not in generate()


@pytest.mark.skipif(not API.exists(), reason="no sidebar in this checkout")
def test_the_sidebars_copy_is_the_one_that_is_written():
    assert Path(API).read_text(encoding="utf-8") == generate()
