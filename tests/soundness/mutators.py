"""What changes an object in place and what only looks at it, by the kind of object; ``it`` is the object.

Nearly every line was a blind spot of some way to tell whether an object has changed: by identity, by equality, by
pickling, by hashing, by its ``__dict__``, by its length, or by a word in the source.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Kind:
    """A kind of object: how one is made, what changes it, what does not, and, if need be, what tells its state."""

    made: str
    mutators: list[str]
    readers: list[str]
    probe: str | None


SETUP = """
import argparse, array, collections, configparser, contextvars, csv, ctypes, copy, dataclasses, decimal, enum, functools
import heapq, io, itertools, logging, operator, queue, random, sqlite3, sys, threading, types, xml.etree.ElementTree
import numpy as np
import pandas as pd
import polars as pl
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

X, y = np.arange(8.0).reshape(-1, 1), np.arange(8.0)

class Thing:
    shared = []
    def __init__(self, value=None):
        self.value, self.items = value, [1]
    def add(self, item):
        self.items.append(item)
        return len(self.items)
    @property
    def size(self):
        return len(self.items)
    @size.setter
    def size(self, number):
        self.items = [0] * number

class Slotted:
    __slots__ = ("value", "items")
    def __init__(self, value=None):
        self.value, self.items = value, [1]

class Hiding(Thing):
    def __getstate__(self):
        return {"value": self.value}

class Unpicklable(Thing):
    def __reduce_ex__(self, protocol):
        raise TypeError("not to be pickled")

class Same(Thing):
    __hash__ = None
    def __eq__(self, other):
        return True

class Proxy:
    def __init__(self, inner):
        object.__setattr__(self, "inner", inner)
    def __getattr__(self, name):
        return getattr(object.__getattribute__(self, "inner"), name)
    def __setattr__(self, name, value):
        setattr(self.inner, name, value)

class Many(list):
    note = None

class Text(str):
    pass

@dataclasses.dataclass
class Data:
    number: int = 1
    items: list = dataclasses.field(default_factory=list)

@dataclasses.dataclass(frozen=True)
class Frozen:
    value: object
    items: list = dataclasses.field(default_factory=list)

Pair = collections.namedtuple("Pair", "first second")

def new_class():
    class Fresh:
        rate, shared = 1, []
        def total(self):
            return self.rate
    return Fresh

def new_function():
    def collect(item=0, *, seen=[]):
        seen.append(item)
        return len(seen)
    collect.__kwdefaults__ = {"seen": []}
    return collect

def counter():
    n = 0
    def count(step=1):
        nonlocal n
        n += step
        return n
    return count

def numbers(n=6):
    kept = []
    for number in range(n):
        kept.append(number)
        yield number

def giver(value):
    def give():
        return value
    return give
"""

#: The names that reach the object ``x`` after ``x = ...``; ``other`` is made alike and must stay out of it.
CONTAINERS = """
alias = x
box = [x]
pair = (0, x)
table = {"k": x}
nested = {"a": [{"b": x}]}
holder = Thing(x)
slotted = Slotted(x)
frozen = Frozen(x)
deep = types.SimpleNamespace(inner=types.SimpleNamespace(value=x))
waiting = collections.deque([x])
cells = np.empty(1, dtype=object); cells[0] = x
give = giver(x)
bound = functools.partial(operator.pos, x)
def kept(it=x): return it
class Keeper: value = x
"""
#: How the object is reached when it is changed.
WAYS = (
    "x", "alias", "box[0]", "pair[1]", "table['k']", "nested['a'][0]['b']", "holder.value", "slotted.value",
    "frozen.value", "deep.inner.value", "waiting[0]", "cells[0]", "give()", "bound.args[0]", "kept()", "Keeper.value",
    "globals()['x']",
)  # fmt: skip

#: A kind of object and how one is made, perhaps what tells its state, what changes it, and after ``--`` what does not.
TEXT = """
== list = [3, 1, 2]
it.append(4)
it[0] = 9
it.sort()
it += [5]
it.pop()
it[:] = [3, 1]
it[1] = True
it[1] = 1.0
it.append(it)
del it[0]
it *= 2
it.insert(0, 3)
it.reverse(); it.reverse(); it.clear()
list.append(it, 3)
heapq.heapify(it)
random.Random(1).shuffle(it)
[it.append(n) for n in (1, 2)]
getattr(it, 'app' + 'end')(5)
exec('v.append(6)', {'v': it})
it[1:1] = [7]
operator.setitem(it, 0, 8)
next(map(it.append, [9]))
--
len(it)
sorted(it)
it == [3, 1, 2]
print(it)
it[0]
it + [1]
list(reversed(it))
copy.deepcopy(it).append(1)
list(it).clear()
it[:].sort()
it[0] = it[0]
it.append(1); it.pop()
it.count(1)

