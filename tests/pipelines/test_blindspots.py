"""A step whose inputs cannot be checked is never skipped."""

from __future__ import annotations

import ast

import pytest

from mlops_nb.pipelines import blindspots, executor

from .conftest import write_notebook


@pytest.mark.parametrize(
    ("code", "seen"),
    [
        ("import duckdb", {"duckdb"}),
        ("from sqlalchemy.engine import create_engine", {"sqlalchemy.engine"}),
        ("import os.path\nos.environ['MODE']", {"environ"}),
        ("from pathlib import Path\nlist(Path('data').glob('*.csv'))", {"glob"}),
        ("import sys\nsys.path.insert(0, 'lib')", {"sys.path"}),
        ("importlib.import_module(name)", {"import_module"}),
        ("pd.read_parquet(path)", {"read_parquet"}),
        ("pd.read_parquet('data.parquet')", set()),
        ("pd.read_sql('SELECT 1', connection)", {"read_sql"}),
        ("import mlops_nb as ops\nops.runs()", {"ops.runs"}),
        ("frame.status\nmodels = 3", set()),
        ("import pandas as pd\npd.read_csv(path)", set()),
        ("from os import environ as e", {"environ"}),
        ("exec(open(name).read())", {"exec"}),
        ("frame.eval('a + b')", set()),
        ("from joblib import Parallel", {"joblib"}),
    ],
)
def test_code_is_searched_for_what_capture_does_not_see(code, seen):
    assert blindspots.unseen(ast.parse(code), {}) == seen


def test_a_name_bound_to_a_literal_names_the_file():
    assert blindspots.unseen(ast.parse("pd.read_parquet(source)"), {"source": "x.parquet"}) == set()


@pytest.mark.parametrize(("line", "magic"), [("!ls data", "!"), ("  !ls", "!"), ("%run other.py", "%run")])
def test_shell_escapes_and_magics_that_run_programs_count(line, magic):
    assert set(blindspots.opaque_lines(f"x = 1\n{line}")) == {magic}


def test_steps_that_cannot_be_checked_run_again_and_say_why(project):
    (project.root / "data").mkdir()
    (project.root / "data" / "1.txt").write_text("1")
    (project.root / "counter.txt").write_text("1")
    (project.root / "journal.txt").write_text("1")
    write_notebook(project.root / "listing.ipynb", "from pathlib import Path", "len(list(Path('data').glob('*.txt')))")
    write_notebook(
        project.root / "counting.ipynb",
        "with open('counter.txt') as file:\n    count = int(file.read())",
        "with open('counter.txt', 'w') as file:\n    print(count + 1, file=file)",
    )
    write_notebook(
        project.root / "updating.ipynb",
        "with open('journal' + '.txt', 'r+') as file:\n    text = file.read()\n    file.seek(0)\n    print(text + '1', file=file)",
    )
    write_notebook(project.root / "plain.ipynb", "x = 1", "x + 1")
    executor.run(project)
    again = {step.name: step for step in executor.run(project).steps}
    assert again["plain"].status == "cached"
    assert (again["listing"].status, again["listing"].reason) == (
        "ran", "it uses glob, whose inputs cannot be checked",
    )  # fmt: skip
    assert again["counting"].status == "ran"
    assert again["updating"].reason == "journal.txt was changed after it was read"


def test_a_kernel_of_another_environment_is_not_trusted(project):
    write_notebook(project.root / "plain.ipynb", "x = 1")
    executor.run(project)
    with project.store.write() as store:
        number = store.next_id()
        store.execute(
            "INSERT INTO environment (id, hash, captured_at, python, platform, packages) VALUES (?, 'another', 0, '', '',"
            " '{}')",
            number,
        )
        store.execute("UPDATE process SET environment = ? WHERE program = 'kernel'", number)
    again = executor.run(project).steps[0]
    assert again.status == "ran"
    assert "another environment" in again.reason
