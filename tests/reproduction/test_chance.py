"""What is made by chance is told with its source, and a seed shows whether the rest determines it."""

from __future__ import annotations

from typing import Any

import pytest

from mlops_nb.errors import UsageError
from mlops_nb.lineage.references import resolve
from mlops_nb.project import Project
from mlops_nb.reproduction.chance import called, sources
from mlops_nb.reproduction.reproduce import Reproduction, reproduce, script_of
from tests.pipelines.conftest import write_notebook
from tests.reproduction.test_reproduce import run
from tests.surfaces.conftest import mlops

SAME, OTHER = "under the seed it comes out the same each time", "under the seed it comes out otherwise each time too"


def tried(shell: Any, project: Project, *cells: str, seed: int | None = None) -> Reproduction:
    run(shell, *cells[:-1], f"{cells[-1]}\nmade")
    return reproduce(project, "var:made", seed=seed)


@pytest.mark.parametrize(
    ("cell", "source"),
    [
        ("import random; made = random.random()", "random numbers were drawn without a seed"),
        ("import numpy as np; made = float(np.random.rand())", "random numbers were drawn without a seed"),
        (
            "from sklearn.utils import check_random_state as c; made = c(None).rand()",
            "random numbers were drawn without",
        ),
        ("import numpy as np; made = float(np.random.default_rng().random())", "a random generator was made without"),
        ("import uuid; made = str(uuid.uuid4())[:8]", "it reads the machine's entropy (uuid.uuid4)"),
        ("import time; made = time.time() % 1", "it reads the clock (time.time)"),
        (
            "import threading; t = threading.Thread(target=print); t.start(); made = 1",
            "it runs threads (threading.Thread)",
        ),
    ],
)
def test_the_source_of_chance_is_known_from_the_record_and_from_calls(shell, project, cell, source):
    run(shell, "other = 1", cell)
    script = script_of(project, "var:made", resolve(project, "var:made"))
    assert [why for why in sources(script, (0, "text", "made")) if why.startswith(f"cell [2]: {source}")]


def test_the_order_of_sets_is_told_from_other_chance(shell, project):
    found = tried(shell, project, "made = ' '.join({f'name {number}' for number in range(50)})")
    assert found.verdict == "not reproducible"
    assert "the order of sets, which PYTHONHASHSEED fixes" in found.reason


def test_where_the_order_of_sets_is_fixed_it_is_not_varied(shell, project, monkeypatch):
    monkeypatch.setenv("PYTHONHASHSEED", "3")  # the shell of the test has another, so the record differs
    found = tried(shell, project, "made = ' '.join({f'name {number}' for number in range(50)})")
    assert found.verdict == "different"


def test_a_seed_fixes_generators_and_the_order_of_sets(shell, project):
    cell = (
        "made = [random.random(), float(np.random.rand()), float(np.random.default_rng().random()), *{'a', 'b', 'c'}]"
    )
    run(shell, "import random; import numpy as np")
    found = tried(shell, project, cell, seed=7)
    assert (found.verdict, found.fixed, found.exit_code) == ("not reproducible", True, 1)
    assert f"{SAME}, which was not compared with the record" in found.reason


DRAW = """
import os, random
from mlops_nb.reproduction import seeds
os.environ["MLOPS_SEED"] = "7"
seeds.fix()
import numpy as np
print(random.random(), random.Random().random(), random.Random().random(), random.Random(1).random(),
      np.random.rand(), np.random.default_rng().random(), np.random.default_rng().random(),
      np.random.RandomState().rand(), np.random.default_rng(1).random())
"""


def test_a_seed_gives_each_generator_numbers_of_its_own_and_leaves_those_alone_that_have_one(run_process):
    import random

    import numpy as np

    once, twice = (run_process(DRAW).stdout.split() for _ in range(2))
    assert once == twice
    assert len(set(once)) == 9
    assert (once[3], once[8]) == (str(random.Random(1).random()), str(np.random.default_rng(1).random()))


def test_the_source_is_named_in_the_verdict_and_that_a_seed_does_not_fix_it(shell, project):
    found = tried(shell, project, "import uuid; made = str(uuid.uuid4())[:8]", seed=7)
    assert (found.verdict, found.fixed) == ("not reproducible", False)
    assert found.reason == (
        "cell [1] makes another output 1 text/plain each time it runs (cell [1]: it reads the machine's entropy"
        f" (uuid.uuid4)); {OTHER}, so a seed does not fix it"
    )


def test_what_is_not_made_by_chance_needs_no_seed(shell, project):
    found = tried(shell, project, "made = 3", seed=7)
    assert (found.verdict, found.fixed) == ("identical", None)


def test_a_seed_that_no_generator_takes_is_refused(shell, project):
    with pytest.raises(UsageError, match="seed=-1 is no seed that every generator takes"):
        tried(shell, project, "made = 1", seed=-1)


def test_calls_name_the_sources_that_they_read():
    assert called("%time x\nimport time\na = time.perf_counter()") == ["it reads the clock (time.perf_counter)"]
    assert called("from datetime import datetime\ndatetime.now()") == ["it reads the clock (datetime.now)"]
    assert called("forest = Forest(n_jobs=-1)") == ["it runs threads (Forest(n_jobs=…))"]
    assert called("row.time()") == called("Forest(n_jobs=1)") == called("not python") == []


def test_what_a_kernel_draws_as_it_starts_is_not_taken_for_the_first_cells(project, workspace):
    write_notebook(workspace / "step.ipynb", "import numpy as np", "made = 1\nmade")
    assert mlops(workspace, "run", "step.ipynb").returncode == 0
    assert project.store.value("SELECT count(*) FROM doubt") == 0
