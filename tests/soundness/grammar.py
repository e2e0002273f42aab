"""What random notebooks are made of: statements with holes, by theme.

``<list>`` is a name that is bound to a list, ``<new list>`` any name, which is one from then on, ``<del any>`` a name
that is unbound from then on; the same hole twice is the same name, ``<list1>`` and ``<list2>`` need not be. ``<int>``
is a literal, ``<value>`` an expression, ``<plain>`` a name whose value prints alike in every session, ``<any>`` any
bound name, ``<name>`` any name at all, ``<count>`` the number of a cell that had a result.
"""

#: How a value of a kind is printed; addresses and the order of sets must not show.
SHOWN = {
    "num": "<num>",
    "text": "<text>",
    "list": "<list>",
    "dict": "<dict>",
    "set": "sorted(<set>, key=repr)",
    "bytes": "bytes(<bytes>)",
    "view": "bytes(<view>)",
    "deque": "list(<deque>)",
    "default": "dict(<default>)",
    "array": "<array>.tolist()",
    "frame": "(<frame>.to_dict(), <frame>.index.name, <frame>.attrs)",
    "series": "(<series>.tolist(), <series>.name)",
    "boxes": "<boxes>.tolist()",
    "obj": "(getattr(<obj>, '__dict__', 0), <obj>.own, <obj>.items, <obj>.rate, <obj>.total())",
    "cls": "(<cls>.items, <cls>().rate, <cls>().total())",
    "data": "<data>",
    "call": "<call>()",
    "gen": "list(itertools.islice(<gen>, 5))",
    "genf": "list(<genf>())",
    "rng": "<rng>.random()",
    "model": "(<model>.get_params(), np.round(getattr(<model>, 'coef_', 0), 6).tolist(), vars(<model>).get('extra'))",
    "ref": "<ref>() is None",
}
PLAIN = ("num", "text", "list", "dict", "deque", "data")

PRELUDE = (
    "import asyncio, collections, copy, dataclasses, functools, glob, itertools, json, math, os, pathlib, pickle\n"
    "import importlib, random, shutil, sys, threading, types, weakref",
    "import numpy as np\nimport pandas as pd\nfrom sklearn.base import clone\n"
    "from sklearn.linear_model import LinearRegression\nfrom sklearn.pipeline import make_pipeline",
)

FILES = {
    "helper.py": "items = []\nlevel = 1\n\ndef put(v):\n    items.append(v)\n    return len(items)\n\n"
    "def up():\n    global level\n    level += 1\n    return level\n",
    "script.py": "ran = globals().get('ran', 0) + 1\n",
    "one.txt": "1",
}