== nested lists = [[1], [2, [3]]]
it[0].append(4)
it[1][1][0] = 9
it[0], it[1] = it[1], it[0]
it[0] = it[1]
--
[inner for inner in it]
it[1][1]
sum(it, [])
copy.copy(it).append(0)

== dict = {'a': 1, 'b': [2]}
it['a'] = 5
it['b'].append(3)
it.pop('a')
it.update(c=1)
it.setdefault('z', [])
del it['a']
it |= {'d': 4}
it.clear()
it['a'] = it.pop('a')
it['a'] = True
it['n'] = it
it['b'] = list(it['b']) + [None]
it.popitem()
--
it['a']
it.get('missing')
list(it.items())
it == {}
dict(it).clear()
{**it, 'e': 1}
'a' in it
for key in it: pass
it.setdefault('a', 0)

== set = {1, 2}
it.add(3)
it.discard(1)
it |= {4}
it.update('ab')
it.pop()
it.symmetric_difference_update({1})
--
it.add(1)
it | {9}
1 in it
it.issubset({1, 2, 3})
sorted(it)
it.discard('not there')

== defaultdict = collections.defaultdict(list, a=[1])
it['missing']
it['a'].append(2)
it.default_factory = int
--
it['a']
it.get('missing')
'missing' in it

== ordered dict = collections.OrderedDict(a=1, b=2)
it.move_to_end('a')
it['c'] = 3
it.note = 1
--
list(it)
it['a']

== counter = collections.Counter('aab')
it.update('c')
it['a'] -= 1
--
it.most_common(1)
it['never']
it + it

== chain map = collections.ChainMap({'a': 1}, {'b': [2]})
it['c'] = 3
it['b'].append(3)
it.maps.append({})
--
it['b']
dict(it)

== deque = collections.deque([1, 2, 3], maxlen=4)
it.append(4)
it.rotate(1)
it[0] = 7
it.popleft()
it.extendleft([8, 9])
--
it[0]
list(it)
it.copy().clear()

== bytearray = bytearray(b'abc')
it[0] = 66
it.append(1)
it += b'x'
memoryview(it)[1] = 90
it.extend(b'yz')
np.frombuffer(it, dtype='u1')[0] = 7
--
bytes(it)
it.upper()
it[0]
it.find(b'a')

== memoryview = memoryview(bytearray(b'abc'))
told by bytes(it)
it[0] = 66
it.obj[1] = 67
--
bytes(it)
it[0]

== array of the array module = array.array('i', [1, 2, 3])
it[0] = 5
it.append(4)
it.byteswap()
--
it.tolist()
it[0]

== ctypes array = (ctypes.c_int * 3)(1, 2, 3)
it[0] = 5
ctypes.memset(it, 0, 4)
--
it[0]
list(it)

== ndarray = np.array([3.0, 0.0, 2.0])
it[0] = 9
it += 1
it.sort()
it.fill(7)
it[1:][0] = 5
it.reshape(-1)[0] = 5
np.put(it, [0], [4])
np.copyto(it, 1)
np.add(it, 1, out=it)
it.flat[2] = 8
it[1] = -0.0
it[1] = np.nan
it.shape = (3, 1)
it.view('u8')[0] += 1
memoryview(it)[0] = 3.5
np.random.default_rng(3).shuffle(it)
it[it > 1] = 0
np.multiply.at(it, [0], 2)
it.itemset(0, 5) if hasattr(it, 'itemset') else it.put(0, 5)
it[...] = it[::-1].copy()
np.nan_to_num(it, copy=False); it.partition(0)
ctypes.c_double.from_address(it.ctypes.data).value = 77.0
--
it.sum()
it * 2
it[1:]
it.copy().sort()
np.sort(it)
it.reshape(-1, 1)
it.T
it == it
it.tolist()
it.astype(int)
it[0] = 3.0

