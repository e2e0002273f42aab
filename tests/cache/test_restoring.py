"""What is restored, what is run, and why: each as without the cache."""

import pytest

SUM = """
# %%
numbers = [1, 2, 3]
# %%
total = sum(numbers)
print(total)
# %%
print(total + 1)
"""


def reasons(ran, number):
    restored, reason = ran.done[number - 1]
    return "restored" if restored else reason


def test_a_notebook_that_is_the_same_is_restored_whole(caching):
    assert caching.changed(SUM, SUM).restored == [1, 2, 3]


def test_a_value_that_comes_out_the_same_lets_what_follows_be_restored(caching):
    ran = caching.changed(SUM, SUM.replace("[1, 2, 3]", "[*range(1, 4)]"))
    assert ran.restored == [2, 3]


CHANGES = {
    "its code": (SUM, SUM.replace("sum(numbers)", "max(numbers)"), 2, "nothing was kept of it"),
    "a value it reads": (SUM, SUM.replace("[1, 2, 3]", "[1, 2, 4]"), 2, "numbers changed"),
    "what a value shares": (
        "# %%\na = [1]; b = a\n# %%\nc = (a, b)",
        "# %%\na = [1]; b = [1]\n# %%\nc = (a, b)",
        2,
        "b changed",
    ),
    "a file it reads": (
        "# %% file data.csv\n1,2\n# %%\ntext = open('data.csv').read()\n# %%\nprint(text)",
        "# %% file data.csv\n3,4\n# %%\ntext = open('data.csv').read()\n# %%\nprint(text)",
        1,
        "data.csv changed or is gone",
    ),
    "a seed": (
        "# %%\nimport numpy as np\n# %%\nnp.random.seed(1)\n# %%\na = np.random.rand(3)\n# %%\nprint(a)",
        "# %%\nimport numpy as np\n# %%\nnp.random.seed(2)\n# %%\na = np.random.rand(3)\n# %%\nprint(a)",
        3,
        "the state of numpy.random is another",
    ),
    "a function that it calls": (
        "# %%\ndef f(x): return x + 1\n# %%\na = f(1)\n# %%\nprint(a)",
        "# %%\ndef f(x): return x + 2\n# %%\na = f(1)\n# %%\nprint(a)",
        2,
        "f changed",
    ),
    "a global of a function that it calls": (
        "# %%\nk = 1\n# %%\ndef f(x): return x + k\n# %%\na = f(1)",
        "# %%\nk = 2\n# %%\ndef f(x): return x + k\n# %%\na = f(1)",
        3,
        "k changed",
    ),
    "a class, whose object it makes": (
        "# %%\nclass P:\n    rate = 1\n# %%\np = P()\n# %%\nprint(p.rate)",
        "# %%\nclass P:\n    rate = 2\n# %%\np = P()\n# %%\nprint(p.rate)",
        2,
        "P changed",
    ),
    "an option of a library": (
        "# %%\nimport pandas as pd\n# %%\npd.options.display.precision = 2\n# %%\nprint(pd.Series([1.23456]))",
        "# %%\nimport pandas as pd\n# %%\npd.options.display.precision = 3\n# %%\nprint(pd.Series([1.23456]))",
        3,
        "pd was changed by a cell",
    ),
    "the working folder": (
        "# %% file a/x\n1\n# %% file b/x\n2\n# %%\nimport os\n# %%\nos.chdir('a')\n# %%\ntext = open('x').read()",
        "# %% file a/x\n1\n# %% file b/x\n2\n# %%\nimport os\n# %%\nos.chdir('b')\n# %%\ntext = open('x').read()",
        3,
        "working folder changed",
    ),
    "an installed package": (
        "# %% file site-packages/tiny-1.0.dist-info/METADATA\n\n# %%\nimport sys\nsys.path.append('site-packages')\n# %%\na = 1 + 1",
        "# %% file site-packages/tiny-2.0.dist-info/METADATA\n\n# %%\nimport sys\nsys.path.append('site-packages')\n# %%\na = 1 + 1",
        2,
        "environment changed",
    ),
    "a module of the project": (
        "# %% file helper.py\nk = 1\n# %%\nimport helper\n# %%\na = helper.k + 1\n# %%\nprint(a)",
        "# %% file helper.py\nk = 2\n# %%\nimport helper\n# %%\na = helper.k + 1\n# %%\nprint(a)",
        2,
        "helper changed",
    ),
    "a name that was not there": (
        "# %%\ntry:\n    a = k\nexcept NameError:\n    a = 0\n# %%\nprint(a)",
        "# %%\nk = 5\n# %%\ntry:\n    a = k\nexcept NameError:\n    a = 0\n# %%\nprint(a)",
        2,
        "k changed",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", CHANGES)
def test_a_cell_is_run_again_after_a_change_of(caching, what):
    before, after, number, reason = CHANGES[what]
    same = caching.changed(before, before)
    if what not in ("an option of a library",):
        assert number in same.restored, str(same)
    ran = caching.changed(before, after)
    assert number not in ran.restored and reasons(ran, number).startswith(reason), str(ran)


SHARED = {
    "a list changed in place through an alias": "# %%\na = [1]\n# %%\nb = a\n# %%\nb.append(2)\n# %%\na.append(3)\nprint(a, b, a is b)",
    "a list inside containers": "# %%\na = [1]\n# %%\nd = {'k': [a]}\n# %%\nd['k'][0].append(2)\n# %%\nprint(a, d, a is d['k'][0])",
    "a frame that gets a column": """
# %%
import pandas as pd
# %%
a = pd.DataFrame({"x": [1, 2], "s": ["u", "v"]}); b = a; c = a.copy()
# %%
a["y"] = a.x * 2
# %%
b.loc[0, "y"] = 7
print(a, c, a is b)
""",
    "a view of an array": "# %%\nimport numpy as np\n# %%\na = np.zeros(4); v = a[1:]\n# %%\na += 1\n# %%\nv += 1\nprint(a, v)",
    "an object made in one cell and changed in another": "# %%\nclass P:\n    pass\n# %%\np = P(); q = [p]\n# %%\np.x = [1]; p.me = p\n# %%\nq[0].x.append(2)\nprint(p.x, p.me is q[0])",
    "a default that a function fills": "# %%\ndef f(x, acc=[]):\n    acc.append(x)\n    return acc\n# %%\na = f(1)\n# %%\nb = f(2)\n# %%\nprint(a, b, a is b)",
    "a model fitted where it is": "# %%\nimport numpy as np\nfrom sklearn.linear_model import LinearRegression\n# %%\nm = LinearRegression(); models = [m]; X = np.arange(6.0).reshape(-1, 1)\n# %%\nm.fit(X, X[:, 0] * 2);\n# %%\nprint(models[0].coef_.round(6), models[0] is m)",
    "a generator of random numbers": "# %%\nimport numpy as np\n# %%\nr = np.random.default_rng(3); s = r\n# %%\na = r.random(2)\n# %%\nprint(a, s.random(2), r is s)",
    "the state of a random generator": "# %%\nimport random\n# %%\nrandom.seed(4)\n# %%\na = [random.random() for _ in range(3)]\n# %%\nprint(a, random.random())",
    "names deleted": "# %%\na = 1; b = 2\n# %%\nc = a + b; del a\n# %%\nprint('a' in dir(), b, c)",
    "two names for what a cell made": "# %%\na = [[]]; b = a[0]; c = (a, b)\n# %%\nb.append(1)\nprint(a, b, c)",
    "a file that is written": "# %%\nwith open('out.txt', 'w') as f:\n    f.write('x' * 3)\ndel f\n# %%\nprint(open('out.txt').read())",
}  # fmt: skip


@pytest.mark.parametrize("what", SHARED)
def test_what_is_shared_stays_shared_by(caching, what):
    ran = caching.changed(SHARED[what], SHARED[what])
    assert ran.restored, str(ran)


RUN = {
    "a generator": ("# %%\ng = (i for i in range(3))\n# %%\nprint(next(g), next(g))", 1, "a generator cannot"),
    "an open file": ("# %% file x\n1\n# %%\nf = open('x')\n# %%\nprint(f.read())", 1, "an open file cannot"),
    "a deleted file": ("# %% file x\n1\n# %%\nimport os\n# %%\nos.remove('x')", 2, "it does what cannot be kept"),
    "the clock": ("# %%\nfrom time import time\n# %%\nt = time() > 0", 2, "it uses time"),
    "chance": ("# %%\nimport numpy as np\n# %%\nr = np.random.default_rng(None) is None\n# %%\nprint(1)", 2, "it uses default_rng without"),
    "a class": ("# %%\nclass P:\n    pass\np = P()", 1, "it defines a function or a class"),
    "a lambda that is kept": ("# %%\nf = lambda: 1\n# %%\nprint(f())", 1, "it makes a function of its own"),
    "a magic": ("# %%\n%precision 3\n# %%\nprint(1)", 1, "it uses a magic"),
    "a program": ("# %%\nimport subprocess\n# %%\nsubprocess.run(['true'])", 2, "it uses subprocess"),
    "a thread": ("# %%\nimport threading\n# %%\nt = threading.Thread(target=print)\nt.start(); t.join()", 2, "it uses threading"),
    "a file outside of the project": ("# %%\nopen('../outside.txt', 'w').write('x')", 1, "it writes"),
    "a file that is appended to": ("# %% file x\n1\n# %%\nopen('x', 'a').write('2')\n# %%\nprint(open('x').read())", 1, "it changes x in place"),
    "a library that is patched": ("# %%\nimport math\n# %%\nmath.tau2 = 1\n# %%\na = math.tau2", 2, "it stores into math"),
    "an option that is set": ("# %%\nimport pandas as pd\n# %%\npd.set_option('display.precision', 3)\n# %%\nprint(1)", 2, "it calls pd.set_option for its effect"),
    "a set of objects": ("# %%\nclass P:\n    pass\n# %%\ns = {P()}\n# %%\nprint(len(s))", 2, "a set holds objects"),
    "a failing cell": ("# %%\nxs = []\nxs.append(1)\n1 / 0\n# %%\nprint(xs)", 1, "it failed"),
    "history": ("# %%\n1 + 1\n# %%\nprint(_ + 1)", 2, "it reads the history"),
    "a logged metric": ("# %%\nimport mlops_nb as mlops\n# %%\nmlops.log_metric('a', 1.0);", 2, "it uses mlops_nb"),
    "a class with a way of its own of being pickled": (
        "# %%\nclass P:\n    def __getstate__(self):\n        return {}\n# %%\np = P()\n# %%\nprint(p)", 2, "P has a way of its own"),
    "a picture": ("# %%\nimport matplotlib.pyplot as plt\n# %%\nfig = plt.figure(); n = 1", 2, "it uses matplotlib"),
    "a cell that asks not to be kept": ("# %%\n# mlops: skip\na = 1\n# %%\nprint(a)", 1, "it asks not to be kept"),
}  # fmt: skip


@pytest.mark.parametrize("what", RUN)
def test_a_cell_is_run_each_time_with(caching, what):
    source, number, reason = RUN[what]
    ran = caching.changed(source, source)
    assert number not in ran.restored
    assert reason in reasons(ran, number), str(ran)
