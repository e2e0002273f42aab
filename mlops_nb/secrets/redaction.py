"""Keeping texts without the secrets in them: each becomes ``[redacted:what-it-was]``, and the rest stays as it is.

Three ways to know a secret, each costing next to nothing where its marks are not in the text: it is known by value
(:mod:`~mlops_nb.secrets.known`), by shape (:mod:`~mlops_nb.secrets.shapes`), or by its name
(:mod:`~mlops_nb.secrets.names`). Images inside a text (``data:…;base64,…``) are left alone.

The mark that is left is also the flag: :func:`removed` tells what has been taken out of a text, such as a source that
cannot be replayed before its secrets are set again.
"""

from __future__ import annotations

import functools
import re
import string
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from typing import Any

from mlops_nb.secrets import known, names
from mlops_nb.secrets.shapes import BY_MARK, LEAST, Shape

REMOVED = re.compile(r"\[redacted:([\w.-]{1,64})\]")
KEPT = re.compile(r"(\[redacted:[\w.-]{1,64}\]|data:[\w.+/-]{1,64};base64,[A-Za-z0-9+/=%]*+)")
COLOUR = re.compile(r"(?:\x1b|\\x1b|\\u001b|\\033)\[[\d;]*m")  # itself, or as a literal or JSON writes it
COLOURED = ("\x1b[", "\\x1b[", "\\u001b[", "\\033[")
SMALL = 128  # characters; the results for smaller texts are kept, since most are names that come again and again
ROUNDS = 4
LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)

ENTITY = r"&(?:quot|apos|\#39|\#x27|\#34);"
QUOTE = rf"\\{{0,3}}(?:\"\"\"|'''|[\"'`])|{ENTITY}"
NAMED = r"(?:api key|[\w-]{1,64}+)"
SET_TO = r"\s{0,8}+(?:=>|[:=!]=|:[\w .|\[\]]{1,48}=|={1,2}|:)\s{0,8}+"
LISTED = r"(?<=[\"'])\s{0,2}+,\s{0,4}+"
IN_SQL = r"(?i:(?<=password)|(?<=secret))\s{1,2}"
#: A name, what lies between, and a value in quotes: assignments, items, keyword arguments, headers, SQL.
QUOTED = re.compile(
    rf"{NAMED}(?P<between>(?:\\{{0,3}}[\"'`]|{ENTITY})?[\])]{{0,2}}(?:{SET_TO}|{LISTED}|{IN_SQL})\(?[rbfuRBFU]{{0,2}})"
    rf"(?P<quote>{QUOTE})(?P<secret>(?:(?!(?P=quote))(?:\\.|[^\\\n])){{1,4096}}+)(?=(?P=quote))"
)
#: A name and a bare value: environment and log lines, options, query strings, connection strings.
BARE = re.compile(
    rf"{NAMED}(?P<between>=|:[ \t]{{0,8}}+|[ \t]{{1,4}}+)"
    r"(?P<secret>[^\s\"'`,;&|<>(){}\[\]\\]{3,1024}+)(?P<after>.?)"
)
PLACE = 64  # characters before a name that say where it stands
NAME = re.compile(r"[\w.-]*$")
SET_BY_SHELL = re.compile(r"(?:^|[\s!;&|])(?:export|setenv|%env|%set_env|env|ENV|ARG|set|-e|--env|!)[ \t]*$")
SETTER = re.compile(r"(?:env|set|default|put|option|config|header|add|secret)\(\\?[\"']$")  # setenv("NAME", "value")
PAIR_AFTER = re.compile(r" \w+=\S")
PAIR_BEFORE = re.compile(r"\w=[^\s,;'\"()]{1,60} $")


def redact(text: str) -> str:
    """Return a text with ``[redacted:…]`` in place of each secret; one without secrets is returned as it is."""
    return _small(text, known.generation) if len(text) <= SMALL else _redacted(text)


@functools.lru_cache(4096)
def _small(text: str, _generation: int) -> str:
    return _redacted(text)


def _redacted(text: str) -> str:
    for _ in range(ROUNDS):  # what was left of a text may look like a secret only now
        before, text = text, _once(text)
        if text == before:
            break
    return text


def _once(text: str) -> str:
    if "[redacted:" not in text and ";base64," not in text:
        return _piece(text)
    parts = KEPT.split(text)
    parts[::2] = map(_piece, parts[::2])
    return "".join(parts)


def _piece(text: str) -> str:
    if len(text) >= LEAST or "://" in text:
        for shape in dict.fromkeys([shape for mark in BY_MARK if mark in text for shape in BY_MARK[mark]]):
            text = shape.search.sub(functools.partial(_by_shape, shape), text)
    for value, label in known.values().items():
        if value in text:
            text = _without(text, value, label)
    if text.isalnum():  # an ID, a hash, a name: nothing stands beside anything
        return text
    return _replaced(text, _coloured(text) if any(mark in text for mark in COLOURED) else _named(text))


def _mark(label: str) -> str:
    return f"[redacted:{label}]"


def _without(text: str, value: str, label: str) -> str:
    if value.isalpha():  # a word, which may be a part of other words
        return re.sub(rf"(?<![A-Za-z]){re.escape(value)}(?![A-Za-z])", _mark(label), text)
    return text.replace(value, _mark(label))


def _by_shape(shape: Shape, match: re.Match[str]) -> str:
    if "secret" not in match.re.groupindex:
        return _mark(shape.label)
    if names.STANDS_FOR.match(match["secret"]):
        return match[0]
    start, end = match.start("secret") - match.start(), match.end("secret") - match.start()
    return match[0][:start] + _mark(shape.label) + match[0][end:]