== view of an ndarray = np.arange(10.0)[::2]
it[0] = 9
it.base[2] = 9
it += 1
--
it.base.sum()
it.base[1] = 9
it.copy()

== object array = np.array([[1], [2, 3], None], dtype=object)
it[0].append(4)
it[2] = 5
--
it[0]
it.tolist()

== structured array = np.zeros(2, dtype=[('a', 'i4'), ('b', 'f8')])
it['a'][0] = 5
it[1] = (7, 8.0)
--
it['a'].sum()
it[0]

== masked array = np.ma.array([1, 2, 3], mask=[False, True, False])
it[0] = np.ma.masked
it.mask[0] = True
it.fill_value = 9
it[2] = 7
--
it.sum()
it.filled(0)

== DataFrame = pd.DataFrame({'a': [3, 1, 2], 'b': [4.0, np.nan, 6.0], 's': ['u', 'v', 'w']})
it['a'] = 0
it['new'] = 1
it.loc[0, 'a'] = 9
it.iloc[0, 1] = 9.5
it.at[1, 'a'] = 9
it.iat[2, 0] = 9
it.drop(columns=['b'], inplace=True)
it.sort_values('a', inplace=True)
it.rename(columns={'a': 'c'}, inplace=True)
it.fillna({'b': 0}, inplace=True)
it.reset_index(inplace=True)
it.insert(0, 'z', 1)
it.pop('b')
del it['s']
it.columns = ['p', 'q', 'r']
it.index = [5, 6, 7]
it.index.name = 'i'
it.columns.name = 'c'
it.attrs['unit'] = 'm'
it.attrs['deep'] = [1]; it.attrs['deep'].append(2)
it.eval('d = a + 1', inplace=True)
it.query('a > 1', inplace=True)
it.update(pd.DataFrame({'a': [8]}))
it['a'] += 1
it[['a', 'b']] *= 2
it.loc[9] = [0, 0.0, 'n']
it.s = it.s.str.upper()
it.a = [7, 7, 7]
it.set_index('a', inplace=True)
it.flags.allows_duplicate_labels = False
it._mgr.blocks[0].values.setflags(write=True); it._mgr.blocks[0].values[0, 0] = 55
--
it.sum(numeric_only=True)
it['a']
it.copy()['a'] = 0
it.drop(columns=['b'])
it.sort_values('a')
it.head(2).loc[0, 'a'] = 77
it.groupby('s').sum()
it[it['a'] > 1]
it.describe()
it.to_dict()
it.columns
it.T
it.shape
it.merge(it, on='a')
view = it['a']; view.iloc[0] = 99
it.isna().any()

== DataFrame with objects in it = pd.DataFrame({'o': [[1], [2]], 'n': [1, 2]})
it['o'].iloc[0].append(7)
it.loc[1, 'o'][0] = 9
[cell.append(0) for cell in it['o']]
it.at[0, 'o'] = [1, 1]
--
it['o'].iloc[0]
it['o'].map(len)
it.explode('o')

== Series = pd.Series([3, 1, 2], name='n')
it.iloc[0] = 9
it.loc[1] = 9
it[2] = 9
it += 1
it.name = 'm'
it.index = list('abc')
it.index.name = 'i'
it.sort_values(inplace=True)
it.attrs['unit'] = 'm'
it.update(pd.Series([8]))
it.drop(0, inplace=True)
it.array._ndarray.setflags(write=True); it.array._ndarray[0] = 66
--
it.sum()
it.sort_values()
it.map(str)
it.to_list()
it.copy().iloc[0]
it.value_counts()

== Series of a nullable type = pd.Series(pd.array([1, None, 3], dtype='Int64'))
it.iloc[0] = 9
it.array._data[0] = 7
it.array._mask[0] = True
--
it.sum()
it.isna()

== Categorical = pd.Series(pd.Categorical(['a', 'b', 'a']))
it.iloc[0] = 'b'
it.array._codes.setflags(write=True); it.array._codes[1] = 0
--
it.cat.codes
it.value_counts()

== Index = pd.Index([1, 2, 3], name='i')
it.name = 'j'
--
it.tolist()
it + 1
it.get_loc(2)

