"""Secrets by their value: what this process has seen under a telling name, and so recognises wherever it is shown.

The values of telling environment variables (``*_TOKEN``, ``*_PASSWORD``, ``*_KEY``), the passwords of URLs among the
others, and what cells bind to telling names. What was once seen stays known to the end of the process: a secret taken
out of the environment is still one. Nothing of this is ever written anywhere.
"""

from __future__ import annotations

import html
import json
import os
import re
import urllib.parse
from collections.abc import Mapping
from typing import Any

from mlops_nb.secrets import names

SHORTEST = 6  # characters of a value that is recognised anywhere
LONGEST = 65_536
OF_THE_ENVIRONMENT = frozenset(
    {"token", "secret", "password", "passwd", "pass", "pwd", "key", "apikey", "credential", "credentials", "auth"}
    | {"passphrase", "pat", "jwt", "cookie"}
)
#: Last words of variables that say where a secret is, or something about it.
ELSEWHERE = frozenset(
    {"path", "file", "dir", "folder", "url", "uri", "host", "port", "name", "type", "length", "size", "sock", "count"}
    | {"algorithm", "user", "username", "method", "mode", "timeout", "ttl", "provider", "enabled", "region"}
)
#: Passwords that everybody knows, and words that are none.
COMMON = frozenset(
    {
        "password",
        "secret",
        "postgres",
        "postgresql",
        "changeme",
        "example",
        "default",
        "minioadmin",
        "airflow",
        "mlflow",
    }
    | {"localhost", "development", "production", "staging", "testing", "disabled", "enabled", "required", "optional"}
    | {"redacted", "jupyter", "notebook", "username", "basic", "bearer", "keyring", "mongodb", "rabbitmq", "python"}
)
URL_PASSWORD = re.compile(r"://[^\s:/?#@]{0,128}+:([^\s/]{1,512})@")

_values: dict[str, str] = {}  # value, and what it is called
_seen: dict[Any, Any] = {}  # the environment as it was looked at last
generation = 0  # grows with what is known


def learn(name: str, value: object) -> None:
    """Recognise a value from now on, if its name tells that it is a secret."""
    if type(value) is not str or (kind := names.kind(name)) is None or not names.is_secret(kind, value):
        return
    if kind == "password" or not value.isalpha():  # what is called a token may be a word
        remember(name, value)


def learn_all(namespace: Mapping[str, Any]) -> None:
    """Recognise from now on what telling names are bound to."""
    for name, value in list(namespace.items()):
        learn(name, value)


def remember(name: str, value: str) -> None:
    """Recognise a value from now on, if it is long and rare enough to be told from other words."""
    global _values, generation
    value = value.strip()
    if value in _values or not _is_rare(value):
        return
    forms = {value, json.dumps(value)[1:-1], urllib.parse.quote(value, safe=""), html.escape(value)}
    known = {**_values, **dict.fromkeys(forms, names.label(name))}
    _values = dict(sorted(known.items(), key=lambda item: -len(item[0])))
    generation += 1


def _is_rare(value: str) -> bool:
    if not SHORTEST <= len(value) <= LONGEST or value.lower() in COMMON or names.STANDS_FOR.match(value):
        return False
    if value.isdigit():
        return len(value) >= 10
    if value.isalpha():
        return len(value) >= 8
    return not (value.startswith(("/", "~", "./")) and os.path.exists(os.path.expanduser(value)))


def learn_environment() -> None:
    """Recognise the secrets of the environment; costs about a microsecond where it has not changed."""
    global _seen
    present: Any = getattr(os.environ, "_data", os.environ)
    if present == _seen:
        return
    _seen = dict(present)
    for name, value in list(os.environ.items()):
        if _tells(name):
            remember(name, value)
        elif "://" in value and (match := URL_PASSWORD.search(value)):
            remember(name, match[1])
            remember(name, urllib.parse.unquote(match[1]))


def _tells(name: str) -> bool:
    words = [word.lower() for word in names.WORD.findall(name)]
    return name != "PWD" and bool(words) and bool(OF_THE_ENVIRONMENT & set(words)) and words[-1] not in ELSEWHERE


def values() -> Mapping[str, str]:
    """Return every secret that is known, and what it is called; the longer of two that begin alike comes first."""
    return _values
