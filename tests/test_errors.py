"""The error tree is what its drawing says."""

import re

import pytest

from mlops_nb import errors

DRAWN = re.compile(r"^[ │├└─]*(?P<names>[A-Z]\w+(?: / [A-Z]\w+)*)\s*(?P<status>\d{3})?\s*(?:exit (?P<code>\d))?")


def drawing():
    """Yield ``(name, name of its base, status, exit code)`` as drawn in the docstring of the module."""
    above: list[tuple[int, str, int, int]] = []
    for line in errors.__doc__.splitlines():
        match = DRAWN.match(line)
        if match is None or not line.startswith("    "):
            continue
        depth = match.start("names")
        while above and above[-1][0] >= depth:
            above.pop()
        base, status, code = above[-1][1:] if above else ("Exception", 0, 0)
        for name in match["names"].split(" / "):
            found = (depth, name, int(match["status"] or status), int(match["code"] or code))
            yield name, base, *found[2:]
        above.append(found)


def test_every_error_is_drawn_and_nothing_else_is():
    assert sorted(name for name, *_ in drawing()) == sorted(errors.family())


@pytest.mark.parametrize(("name", "base", "status", "code"), drawing())
def test_an_error_is_what_its_drawing_says(name, base, status, code):
    error = errors.family()[name]
    assert (error.__base__.__name__, error.status, error.exit_code) == (base, status, code)


def test_every_error_says_in_its_docstring_what_it_means():
    assert [name for name, error in errors.family().items() if not (error.__doc__ or "").endswith(".")] == []


def test_a_missing_thing_is_named_with_what_is_known_and_the_way_on():
    error = errors.NotFound.naming("model", "churn", ["fraud", "ltv"], "see `mlops models`")
    assert str(error) == "no model 'churn' - known: 'fraud', 'ltv'; see `mlops models`"


def test_a_missing_thing_where_there_are_none_says_so():
    assert str(errors.NotFound.naming("model", "churn", [])) == "no model 'churn' - none exist yet"


def test_a_missing_thing_among_very_many_names_a_few():
    assert str(errors.NotFound.naming("run", 1, [str(n) for n in range(100)])).count("'") == 2 + 2 * 8
