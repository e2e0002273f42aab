"""What every verb keeps, whoever writes it: documented, typed, reachable from everywhere, audited where it decides."""

from __future__ import annotations

import inspect

import pytest

import mlops_nb
from mlops_nb.errors import family
from mlops_nb.surfaces.catalogue import verbs
from mlops_nb.verbs import Value, Verb

EACH = pytest.mark.parametrize("verb", verbs().values(), ids=verbs())


@EACH
def test_its_first_line_is_one_sentence(verb: Verb):
    assert verb.summary.endswith(".")
    assert verb.summary[0].isupper()


@EACH
def test_every_argument_has_help_and_a_type_that_surfaces_know(verb: Verb):
    for argument in verb.arguments:
        assert argument.help, argument.name
        assert argument.type in (str, int, float, bool, list, dict, Value)


@EACH
def test_it_says_what_it_returns(verb: Verb):
    assert verb.returns is not inspect.Parameter.empty


@EACH
def test_it_is_a_function_of_the_package(verb: Verb):
    if verb.name == "demo":
        return  # a command, and nothing that a cell calls
    function = getattr(mlops_nb, verb.name.replace("-", "_").replace(" ", "_"))
    assert inspect.cleandoc(function.__doc__).partition("\n")[0] == verb.summary
    assert list(inspect.signature(function).parameters)[: len(verb.arguments)] == [a.name for a in verb.arguments]


@EACH
def test_the_errors_it_documents_exist(verb: Verb):
    doc = inspect.cleandoc(verb.function.__doc__ or "").partition("Raises:\n")[2]
    for line in doc.splitlines():
        if line.startswith("    ") and line[4] != " ":
            assert line.strip().partition(":")[0] in family()


def test_no_verb_hides_another_by_its_options():
    for verb in verbs().values():
        flags = [a.name for a in verb.arguments if not a.positional]
        assert len(flags) == len(set(flags))
        letters = [a.name[0] for a in verb.arguments if a.type is dict]
        assert len(letters) == len(set(letters))


def test_only_what_decides_writes():
    deciding = {name for name, verb in verbs().items() if verb.effect == "writes"}
    assert deciding == {"promote"}
