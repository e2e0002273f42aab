"""Which names a cell reads, binds, changes and deletes: one row per construct."""

import ast
import builtins

import pytest
from hypothesis import given
from hypothesis import strategies as st
from IPython.core.inputtransformer2 import TransformerManager

from mlops_nb.capture.dataflow import Names, analyse, literals

#: A cell and its names, as words: reads | binds | changes | deletes | bound where control may pass by.
CELLS = {
    "x = 1": " | x |  |  | ",
    "y = x": "x | y |  |  | ",
    "x": "x |  |  |  | ",
    "x = y = z": "z | x y |  |  | ",
    "a, (b, *c) = d": "d | a b c |  |  | ",
    "x: int = y": "y | x |  |  | ",
    "x: int": " |  |  |  | ",
    "x = 1\ny = x": " | x y |  |  | ",
    "y = x\nx = 1": "x | x y |  |  | ",
    "print(len(x))": "x |  |  |  | ",
    "print = x": "x | print |  |  | ",
    "print = x\nprint(1)": "x | print |  |  | ",
    # in place
    "x += y": "x y | x | x |  | ",
    "x = []\nx += y": "y | x | x |  | ",
    "d['k'] = v": "d v |  | d |  | ",
    "d['k'] += v": "d v |  | d |  | ",
    "d[i][j] = v": "d i j v |  | d |  | ",
    "o.a.b = v": "o v |  | o |  | ",
    "d['k'], e = v": "d v | e | d |  | ",
    "model.fit(x)": "model x |  |  |  | ",
    "a.b.append(x)": "a x |  |  |  | ",
    "y = model.fit(x)": "model x | y |  |  | ",
    # deleting
    "del x": "x |  |  | x | ",
    "del x, y": "x y |  |  | x y | ",
    "del d['k']": "d |  | d |  | ",
    "del o.a": "o |  | o |  | ",
    "x = 1\ndel x": " | x |  | x | ",
    "del x\nx = 1": "x | x |  |  | ",
    "x = 1\ndel x\ny = x": "x | x y |  | x | ",
    # branches: the old value may live on
    "if c:\n    x = 1": "c | x |  |  | x",
    "x = 0\nif c:\n    x = 1": "c | x |  |  | ",
    "if c:\n    x = 1\ny = x": "c x | x y |  |  | x",
    "for i in xs:\n    t = i": "xs | i t |  |  | i t",
    "while c:\n    x = f(x)": "c f x | x |  |  | x",
    "try:\n    x = f()\nexcept E as e:\n    x = str(e)\nfinally:\n    g()": "E f g | x |  |  | x",
    "match v:\n    case {'a': a, **rest}:\n        b = a\n    case [c, *d] as e:\n        b = c": (
        "v | a b c d e rest |  |  | a b c d e rest"
    ),
    "with open(p) as f, g() as h:\n    x = f.read() + h": "g p | f h x |  |  | x",
    "async with g() as h:\n    x = await h": "g | h x |  |  | x",
    "async for i in xs:\n    pass": "xs | i |  |  | i",
    "assert x, y": "x y |  |  |  | ",
    "raise E(x) from y": "E x y |  |  |  | ",
    # walrus
    "(n := 3)": " | n |  |  | ",
    "(n := n + 1)": "n | n |  |  | ",
    "if (n := f(x)) > m:\n    y = n": "f m x | n y |  |  | y",
    "[last := v for v in vs]": "vs | last |  |  | last",
    "any((hit := v) for v in vs)\nprint(hit)": "hit vs | hit |  |  | hit",
    # comprehensions are scopes of their own
    "[f(v, k) for v in vs]": "f k vs |  |  |  | ",
    "v = [v for v in v]": "v | v |  |  | ",
    "{k: w for k, v in d.items() for w in v if w > t}": "d t |  |  |  | ",
    "{v for v in vs}, (w for w in ws)": "vs ws |  |  |  | ",
    "[[c for c in r] for r in m]": "m |  |  |  | ",
    # functions: what they use is read where they are used
    "def f(a, b=c, *d, e=g, **h):\n    return a + b + d + e + h + k": "c g | f |  |  | ",
    "def f(a: A) -> B:\n    return a": "A B | f |  |  | ",
    "@wrap\ndef f():\n    pass": "wrap | f |  |  | ",
    "async def f():\n    return x": " | f |  |  | ",
    "f = lambda a, b=c: a + b + d": "c d | f |  |  | ",
    "def f():\n    x = 1\n    return x": " | f |  |  | ",
    "def f():\n    global x\n    x = 1": " | f |  |  | ",
    "def f():\n    def g():\n        return x\n    return g": " | f |  |  | ",
    "def f():\n    x = 1\n    def g():\n        nonlocal x\n        x = 2\n    return g": " | f |  |  | ",
    "def f():\n    import os\n    return os": " | f |  |  | ",
    "x = 1\ndef f():\n    return x": " | f x |  |  | ",
    "def f(x):\n    return [x + y for y in ys]": " | f |  |  | ",
    # classes
    "class C(Base, metaclass=M):\n    a = x\n    def m(self):\n        return y": "Base M x y | C |  |  | ",
    "@dataclass\nclass C:\n    a: int = z": "dataclass z | C |  |  | ",
    "class C:\n    a = 1\n    b = a": " | C |  |  | ",
    # imports
    "import a.b": " | a |  |  | ",
    "import a.b as c": " | c |  |  | ",
    "from a import b, c as d": " | b d |  |  | ",
    "import numpy as np\nnp.zeros(n)": "n | np |  |  | ",
    # text
    "f'{x} {y:{w}}'": "w x y |  |  |  | ",
    # the magics that run Python in the namespace of the notebook
    "%%time\ny = x\n": "x | y |  |  | ",
    "%time y = x": "x | y |  |  | ",
    "%%timeit\nf(x)\n": "f x |  |  |  | ",
    "%timeit -n 10 -r3 f(x)": "f x |  |  |  | ",
    "%%capture out\ny = x\n": "x | out y |  |  | ",
    "%%capture --no-stderr\ny = x\n": "x | y |  |  | ",
    "%%capture\n%time y = x\n": "x | y |  |  | ",
    "%%bash\necho $x\n": "x |  |  |  | ",
    "!ls {x}": "x |  |  |  | ",
    "%matplotlib inline\ny = x": "x | y |  |  | ",
    "files = !ls": " | files |  |  | ",
    # used in the cell that defines it, or only bound where control may pass by
    "c and (x := y)": "c y | x |  |  | x",
    "z = (x := 1) if c else x": "c x | x z |  |  | x",
    "if c:\n    x = 1\nelse:\n    x = 2\ny = x": "c | x y |  |  | ",
    "def f():\n    return k\ny = f()": "k | f y |  |  | ",
    "class C:\n    def m(self):\n        return k\ny = C().m()": "k | C y |  |  | ",
    "@wrap\ndef f():\n    return k": "k wrap | f |  |  | ",
    'setattr(o, "a", v)': "o v |  | o |  | ",
    'df.query("a > @limit")': "a df limit |  |  |  | ",
    "with g():\n    x = 1\n    y = x": "g | x y |  |  | x y",
}


