"""A verb says everything that a surface needs in its signature and docstring."""

import inspect

import pytest

from mlops_nb.errors import UsageError
from mlops_nb.records import Records
from mlops_nb.surfaces.catalogue import verbs
from mlops_nb.verbs import VERBS, Progress, Value, Verb, silent, verb


@pytest.fixture
def paint():
    """A verb with an argument of every kind."""

    @verb("paint-for-a-test", job=True)
    def paint(
        project: object,
        what: str,
        coats: int = 1,
        *,
        thinned: float | None = None,
        wet: bool = False,
        colours: list[str] | None = None,
        mix: dict[str, float] | None = None,
        model: Value,
        progress: Progress = silent,
    ) -> list[int]:
        """Paint a thing.

        More about paint.

        Args:
            what: the thing,
                in some detail
            coats: how often

        Raises:
            UsageError: it cannot be painted.
        """
        return [1, 2]

    yield VERBS["paint-for-a-test"]
    del VERBS["paint-for-a-test"]


def test_the_first_line_of_the_docstring_is_the_help(paint):
    assert paint.summary == "Paint a thing."


def test_arguments_are_read_off_the_signature_without_project_and_progress(paint):
    assert [(a.name, a.type, a.optional, a.positional, a.required) for a in paint.arguments] == [
        ("what", str, False, True, True),
        ("coats", int, False, True, False),
        ("thinned", float, True, False, False),
        ("wet", bool, False, False, False),
        ("colours", list, True, False, False),
        ("mix", dict, True, False, False),
        ("model", Value, False, False, True),
    ]


def test_the_help_of_an_argument_is_read_off_the_docstring(paint):
    helps = {argument.name: argument.help for argument in paint.arguments}
    assert helps["what"] == "the thing, in some detail"
    assert helps["coats"] == "how often"
    assert helps["wet"] == ""


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("what", "12", "12"),
        ("coats", "12", 12),
        ("thinned", "1", 1.0),
        ("thinned", "2.5e3", 2500.0),
        ("wet", "yes", True),
        ("wet", "False", False),
        ("colours", "red,blue,", ["red", "blue"]),
        ("mix", '{"red": 1.5}', {"red": 1.5}),
        ("model", "clf", "clf"),
    ],
)
def test_text_is_read_as_the_type_of_its_argument(paint, name, text, value):
    (argument,) = (a for a in paint.arguments if a.name == name)
    parsed = argument.parse(text)
    assert (parsed, type(parsed)) == (value, type(value))


@pytest.mark.parametrize(
    ("name", "text", "wanted"),
    [
        ("coats", "many", "a whole number, not 'many'"),
        ("coats", "1.5", "a whole number, not 1.5"),
        ("coats", "true", "a whole number, not True"),
        ("thinned", "thin", "a number, not 'thin'"),
        ("wet", "perhaps", "true or false, not 'perhaps'"),
        ("mix", "[1]", r"a JSON object, not \[1\]"),
        ("mix", "{", "a JSON object, not '{'"),
    ],
)
def test_text_of_the_wrong_type_is_refused(paint, name, text, wanted):
    (argument,) = (a for a in paint.arguments if a.name == name)
    with pytest.raises(UsageError, match=f"^{name} must be {wanted}"):
        argument.parse(text)


@pytest.mark.parametrize(
    ("name", "value", "wanted"),
    [
        ("what", 1, "text, not 1"),
        ("coats", "1", "a whole number, not '1'"),
        ("coats", True, "a whole number, not True"),
        ("coats", None, "a whole number, not None"),
        ("wet", 1, "true or false, not 1"),
        ("colours", "red", "a list, not 'red'"),
        ("mix", [], r"a JSON object, not \[\]"),
    ],
)
def test_a_json_value_of_the_wrong_type_is_refused(paint, name, value, wanted):
    given = {"what": "wall", "model": object(), name: value}
    with pytest.raises(UsageError, match=f"^{name} must be {wanted}"):
        paint.arguments_from(given)


def test_json_values_of_the_right_types_are_taken(paint):
    given = {"what": "wall", "coats": 2, "thinned": 1, "colours": ["red"], "mix": None, "model": 5}
    assert paint.arguments_from(given) == given
    assert type(paint.arguments_from(given)["thinned"]) is float


def test_an_unknown_argument_is_refused_with_those_there_are(paint):
    with pytest.raises(UsageError, match="has no argument 'colour' - it takes: what, coats, thinned"):
        paint.arguments_from({"what": "wall", "model": 1, "colour": "red"})


def test_a_missing_argument_is_refused_with_its_help(paint):
    with pytest.raises(UsageError, match="needs 'what' - the thing, in some detail"):
        paint.arguments_from({"model": 1})


def test_a_list_that_a_verb_returns_can_be_shown(paint):
    shown = paint.function(None, "wall", model=1)
    assert type(shown) is Records
    assert shown == [1, 2]


# -- every verb there is --------------------------------------------------------------------------------------

EVERY = [pytest.param(found, id=name) for name, found in verbs().items()]


@pytest.mark.parametrize("found", EVERY)
def test_every_verb_says_in_one_sentence_what_it_does(found: Verb):
    assert found.summary.endswith(".")
    assert found.summary[0].isupper()


@pytest.mark.parametrize("found", EVERY)
def test_every_argument_of_every_verb_has_a_type_that_surfaces_know_and_a_help(found: Verb):
    for argument in found.arguments:
        assert argument.type in (str, int, float, bool, list, dict, Value), argument.name
        assert argument.help, argument.name


@pytest.mark.parametrize("found", EVERY)
def test_every_verb_takes_a_project_first_unless_it_founds_one(found: Verb):
    first = next(iter(inspect.signature(found.function).parameters), None)
    assert (first == "project") is not found.founds


@pytest.mark.parametrize("found", EVERY)
def test_every_verb_says_what_it_returns(found: Verb):
    assert found.returns is not inspect.Signature.empty
