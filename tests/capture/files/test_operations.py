"""Every way in which a cell may use a file is seen, with the right content, in a real kernel."""

import time

import pytest

from mlops_nb.project import Project
from tests.capture.conftest import Used, sha

IMPORTS = """
import glob, json, os, pickle, shutil, sqlite3, subprocess, sys
from pathlib import Path
import duckdb, h5py, joblib, matplotlib, numpy as np, pandas as pd, polars as pl, sqlalchemy
import pyarrow as pa, pyarrow.csv as pc, pyarrow.dataset as ds, pyarrow.feather as pf, pyarrow.parquet as pq
matplotlib.use("Agg")
import matplotlib.pyplot as plt
frame = pd.DataFrame({"a": [1, 2], "k": ["x", "y"]})
table = pa.table({"a": [1, 2]})
"""
#: What is there before: by the process of the test, so that no cell made it.
GIVEN = """
import os, sqlite3, sys
import duckdb, h5py, joblib, numpy as np, pandas as pd, pyarrow as pa, pyarrow.dataset as ds, pyarrow.feather as pf
frame = pd.DataFrame({"a": [1, 2], "k": ["x", "y"]})
frame.to_csv("in.csv"); frame.to_parquet("in.parquet"); frame.to_pickle("in.pkl"); frame.to_json("in.json")
pf.write_feather(frame, "in.feather", compression="uncompressed"); np.save("in.npy", np.ones(3))
np.ones(3).tofile("in.bin")
joblib.dump([1], "in.joblib"); open("in.txt", "w").write("data")
with h5py.File("in.h5", "w") as f: f["a"] = [1]
c = sqlite3.connect("in.db"); c.execute("CREATE TABLE t (a)"); c.commit(); c.close()
d = duckdb.connect("in.duckdb"); d.execute("CREATE TABLE t AS SELECT 1 a"); d.close()
for name in ("in-parts", "in-plain"):
    ds.write_dataset(pa.table({"a": [1, 2]}), name, format="parquet", max_rows_per_file=1, max_rows_per_group=1)
frame.to_parquet("in-hive", partition_cols=["k"])
open("in-parts/notes.txt", "w").write("no part of it")
"""

READS = {
    "open": ("open('in.txt').read()", "in.txt"),
    "os.open": ("os.close(os.open('in.txt', os.O_RDONLY))", "in.txt"),
    "pathlib": ("Path('in.txt').read_text()", "in.txt"),
    "json": ("json.load(open('in.json'))", "in.json"),
    "pickle": ("pickle.load(open('in.pkl', 'rb'))", "in.pkl"),
    "joblib": ("joblib.load('in.joblib')", "in.joblib"),
    "numpy load": ("np.load('in.npy')", "in.npy"),
    "numpy memmap": ("np.load('in.npy', mmap_mode='r')", "in.npy"),
    "numpy fromfile": ("np.fromfile('in.bin')", "in.bin"),
    "pandas csv": ("pd.read_csv('in.csv')", "in.csv"),
    "pandas csv by pyarrow": ("pd.read_csv('in.csv', engine='pyarrow')", "in.csv"),
    "pandas parquet": ("pd.read_parquet('in.parquet')", "in.parquet"),
    "pandas feather": ("pd.read_feather('in.feather')", "in.feather"),
    "pyarrow parquet": ("pq.read_table('in.parquet')", "in.parquet"),
    "pyarrow csv": ("pc.read_csv('in.csv')", "in.csv"),
    "pyarrow feather": ("pf.read_table('in.feather')", "in.feather"),
    "pyarrow dataset of a file": ("ds.dataset('in.parquet').to_table()", "in.parquet"),
    "pyarrow memory map": ("pa.ipc.open_file(pa.memory_map('in.feather')).read_all()", "in.feather"),
    "pyarrow OSFile": ("pa.OSFile('in.parquet').read()", "in.parquet"),
    "polars csv": ("pl.read_csv('in.csv')", "in.csv"),
    "polars parquet": ("pl.read_parquet('in.parquet')", "in.parquet"),
    "polars ipc": ("pl.read_ipc('in.feather')", "in.feather"),
    "polars scan": ("pl.scan_csv('in.csv').collect()", "in.csv"),
    "duckdb from": ("duckdb.sql(\"FROM 'in.parquet'\").fetchall()", "in.parquet"),
    "duckdb read_csv": ("duckdb.sql(\"SELECT * FROM read_csv('in.csv')\").fetchall()", "in.csv"),
    "duckdb read_parquet": ("duckdb.read_parquet('in.parquet').fetchall()", "in.parquet"),
    "duckdb database": (
        "d = duckdb.connect('in.duckdb', read_only=True); d.sql('FROM t').fetchall(); d.close()", "in.duckdb",
    ),
    "h5py": ("with h5py.File('in.h5') as f: f['a'][:]", "in.h5"),
    "sqlite3": ("c = sqlite3.connect('in.db'); c.execute('SELECT * FROM t').fetchall(); c.close()", "in.db"),
    "sqlalchemy": ("pd.read_sql('SELECT * FROM t', 'sqlite:///in.db')", "in.db"),
    "shell": ("!cat in.txt", "in.txt"),
    "subprocess": ("subprocess.run(['cat', 'in.txt'], capture_output=True)", "in.txt"),
    "child of Python": ("!{sys.executable} -c \"open('in.txt').read()\"", "in.txt"),
    "dataset of pyarrow": ("ds.dataset('in-plain').to_table()", "in-plain"),
    "dataset of polars": ("pl.read_parquet('in-parts/*.parquet')", "in-parts"),
    "dataset of duckdb": ("duckdb.sql(\"FROM 'in-parts/*.parquet'\").fetchall()", "in-parts"),
    "hive dataset of pandas": ("pd.read_parquet('in-hive')", "in-hive"),
    "hive dataset of polars": ("pl.scan_parquet('in-hive').collect()", "in-hive"),
}  # fmt: skip

