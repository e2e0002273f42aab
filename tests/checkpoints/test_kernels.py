"""A checkpoint brought back into a kernel that has just started."""

STATE = """
import os, random
import numpy as np, pandas as pd
from dataclasses import dataclass

RATE = 10

class Shape:
    count = 0
    def area(self):
        return RATE * self.side

@dataclass
class Square(Shape):
    side: int
    name: str = "square"

def scaled(x):
    return x * RATE

def counter():
    n = 0
    def up():
        nonlocal n
        n += 1
        return n
    return up, lambda: n

up, count = counter()
up()
one = Square(2)
same, held = one, {"one": one, "list": [one]}
held["itself"] = held
_hidden = 5
Shape.count = 7
data = np.arange(10)
part, back = data[2:6], data[::-1]
lent = bytearray(b"abcd")
seen = np.frombuffer(lent, "u1")
objects = np.array([[], {}], dtype=object)
other = objects[1:]
records = np.zeros(3, dtype=[("a", "i4"), ("day", "M8[D]")])
ones = np.asfortranarray(np.ones((3, 2)))
turned = ones[1:, ::-1]
locked = np.arange(3)
locked.flags.writeable = False
frame = pd.DataFrame({"a": [1, 2], "b": ["x", "y"]})
shallow, column, values = frame.copy(deep=False), frame["a"], frame.values
words = pd.Series(pd.Categorical(["p", "q"]))
words_too = words.copy(deep=False)
matrix = np.asmatrix(data)
variables = os.environ
"""


def test_values_functions_and_classes_of_cells_come_back_with_what_they_share(carried):
    kernel = carried(STATE)
    assert kernel.text("print(same is one, held['list'][0] is one, held['itself'] is held, type(one) is Square)") == (
        "True True True True\n"
    )
    assert kernel.text("print(one.area(), Square(3), Shape.count, issubclass(Square, Shape), _hidden)") == (
        "20 Square(side=3, name='square') 7 True 5\n"
    )
    assert kernel.text("RATE = 100\nprint(scaled(2), one.area())") == "200 200\n"  # the names of this notebook
    assert kernel.text("print(up(), count(), variables is os.environ)") == "2 2 True\n"


def test_arrays_that_lay_in_one_memory_do_so_again_and_frames_have_their_own(carried):
    kernel = carried(STATE)
    kernel.run("data[2] = 77\nframe.loc[0, 'a'] = 99")
    assert kernel.text("print(part[0], back[7], matrix[0, 2])") == "77 77 77\n"
    kernel.run("words.iloc[0] = 'q'")
    assert (
        kernel.text("print(shallow['a'].tolist(), column.tolist(), values[0, 0], *words_too)")
        == "[1, 2] [1, 2] 1 p q\n"
    )
    kernel.run("lent[0] = 65\nother[0]['k'] = 1\nones[1, 0] = 9\nfield = records['day']\nfield[0] = '2020-01-01'")
    assert kernel.text("print(seen[0], objects[1], turned[0, 1], records['day'][0], locked.flags.writeable)") == (
        "65 {'k': 1} 9.0 2020-01-01 False\n"
    )


def test_random_state_and_working_folder_come_back(carried, workspace):
    (workspace / "sub").mkdir()
    cells = ("import os, random, numpy as np", "os.chdir('sub')", "random.seed(1); np.random.seed(2)")
    kernel = carried(*cells, "expected = None", before=("import random; random.seed(9)",))
    drawn = kernel.text("print(random.random(), np.random.rand(), os.path.basename(os.getcwd()))").split()
    import random

    import numpy

    assert drawn == [str(random.Random(1).random()), str(numpy.random.RandomState(2).rand()), "sub"]


def test_lineage_leads_through_the_checkpoint_and_a_slice_is_uncheckable(carried, workspace):
    kernel = carried("source = [1, 2]", "total = sum(source)")
    kernel.run("answer = total + 1")
    kernel.settle()
    from mlops_nb.lineage.graph import lineage
    from mlops_nb.lineage.slices import slice_of
    from mlops_nb.lineage.verdicts import verdict_of
    from mlops_nb.project import Project

    project = Project(workspace)
    past = {(node.kind, node.name) for node in lineage(project, "var:answer").nodes}
    assert {("checkpoint", "c"), ("variable", "source"), ("execution", "[2] source = [1, 2]")} <= past
    found = slice_of(project, "var:answer")
    assert [cell.source for cell in found.cells] == ["%mlops restore c", "answer = total + 1"]
    assert "restored values from checkpoint 'c'" in found.uncheckable[0]
    assert verdict_of(project, "var:answer").verdict == "uncheckable"
    project.store.close()
