"""Secrets by their name: what a variable, key, parameter or header is called that holds one, and what follows it.

``password``, ``API_KEY`` and ``clientSecret`` tell; ``token_count``, ``password_field``, ``pad_token`` and ``sort_key``
do not. A name is read word by word, and its last word decides. How plainly it tells decides how much its value must
look like a secret; what only stands for one (``<your key>``, ``${TOKEN}``, ``{token}``) is left.
"""

from __future__ import annotations

import functools
import math
import re
from collections import Counter
from typing import Literal

#: How much a value must look like a secret: a password is anything, a token is random, a hint's value very random.
Kind = Literal["password", "secret", "token", "hint"]

PASSWORDS = frozenset({"password", "passwd", "pwd", "passphrase", "passcode", "passwort", "kennwort", "pw"})
SECRETS = frozenset(
    {"secret", "apikey", "secretkey", "accesskey", "privatekey", "authkey", "accountkey", "credential", "credentials"}
    | {"creds", "authtoken", "accesstoken", "apitoken", "pass", "authorization"}
)
TOKENS = frozenset({"token", "jwt", "bearer", "pat", "auth"})
#: What makes a key a secret one (``api_key``), where any other (``sort_key``) is not.
OF_A_KEY = frozenset(
    {"api", "access", "secret", "private", "auth", "account", "signing", "encryption", "master", "license", "service"}
    | {"admin", "shared", "storage", "subscription", "client", "app", "application", "session", "write", "deploy"}
    | {"ssh", "hmac", "jwt", "fernet", "aes", "webhook", "integration", "openai", "anthropic", "wandb", "hf", "azure"}
    | {"google", "aws", "stripe", "cohere", "mistral", "groq", "neptune", "comet", "datadog", "pinecone", "gcp"}
)
#: Tokens of a text, not of a person.
OF_A_TEXT = frozenset(
    {"eos", "bos", "pad", "sep", "cls", "mask", "unk", "next", "prev", "previous", "first", "last", "start", "end"}
    | {"special", "current", "this", "image", "audio", "word", "new", "single", "max", "min", "num", "stop", "target"}
)
#: Tokens that stand for a person or a program, whatever they look like.
OF_A_PERSON = frozenset(
    {"access", "auth", "api", "bearer", "refresh", "id", "session", "csrf", "github", "gitlab", "hf", "slack", "bot"}
    | {"service", "deploy", "personal", "secret", "security", "oauth", "bearer", "login", "user", "client", "admin"}
    | {"sas", "npm", "pypi", "databricks", "tracking", "x", "hub"}
)
#: Last words that change nothing: ``API_KEY_PROD`` tells as ``API_KEY`` does.
NEUTRAL = frozenset(
    {"prod", "production", "dev", "test", "testing", "staging", "live", "value", "val", "str", "text", "plain", "raw"}
    | {"old", "default", "main", "primary", "secondary", "base64", "b64", "sandbox", "backup"}
)
WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
#: What a telling name holds, in lower case.
MARKS = ("pass", "pwd", "pw", "secret", "token", "key", "cred", "kennwort", "jwt", "auth", "pat", "bearer")
STANDS_FOR = re.compile(
    r"\[redacted:|\$\{|\$\(|\$[A-Z_][A-Z0-9_]*$|\{|%[({]|%s$|<[^<>]*>?$|[*]+$|[xX]+$|[.…]+$|_+$"
    r"|(?i:(?:your|my|the|insert|enter|change|replace|put)[-_ ](?:\w+[-_ ]?)*$|changeme$|none$|null$|true$|false$|nan$)"
    r"|(?i:(?:str|string|text|bytes|int|optional|required|hidden|password|passwd|secret|token|key|apikey|api[-_]key)$)"
)
CAPITALS = re.compile(r"[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+$")  # the name of a variable
HEXADECIMAL = re.compile(r"(?:0x)?(?:[0-9a-f]+|[0-9A-F]+)$|[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$")


@functools.lru_cache(1024)
def kind(name: str) -> Kind | None:
    """Return how plainly a name tells of a secret, or None."""
    own = name.rpartition(".")[2]  # of a.b.token the last name; but of secret.key both
    words = [word.lower() for word in WORD.findall(name if own in ("key", "Key") else own)]
    while len(words) > 1 and words[-1] in NEUTRAL:
        words.pop()
    if not words:
        return None
    *before, last = words
    previous = before[-1] if before else ""
    if last in PASSWORDS:
        return "password" if last != "pw" or not before or previous in ("db", "user") else "secret"
    if last in SECRETS:
        return "secret" if last != "pass" or before else None
    if last == "key":
        return "secret" if previous in OF_A_KEY else "hint" if before else None
    if last in TOKENS:
        if previous in OF_A_TEXT:
            return None
        return "secret" if last == "token" and (previous in OF_A_PERSON or (before and name.isupper())) else "token"
    return "hint" if {"password", "secret", "token", "credential"} & set(words) or "key" in before else None


def label(name: str) -> str:
    """Return what a secret is called in the text that it is taken out of: the name that tells of it."""
    return re.sub(r"[^\w.-]", "-", name).strip("-.")[-48:] or "secret"


def is_secret(kind: Kind, value: str) -> bool:
    """Return whether what is written beside a telling name is a secret, and not a word that stands for one."""
    if STANDS_FOR.match(value):
        return False
    if kind == "password":
        return len(value) >= 3
    if CAPITALS.match(value) or any(letter.isspace() for letter in value):
        return False
    if kind == "secret":
        return len(value) >= 6
    if kind == "token":
        return is_random(value)
    return len(value) >= 20 and is_random(value) and entropy(value) >= 3.5 and not HEXADECIMAL.match(value)


def is_random(value: str) -> bool:
    """Return whether a word looks drawn at random: long, of letters and digits, and of many different ones."""
    digit, lower, upper = (any(map(test, value)) for test in (str.isdigit, str.islower, str.isupper))
    if len(value) < 8 or not digit or not (lower or upper) or "://" in value or value.startswith(("/", "./")):
        return False
    if set(value) & set("\\()[]{}|<>^ \t"):  # a pattern, an expression, a sentence
        return False
    return (lower and upper) if len(value) < 16 else entropy(value) >= 3.0


def entropy(value: str) -> float:
    """Return the entropy of the letters of a text, in bits for a letter."""
    size = len(value)
    return -sum(count / size * math.log2(count / size) for count in Counter(value).values())