def words(text):
    return set(text.split())


@pytest.mark.parametrize("cell", CELLS, ids=list(CELLS))
def test_the_names_of(cell):
    names = analyse(ast.parse(TransformerManager().transform_cell(cell)))
    kinds = ("reads", "binds", "changes", "deletes", "maybe")
    wanted = dict(zip(kinds, map(words, f"{CELLS[cell]}|".split("|")), strict=False))
    found = {kind: getattr(names, kind) - {"get_ipython"} for kind in kinds}
    found["reads"] -= set(dir(builtins)) - wanted["reads"]
    assert found == wanted


def test_a_builtin_is_read_too_as_a_notebook_may_have_given_its_name_another_meaning():
    assert analyse(ast.parse("y = max(input)")).reads == {"max", "input"}


def test_imported_names_are_known_as_such():
    assert analyse(ast.parse("import a.b, c as d\nfrom e import f\nx = 1")).imports == {"a", "d", "f"}


@pytest.mark.parametrize("cell", ["y = x" + " + 1" * 900, "y = " + "f(" * 150 + "x" + ")" * 150], ids=len)
def test_a_very_deep_expression_is_analysed(cell):
    names = analyse(ast.parse(cell))
    assert ("x" in names.reads, names.binds) == (True, {"y"})


NAMES = st.sampled_from("abcdef")
STATEMENTS = st.one_of(
    st.tuples(NAMES, NAMES).map(lambda p: f"{p[0]} = {p[1]}"),
    st.tuples(NAMES, NAMES).map(lambda p: f"{p[0]} = [{p[1]}]"),
    st.tuples(NAMES, NAMES, NAMES).map(lambda p: f"if {p[0]}:\n    {p[1]} = {p[2]}"),
    st.tuples(NAMES, NAMES).map(lambda p: f"def {p[0]}():\n    return {p[1]}"),
    NAMES.map(lambda n: f"for {n} in (1, 2):\n    pass"),
)


@given(st.lists(STATEMENTS, max_size=6))
def test_a_straight_program_runs_where_the_names_it_reads_are_there(statements):
    """Whatever is not named as read is not needed: the cell runs without it."""
    program = "\n".join(statements)
    names = analyse(ast.parse(program))
    namespace = dict.fromkeys(names.reads | names.maybe, 1)
    exec(program, namespace)
    made = set(namespace) - {"__builtins__"} - names.reads - names.maybe
    assert made <= names.binds


# -- literals -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cell", "found"),
    [
        ("a = 1\nb = 'x'\nc = [1, {'k': (2, None)}]", {"a": 1, "b": "x", "c": [1, {"k": (2, None)}]}),
        ("a: int = -3", {"a": -3}),
        ("a = f()", {}),
        ("a = 1\na = f()", {}),
        ("a, b = 1, 2", {}),
        ("if True:\n    a = 1", {}),
        ("a: int", {}),
    ],
)
def test_literals_are_the_parameters_of_a_cell(cell, found):
    assert literals(ast.parse(cell)) == found


def test_a_cell_without_names_has_none():
    assert analyse(ast.parse("")) == Names(inert=True)