WRITES = {
    "open": ("open('out.txt', 'w').write('made')", "out.txt"),
    "os.open": ("os.close(os.open('out-os.txt', os.O_WRONLY | os.O_CREAT | os.O_TRUNC))", "out-os.txt"),
    "pathlib": ("Path('out-path.txt').write_bytes(b'made')", "out-path.txt"),
    "pickle": ("pickle.dump([1], open('out.pkl', 'wb'))", "out.pkl"),
    "joblib": ("joblib.dump([1], 'out.joblib')", "out.joblib"),
    "numpy save": ("np.save('out.npy', np.ones(3))", "out.npy"),
    "numpy tofile": ("np.ones(3).tofile('out.bin')", "out.bin"),
    "numpy memmap": ("m = np.memmap('out.map', mode='w+', shape=(3,)); m[:] = 7; m.flush(); del m", "out.map"),
    "pandas csv": ("frame.to_csv('out.csv')", "out.csv"),
    "pandas parquet": ("frame.to_parquet('out.parquet')", "out.parquet"),
    "pandas feather": ("frame.to_feather('out.feather')", "out.feather"),
    "pandas sql": ("frame.to_sql('t', 'sqlite:///out.db')", "out.db"),
    "pyarrow parquet": ("pq.write_table(table, 'out-pq.parquet')", "out-pq.parquet"),
    "pyarrow csv": ("pc.write_csv(table, 'out-pc.csv')", "out-pc.csv"),
    "polars csv": ("pl.DataFrame({'a': [1]}).write_csv('out-pl.csv')", "out-pl.csv"),
    "polars parquet": ("pl.DataFrame({'a': [1]}).write_parquet('out-pl.parquet')", "out-pl.parquet"),
    "polars sink": ("pl.LazyFrame({'a': [1]}).sink_parquet('out-sink.parquet')", "out-sink.parquet"),
    "duckdb copy": ("duckdb.sql(\"COPY (SELECT 1 a) TO 'out-duck.csv'\")", "out-duck.csv"),
    "duckdb database": ("d = duckdb.connect('out.duckdb'); d.execute('CREATE TABLE t (a INT)'); d.close()", "out.duckdb"),
    "h5py": ("with h5py.File('out.h5', 'w') as f: f['a'] = [1]", "out.h5"),
    "sqlite3": ("c = sqlite3.connect('made.db'); c.execute('CREATE TABLE t (a)'); c.commit(); c.close()", "made.db"),
    "savefig": ("plt.plot([1]); plt.savefig('out.png'); plt.close()", "out.png"),
    "shell": ("!echo 42 > out-sh.txt", "out-sh.txt"),
    "bash": ("%%bash\necho 43 > out-bash.txt", "out-bash.txt"),
    "subprocess": ("subprocess.run('echo 44 > out-sub.txt', shell=True)", "out-sub.txt"),
    "os.system": ("os.system('echo 45 > out-sys.txt')", "out-sys.txt"),
    "a child of joblib": ("r = joblib.Parallel(2)(joblib.delayed(Path.write_text)(Path(f'out-{i}.job'), 'x') for i in [1])",
                          "out-1.job"),
    "dataset of pyarrow": ("ds.write_dataset(table, 'out-parts', format='parquet')", "out-parts"),
    "hive dataset of pandas": ("frame.to_parquet('out-hive', partition_cols=['k'])", "out-hive"),
    "a temporary file and os.replace": ("Path('o.tmp').write_text('x'); os.replace('o.tmp', 'out-re.txt')", "out-re.txt"),
    "a native one and os.replace": ("frame.to_parquet('o.parquet'); os.replace('o.parquet', 'out-re.parquet')",
                                    "out-re.parquet"),
    "shutil.copy": ("Path('c.txt').write_text('x'); shutil.copy('c.txt', 'out-copy.txt'); os.remove('c.txt')",
                    "out-copy.txt"),
    "a new folder": ("os.makedirs('new/deep'); frame.to_parquet('new/deep/x.parquet')", "new/deep/x.parquet"),
}  # fmt: skip


