"""What notebooks read and write, found in their code, and the order that follows from it."""

from __future__ import annotations

import ast
import contextlib
import graphlib
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mlops_nb.capture.dataflow import literals, text_argument
from mlops_nb.capture.notebooks import Notebook
from mlops_nb.errors import UsageError
from mlops_nb.ids import digest, file_digest
from mlops_nb.pipelines import blindspots

#: Calls that name what they read or write: where each name stands, its keyword, and the kind of thing.
READS = {
    "load_dataset": [(0, "name", "dataset")],
    "load_model": [(0, "reference", "models")],
    "check": [(0, "frame", "dataset")],
    "drift": [(0, "reference", "dataset"), (1, "current", "dataset")],
    "gate": [(0, "model", "models")],
}
WRITES = {
    "dataset": [(1, "name", "dataset")],
    "register": [(1, "name", "models")],
    "promote": [(0, "model", "models")],
}
FILE_READS = frozenset(
    {"read_csv", "read_parquet", "read_json", "read_excel", "read_feather", "read_pickle", "read_table"}
    | {"load", "loadtxt", "genfromtxt"}
)
FILE_WRITES = frozenset(
    {"to_csv", "to_parquet", "to_json", "to_excel", "to_feather", "to_pickle"}
    | {"savefig", "savetxt", "save", "savez", "dump"}
)


@dataclass
class Traffic:
    """What a notebook reads and writes, as references, and the local modules that it imports."""

    reads: set[str] = field(default_factory=set)
    writes: set[str] = field(default_factory=set)
    modules: set[Path] = field(default_factory=set)
    unseen: set[str] = field(default_factory=set)

    def contents(self, folder: Path) -> list[tuple[str, str]]:
        """Return the files that are read by name, with their present hashes."""
        names = [reference.removeprefix("file:") for reference in self.reads if reference.startswith("file:")]
        return [(name, file_digest(folder / name)) for name in names if (folder / name).is_file()]


def _trees(notebook: Notebook) -> Iterator[ast.Module]:
    for number, cell in enumerate(notebook.code, 1):
        try:
            yield _parsed(cell.source)
        except SyntaxError as error:
            raise UsageError(
                f"{notebook.path.name}, code cell {number}: {error.msg} in line {error.lineno} - mend it, or take"
                " the notebook out of the folder"
            ) from error


def _parsed(source: str) -> ast.Module:
    """Parse a cell: as it stands, else without its lines of magic and shell, else as IPython rewrites it."""
    for plain in (source, _without_magic(source)):
        with contextlib.suppress(SyntaxError):
            return ast.parse(plain)
    from IPython.core.inputtransformer2 import TransformerManager  # 200 ms, and seldom needed

    return ast.parse(TransformerManager().transform_cell(source))  # type: ignore[no-untyped-call]


def _without_magic(source: str) -> str:
    lines = source.splitlines()
    if lines and lines[0].startswith("%%"):
        lines = lines[1:] if lines[0].split()[0] in ("%%time", "%%capture") else []
    return "\n".join("" if line.lstrip().startswith(("%", "!")) else line for line in lines)


def traffic(notebook: Notebook, root: Path) -> Traffic:
    """Find what a notebook reads and writes by the names that stand in its code.

    A name that is computed cannot be found here; what ran is found by capture, and decides what is skipped.
    """
    found = Traffic()
    constants: dict[str, Any] = {}
    folders = (notebook.path.parent, root)
    for tree in _trees(notebook):
        constants |= literals(tree)
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                _call(node, constants, found)
            elif isinstance(node, ast.Import | ast.ImportFrom):
                found.modules |= _local_modules(node, folders)
        found.unseen |= blindspots.unseen(tree, constants)
    for module in found.modules:
        with contextlib.suppress(SyntaxError, UnicodeDecodeError):
            found.unseen |= blindspots.unseen(ast.parse(module.read_text(encoding="utf-8")), {})
    found.unseen |= {magic for cell in notebook.code for magic in blindspots.opaque_lines(cell.source)}
    found.reads -= found.writes
    return found


