"""What a project is checked for."""

from __future__ import annotations

from mlops_nb.ci.checks import PASSED, Check, Integration
from mlops_nb.records import Records
from mlops_nb.surfaces import html, text

text.COLUMNS[Check] = [
    ("verdict", lambda c: c.verdict), ("check", lambda c: c.kind), ("of", lambda c: c.name),
    ("", lambda c: c.detail), ("time", lambda c: text.seconds(c.seconds)),
]  # fmt: skip


def _sentence(found: Integration) -> str:
    good = sum(check.verdict == PASSED for check in found.checks)
    return f"{'passed' if found.passed else 'failed'} ({good} of {len(found.checks)} checks)"


@text.drawn.register
def _(found: Integration) -> str:
    return f"{text.to_text(Records(found.checks))}\n\n{_sentence(found)}"


@html.drawn.register
def _(found: Integration) -> str:
    return f"<div>{html.coloured(_sentence(found))}</div>{html.body(Records(found.checks))}"
