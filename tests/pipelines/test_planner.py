"""What code says it reads and writes, and the order that follows from it."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_nb.capture.notebooks import read
from mlops_nb.errors import UsageError
from mlops_nb.pipelines.planner import Traffic, code_digest, needed, order, traffic
from tests.pipelines.conftest import Write


@pytest.mark.parametrize(
    ("code", "reads", "writes"),
    [
        ("mlops.load_dataset('d')", {"dataset:d"}, set()),
        ("m.load_dataset(name='d')", {"dataset:d"}, set()),
        ("load_dataset('d/3')", {"dataset:d"}, set()),
        ("load_dataset('dataset:d')", {"dataset:d"}, set()),
        ("NAME = 'd'\nmlops.load_dataset(NAME)", {"dataset:d"}, set()),
        ("NAME: str = 'd'\nmlops.load_dataset(NAME)", {"dataset:d"}, set()),
        ("mlops.load_dataset(f'd{1}')", set(), set()),
        ("mlops.load_dataset(name())", set(), set()),
        ("mlops.dataset(frame, 'd')", set(), {"dataset:d"}),
        ("mlops.dataset(frame, name='d')", set(), {"dataset:d"}),
        ("x = 1; y = (mlops.dataset(frame, 'd'),)", set(), {"dataset:d"}),
        ("mlops.load_model('m')", {"models:/m"}, set()),
        ("mlops.load_model('models:/m/1')", {"models:/m"}, set()),
        ("mlops.load_model('models:/m/latest')", {"models:/m"}, set()),
        ("mlops.load_model('models:/m@champion')", {"models:/m@champion"}, set()),
        ("mlops.load_model(reference='models:/m@best')", {"models:/m@best"}, set()),
        ("mlops.register(model, 'm')", set(), {"models:/m"}),
        ("mlops.promote('m', 1, reason='x')", set(), {"models:/m@champion"}),
        ("mlops.promote('m', 1, alias='best', reason='x')", set(), {"models:/m@best"}),
        ("pd.read_csv('a.csv')", {"file:a.csv"}, set()),
        ("pd.read_csv('./a.csv')", {"file:a.csv"}, set()),
        ("frame.to_parquet('out/../a.parquet')", set(), {"file:a.parquet"}),
        ("plt.savefig('a.png')", set(), {"file:a.png"}),
        ("joblib.load('m.bin')", {"file:m.bin"}, set()),
        ("joblib.dump(model, 'm.bin')", set(), {"file:m.bin"}),
        ("json.dump('text', handle)", set(), set()),
        ("open('a.txt')", {"file:a.txt"}, set()),
        ("open('a.txt', 'rb')", {"file:a.txt"}, set()),
        ("open('a.txt', 'w')", set(), {"file:a.txt"}),
        ("open(file='a.txt', mode='a')", set(), {"file:a.txt"}),
        ("open('a.txt', 'xb')", set(), {"file:a.txt"}),
        ("MODE = 'w'\nopen('a.txt', MODE)", set(), {"file:a.txt"}),
        ("load_dataset('d')\ndataset(x, 'd')", set(), {"dataset:d"}),
        ("def f():\n    return mlops.load_dataset('d')", {"dataset:d"}, set()),
        ("# mlops.load_dataset('d')", set(), set()),
        ("'load_dataset(\"d\")'", set(), set()),
        ("%load_ext mlops_nb\nload_dataset('d')", {"dataset:d"}, set()),
        ("!ls\nload_dataset('d')", {"dataset:d"}, set()),
        ("%%time\nload_dataset('d')", {"dataset:d"}, set()),
        ("%%bash\nload_dataset 'd'", set(), set()),
        ("if True:\n    %matplotlib inline\n    load_dataset('d')", {"dataset:d"}, set()),
        ("files = !ls\nload_dataset('d')", {"dataset:d"}, set()),
        ("frame.head?", set(), set()),
        ("text = ('%s'\n    % 'a')\nload_dataset('d')", {"dataset:d"}, set()),
        ("text = '''\n%d\n!x\n'''\nload_dataset('d')", {"dataset:d"}, set()),
        ("await f()\nload_dataset('d')", {"dataset:d"}, set()),
    ],
)  # fmt: skip
def test_a_call_names_what_it_reads_and_writes(notebook: Write, code: str, reads: set[str], writes: set[str]):
    found = traffic(read(notebook("a.ipynb", code)), Path.cwd())
    assert (found.reads, found.writes) == (reads, writes)


def test_a_constant_of_one_cell_names_what_the_next_reads(notebook: Write):
    found = traffic(read(notebook("a.ipynb", "NAME = 'd'", "mlops.load_dataset(NAME)")), Path.cwd())
    assert found.reads == {"dataset:d"}


def test_the_answer_of_a_shell_cannot_be_checked(notebook: Write):
    assert "getoutput" in traffic(read(notebook("a.ipynb", "files = !ls")), Path.cwd()).unseen


def test_local_modules_are_found_with_those_they_import(notebook: Write):
    Path("helper.py").write_text("import deeper\n")
    Path("deeper.py").write_text("import helper, json\n")
    Path("other.py").write_text("")
    found = traffic(read(notebook("a.ipynb", "import numpy\nfrom helper import x")), Path.cwd())
    assert {path.name for path in found.modules} == {"helper.py", "deeper.py"}


def test_a_local_package_is_found_whole(notebook: Write):
    Path("lib").mkdir()
    Path("lib/__init__.py").write_text("")
    Path("lib/part.py").write_text("")
    found = traffic(read(notebook("sub/a.ipynb", "import lib.part")), Path.cwd())
    assert {path.name for path in found.modules} == {"__init__.py", "part.py"}


def test_a_syntax_error_names_notebook_cell_and_line(notebook: Write):
    broken = read(notebook("a.ipynb", "x = 1", "y = 2\nx = = 3"))
    with pytest.raises(UsageError, match=r"a\.ipynb, code cell 2: invalid syntax in line 2 - mend it"):
        traffic(broken, Path.cwd())


# -- digests --------------------------------------------------------------------------------------------------


def test_markdown_is_no_code(notebook: Write):
    plain = code_digest(read(notebook("a.ipynb", "x = 1")), ())
    assert code_digest(read(notebook("a.ipynb", "x = 1", markdown="# words")), ()) == plain


@pytest.mark.parametrize("sources", [("x = 2",), ("x = 1", ""), ("x = ", "1")])
def test_other_cells_are_other_code(notebook: Write, sources: tuple[str, ...]):
    plain = code_digest(read(notebook("a.ipynb", "x = 1")), ())
    assert code_digest(read(notebook("a.ipynb", *sources)), ()) != plain


# -- order ----------------------------------------------------------------------------------------------------


def test_a_step_comes_after_what_it_reads():
    steps = {"a": Traffic(reads={"dataset:d"}), "b": Traffic(writes={"dataset:d"}), "c": Traffic()}
    assert order(steps) == ["b", "c", "a"]
    assert needed("a", steps) == {"b"}


def test_steps_that_need_nothing_are_in_the_order_of_their_names():
    assert order({name: Traffic() for name in ("10", "02", "01")}) == ["01", "02", "10"]


def test_a_circle_is_told_step_by_step():
    steps = {
        "a": Traffic(reads={"dataset:x"}, writes={"dataset:y"}),
        "b": Traffic(reads={"dataset:y"}, writes={"dataset:x"}),
    }
    with pytest.raises(
        UsageError, match="need each other in a circle: (a needs b needs a|b needs a needs b) - cut one"
    ):
        order(steps)


def test_two_producers_of_one_thing_are_told():
    steps = {"a": Traffic(writes={"dataset:x"}), "b": Traffic(writes={"dataset:x"})}
    with pytest.raises(UsageError, match="a and b both write dataset:x - give one of them another name"):
        order(steps)


def test_a_file_may_be_written_twice():
    steps = {"a": Traffic(writes={"file:log.txt"}), "b": Traffic(writes={"file:log.txt"})}
    assert order(steps) == ["a", "b"]


@given(st.dictionaries(st.integers(1, 8), st.sets(st.integers(0, 7), max_size=3), max_size=8))
def test_every_order_keeps_every_need(reads: dict[int, set[int]]):
    steps = {
        f"step {number}": Traffic({f"dataset:{name}" for name in names if name < number}, {f"dataset:{number}"})
        for number, names in reads.items()
    }
    ordered = order(steps)
    assert sorted(ordered) == sorted(steps)
    for position, step in enumerate(ordered):
        assert needed(step, steps) <= set(ordered[:position])
