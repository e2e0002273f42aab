"""Model bytes that are safe to read: skops for scikit-learn, audited before anything is constructed."""

from __future__ import annotations

import importlib
import io
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile

from mlops_nb.errors import Untrusted, UsageError

FORMAT = "skops"
#: Functions of numpy's top level, without those that read and write files.
ARITHMETIC = re.compile(r"^numpy\.(?!load|save|from|gen|mem|Data)\w+$")
#: Packages whose classes hold learned state and nothing that runs on loading; in a file only those of the first.
KNOWN = ("sklearn.", "numpy.", "scipy.")


def dump(model: Any, trust: Iterable[str]) -> tuple[bytes, list[str]]:
    """Turn a fitted model into bytes; return them with the types that a reader has to trust.

    Args:
        model: a fitted scikit-learn estimator or pipeline
        trust: further types, by their full name, that a person vouches for

    Raises:
        UsageError: the object cannot be written in a safe format.
        Untrusted: it contains types that nobody vouches for.
    """
    import skops.io as sio

    try:
        data: bytes = sio.dumps(model, compression=ZIP_DEFLATED, compresslevel=1)
        types = sorted(sio.get_untrusted_types(data=data))
    except Exception as error:  # skops raises what the object's own parts raise
        raise UsageError(
            f"a {type(model).__name__} cannot be written as {FORMAT}: {error} - register a scikit-learn estimator"
        ) from error
    _vouched([name for name in types if not (_is_class(name, KNOWN) or ARITHMETIC.match(name))], trust)
    return data, types


def read(path: Path, trust: Iterable[str]) -> Any:
    """Rebuild a model from a file that somebody made, which may name anything.

    Only classes of scikit-learn need nobody to vouch for them: a function among its types would run on prediction.

    Raises:
        UsageError: the file is not of the format.
        Untrusted: it names a type that nobody vouches for; nothing has been constructed.
    """
    import skops.io as sio

    data = path.read_bytes()
    try:
        types = sio.get_untrusted_types(data=data)
    except Exception as error:  # zipfile, json and skops raise in their own ways on a damaged file
        raise UsageError(f"{path} is not a readable .{FORMAT} file: {error} - write it again") from error
    return load(data, [*(name for name in types if _is_class(name, KNOWN[:1])), *trust])


def _is_class(name: str, packages: tuple[str, ...]) -> bool:
    """Whether a full name is that of a class in one of some packages; a function would run on prediction."""
    if not name.startswith(packages):
        return False
    module, _, attribute = name.rpartition(".")
    try:
        return isinstance(getattr(importlib.import_module(module), attribute, None), type)
    except ImportError:
        return False


def load(data: bytes, trusted: Iterable[str]) -> Any:
    """Rebuild a model from bytes, trusting no type but those recorded with it.

    Raises:
        Untrusted: the bytes name a type that was not recorded; nothing has been constructed.
    """
    import skops.io as sio

    types = sorted(sio.get_untrusted_types(data=data))
    _vouched(types, trusted)
    return sio.loads(data, trusted=types)


def modules(data: bytes) -> set[str]:
    """Return the modules whose objects a model file holds, by the first parts of their names."""
    with ZipFile(io.BytesIO(data)) as archive:
        return set(re.findall(r'"__module__": "(\w+)', archive.read("schema.json").decode()))


def _vouched(types: list[str], trust: Iterable[str]) -> None:
    allowed = set(trust)
    if strange := [name for name in types if name not in allowed]:
        raise Untrusted(
            f"the model contains types that nobody vouches for: {', '.join(strange)} - if you know them, register it"
            f" with trust={strange!r}"
        )
