"""Small notebooks in which somebody would notice being watched; see ``tests.soundness.notebook`` for the format.

Each does what is known to change when a tool rewrites cells, wraps the namespace, keeps objects alive, asks them what
they are, or prints.
"""

NOTEBOOKS = {
    "output that is caught": """
# %%
%%capture caught
print("inside")
display("shown")
inner = 1
# %%
print("after", inner, repr(caught.stdout), len(caught.outputs))
# %%
caught.show()
# %%
import contextlib, io
with contextlib.redirect_stdout(io.StringIO()) as text:
    print("redirected")
text.getvalue()
""",
    "scripts that are run": """
# %% file script.py
import sys
defined = len(sys.argv)
def double(x):
    return x * factor
print("script", __name__, sys.argv[1:])
# %% file broken.py
before = 1
raise RuntimeError("half-way")
# %%
factor = 3
%run script.py a b
# %%
defined, "double" in globals()
# %%
%run -i script.py
double(2)
# %%
%run broken.py
# %%
before
# %%
%run -n script.py
""",
    "magics that time": """
# %%
%%time
a = 1
# %%
a
# %%
%time b = a + 1
# %%
b
# %%
t = %timeit -n1 -r1 -o -q a + b
t.loops
# %%
%%timeit -n 1 -r 1 -q c = 5
c + 1
# %%
"c" in globals()
# %%
%prun -q sum(range(10))
""",
    "classes that are pickled": """
# %%
import copy, pickle
class Point:
    def __init__(self, x):
        self.x = x
def function():
    return 5
# %%
pickle.loads(pickle.dumps(Point(3))).x
# %%
Point.__module__, Point.__qualname__, type(Point(1)) is Point, function.__module__
# %%
pickle.loads(pickle.dumps(function))(), pickle.loads(pickle.dumps(Point)) is Point
# %%
copy.deepcopy(Point([1])).x
# %%
import inspect
print(inspect.getsource(Point))
# %%
inspect.getsource(function)
# %%
class Point:
    pass
# %%
from concurrent.futures import ProcessPoolExecutor
with ProcessPoolExecutor(1) as pool:
    print(pool.submit(len, "abc").result())
""",
    "modules made in the session": """
# %%
%%writefile made.py
value = 1
items = []
def double():
    return value * 2
# %%
import made
made.value = 5
made.items.append(made.double())
made.items
# %%
from made import *
value, items is made.items
# %%
sorted(name for name in vars(made) if name[0] != "_")
# %%
import importlib
importlib.reload(made).items
# %%
import sys, types
module = types.ModuleType("virtual")
exec("x = 1", vars(module))
sys.modules["virtual"] = module
import virtual
virtual.x, virtual.__spec__
# %%
sorted(name for name in sys.modules if name in ("pandas", "numpy", "sklearn", "matplotlib", "pyarrow", "polars"))
""",
    "modules that are reloaded": """
# %% file changing.py
def answer():
    return "old"
# %%
%load_ext autoreload
%autoreload 2
import changing
changing.answer()
# %%
open("changing.py", "w").write("def answer():\\n    return 'the new one'\\n")
# %%
changing.answer()
# %%
%autoreload 0
changing.answer()
""",
    "cells that wait": """
# %%
import asyncio
await asyncio.sleep(0, "waited")
# %%
async def work(n):
    await asyncio.sleep(0.01 * n)
    return n
await asyncio.gather(work(2), work(1))
# %%
task = asyncio.create_task(work(1))
# %%
await task
# %%
async def numbers():
    yield 1
    await asyncio.sleep(0)
    yield 2
[n async for n in numbers()]
# %%
[task.get_name() for task in asyncio.all_tasks() if "work" in str(task.get_coro())]
# %%
asyncio.get_running_loop().is_running()
# %%
await work("x")
""",
    "threads": """
# %%
import threading, time
before = threading.active_count()
results = []
threads = [threading.Thread(target=lambda n=n: results.append(n * n)) for n in range(3)]
# %%
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
sorted(results)
# %%
threading.active_count() - before, threading.current_thread() is threading.main_thread()
# %%
def late():
    go.wait()
    print("from a thread")
go = threading.Event()
thread = threading.Thread(target=late)
thread.start()
# %%
go.set()
thread.join()
# %%
local = threading.local()
local.x = 1
vars(local)
""",
    "errors": """
# %%
def fail(x):
    raise ValueError(x)
# %%
fail("first")
# %%
import sys
sys.last_value, sys.last_type.__name__
# %%
try:
    fail("inner")
except ValueError as error:
    raise RuntimeError("outer") from error
# %%
%tb
# %%
1 +
# %%
raise ExceptionGroup("group", [ValueError(1), KeyError("k")])
# %%
%xmode Plain
fail("plain")
# %%
%xmode Minimal
fail("minimal")
# %%
import traceback
try:
    fail("formatted")
except ValueError:
    print(traceback.format_exc())
# %%
raise KeyboardInterrupt
# %%
class Odd(Exception):
    def __str__(self):
        raise TypeError("no text")
raise Odd
# %%
assert False, "asserted"
# %%
def deep(n):
    return deep(n + 1)
# %%
sys.exc_info()
""",
    "displays": """
# %%
from IPython.display import HTML, JSON, Markdown, clear_output, display, update_display
display(HTML("<b>b</b>"), Markdown("*m*"))
# %%
display({"text/plain": "raw", "text/html": "<i>i</i>"}, raw=True)
# %%
handle = display("one", display_id="handle")
# %%
handle.update("two")
# %%
class Rich:
    def _repr_html_(self):
        return "<u>rich</u>"
    def _repr_mimebundle_(self, include=None, exclude=None):
        return {"text/plain": "bundle", "application/x-own": [1]}
Rich()
# %%
print("cleared")
clear_output(wait=True)
# %%
5;
# %%
x = 5
x
# %%
%config InteractiveShell.ast_node_interactivity = "all"
# %%
x
x + 1
# %%
get_ipython().display_formatter.formatters["text/plain"].for_type(int, lambda value, p, cycle: p.text(f"<{value}>"))
7
""",
    "a cell that is interrupted": """
# %%
import signal, threading
done = []
# %%
for number in range(10):
    done.append(number)
    if number == 3:
        signal.raise_signal(signal.SIGINT)
# %%
done
# %%
try:
    signal.raise_signal(signal.SIGINT)
except KeyboardInterrupt:
    print("caught")
# %%
signal.getsignal(signal.SIGINT) is signal.default_int_handler
""",
    "the history": """
# %%
1
# %%
_ + 1
# %%
_, __, ___
# %%
_i
# %%
_ii, _i3
# %%
In[1], Out[1], sorted(Out), len(In)
# %%
_2, _oh[2]
# %%
del Out[1]
# %%
%history -n 1-3
# %%
get_ipython().execution_count
# %%
%recall 1
# %%
%rerun 1
# %%
_ = 7
# %%
_
# %%
%macro again 1-2
# %%
again
# %%
%notebook -e written.ipynb
""",
    "what is there": """
# %%
a, _b, c = 1, 2, [3]
# %%
%who
# %%
%who_ls
# %%
%whos list
# %%
print(*sorted(dir()))
# %%
print(*globals().keys())
# %%
len(globals()), len(vars()), type(globals())
# %%
%who_ls int
# %%
del a
"a" in globals(), list(globals())[-1]
# %%
%xdel c
# %%
%reset -f
# %%
print(*(name for name in globals() if name[0] != "_"))
# %%
get_ipython().user_ns is globals(), type(get_ipython().user_ns)
# %%
__name__, __doc__, __builtins__.__name__
""",
    "objects that must be collected": """
# %%
import gc, sys, weakref
class Node:
    alive = 0
    def __init__(self):
        Node.alive += 1
    def __del__(self):
        Node.alive -= 1
        print("deleted")
# %%
node = Node()
ref = weakref.ref(node, lambda _: print("callback"))
# %%
sys.getrefcount(node)
# %%
del node
# %%
ref() is None, Node.alive
# %%
node = Node()
held = [node]
# %%
node = None
# %%
held.clear()
# %%
table = weakref.WeakValueDictionary()
table["k"] = node = Node()
# %%
def use(n):
    return n is not None
use(node)
# %%
del node
len(table)
# %%
class Loop:
    def __init__(self):
        self.itself = self
gc.disable()  # when it is collected is not to depend on how much else is made
loop = Loop()
ref = weakref.ref(loop)
del loop
# %%
ref() is not None
# %%
gc.enable()
gc.collect() > 0, ref() is None
# %%
gc.isenabled(), gc.get_threshold(), gc.callbacks, gc.get_debug()
""",
    "arrays whose memory is counted": """
# %%
import sys
import numpy as np
a = np.arange(4)
# %%
a.resize(8)
a
# %%
b = np.zeros(3)
b.resize(2, refcheck=True)
b
# %%
sys.getrefcount(a), a.flags.owndata, a.flags.writeable
# %%
view = a[2:]
a[3] = 9
view
# %%
del view
a.resize(2)
# %%
a
# %%
data = bytearray(b"abc")
data.append(1)
# %%
data.extend(b"more")
data
# %%
buffer = memoryview(data)
data.append(2)
# %%
buffer.release()
data.append(3)
len(data)
# %%
import array
numbers = array.array("i", [1, 2])
numbers.append(3)
# %%
numbers.append(4)
numbers
""",
    "frames that copy on write": """
# %%
import pandas as pd
import numpy as np
frame = pd.DataFrame({"a": np.arange(200_000.0), "b": 1.0})
# %%
address = frame["a"].to_numpy().__array_interface__["data"][0]
view = frame[:]
# %%
frame["a"].to_numpy().__array_interface__["data"][0] == address
# %%
view.iloc[0, 0] = 7.0
frame.iloc[0, 0], view.iloc[0, 0]
# %%
column = frame["b"]
column.iloc[0] = 5.0
frame["b"].iloc[0]
# %%
frame.loc[0, "a"] = 3.0
frame["a"].iloc[0]
# %%
frame["a"][0] = 1.0
# %%
frame.flags, frame.attrs, list(vars(frame))
# %%
frame.head(2)
# %%
frame["b"].array.flags.writeable if hasattr(frame["b"].array, "flags") else None
""",
    "objects that count who asks": """
# %%
from collections import Counter
asked = Counter()
class Watching:
    def __init__(self):
        object.__setattr__(self, "inside", [1])
    def __getattribute__(self, name):
        asked["getattribute"] += 1
        return object.__getattribute__(self, name)
    def __getattr__(self, name):
        asked["getattr"] += 1
        raise AttributeError(name)
    def __repr__(self):
        asked["repr"] += 1
        return "Watching"
    def __eq__(self, other):
        asked["eq"] += 1
        return self is other
    def __hash__(self):
        asked["hash"] += 1
        return 1
    def __len__(self):
        asked["len"] += 1
        return 1
    def __bool__(self):
        asked["bool"] += 1
        return True
    def __iter__(self):
        asked["iter"] += 1
        return iter([])
    def __reduce_ex__(self, protocol):
        asked["reduce"] += 1
        return (Watching, ())
    def __sizeof__(self):
        asked["sizeof"] += 1
        return 1
    def __deepcopy__(self, memo):
        asked["deepcopy"] += 1
        return self
    def __array__(self, *args, **kwargs):
        asked["array"] += 1
        raise TypeError
    def __dir__(self):
        asked["dir"] += 1
        return []
    def __call__(self):
        return 5
    @property
    def __class__(self):
        asked["class"] += 1
        return Watching
    @property
    def __dict__(self):
        asked["dict"] += 1
        return {}
# %%
w = Watching()
# %%
v = w
# %%
v()
# %%
box = [w, {"k": w}, (w,)]
# %%
box.append(1)
# %%
def use():
    return w()
use()
# %%
w2 = Watching()
del w2
# %%
asked == {}, dict(asked)
# %%
class Meta(type):
    def __getattribute__(cls, name):
        if name not in ("__name__", "__module__", "__qualname__", "__mro__", "__dict__"):
            asked["meta " + name] += 1
        return type.__getattribute__(cls, name)
    def __instancecheck__(cls, instance):
        asked["instancecheck"] += 1
        return False
    def __subclasscheck__(cls, other):
        asked["subclasscheck"] += 1
        return False
    def __eq__(cls, other):
        asked["meta eq"] += 1
        return cls is other
    def __hash__(cls):
        return 1
class WithMeta(metaclass=Meta):
    x = 1
# %%
asked.clear()
m = WithMeta()
# %%
holder = {"m": m, "class": WithMeta}
# %%
holder["again"] = m
# %%
sorted(asked.items())
""",
    "containers that count who asks": """
# %%
from collections import Counter
asked = Counter()
class Items(list):
    def __iter__(self):
        asked["iter"] += 1
        return super().__iter__()
    def __len__(self):
        asked["len"] += 1
        return super().__len__()
    def __getitem__(self, key):
        asked["getitem"] += 1
        return super().__getitem__(key)
    def __reduce_ex__(self, protocol):
        asked["reduce"] += 1
        return super().__reduce_ex__(protocol)
class Table(dict):
    def __missing__(self, key):
        asked["missing"] += 1
        return 1
    def __iter__(self):
        asked["dict iter"] += 1
        return super().__iter__()
    def keys(self):
        asked["keys"] += 1
        return super().keys()
    def items(self):
        asked["items"] += 1
        return super().items()
class Name(str):
    def __hash__(self):
        asked["str hash"] += 1
        return super().__hash__()
    def __eq__(self, other):
        asked["str eq"] += 1
        return super().__eq__(other)
# %%
items, table, name = Items([1, 2]), Table(a=1), Name("n")
keyed = {name: 1}
# %%
asked.clear()
items.append(3)
# %%
table["b"] = 2
# %%
both = [items, table, name]
# %%
both.append(1)
# %%
sorted(asked.items())
# %%
class Lazy:
    @property
    def value(self):
        asked["property"] += 1
        return 1
    def __getstate__(self):
        asked["getstate"] += 1
        return {}
    def __getattr__(self, name):
        asked["getattr " + name] += 1
        raise AttributeError(name)
lazy = Lazy()
# %%
lazy.x = 1
# %%
sorted(asked.items())
# %%
import functools
class Once:
    @functools.cached_property
    def value(self):
        asked["cached"] += 1
        return 1
once = Once()
# %%
once.y = 1
# %%
vars(once), asked["cached"]
# %%
def numbers():
    asked["generator"] += 1
    yield 1
waiting = numbers()
# %%
waiting2 = waiting
# %%
asked["generator"], next(waiting)
# %%
seen = []
lazy_map = map(seen.append, [1, 2])
# %%
other = lazy_map
# %%
seen
""",
    "objects that fail when asked": """
# %%
class Hostile:
    def __getattribute__(self, name):
        raise RuntimeError("do not ask " + name)
    def __repr__(self):
        raise RuntimeError("no repr")
    def __eq__(self, other):
        raise RuntimeError("no eq")
    def __hash__(self):
        raise RuntimeError("no hash")
    def __bool__(self):
        raise RuntimeError("no bool")
    def __len__(self):
        return -1
# %%
h = Hostile()
# %%
box = [h, {1: h}]
# %%
box.append(2)
# %%
h
# %%
class Slow:
    def __reduce_ex__(self, protocol):
        import time
        time.sleep(5)
    def __getstate__(self):
        raise SystemExit("pickled")
    __del__ = None
s = Slow()
# %%
s.x = 1
# %%
class Exits:
    def __reduce__(self):
        raise SystemExit
    def __getattr__(self, name):
        raise KeyboardInterrupt
e = Exits()
# %%
e2 = [e]
e2.append(e)
# %%
loop = []
loop.append(loop)
loop
# %%
deep = []
for _ in range(100_000):
    deep = [deep]
# %%
deep2 = deep
len(deep2)
# %%
deep = deep2 = None
""",
    "warnings": """
# %%
import warnings
def careful():
    warnings.warn("careful", UserWarning)
careful()
# %%
careful()
# %%
warnings.warn("twice")
warnings.warn("twice")
# %%
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    careful()
len(caught)
# %%
warnings.simplefilter("error")
careful()
# %%
x = [1]
# %%
warnings.warn("an error now", DeprecationWarning)
# %%
import numpy as np
np.array([1.0]) / 0
# %%
warnings.resetwarnings()
"\\d"
# %%
x is 5
""",
    "figures": """
# %%
%matplotlib inline
import matplotlib.pyplot as plt
plt.plot([1, 2, 3])
plt.title("shown");
# %%
figure, axes = plt.subplots()
axes.plot([3, 1, 2])
# %%
plt.get_fignums()
# %%
axes.set_title("later")
figure
# %%
plt.savefig("empty.png")
# %%
import os
os.path.exists("empty.png")
# %%
plt.close("all")
len(plt.get_fignums())
""",
    "the shell": """
# %%
!echo from the shell
# %%
lines = !echo one; echo two
lines
# %%
%%bash
echo from bash
# %%
name = "world"
!echo hello {name} $name
# %%
import subprocess
subprocess.run(["echo", "sub"], capture_output=True, text=True).stdout
# %%
%cd -q ..
# %%
%cd -q -
# %%
%env MINE=1
# %%
!echo $MINE
# %%
%%writefile -a notes.txt
line
# %%
%cat notes.txt
# %%
!exit 3
# %%
_exit_code
# %%
%alias greet echo greetings
%greet
""",
    "what is patched": """
# %%
import builtins
opened = []
original = builtins.open
def opening(*args, **kwargs):
    opened.append(args[0])
    return original(*args, **kwargs)
builtins.open = opening
# %%
open("a.txt", "w").write("a")
# %%
opened
# %%
builtins.open = original
# %%
import io
io.open is original, original.__module__, open.__module__
# %%
import os, time
time.time = lambda: 0
os.path.exists = lambda path: False
# %%
x = 1
# %%
time.time(), os.path.exists(".")
# %%
import sys
sys.stdout.write("written\\n")
sys.setrecursionlimit(200)
# %%
def down(n):
    return n and down(n - 1)
down(50)
# %%
sys.setrecursionlimit(3000)
sys.gettrace(), sys.getprofile(), sys.displayhook.__class__.__name__, sys.excepthook.__name__
# %%
id = hash = type = len = repr = isinstance = None
# %%
y = [x]
# %%
del id, hash, type, len, repr, isinstance
# %%
y
""",
    "numbers of the machine": """
# %%
import random
random.seed(1)
random.random()
# %%
import numpy as np
np.random.seed(1)
# %%
np.random.rand()
# %%
random.getstate()[1][-1], np.random.get_state()[2]
# %%
a = [3, 1, 2]
random.shuffle(a)
# %%
a
# %%
import uuid
uuid.UUID(int=random.getrandbits(128), version=4)
# %%
rng = np.random.default_rng(3)
# %%
rng.random()
# %%
other = rng
# %%
rng.random()
# %%
import decimal
decimal.getcontext().prec = 3
# %%
decimal.Decimal(1) / 3
# %%
import contextvars
variable = contextvars.ContextVar("v", default=0)
token = variable.set(1)
# %%
variable.get()
""",
    "files that are open": """
# %%
import os
file = open("kept.txt", "w")
file.write("a")
# %%
file.tell(), os.path.getsize("kept.txt")
# %%
file.write("b")
file.flush()
# %%
os.path.getsize("kept.txt")
# %%
file.close()
open("kept.txt").read()
# %%
sorted(os.listdir("."))[-1]
# %%
for _ in range(3):
    open("kept.txt").close()
places = (os.path.realpath(f"/proc/self/fd/{number}") for number in os.listdir("/proc/self/fd"))
sum(place.endswith("kept.txt") for place in places)
# %%
stat = os.stat("kept.txt")
os.stat("kept.txt").st_atime_ns == stat.st_atime_ns, os.stat("kept.txt").st_nlink
# %%
os.remove("kept.txt")
os.path.exists("kept.txt")
# %%
pid = os.fork()
if pid == 0:
    os._exit(3)
os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
# %%
import socket
a, b = socket.socketpair()
# %%
a.send(b"x")
# %%
b.recv(1), a.fileno() == a.fileno()
# %%
a.close(); b.close()
""",
    "functions and what they know of themselves": """
# %%
import inspect, sys
def f(a, b=2, *c, d=4, **e):
    "doc"
    return inspect.currentframe().f_back.f_code.co_name
f(1)
# %%
inspect.signature(f), f.__code__.co_filename == f.__code__.co_filename, f.__globals__ is globals()
# %%
f.__code__.co_firstlineno, f.__code__.co_names
# %%
inspect.stack()[0].function, len(inspect.stack()[0].code_context)
# %%
import linecache
"def f(a" in "".join(linecache.getlines(f.__code__.co_filename))
# %%
import dis
len(list(dis.get_instructions(f))) > 3
# %%
class Counter:
    def __enter__(self):
        return self
    def __exit__(self, *error):
        return True
with Counter():
    1 / 0
# %%
f.__closure__, f.__defaults__, sorted(vars(f))
# %%
from functools import lru_cache
@lru_cache
def cached(n):
    return n
cached(1)
# %%
alias = cached
# %%
cached.cache_info()
# %%
type(get_ipython()).__name__, get_ipython().ast_transformers == get_ipython().ast_transformers
# %%
get_ipython().run_cell("nested = 3\\nprint(nested)").success
# %%
exec("x = 1"); eval("x + 1")
# %%
sys._getframe(0).f_code.co_name, sys._getframe(1).f_code.co_name
""",
}