GRAMMAR = {
    "numbers": """
<new num> = <int>

<new num> = <num> * 2 + 1

<num> += 1

<new num> = <num1> if <num2> > 2 else <int>

<new num1>, *<new list> = <num>, <int>, <int>

print((<new num> := <int>) + 1)

<new num1> = [<new num2> := v for v in (<int>, <int>)][0]

for <new num> in range(<int>):
    pass

<new text> = "t"

<new text> = str(<plain>)

<text> += "x"

<new text> = f"{<num>}-{<text>}"

<new num> = int(<any1> is <any2>)

<new num1>, <new num2> = <num3>, <int>
""",
    "absence": """
del <del any>

try:
    <new num> = len(<name>)
except Exception:
    <new num> = -1

try:
    <name>
except NameError:
    <new num> = 0

<new num> = int("<name>" in globals())

<new num> = int("<name>" in dir())

if "<name>" not in globals():
    <new list> = [0]

%xdel <del any>
""",
    "lists": """
<new list> = [<int>, <int>]

<new list> = <list>

<list>.append(<value>)

<list>[0] = <value>

<new list> = [<value>, <value>]

<new list> = list(<list>)

<new list> = <list1> + <list2>[:3]

<new list> = [v for v in <list>[:4]]

<new list> = copy.deepcopy(<list>)

<new list> = copy.copy(<list>)

<new list> = [<list>, <list>]

<list1>[0].append(<int>)

<list>[:] = [<int>]

<list>.extend([<value>])

<list>.insert(0, <value>)

<list>.pop()

<list>.reverse()

<list>.clear()

<list>.sort(key=repr)

<list> += [<value>]

<list> *= 2

del <list>[0]

<list>.remove(<list>[0])

list.append(<list>, <int>)

getattr(<list>, "append")(<value>)

[<list>.append(v) for v in range(2)]

any(<list>.append(v) for v in range(2))

<list1>, <list2> = <list2>, <list1>

for v in list(<list1>)[:3]:
    <list2>.append(v)

<new num> = len(<list>)

<new list> = sorted(<list>, key=repr)

<list>[0] += 1

<list>[0], <new num> = <int>, <int>

for <list>[0] in range(2):
    pass
""",
    "mappings": """
<new dict> = {"k": <value>}

<new dict> = <dict>

<dict>["k"] = <value>

<dict>["l"] = <list>

<new dict> = {"l": <list>, "v": <value>}

<new list> = <dict>.setdefault("l", [<int>])

<dict>.get("l", []).append(<int>)

<dict>.update(n=<value>)

<dict>.pop("k", None)

<dict> |= {"k": <value>}

<new dict> = {**<dict>}

<dict>.clear()

del <dict>["k"]

<dict>["d"] = <dict2>

for key in list(<dict>):
    <dict>[key] = <value>

<new set> = {1, <num>}

<new set> = <set>

<set>.add(<num>)

<set>.discard(1)

<set> |= {<int>}

<new set> = set(range(<num>))

<new default> = collections.defaultdict(list)

<new default> = <default>

<default>["k"].append(<value>)

<default>["z"]

<new list> = <default>["k"]

<new list> = list(<dict>)
""",
    "buffers": """
<new bytes> = bytearray(b"abc")

<new bytes> = <bytes>

<bytes>[0] = 65 + <int>

<bytes>.append(60 + <int>)

<bytes> += b"x"

<new view> = memoryview(<bytes>)

<view>[1] = 70 + <int>

<new array> = np.frombuffer(<bytes>, dtype="u1")

<new deque> = collections.deque([<int>, <int>], maxlen=4)

<new deque> = <deque>

<deque>.append(<value>)

<deque>.rotate(1)

<deque>.popleft()

<deque>.extendleft([<int>, <int>])
""",
    "arrays": """
<new array> = np.arange(4.0)

<new array> = <array>

<new array> = <array>[1:]

<array>[0] = <num>

<array> += 1

<new array> = <array>.reshape(-1)

<new array> = <array>.copy()

<new array> = <array> * 2

<array>[:] = <int>

<array>.sort()

<array>.fill(<int>)

np.add(<array>, 1, out=<array>)

np.copyto(<array>, <int>)

<array>.flat[0] = <int>

np.random.shuffle(<array>)

<array>[<array> > 1] = 0

<new boxes> = np.array([None, <int>], dtype=object)

<boxes>[0] = <list>

<boxes>[0].append(<int>)

<new num> = float(<array>.sum())

<new list> = <array>.tolist()

<array>.shape = (-1, 1)
""",
    "frames": """
<new frame> = pd.DataFrame({"x": [3, 1, 2], "y": [4.0, 5.0, 6.0]})

<new frame> = <frame>

<frame>["x"] = <num>

<frame>.loc[0, "x"] = <int>

<new series> = <frame>["x"]

<new frame> = <frame>.copy()

<new frame> = <frame>[<frame>["x"] > 1]

<new frame> = <frame>.assign(z=<num>)

<frame>["z"] = <frame>["x"] * 2

<frame>.iloc[0, 0] = <int>

<frame>.at[1, "x"] = <int>

<frame>.drop(columns=["y"], inplace=True)

<frame>.insert(0, "w", <int>)

<frame>.pop("y")

del <frame>["y"]

<frame>.index.name = "i"

<frame>.attrs["k"] = <int>

<frame>.sort_values("x", inplace=True)

<frame>.rename(columns={"y": "v"}, inplace=True)

<frame>.columns = [f"c{n}" for n in range(len(<frame>.columns))]

<frame>.eval("w = x + 1", inplace=True)

<frame>["x"] += 1

<frame>.update(pd.DataFrame({"x": [<int>]}))

<new series> = pd.Series([<int>, 2, 3])

<new series> = <series>

<series>.iloc[0] = <int>

<series> += 1

<series>.name = "n"

<new num> = float(<frame>.select_dtypes("number").sum().sum())

<new frame> = pd.DataFrame({"x": [1, 2, 3], "o": [<list>, [1], [2]]})

<frame>["o"].iloc[0].append(<int>)

<new array> = <frame>.to_numpy()

<new array> = <series>.to_numpy()

<new frame> = pd.DataFrame({"x": <array>})

<frame>.to_csv("t.csv", index=False)

<new frame> = pd.read_csv("t.csv")

<frame>.to_parquet("t.parquet")

<new frame> = pd.read_parquet("t.parquet")
""",
    "classes": """
class <new cls>:
    items = []
    rate = <int>
    def __init__(self):
        self.own = []
    def add(self, v):
        self.own.append(v)
        return self
    def total(self):
        return self.rate * <num>

class <new cls>:
    __slots__ = ("own", "size")
    items = []
    rate = 1
    def __init__(self):
        self.own = []
    def add(self, v):
        self.own.append(v)
        return self
    def total(self):
        return len(self.own) + self.rate

class <new cls>:
    items = [<int>]
    def __init__(self):
        self.own, self._rate = [], 2
    @property
    def rate(self):
        return self._rate
    @rate.setter
    def rate(self, value):
        self._rate = value
        self.items.append(value)
    @classmethod
    def put(cls, value):
        cls.items.append(value)
    def add(self, v):
        <list>.append(v)
        return self
    def total(self):
        return len(<list>)

class <new cls>(<cls>):
    rate = <int>

<new obj> = <cls>()

<new obj> = <obj>

<obj>.own.append(<value>)

<obj>.add(<value>)

<obj>.size = <value>

<obj>.rate = <int>

<obj>.items.append(<int>)

<cls>.rate = <int>

<cls>.items.append(<int>)

<cls>.put(<int>)

<cls>.total = lambda self: <int>

setattr(<cls>, "rate", <int>)

setattr(<obj>, "size", <value>)

vars(<obj>)["size"] = <value>

del <obj>.size

<obj1>.__class__ = type(<obj2>)

<new list> = <obj>.own

<obj>.own = <list>

<new list> = <cls>.items

<new ref> = weakref.ref(<obj>)

<new cls> = <cls>

<new obj> = copy.copy(<obj>)

@dataclasses.dataclass
class <new dcls>:
    v: int = <int>
    w: list = dataclasses.field(default_factory=list)

<new data> = <dcls>()

<new data> = <data>

<data>.w.append(<int>)

<data>.v = <num>

<new data> = dataclasses.replace(<data>, v=<int>)

<new obj> = types.SimpleNamespace(own=[], items=[], rate=1, total=int)
""",
    "functions": """
def <new call>():
    return <num> + 1

def <new act>():
    <list>.append(<int>)

<act>()

<new num> = <call>()

def <new act>():
    global <num>
    <num> += 1

def <new act>():
    global <num>
    <num> = <int>

def <new call>():
    return len(<list>)

def <new call>():
    return [<plain1>, <plain2>]

def <new call>(seen=[]):
    seen.append(1)
    return len(seen)

def <new maker>():
    n = 0
    def count():
        nonlocal n
        n += 1
        return n
    return count

<new call> = <maker>()

def <new maker>():
    kept = <list>
    return lambda: kept.append(<int>) or len(kept)

def <new call>():
    return <call>()

<new call> = <call>

<new call> = functools.partial(len, <list>)

<new call> = lambda: <plain>

<new call> = lambda kept=<list>: kept

<new act> = functools.partial(<list>.append, <int>)

<new act> = <list>.clear

<new call> = <obj>.total

<new call> = functools.lru_cache(<call>)

<call>.mark = <value>

<new num> = getattr(<call>, "mark", 0)

@functools.wraps(<call1>)
def <new call2>():
    return <call1>()

def <new deco>(f):
    <list>.append(f.__name__)
    return f

@<deco>
def <new call>():
    return <int>

def <new taker>(x):
    x.append(<int>)

<taker>(<list>)

<taker>(<deque>)

def <new taker>(x):
    global <list>
    <list> = x

for _ in range(2):
    <act>()

<new list> = [<call>() for _ in range(2)]

<new call> = {"f": <call>}["f"]

<call>.__defaults__ = ([<int>],)

<call1>.__code__ = <call2>.__code__

threading.Thread(target=<act>).run()

async def <new co>():
    <list>.append(<int>)
    return <num>

<new num> = await <co>()
""",
    "iterators": """
<new gen> = (v * <num> for v in <list>[:4])

<new gen> = <gen>

<new num> = next(<gen>, 0)

next(<gen>, None)

def <new genf>():
    for v in <list>[:4]:
        yield v

def <new genf>():
    for v in range(3):
        <list>.append(v)
        yield v + <num>

<new gen> = <genf>()

<new gen> = iter(<list>)

<new gen> = itertools.count(<int>)

<new gen> = map(<list>.append, [1, 2, 3])

<new gen> = enumerate(<list>)

<new gen> = zip(<list>, itertools.count())

<new list> = list(itertools.islice(<gen>, 2))

<list>.extend(itertools.islice(<gen>, 2))

<gen>.close()

for v in <gen>:
    break
""",
    "models": """
<new model> = LinearRegression()

<new model> = <model>

<model>.fit(np.arange(4.0).reshape(-1, 1), np.arange(4.0) * <num>)

<model>.set_params(fit_intercept=False)

<model>.fit_intercept = False

<model>.coef_[0] = <int>

<new model> = clone(<model>)

<model>.extra = <list>

<new model> = make_pipeline(<model>)

<new model> = <model>[0]

<new array> = <model>.predict([[1.0], [2.0]])

<new array> = <model>.coef_
""",
    "files": """
with open("<file>", "w") as file:
    file.write(str(<plain>))

<new text> = open("<file>").read()

with open("<file>", "a") as file:
    file.write("+")

pathlib.Path("<file>").write_text(str(<num>))

<new text> = pathlib.Path("<file>").read_text()

os.remove("<file>")

<new num> = int(os.path.exists("<file>"))

os.rename("one.txt", "two.txt")

shutil.copy("one.txt", "three.txt")

json.dump(<list>, open("data.json", "w"), default=str)

<new list> = json.load(open("data.json"))

pickle.dump(<list>, open("data.pkl", "wb"))

<new list> = pickle.load(open("data.pkl", "rb"))

np.save("data.npy", <array>)

<new array> = np.load("data.npy")

<new array> = np.load("data.npy", mmap_mode="r+")

!echo <int> > one.txt

!cp one.txt two.txt

<new list> = !cat one.txt

<new list> = sorted(glob.glob("*.txt"))

<new num> = pathlib.Path("<file>").stat().st_size

<new text> = open("<file>").readline() if os.path.isfile("<file>") else "none"

os.makedirs("sub", exist_ok=True)

os.chdir("sub")

os.chdir("..")
""",
    "chance": """
random.seed(<int>)

<new num> = random.randint(1, 9)

np.random.seed(<int>)

<new array> = np.random.rand(3)

<new rng> = np.random.default_rng(<int>)

<new rng> = random.Random(<int>)

<new rng> = <rng>

<new num> = <rng>.random()

random.shuffle(<list>)

<new list> = random.sample(range(9), 2)

<new num> = float(np.random.normal())

<new num> = pd.Series(range(9)).sample(1).iloc[0]

random.setstate(random.Random(<int>).getstate())
""",
    "modules": """
import helper

from helper import *

from helper import items as <new list>, put

helper.put(<int>)

<new num> = put(<int>)

helper.items.append(<int>)

helper.level = <int>

<new num> = helper.level

<new num> = helper.up()

<new list> = helper.items

importlib.reload(helper)

sys.modules.pop("helper", None)

pathlib.Path("helper.py").write_text("items = [9]\\nlevel = 7777\\nput = up = len\\n")

import helper as helper

math.extra = <int>

<new num> = math.extra

json.dumps = lambda value: "patched"

<new text> = json.dumps(<num>)

len = lambda value: 7

del len

os.environ["MODE"] = str(<num>)

<new text> = os.environ.get("MODE", "")

np.set_printoptions(precision=<int>)

<new text> = str(np.array([1 / 3]))

sys.flags_of_mine = <list>

<new list> = sys.flags_of_mine
""",
    "dynamic": """
exec("<new num> = <int>")

exec("<list>.append(<int>)")

eval("<list>").append(<int>)

globals()["<new num>"] = <int>

globals()["<list>"].append(<int>)

globals().update(<new num>=<int>)

del globals()["<del any>"]

get_ipython().user_ns["<new num>"] = <int>

get_ipython().run_cell("<new num> = <int>").success

get_ipython().push({"<new num>": <int>})

%run script.py

%run -i script.py

<new num> = ran

<new num> = _

<new num> = Out[<count>]

<new num> = _<count>

<new num> = sys.modules["__main__"].<num>

sys.modules["__main__"].<new num> = <int>

import __main__; __main__.<list>.append(<int>)

%time <new num> = <int>

[v for v in globals().values() if type(v) is list][-1].append(<int>)
""",
}
