"""Notebooks that random ones were made small to, each of which some version of capture could not slice."""

FOUND = {
    "an iterator that appends to a list when it is advanced with a default": """
# %%
items = ["s", 1]
# %%
lazy = map(items.append, [1, 2, 3])
# %%
next(lazy, None)
# %%
print(list(lazy), items)
""",
    "a list that a loop over an iterator appends to": """
# %%
items = [3, 4]
same = items
# %%
lazy = map(items.append, [1, 2, 3])
# %%
for value in lazy:
    break
# %%
other = same
# %%
print(items, other)
""",
    "an iterator over a list that changes": """
# %%
import random
items = [2, 3]
# %%
pairs = enumerate(items)
# %%
items.insert(0, "s")
random.shuffle(items)
# %%
print(list(pairs))
""",
    "a small buffer": """
# %%
data = bytearray(b"abc")
# %%
data[0] = 66
# %%
print(bytes(data))
""",
    "an array and a view over one buffer, which is written": """
# %%
import numpy as np
# %%
data = bytearray(b"abc")
# %%
numbers = np.frombuffer(data, dtype="u1")
# %%
view = memoryview(data)
# %%
data[0] = 69
# %%
print(numbers.tolist(), bytes(view))
""",
    "an array over a buffer that is written through a view": """
# %%
import numpy as np
# %%
data = bytearray(b"abc")
numbers = np.frombuffer(data, dtype="u1")
# %%
view = memoryview(data)
# %%
view[1] = 73
# %%
print(numbers.tolist(), bytes(data))
""",
    "a text that grows where it is": """
# %%
text = "none"
# %%
text += "x"
# %%
for _ in range(2):
    text += "x"
# %%
print(text)
""",
    "a name that is deleted through globals and bound again": """
# %%
name = [1, 2]
# %%
other = 3
# %%
del globals()["name"]
def name():
    return other
shown = str(other)
# %%
print(shown)
""",
    "a name that is bound through its module": """
# %%
import sys
# %%
name = [3, 4]
# %%
sys.modules["__main__"].name = 2
# %%
print(name)
""",
    "inputs that somebody appends to": """
# %%
In.append("more")
# %%
name = 1
# %%
print(name)
""",
    "containers in a circle, in a namespace with many names": """
# %%
import __main__, string
for letter in string.ascii_letters:
    globals()["name_" + letter] = 1
# %%
items = [1]
table = {"items": items, "again": items}
items += [table, table]
# %%
items.append(5)
# %%
everything = dict(vars(__main__))
# %%
everything["items"].append(6)
# %%
print(len(items), everything["items"] is items)
""",
    "a name that is bound through the notebook's module under another name": """
# %%
import __main__ as here
# %%
name = [3, 4]
# %%
here.name = 2
# %%
print(name)
""",
    "a name that is bound through the namespace under another name": """
# %%
space = globals()
# %%
name = [3, 4]
# %%
space["name"] = 2
# %%
print(name)
""",
    "a part of a package that another cell imports": """
# %%
import xml
# %%
from xml.etree import ElementTree
# %%
text = xml.etree.ElementTree.fromstring("<a>b</a>").text
# %%
print(text)
""",
    "a function of a library that a function of the notebook replaces": """
# %%
import statistics
# %%
def patch(module):
    module.fmean = lambda values: "patched"
# %%
patch(statistics)
# %%
shown = statistics.fmean([1, 2])
# %%
print(shown)
""",
    "a file that is renamed before a cell removes it": """
# %% file one.txt
1
# %%
import os
# %%
os.rename("one.txt", "two.txt")
# %%
items = [1, 3]
# %%
os.remove("two.txt")
def numbers():
    for value in items[:4]:
        yield value
# %%
print(list(numbers()))
""",
    "a cell that fails while its output is captured": """
# %%
name = "first"
# %%
%%capture caught
name = sorted(missing)
# %%
print(name)
""",
    "a normal number that was drawn together with another": """
# %%
import numpy as np
# %%
first = float(np.random.normal())
# %%
second = float(np.random.normal())
# %%
print(second)
""",
    "numbers after a state that another generator has set": """
# %%
import random
import numpy as np
# %%
first = float(np.random.normal())
# %%
random.setstate(random.Random(1).getstate())
numbers = np.random.rand(3)
# %%
print(numbers.tolist())
""",
    "an object that a module hands out again": """
# %% file helper.py
items = []

def put(value):
    items.append(value)
# %%
from helper import items as found, put
table = {"found": found}
# %%
table["found"].append(2)
# %%
from helper import items as found, put
# %%
print(found)
""",
    "an object that a registry of a library hands out again": """
# %%
import logging
# %%
logger = logging.getLogger("mine")
# %%
logger.level += 5
# %%
again = logging.getLogger("mine")
# %%
print(again.level)
""",
    "a name that a magic deletes with another": """
# %%
table = {"k": 1}
# %%
other = table
# %%
%xdel other
# %%
print(table)
""",
    "an array over a buffer that is written": """
# %%
import numpy as np
# %%
data = bytearray(b"abc")
# %%
array = np.frombuffer(data, dtype="u1")
# %%
data[0] = 66
# %%
print(array.tolist())
""",
    "a buffer that cannot grow while somebody looks at it": """
# %%
import numpy as np
# %%
data = bytearray(b"abc")
# %%
array = np.frombuffer(data, dtype="u1")
# %%
data += b"x"
# %%
print(bytes(data))
""",
    "a name that a function reads before the cell binds it": """
# %%
def a():
    return [c]
# %%
c = 1
# %%
c = a()
# %%
print(c)
""",
    "a draw that a seed hides": """
# %%
import random
# %%
random.seed(4)
# %%
e = random.randint(1, 9)
random.seed(4)
# %%
print(e)
""",
    "a draw that a seed in a function hides": """
# %%
import random
# %%
random.seed(4)
# %%
def draw():
    value = random.randint(1, 9)
    random.seed(4)
    return value
# %%
e = draw()
# %%
print(e)
""",
    "a file outside of the project that is no data by its name": """
# %%
import os, pathlib
# %%
os.chdir("..")
# %%
with open("one.txt", "a") as file:
    file.write("+")
os.rename("one.txt", "two.txt")
# %%
size = pathlib.Path("two.txt").stat().st_size
# %%
print(size)
""",
    "a file that cannot be moved again": """
# %%
import os, pathlib
# %%
with open("one.txt", "a") as file:
    file.write("+")
os.rename("one.txt", "two.txt")
# %%
os.rename("one.txt", "two.txt")
# %%
size = pathlib.Path("two.txt").stat().st_size
# %%
print(size)
""",
    "a column that is given the values it has, in another place, and is written to there": """
# %%
import numpy as np, pandas as pd
frame = pd.DataFrame({"a": np.arange(200_000.0), "b": np.arange(200_000) % 2})
small = pd.DataFrame({"a": [1.0, 2.0]})
# %%
frame["b"] = np.arange(200_000) % 2
small["a"] = [1.0, 2.0]
# %%
values = small._mgr.blocks[0].values
# %%
frame["a"] = 1.0
# %%
values.flags.writeable = True
values[0, 0] = 7.0
# %%
print(small["a"].tolist(), frame["a"].sum())
""",
}