Found = tuple[int, int, str]  # where a secret begins and ends, and what it is


def _replaced(text: str, found: Iterable[Found]) -> str:
    parts, done = [], 0
    for start, end, label in found:
        parts += [text[done:start], _mark(label)]
        done = end
    return "".join([*parts, text[done:]]) if parts else text


# -- by name --------------------------------------------------------------------------------------------------


def _named(text: str) -> Iterator[Found]:
    """Find what stands beside a telling name."""
    lower, done = text.lower(), 0
    if len(lower) != len(text):  # some letters are two in lower case
        lower = text.translate(LOWER)
    for place in _places(lower):
        if place < done:
            continue
        for pattern, told in ((QUOTED, _in_quotes), (BARE, _is_bare)):
            match = pattern.match(text, place)
            if match and (kind := names.kind(name := _name(match))) and told(match, name, kind):
                yield *match.span("secret"), names.label(name)
                done = match.end("secret")
                break


def _places(lower: str) -> list[int]:
    """Return where the marks of telling names stand in a text, in order."""
    found: set[int] = set()
    for mark in names.MARKS:
        place = lower.find(mark)
        while place >= 0:
            found.add(place)
            place = lower.find(mark, place + len(mark))
    return sorted(found)


def _name(match: re.Match[str]) -> str:
    """Return the whole name that a mark is part of."""
    start = match.start()
    before = NAME.search(match.string, max(0, start - PLACE), start)
    return (before[0] if before else "") + match.string[start : match.start("between")]


def _in_quotes(match: re.Match[str], name: str, kind: names.Kind) -> bool:
    between, value = match["between"], match["secret"]
    if "=" not in between and between[:1] not in ('"', "'", "`", "\\", "&") and any(map(str.isspace, value)):
        return False  # print("password: ", x): these quotes are the ends of two other texts
    if "," in between and not (names.is_random(value) or SETTER.search(_line_before(match, name))):
        return False  # ["password", "username"] is a list of names
    return names.is_secret(kind, value)


def _is_bare(match: re.Match[str], name: str, kind: names.Kind) -> bool:
    """Whether what follows a name without quotes is a value and not code: by where on its line the name stands."""
    between, value, after = match["between"], match["secret"], match["after"]
    if names.STANDS_FOR.match(value):
        return False
    text, line = match.string, _line_before(match, name)
    if between[0] != ":" and (name.startswith("--") or SET_BY_SHELL.search(line)):
        return True
    if between[0] in " \t" or after in ("(", ".", "["):
        return False
    if between == "=":
        if line[-1:] in ("?", "&", ";") or PAIR_BEFORE.search(line) or PAIR_AFTER.match(text, match.end("secret")):
            return names.is_secret("secret" if kind == "token" else kind, value)
        if not line.strip() and name.isupper() and after in ("", "\n", "\r") and not _is_code(value):
            return names.is_secret("secret" if kind == "token" else kind, value)
    if _is_code(value):
        return False
    if kind == "password":
        return len(value) >= 6 and any(map(str.isdigit, value)) and not value.isdigit()
    return names.is_secret(kind, value) and names.is_random(value)


def _line_before(match: re.Match[str], name: str) -> str:
    """Return what stands on the line before a name."""
    start = match.start("between") - len(name)
    return match.string[max(0, start - PLACE) : start].rpartition("\n")[2]


def _is_code(value: str) -> bool:
    """Whether a word is rather an expression: a dotted name, or a name that itself speaks of secrets."""
    return names.kind(value) is not None or ("." in value and all(map(str.isidentifier, value.split("."))))


def _coloured(text: str) -> Iterator[Found]:
    """Find what stands beside a telling name in a text with the colours of a terminal, such as a traceback."""
    places, shifts, shift = [], [0], 0
    for colour in COLOUR.finditer(text):
        places.append(colour.start() - shift)
        shift += len(colour[0])
        shifts.append(shift)
    for start, end, label in _named(COLOUR.sub("", text)):
        yield start + shifts[bisect_right(places, start)], end + shifts[bisect_left(places, end)], label


def redact_value(name: str, value: Any) -> Any:
    """Return a value in JSON types, such as a parameter's, without the secrets that its name or names in it tell of."""
    if type(value) is dict:
        return {key: redact_value(str(key), item) for key, item in value.items()}
    if type(value) in (list, tuple):
        return [redact_value(name, item) for item in value]
    kind = names.kind(name)
    if type(value) is str:
        known.learn(name, value)
        told = kind is not None and names.is_secret(kind, value)
        return _mark(names.label(name)) if told else redact(value)
    if kind == "password" and type(value) in (int, float):
        return _mark(names.label(name))
    return value


def learn_source(source: str) -> None:
    """Recognise from now on what a source binds to telling names, wherever it is shown later."""
    for start, end, label in _named(source):
        known.learn(label, source[start:end])


def removed(text: str) -> list[str]:
    """Return what has been taken out of a text, in order, such as ``aws-access-key`` or ``DB_PASSWORD``."""
    return list(dict.fromkeys(REMOVED.findall(text)))


def fits(text: str, redacted: str) -> bool:
    """Return whether a text may be what a redacted one was: the same but for what was removed."""
    first, *others = re.split(REMOVED.pattern.replace("(", "(?:"), redacted)
    if not others:
        return text == redacted
    *middle, last = others
    place = len(first)
    if not text.startswith(first):
        return False
    for part in middle:
        place = text.find(part, place + 1)
        if place < 0:
            return False
        place += len(part)
    return text.endswith(last) and len(text) - len(last) > place