== polars frame = pl.DataFrame({'a': [1, 2], 'b': ['u', 'v']})
told by repr(it.to_dict(as_series=False))
it[0, 'a'] = 9
it.extend(pl.DataFrame({'a': [3], 'b': ['w']}))
it.insert_column(0, pl.Series('c', [5, 6]))
it.columns = ['p', 'q']
it.drop_in_place('b')
--
it['a'].sum()
it.filter(pl.col('a') > 1)
it.with_columns(pl.lit(1))

== object = Thing(5)
it.value = 6
it.items.append(2)
it.add(3)
it.size = 2
setattr(it, 'new', 1)
vars(it)['other'] = 2
del it.value
it.__dict__.update(value=7)
it.__class__ = Hiding
it.itself = it
object.__setattr__(it, 'value', 9)
it.__dict__ = {'items': [1], 'value': 8}
it.items[0] = True
--
it.value
it.size
it.items
repr(it.items)
it.shared
hasattr(it, 'missing')
isinstance(it, Thing)
copy.copy(it)
vars(it)

== object with slots = Slotted(5)
it.value = 6
it.items.append(2)
del it.value
--
it.value
it.items

== object that pickles only a part = Hiding(5)
it.items.append(2)
it.hidden = 1
it.value = 6
--
it.value

== object that cannot be pickled = Unpicklable(5)
it.items.append(2)
it.value = 6
--
it.value
it.items

== object that equals everything = Same(5)
it.value = 6
it.add(1)
--
it == 3
it.value

== proxy = Proxy(Thing(5))
it.value = 6
it.items.append(2)
it.inner.add(3)
--
it.value
it.size

== list with attributes = Many([1, 2])
it.note = 5
it.append(3)
it.extra = [1]
--
it.note
len(it)

== string with attributes = Text('abc')
it.note = 5
--
it.upper()

== data class = Data()
it.number = 2
it.items.append(1)
--
it.number
dataclasses.asdict(it)
it == Data()
dataclasses.replace(it, number=5)

== frozen data class = Frozen(1)
it.items.append(1)
object.__setattr__(it, 'value', 2)
--
it.value

== named tuple = Pair([1], {'a': 1})
it.first.append(2)
it.second['b'] = 2
--
it.first
it._replace(first=[])

== namespace = types.SimpleNamespace(a=1, b=[2])
it.a = 2
it.b.append(3)
it.c = 1
--
it.a

== exception = ValueError('bad', [1])
it.args = ('worse',)
it.add_note('a note')
it.args[1].append(2)
it.code = 5
--
str(it)
it.args

== class = new_class()
it.rate = 2
it.shared.append(1)
it.total = lambda self: 9
it().shared.append(2)
setattr(it, 'new', 1)
del it.rate
type.__setattr__(it, 'rate', 7)
it.rate += 1
--
it.rate
it()
it().total()
it.__name__
it().rate

== function with a mutable default = new_function()
it(1)
it.mark = 5
it.__kwdefaults__['seen'].append(9)
it.__defaults__ = (4,)
it.__code__ = (lambda item=0, *, seen=None: 0).__code__
it.__dict__['deep'] = [1]
it.__doc__ = 'changed'
--
it.__name__
callable(it)
it(seen=[])

== closure = counter()
it()
it.__closure__[0].cell_contents = 10
--
it(0)
it.__name__

== bound method = Thing(5).add
told by vars(it.__self__)
it(3)
it.__self__.value = 6
--
it.__self__.value
it.__name__

== partial = functools.partial(sorted, [3, 1], key=None)
it.args[0].append(4)
it.keywords['reverse'] = True
it.note = 1
--
it()
it.func

== function with a cache = functools.lru_cache(lambda n: n + 1)
told by tuple(it.cache_info())
it(1)
it(1); it.cache_clear(); it(2)
--
it.cache_info()

== generator = numbers()
next(it)
it.close()
list(itertools.islice(it, 2))
for n in it: break
2 in it
--
it.gi_frame
iter(it)

== generator expression = (n * n for n in range(5))
next(it)
sum(it)
--
iter(it)

== iterator of a list = iter([1, 2, 3])
next(it)
list(it)
--
iter(it)

== iterators of itertools = itertools.chain([1, 2], itertools.count(5))
next(it)
list(itertools.islice(it, 4))
--
iter(it)

== zip = zip([1, 2, 3], 'abc')
next(it)
dict(it)
--
iter(it)

