"""Notebooks in which a dependency is easily missed or invented; see ``notebook`` for the format.

Each was a trap for some tool that follows notebooks. A case that a machine without a library cannot run is a hole in
the proof, so every library named here is a dependency of the tests.
"""

CASES = {
    "a frame changed in place through an alias": """
# %% need
import pandas as pd
# %% need
frame = pd.DataFrame({"width": [3, 1, 2], "height": [4, 5, 6]})
# %% need
alias = frame
# %% need
alias.drop(columns=["height"], inplace=True)
# %% drop
totals = frame.sum()
# %% need
print(frame.shape)
""",
    "a list changed by a function that gets it": """
# %% need
def add(items, item):
    items.append(item)
# %% need
basket = [1]
# %% need
add(basket, 2)
# %% drop
copied = list(basket)
# %% need
print(basket)
""",
    "a frame inside a dict changed under another name": """
# %% need
import pandas as pd
# %% need
tables = {"prices": pd.DataFrame({"price": [1.0, 2.0]})}
# %% need
prices = tables["prices"]
# %% need
prices.loc[0, "price"] = 99.0
# %% drop
copied = prices.copy()
# %% need
print(tables["prices"].price.sum())
""",
    "an array written through a view": """
# %% need
import numpy as np
# %% need
whole = np.zeros(4)
# %% need
part = whole[1:3]
# %% need
part += 7
# %% drop
doubled = whole * 2
# %% need
print(whole)
""",
    "a model fitted inside a function": """
# %% need
import numpy as np
from sklearn.linear_model import LinearRegression
# %% need
X = np.arange(6.0).reshape(-1, 1)
y = X[:, 0] * 2 + 1
# %% need
model = LinearRegression()
# %% need
def train(estimator):
    estimator.fit(X, y)
# %% need
train(model)
# %% drop
score = model.score(X, y)
# %% need
print(model.coef_.round(6), model.intercept_.round(6))
""",
    "a global rebound by a function": """
# %% need
level = 1
# %% need
def rise():
    global level
    level += 10
# %% need
rise()
# %% drop
seen = level
# %% need
print(level)
""",
    "a global that a function looks up when it is called": """
# %% drop
factor = 2
# %% need
def scaled(value):
    return value * factor
# %% need
factor = 5
# %% need
result = scaled(3)
# %% need
print(result)
""",
    "one cell run twice": """
# %% need
steps = []
# %% need id=twice
steps.append(len(steps))
# %% need id=twice
steps.append(len(steps))
# %% need
print(steps)
""",
    "a cell that is not in the notebook any more": """
# %% need
base = 10
# %% need id=deleted
tripled = base * 3
# %% drop
unused = 1
# %% need
print(tripled)
""",
    "a cell run first in an older form": """
# %% drop id=second
y = 1
# %% need id=first
x = 4
# %% need id=second
y = x + 1
# %% need
print(y)
""",
    "a cell that failed half-way": """
# %% need
quotients = []
# %% need
for divisor in [1, 2, 0, 5]:
    quotients.append(10 // divisor)
# %% drop
other = 3
# %% need
print(quotients)
""",
    "the body of a %%time cell": """
# %% need
import numpy as np
# %% need
n = 100
# %% need
%%time
total = np.arange(n).sum()
# %% drop
more = total + 1
# %% need
print(total)
""",
    "a %%capture cell, which runs a cell in a cell": """
# %% need
q = 4
# %% need
%%capture captured
z = q ** 2
print("hidden")
# %% drop
w = 9
# %% need
print(z)
""",
    "names that come from a script run by %run": """
# %% need
base = 3
open("script.py", "w").write("h = base * 2\\n")
# %% need
%run -i script.py
# %% need
r = h + 1
# %% drop
junk = 0
# %% need
print(r)
""",
    "a value that goes through a file": """
# %% need
import json
# %% need
json.dump({"rate": 0.1}, open("config.json", "w"))
# %% drop
open("unrelated.txt", "w").write("x")
# %% need
config = json.load(open("config.json"))
# %% need
print(config)
""",
    "a file that pyarrow opens": """
# %% need
import pandas as pd
import pyarrow.parquet as pq
# %% need
pd.DataFrame({"a": [1, 2]}).to_parquet("table.parquet")
# %% need
table = pq.read_table("table.parquet")
# %% drop
z = 1
# %% need
print(table.num_rows)
""",
    "a file that polars scans in one cell and reads in another": """
# %% need
import polars as pl
# %% need
pl.DataFrame({"a": [1, 2]}).write_parquet("table.parquet")
# %% need
lazy = pl.scan_parquet("table.parquet")
# %% drop
z = 1
# %% need
collected = lazy.collect()
# %% need
print(collected["a"].sum())
""",
    "a file that duckdb reads by a query": """
# %% need
import duckdb
# %% need
duckdb.sql("SELECT 42 AS a").write_parquet("table.parquet")
# %% need
rows = duckdb.sql("SELECT a FROM 'table.parquet'").fetchall()
# %% drop
z = 1
# %% need
print(rows)
""",
    "a file that h5py opens": """
# %% need
import h5py
# %% need
with h5py.File("table.h5", "w") as file:
    file["a"] = [1, 2]
# %% need
with h5py.File("table.h5") as file:
    total = int(file["a"][:].sum())
# %% drop
z = 1
# %% need
print(total)
""",
    "a file that a shell command writes": """
# %% need
name = "data.txt"
# %% need
!echo 42 > data.txt
# %% need
value = int(open(name).read())
# %% drop
junk = 1
# %% need
print(value)
""",
    "a module written in the session": """
# %% need
import os
os.makedirs("own")
open("own/freshly.py", "w").write("def made(): return 7\\n")
# %% need
import sys
sys.path.insert(0, "own")
# %% drop
noise = 3
# %% need
import freshly
# %% need
print(freshly.made())
""",
    "a draw between the seed and another draw": """
# %% need
import numpy as np
# %% need
np.random.seed(7)
# %% drop
a = 3
# %% need
b = np.random.rand(2)
# %% drop
c = a + 1
# %% need
print(np.random.rand(2).round(6))
""",
    "a name rebound from itself while an alias goes away": """
# %% need
x = [1]
# %% drop
y = x
# %% need
x = [5] + x
# %% drop
del y
# %% need
print(x)
""",
    "names made by exec and through globals": """
# %% need
source = "dynamic = 6 * 7"
# %% need
exec(source)
# %% need
globals()["sneaky"] = dynamic + 1
# %% drop
k = 0
# %% need
print(sneaky)
""",
    "a generator that was advanced": """
# %% need
squares = (i * i for i in range(5))
# %% need
first = next(squares)
# %% drop
k = 1
# %% need
print(list(squares))
""",
    "a thread that changes a list later": """
# %% need
import threading
import time
# %% need
box = []
# %% need
def later():
    time.sleep(0.05)
    box.append("done")
threading.Thread(target=later).start()
# %% either
time.sleep(0.2)
# %% need
for _ in range(100):
    if not box:
        time.sleep(0.01)
print(box)
""",
    "the output of an earlier cell": """
# %% need
a = 5
# %% need
a * 2
# %% drop
b = 1
# %% need
print(Out[2] + _2)
""",
    "a class attribute and a module changed after their use was written": """
# %% need
import math
# %% need
class Price:
    rate = 1
    def value(self):
        return Price.rate * math.twice
# %% need
math.twice = math.tau * 2
# %% need
Price.rate = 3
# %% drop
z = 1
# %% need
print(round(Price().value(), 3))
""",
    "an option of pandas": """
# %% need
import pandas as pd
# %% need
pd.options.display.float_format = "{:.1f}".format
# %% need
frame = pd.DataFrame({"a": [1.23456]})
# %% drop
n = 2
# %% need
print(frame.to_string())
""",
    "the working folder and the environment": """
# %% need
import os
# %% need
os.makedirs("sub", exist_ok=True)
os.chdir("sub")
# %% need
os.environ["MODE"] = "fast"
# %% drop
n = 2
# %% need
print(os.path.basename(os.getcwd()), os.environ["MODE"])
""",
    "a starred target, a walrus and a loop variable": """
# %% need
a, *b = [1, 2, 3]
# %% need
if (m := max(b)) > 2:
    pass
# %% need
for i in range(m):
    last = i
# %% drop
x = 0
# %% need
print(i, last, m)
""",
    "a registry that a decorator fills": """
# %% need
REGISTRY = {}
# %% need
def register(function):
    REGISTRY[function.__name__] = function
    return function
# %% need
@register
def step():
    return "ok"
# %% drop
n = 1
# %% need
print(REGISTRY["step"]())
""",
    "a default value that a function fills": """
# %% need
def collect(x, seen=[]):
    seen.append(x)
    return list(seen)
# %% need
collect(1)
# %% need
collect(2)
# %% drop
n = 1
# %% need
print(collect(3))
""",
    # -- designed rather than found -------------------------------------------------------------------------------
    "a list of a class filled through an instance": """
# %% need
class Shelf:
    books = []
# %% need
shelf = Shelf()
# %% need
shelf.books.append("Emma")
# %% drop
n = len(Shelf.books)
# %% need
print(Shelf.books)
""",
    "a list inside an object column": """
# %% need
import pandas as pd
# %% need
frame = pd.DataFrame({"o": [[1], [2]]})
# %% need
frame["o"].iloc[0].append(7)
# %% drop
n = len(frame)
# %% need
print(frame["o"].tolist())
""",
    "an array of pandas written past copy-on-write": """
# %% need
import numpy as np
import pandas as pd
# %% need
frame = pd.DataFrame({"a": pd.array([1, 2, 3], dtype="Int64")})
# %% need
frame["a"].array._data[0] = -1
# %% drop
n = len(frame)
# %% need
print(frame["a"].tolist())
""",
    "a file replaced by one of the same size and time": """
# %% need
import os
# %% drop
with open("x.csv", "w") as file:
    file.write("old")
os.utime("x.csv", (1, 1))
# %% either
before = open("x.csv").read()
# %% need
with open("x.tmp", "w") as file:
    file.write("new")
os.utime("x.tmp", (1, 1))
os.replace("x.tmp", "x.csv")
# %% drop
n = 1
# %% need
print(open("x.csv").read())
""",
    "a module that is reloaded by itself": """
# %% file reloaded.py
def answer():
    return "old"
# %% need
%load_ext autoreload
%autoreload 2
# %% need
import reloaded
# %% either
before = reloaded.answer()
# %% need
with open("reloaded.py", "w") as file:
    file.write("def answer():\\n    return 'the new one'\\n")
# %% drop
n = 1
# %% need
print(reloaded.answer())
""",
    "a fit that was interrupted": """
# %% need
import signal
import numpy as np
from sklearn.ensemble import GradientBoostingRegressor
# %% need
X = np.arange(20.0).reshape(-1, 1)
y = X[:, 0] ** 2
# %% need
model = GradientBoostingRegressor(n_estimators=10, random_state=0)
# %% need
def stop(stage, *others):
    if stage == 3:
        signal.raise_signal(signal.SIGINT)
# %% need
model.fit(X, y, monitor=stop)
# %% drop
n = 1
# %% need
print([tree is not None for tree in model.estimators_[:, 0]])
""",
    "a lazy frame whose file changes before it is read": """
# %% need
import polars as pl
# %% either
pl.DataFrame({"a": [1, 2]}).write_csv("source.csv")
# %% need
lazy = pl.scan_csv("source.csv").select(pl.col("a").sum())
# %% need
pl.DataFrame({"a": [30, 40]}).write_csv("source.csv")
# %% drop
n = 1
# %% need
total = lazy.collect()
# %% need
print(total.item())
""",
    "a file that a process of joblib writes": """
# %% need
from joblib import Parallel, delayed
# %% need
def save(n):
    with open(f"part-{n}.txt", "w") as file:
        file.write(str(n * n))
# %% need
Parallel(n_jobs=2)(delayed(save)(n) for n in (2, 3))
# %% drop
n = 1
# %% need
parts = [open(f"part-{n}.txt").read() for n in (2, 3)]
# %% need
print(parts)
""",
    "a task that ends two cells later": """
# %% need
import asyncio
box = []
# %% drop
m = 1
# %% need
async def later():
    await asyncio.sleep(0.05)
    box.append("done")
# %% need
task = asyncio.create_task(later())
await asyncio.sleep(0)
# %% either
n = 1
# %% either
await asyncio.sleep(0.2)
# %% need
for _ in range(100):
    if not box:
        await asyncio.sleep(0.01)
print(box)
""",
    "a model that grows when it is fitted again": """
# %% need
import numpy as np
from sklearn.ensemble import RandomForestRegressor
# %% need
X = np.arange(20.0).reshape(-1, 1)
y = X[:, 0] ** 2
# %% need
forest = RandomForestRegressor(n_estimators=2, warm_start=True, random_state=0)
# %% need
forest.fit(X, y)
# %% need
forest.n_estimators = 4
# %% need
forest.fit(X, -y)
# %% drop
n = len(forest.estimators_)
# %% need
print(len(forest.estimators_), forest.predict(X[:3]).round(6))
""",
    "a cache that hides that a file was read": """
# %% need
import functools
# %% need
with open("text.txt", "w") as file:
    file.write("first")
# %% need
@functools.lru_cache
def text():
    return open("text.txt").read()
# %% either
length = len(text())
# %% either
with open("text.txt", "w") as file:
    file.write("second")
# %% drop
n = 1
# %% need
print(text())
""",
}
