"""Two environments: what differs, and what of it matters to what was made in them."""

from __future__ import annotations

import pytest

from mlops_nb.capture import environments
from mlops_nb.capture.environments import Environment
from mlops_nb.comparison.environments import env_diff
from mlops_nb.errors import NotFound
from mlops_nb.surfaces.text import to_text


@pytest.fixture
def pandas_cell(shell, project):
    """A value that was made with pandas, in an environment that is another than the one that is here."""
    assert shell.run_cell("import json\nimport pandas as pd\nseen = pd.__name__\nseen", store_history=True).success
    project.store.flush()
    here = environments.environment()
    changed = here.packages | {"pandas": "0.1", "numpy": "0.2", "pytest": "0.3", "gone": "1"}
    origins = {"idna": {"url": "https://h/i.git", "vcs_info": {"vcs": "git", "commit_id": "c" * 40}}}
    then = Environment.of("CPython 3.5.1", here.platform, changed, origins)
    with project.store.write() as store:
        store.execute("UPDATE process SET environment = ?", environments.environment_id(store, then))
    return here


def test_what_the_slice_imports_comes_first_then_what_that_needs(pandas_cell, project):
    found = env_diff(project, "var:seen")
    assert [(change.name, change.imported, change.needed) for change in found.changes] == [
        ("pandas", True, False), ("python", False, False), ("numpy", False, True), ("gone", False, False),
        ("idna", False, False), ("pytest", False, False),
    ]  # fmt: skip
    assert found.unknown == []
    idna = pandas_cell.packages["idna"]
    assert (found.changes[4].before, found.changes[4].after) == (f"{idna} (cccccccccccc)", idna)


def test_it_is_told_how_much_of_it_matters(pandas_cell, project):
    lines = to_text(env_diff(project, "var:seen")).splitlines()
    assert lines[0] == ("var:seen → here: 6 differences, 3 of what the cells import, of what that needs, or of Python")
    assert lines[2].split() == ["pandas", "0.1", pandas_cell.packages["pandas"], "imported", "by", "a", "cell"]


def test_the_same_environment_has_no_difference(pandas_cell, project):
    assert env_diff(project, "var:seen", "cell:1").changes == []
    assert to_text(env_diff(project, "var:seen", "cell:1")) == "var:seen → cell:1: no difference found"


def test_what_means_nothing_is_refused(project):
    with pytest.raises(NotFound, match="nothing is called 'nothing'"):
        env_diff(project, "nothing")