== map = map(str, [1, 2, 3])
next(it)
''.join(it)
--
iter(it)

== text stream = io.StringIO('some text')
told by 'closed' if it.closed else (it.getvalue(), it.tell())
it.write('other')
it.seek(3)
it.read(2)
it.truncate(2)
print('more', file=it)
it.close()
--
it.getvalue()
it.tell()

== bytes stream = io.BytesIO(b'some bytes')
told by (it.getvalue(), it.tell())
it.write(b'x')
it.getbuffer()[0] = 88
it.read()
--
it.getvalue()

== csv reader = csv.reader(['a,b', 'c,d'])
told by (it.line_num, list(it))
next(it)
--
it.line_num

== random.Random = random.Random(1)
it.random()
it.seed(2)
it.shuffle([1, 2, 3])
it.gauss(0, 1)
--
it.getstate()

== generator of numpy = np.random.default_rng(1)
it.random()
it.bit_generator.advance(3)
it.shuffle(np.arange(3))
--
it.bit_generator.state

== RandomState = np.random.RandomState(1)
it.rand()
it.seed(2)
--
it.get_state()

== linear model = LinearRegression()
it.fit(X, y)
it.set_params(fit_intercept=False)
it.extra = 1
--
it.get_params()
it.fit_intercept

== fitted model = LinearRegression().fit(X, y)
it.coef_[0] = 7
it.fit(X, -y)
it.intercept_ += 1
--
it.predict(X)
it.score(X, y)
it.coef_

== forest = RandomForestRegressor(2, random_state=0, warm_start=True).fit(X, y)
it.set_params(n_estimators=3).fit(X, -y)
it.estimators_.pop()
it.estimators_[0].tree_.value[:] = 0
--
it.predict(X)
it.feature_importances_

== pipeline = make_pipeline(StandardScaler(), LinearRegression())
it.fit(X, y)
it.set_params(standardscaler__with_mean=False)
it[0].partial_fit(X)
it.steps.append(('last', None))
--
it.named_steps
it[1].get_params()

== context variable = contextvars.ContextVar('v', default=0)
told by it.get()
it.set(1)
--
it.get()

== thread-local = threading.local()
told by vars(it)
it.value = 1
--
hasattr(it, 'value')

== queue = queue.Queue()
told by list(it.queue)
it.put(1)
--
it.qsize()

== lock = threading.Lock()
told by it.locked()
it.acquire(blocking=False)
--
it.locked()

== XML element = xml.etree.ElementTree.fromstring('<a b="1"><c/></a>')
told by xml.etree.ElementTree.tostring(it)
it.set('b', '2')
it[0].text = 'new'
it.remove(it[0])
--
it.get('b')
xml.etree.ElementTree.tostring(it)

== configuration parser = configparser.ConfigParser({'a': '1'})
told by {name: dict(it[name]) for name in it}
it['DEFAULT']['a'] = '2'
it.add_section('s')
--
it['DEFAULT']['a']

== database in memory = sqlite3.connect(':memory:')
told by list(it.iterdump())
_ = it.execute('create table if not exists t (a)')
it.executescript('create table u (a); insert into u values (1)')
--
it.in_transaction

== logger = logging.Logger('l')
told by (it.level, len(it.handlers))
it.setLevel(10)
it.handlers.append(logging.NullHandler())
--
it.level

== decimal context = decimal.Context(prec=5)
it.prec = 6
it.divide(decimal.Decimal(1), decimal.Decimal(3))
--
it.prec

== module = types.ModuleType('made')
told by sorted(name for name in vars(it) if name[0] != '_' )
it.value = 1
vars(it)['other'] = [2]
exec('def f(): pass', vars(it))
--
it.__name__

== number = 5
it += 1
--
it + 1
str(it)

== text = 'abc'
it += 'd'
--
it.upper()
it[0]

== tuple = (1, [2])
it[1].append(3)
it += (4,)
--
it[1]
it + (1,)
"""


def _read(part: str) -> tuple[str, Kind]:
    head, *lines = part.strip().splitlines()
    name, _, made = head.partition(" = ")
    probe = lines.pop(0).removeprefix("told by ") if lines[0].startswith("told by ") else None
    middle = lines.index("--")
    return name, Kind(made, lines[:middle], lines[middle + 1 :], probe)


KINDS = dict(map(_read, TEXT.split("\n== ")[1:]))
