"""With capture and without it, a cell does the same and shows the same."""

import contextlib
import re

import pytest

from mlops_nb.project import Project
from tests.capture.corpus import NOTEBOOKS
from tests.soundness.notebook import parse
from tests.soundness.runner import KERNELS, Server

CELLS = [
    "x = 1",
    "x + 1",
    "print('a'); print('b')",
    "import sys\nprint('to stderr', file=sys.stderr)",
    "_ + 1, __",
    "In[2], Out[2], len(In)",
    "%%capture out\nprint('inside')\ndisplay(5)\ny = 6",
    "out.stdout, y",
    "out.show()",
    "%%time\nz = 7\nprint('timed')",
    "z",
    "%time w = 8",
    "w",
    "%who_ls int",
    "%run script.py",
    "from_script",
    "get_ipython().run_cell('nested = 3\\nprint(nested)').result",
    "nested",
    "1/0",
    "def f():\n    raise KeyError('k')\nf()",
    "%tb",
    "x = = 1",
    "%no_such_magic",
    "!echo from the shell",
    "lines = !echo one; echo two\nlines",
    "import asyncio\nawait asyncio.sleep(0, 'awaited')",
    "from IPython.display import *\nh = display(HTML('<b>b</b>'), display_id='d')",
    "update_display(HTML('<i>i</i>'), display_id='d')",
    "clear_output()\nprint('cleared')",
    "import warnings\nwarnings.warn('careful')",
    "import pandas as pd\npd.DataFrame({'a': [1, 2]})",
    "%matplotlib inline\nimport matplotlib.pyplot as plt\nplt.plot([1, 2]); plt.title('t'); None",
    "raise SystemExit",
    "class C:\n    def __repr__(self): raise ValueError('no repr')\nC()",
    "open('made.txt', 'w').write('text')",
    "open('made.txt').read()",
    "?len",
    "%%writefile other.py\nq = 1",
    "exec('dynamic = 5')\ndynamic",
    "globals()['sneaky'] = 6\nsneaky",
    "%history -l 2",
    "get_ipython().execution_count",
    "sorted(n for n in globals() if not n.startswith('_'))",
    "[type(t).__name__ for t in get_ipython().ast_node_interactivity]",
    "import threading\nsorted(t.name for t in threading.enumerate() if t.name == 'MainThread')",
    "sys.stdout.write('raw'); sys.stdout.flush()",
    "import os, glob\nsorted(glob.glob('*.txt')), sorted(n for n in os.listdir() if n[0] != '.')",
    "f = pd.DataFrame({'a': [1, 2], 'k': ['x', 'y']}); f.to_parquet('p', partition_cols=['k']); pd.read_parquet('p')",
    "import duckdb\nduckdb.sql(\"COPY (SELECT 1 a) TO 'd.csv'\"); duckdb.sql(\"FROM 'd.csv'\")",
    "import polars as pl\nlazy = pl.scan_csv('d.csv'); lazy.collect()",
    "import h5py\nwith h5py.File('h.h5', 'w') as h: h['a'] = [1]\nh",
    "import sqlite3\nc = sqlite3.connect('s.db'); c.execute('CREATE TABLE t (a)'); c.execute('SELECT * FROM t').fetchall()",
    "import sqlalchemy\npd.read_sql('SELECT 1 AS one', 'sqlite:///s.db')",
    "pd.read_parquet('missing.parquet')",
    "os.rename('missing', 'nowhere')",
    "import httpx\nhttpx.get('http://127.0.0.1:9/')",
    "import requests\nrequests.get('http://127.0.0.1:9/')",
    "import logging\nlogging.getLogger('httpx').isEnabledFor(logging.DEBUG)",
    "import shutil\nshutil.rmtree('p'); os.path.exists('p')",
    "import subprocess\nsubprocess.run(['cat', 'made.txt'], capture_output=True)",
]
CHANGING = [
    (re.compile(r"0x[0-9a-f]+"), "0x"),
    (re.compile(r"kernels\d+/tmp\w+"), "folder"),
    (re.compile(r"[\d.e+]+ (ns|[µμ]s|ms|s)\b"), "T"),
    (re.compile(r"(ipykernel_)?\d{3,}"), "N"),
    (re.compile(r"\x1b\[[0-9;]*m"), ""),
]


def without_what_changes(value):
    """Take times, addresses and process numbers out of an output."""
    if isinstance(value, dict):
        return {key: without_what_changes(item) for key, item in value.items()}
    if isinstance(value, list):
        return [without_what_changes(item) for item in value]
    if isinstance(value, str) and len(value) < 5000:  # longer ones are images
        for pattern, text in CHANGING:
            value = pattern.sub(text, value)
    return value


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """Two kernels in equal folders that have run one cell each: one with capture, one without."""
    from tests.conftest import Kernel

    kernels = []
    for name, first in (("with", "%load_ext mlops_nb"), ("without", "None")):
        folder = tmp_path_factory.mktemp(name)
        (folder / "script.py").write_text("from_script = 1\nprint('in the script')\n")
        kernels.append(Kernel(folder))
        assert kernels[-1].run(first) == []
    yield kernels
    for kernel in kernels:
        kernel.stop()


@pytest.mark.parametrize("cell", CELLS)
def test_a_cell_shows_the_same_with_capture_as_without(both, cell):
    observed, plain = both
    assert without_what_changes(observed.run(cell)) == without_what_changes(plain.run(cell))


def test_everything_that_ran_under_observation_was_recorded(both):
    observed, _ = both
    observed.settle()
    project = Project(observed.folder)
    count = project.store.value("SELECT count(*) FROM execution JOIN outcome USING (id) WHERE parent IS NULL")
    project.store.close()
    assert count == len(CELLS)


@pytest.fixture(scope="module")
def kernels(tmp_path_factory):
    """Forks real kernels."""
    server = Server(tmp_path_factory.mktemp("kernels"), KERNELS)
    yield server
    server.stop()


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_notebook_shows_the_same_with_capture_as_without(kernels, name):
    notebook = parse(NOTEBOOKS[name])
    watched, plain = kernels.kernel(notebook.files), kernels.kernel(notebook.files)
    watched.outputs(watched.send("%load_ext mlops_nb", silent=True))
    plain.outputs(plain.send("None", silent=True))
    try:
        for cell in notebook.cells:
            seen, unseen = watched.run(cell.source), plain.run(cell.source)
            assert without_what_changes(seen) == without_what_changes(unseen), cell.source
        watched.settle()
        with contextlib.closing(Project(watched.folder).store) as store:
            assert store.value("SELECT count(*) FROM execution WHERE parent IS NULL") == len(notebook.cells)
            assert store.rows("SELECT message FROM gap") == []
    finally:
        watched.stop()
        plain.stop()