class Observed(Used):
    """A kernel with capture, and what it has recorded of its last cell."""

    def __init__(self, kernel):
        super().__init__(Project(kernel.folder))
        self.kernel = kernel
        self.folder = kernel.folder

    def run(self, cell):
        """Run a cell that must not fail; return what it used."""
        shown = self.kernel.run(cell)
        assert not [output for output in shown if output["output_type"] == "error"], shown
        self.kernel.settle()
        return self.edges()

    def hash(self, name):
        """The hash of a file, or of the manifest of a folder, as it is now."""
        path = self.folder / name
        if path.is_dir():
            files = sorted(file for file in path.rglob("*.parquet"))
            text = ".parquet\n" + "".join(f"{sha(file.read_bytes())}  {file.relative_to(path)}\n" for file in files)
            return sha(text.encode())
        return sha(path.read_bytes())


@pytest.fixture(scope="module")
def observed(module_kernel):
    import subprocess
    import sys

    subprocess.run([sys.executable, "-c", GIVEN], cwd=module_kernel.folder, check=True)
    module_kernel.text(IMPORTS)
    time.sleep(0.1)  # so that no file looks as if it had just been written
    seen = Observed(module_kernel)
    yield seen
    module_kernel.kill()  # with or without capture, one that has used joblib takes 20 s to end by itself
    seen.project.store.close()


#: A cell that makes a file, one that uses it in another way, and the file.
FLOWS = {
    "a module written in the session": (
        "Path('made_module.py').write_text('def g(): return 7'); sys.path.insert(0, '.')", "import made_module", "made_module.py",
    ),
    "a script that is run": ("Path('script.py').write_text('h = 1')", "%run -i script.py", "script.py"),
    "a file of the shell": ("name = 'shell.txt'\n!echo 42 > {name}", "int(open(name).read())", "shell.txt"),
    "a file of a child of joblib": (
        "joblib.Parallel(2)(joblib.delayed(Path.write_text)(Path('child.txt'), t) for t in ['x'])",
        "Path('child.txt').read_text()", "child.txt",
    ),
    "a dataset of one library read by another": (
        "frame.to_parquet('flow', partition_cols=['k'])", "pl.scan_parquet('flow').collect()", "flow",
    ),
    "a database by two libraries": (
        "frame.to_sql('t', 'sqlite:///flow.db')", "sqlite3.connect('flow.db').execute('SELECT * FROM t').fetchall()", "flow.db",
    ),
    "a figure": ("plt.plot([1]); plt.savefig('flow.png'); plt.close()", "plt.imread('flow.png').shape", "flow.png"),
}  # fmt: skip


@pytest.mark.parametrize("flow", FLOWS)
def test_what_one_cell_makes_is_what_another_uses(observed, flow):
    make, use, name = FLOWS[flow]
    made = observed.run(make)[f"file:{name}"]
    time.sleep(0.05)
    used = observed.run(use)[f"file:{name}"]
    assert (made, used) == (("wrote", observed.hash(name)), ("read", observed.hash(name)))


@pytest.mark.parametrize("operation", READS)
def test_what_a_cell_reads_is_an_input_of_it(observed, operation):
    cell, name = READS[operation]
    assert observed.run(cell) == {f"file:{name}": ("read", observed.hash(name))}


@pytest.mark.parametrize("operation", WRITES)
def test_what_a_cell_writes_is_an_output_of_it(observed, operation):
    cell, name = WRITES[operation]
    assert observed.run(cell) == {f"file:{name}": ("wrote", observed.hash(name))}