def _call(node: ast.Call, constants: Mapping[str, Any], found: Traffic) -> None:
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    for calls, into in ((READS, found.reads), (WRITES, found.writes)):
        for position, keyword, kind in calls.get(name, ()):
            if text := text_argument(node, position, keyword, constants):
                into.update(_references(name, kind, text, node, constants))
    if name in FILE_READS and (text := text_argument(node, 0, "path", constants)):
        found.reads.add(f"file:{os.path.normpath(text)}")
    if name in FILE_WRITES and (text := text_argument(node, 1 if name == "dump" else 0, "path", constants)):
        found.writes.add(f"file:{os.path.normpath(text)}")
    if name == "open" and (text := text_argument(node, 0, "file", constants)):
        writing = set(text_argument(node, 1, "mode", constants) or "r") & set("wax")
        (found.writes if writing else found.reads).add(f"file:{os.path.normpath(text)}")


def _references(call: str, kind: str, text: str, node: ast.Call, constants: Mapping[str, Any]) -> set[str]:
    """Return the things that a call means; a model's alias is a thing of its own beside its versions."""
    if text.endswith((".csv", ".parquet")):
        return {f"file:{os.path.normpath(text)}"}
    if kind == "dataset":
        return {f"dataset:{text.removeprefix('dataset:').partition('/')[0]}"}
    name, _, alias = text.removeprefix("models:").lstrip("/").partition("@")
    if call == "promote":
        alias = text_argument(node, 9, "alias", constants) or "champion"
    name = name.partition("/")[0]
    return {f"models:/{name}@{alias}" if alias else f"models:/{name}"}


def _local_modules(node: ast.Import | ast.ImportFrom, folders: Iterable[Path]) -> set[Path]:
    """Return the files of imported modules that lie in the project, with those they import in turn."""
    names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""]
    pending = [name.partition(".")[0] for name in names]
    found: set[Path] = set()
    while pending:
        name = pending.pop()
        for folder in folders:
            package = folder / name
            files = [folder / f"{name}.py"] if (folder / f"{name}.py").is_file() else sorted(package.rglob("*.py"))
            for path in set(files) - found if name else ():
                found.add(path)
                pending.extend(_imports(path))
    return found


def _imports(path: Path) -> Iterator[str]:
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"))
    except (SyntaxError, UnicodeDecodeError):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield (node.module or "").partition(".")[0]


def code_digest(notebook: Notebook, modules: Iterable[Path]) -> str:
    """Return the digest of the code that would run: code cells and local modules, no Markdown and no outputs."""
    parts = [cell.source for cell in notebook.code]
    return digest("\0".join([*parts, *(file_digest(path) for path in sorted(modules))]).encode())[:16]


def order(steps: Mapping[str, Traffic]) -> list[str]:
    """Return the steps so that each comes after what it needs; those that need nothing of each other, by name.

    Raises:
        UsageError: two notebooks write the same thing, or they need each other in a circle.
    """
    producer: dict[str, str] = {}
    for step, own in steps.items():
        for thing in own.writes:
            if thing in producer and not thing.startswith("file:"):
                raise UsageError(f"{producer[thing]} and {step} both write {thing} - give one of them another name")
            producer[thing] = step
    needs = {step: needed(step, steps) for step in steps}
    sorter = graphlib.TopologicalSorter({step: sorted(needs[step]) for step in sorted(steps)})
    try:
        sorter.prepare()
    except graphlib.CycleError as error:
        circle = " needs ".join(error.args[1][::-1])
        raise UsageError(f"the notebooks need each other in a circle: {circle} - cut one of these") from error
    ordered: list[str] = []
    while sorter.is_active():
        ready = sorted(sorter.get_ready())
        ordered.extend(ready)
        sorter.done(*ready)
    return ordered


def needed(step: str, steps: Mapping[str, Traffic]) -> set[str]:
    """Return the steps that write what a step reads."""
    return {other for other in steps if other != step and steps[other].writes & steps[step].reads}
