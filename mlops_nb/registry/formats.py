"""Model bytes that are safe to read: skops for scikit-learn, audited before anything is constructed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from zipfile import ZIP_DEFLATED

from mlops_nb.errors import Untrusted, UsageError

FORMAT = "skops"
#: Packages whose classes hold learned state and nothing that runs on loading.
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
    _vouched(types, trust)
    return data, types


def load(data: bytes, trusted: Iterable[str]) -> Any:
    """Rebuild a model from bytes, trusting no type but those recorded with it.

    Raises:
        Untrusted: the bytes name a type that was not recorded; nothing has been constructed.
    """
    import skops.io as sio

    types = sorted(sio.get_untrusted_types(data=data))
    _vouched(types, trusted, known=())
    return sio.loads(data, trusted=types)


def _vouched(types: list[str], trust: Iterable[str], known: tuple[str, ...] = KNOWN) -> None:
    allowed = set(trust)
    if strange := [name for name in types if name not in allowed and not name.startswith(known)]:
        raise Untrusted(
            f"the model contains types that nobody vouches for: {', '.join(strange)} - if you know them, register it"
            f" with trust={strange!r}"
        )
