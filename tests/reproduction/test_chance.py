"""What is made by chance is told with its source, and a seed shows whether the rest determines it."""

from __future__ import annotations

from typing import Any

import pytest

from mlops_nb.errors import UsageError
from mlops_nb.project import Project
from mlops_nb.reproduction.chance import called
from mlops_nb.reproduction.reproduce import Reproduction, reproduce
from tests.reproduction.test_reproduce import run

SAME, OTHER = "under the seed it comes out the same each time", "under the seed it comes out otherwise each time too"


def tried(shell: Any, project: Project, *cells: str, seed: int | None = None) -> Reproduction:
    run(shell, *cells[:-1], f"{cells[-1]}\nmade")
    return reproduce(project, "var:made", seed=seed)


@pytest.mark.parametrize(
    ("cell", "source"),
    [
        ("import random; made = random.random()", "random numbers were drawn without a seed"),
        ("import numpy as np; made = float(np.random.rand())", "random numbers were drawn without a seed"),
        ("import numpy as np; made = float(np.random.default_rng().random())", "a random generator was made without"),
        ("import uuid; made = str(uuid.uuid4())[:8]", "it reads the machine's entropy (uuid.uuid4)"),
        ("import time; made = time.time() % 1", "it reads the clock (time.time)"),
    ],
)
def test_the_source_of_chance_is_named(shell, project, cell, source):
    found = tried(shell, project, cell)
    assert found.verdict == "not reproducible"
    assert source in found.reason


def test_the_order_of_sets_is_told_from_other_chance(shell, project):
    found = tried(shell, project, "made = ' '.join({f'name {number}' for number in range(50)})")
    assert found.verdict == "not reproducible"
    assert "the order of sets, which PYTHONHASHSEED fixes" in found.reason


def test_where_the_order_of_sets_is_fixed_it_is_not_varied(shell, project, monkeypatch):
    monkeypatch.setenv("PYTHONHASHSEED", "3")  # the shell of the test has another, so the record differs
    found = tried(shell, project, "made = ' '.join({f'name {number}' for number in range(50)})")
    assert found.verdict == "different"


@pytest.mark.parametrize(
    "cell",
    [
        "import random; made = [random.random(), random.Random().random()]",
        "import numpy as np; made = [float(np.random.rand()), float(np.random.default_rng().random())]",
        "made = ' '.join({f'name {number}' for number in range(50)})",
        "from sklearn.utils import check_random_state; made = float(check_random_state(None).rand())",
    ],
)
def test_a_seed_fixes_generators_and_the_order_of_sets(shell, project, cell):
    found = tried(shell, project, cell, seed=7)
    assert (found.verdict, found.fixed, found.exit_code) == ("not reproducible", True, 1)
    assert f"{SAME}, which was not compared with the record" in found.reason


def test_a_seed_does_not_fix_entropy_and_that_is_said(shell, project):
    found = tried(shell, project, "import uuid; made = str(uuid.uuid4())[:8]", seed=7)
    assert found.fixed is False
    assert OTHER in found.reason


def test_what_is_not_made_by_chance_needs_no_seed(shell, project):
    found = tried(shell, project, "made = 3", seed=7)
    assert (found.verdict, found.fixed) == ("identical", None)


def test_draws_under_a_seed_differ_from_each_other(shell, project):
    run(shell, "import numpy as np\nfirst, second = np.random.default_rng(), np.random.default_rng()")
    found = tried(shell, project, "made = bool(first.random() == second.random())", seed=7)
    assert found.verdict == "identical"  # False then, and False under no seed; nothing was fixed to one value


def test_a_seed_that_no_generator_takes_is_refused(shell, project):
    with pytest.raises(UsageError, match="seed=-1 is no seed that every generator takes"):
        tried(shell, project, "made = 1", seed=-1)


def test_calls_name_the_sources_that_they_read():
    assert called("%time x\nimport time\na = time.perf_counter()") == ["it reads the clock (time.perf_counter)"]
    assert called("from datetime import datetime\ndatetime.now()") == ["it reads the clock (datetime.now)"]
    assert called("forest = Forest(n_jobs=-1)") == ["it runs threads (Forest(n_jobs=…))"]
    assert called("row.time()") == called("Forest(n_jobs=1)") == called("not python") == []
