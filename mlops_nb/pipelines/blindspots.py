"""What a step may depend on without capture seeing it; a step that uses any of it is never skipped.

It is found in the code, by name, and on the side of caution: a step too many is run, none too few.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from typing import Any

from mlops_nb.capture.dataflow import text_argument

#: Modules that read natively, from a database, a network or another program.
UNSEEN_MODULES = frozenset(
    {"duckdb", "polars", "h5py", "tables", "netCDF4", "xarray", "sqlite3", "sqlalchemy", "psycopg", "pymysql", "boto3"}
    | {
        "pyarrow",
        "multiprocessing",
        "concurrent",
        "joblib",
        "s3fs",
        "fsspec",
        "requests",
        "httpx",
        "urllib",
        "urllib3",
        "aiohttp",
        "socket",
        "subprocess",
        "runpy",
    }
)
#: Calls whose answer depends on what exists, on the environment, or on code that is found while running.
UNSEEN_NAMES = frozenset(
    {"glob", "iglob", "rglob", "listdir", "scandir", "iterdir", "walk", "exists", "lexists"}
    | {"is_file", "is_dir", "isfile", "isdir", "getsize", "getmtime", "stat", "exec", "eval", "fork"}
    | {"environ", "getenv", "import_module", "__import__", "memory_map", "OSFile", "memmap", "system", "popen"}
    | {"getoutput"}
)
#: Readers in native code: seen where their file is named in the code, not otherwise.
NATIVE_READS = frozenset(
    {"read_parquet", "read_feather", "read_orc", "read_hdf", "read_sql", "read_sql_query", "read_ipc"}
)
#: Verbs that ask the store itself: what they answer changes with every run.
ASKING = frozenset(
    {"runs", "models", "datasets", "reports", "lineage", "show", "status", "panel", "pipelines", "log", "at"}
    | {"checkpoints"}
)


def unseen(tree: ast.Module, constants: Mapping[str, Any]) -> set[str]:
    """Return the names in code through which it may depend on what capture does not see."""
    found: set[str] = set()
    ours = {"mlops"}
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                found |= {alias.name.partition(".")[0] for alias in names} & UNSEEN_MODULES
                ours |= {alias.asname for alias in names if alias.name == "mlops_nb" and alias.asname}
            case ast.ImportFrom(module=str(module)) if module.partition(".")[0] in UNSEEN_MODULES:
                found.add(module)
            case ast.Attribute(value=ast.Name(id="sys"), attr="path"):
                found.add("sys.path")
            case ast.Attribute(value=ast.Name(id=owner), attr=name) if owner in ours and name in ASKING:
                found.add(f"{owner}.{name}")
            case ast.ImportFrom(names=names) if hidden := {alias.name for alias in names} & UNSEEN_NAMES:
                found |= hidden
            case ast.Attribute(attr="eval" | "exec" | "stat"):
                pass  # of a DataFrame, mostly; the functions of those names are called bare
            case ast.Attribute(attr=name) | ast.Name(id=name) if name in UNSEEN_NAMES:
                found.add(name)
            case ast.Call(func=ast.Attribute(attr=name)) if name in NATIVE_READS:
                if text_argument(node, 0, "path", constants) is None or name.startswith("read_sql"):
                    found.add(name)
    return found


def opaque_lines(source: str) -> Iterator[str]:
    """Yield the shell escapes of a cell and the magics that run files or programs."""
    for line in source.splitlines():
        word = next(iter(line.split()), "")
        if word.startswith("!") or word in ("%run", "%sx", "%system", "%%bash", "%%sh", "%%script", "%%system"):
            yield word if word.startswith("%") else "!"
