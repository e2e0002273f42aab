"""Why a metric moved: a waterfall from A to B, in letters and as a picture; and which change a bisection found."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from html import escape

from mlops_nb.comparison.bisection import Bisection, Tried
from mlops_nb.comparison.explanations import CHANCE, MOVES, Effect, Explanation
from mlops_nb.comparison.histories import Point
from mlops_nb.comparison.programs import Change
from mlops_nb.records import Records
from mlops_nb.surfaces import drawing, html, text

LETTERS, BLOCK = 28, "█"  # of a bar in letters
ROW, BAR, LEFT, RIGHT = 24, 300, 230, 90  # of the picture, in pixels
UP, DOWN = "#2e9e6b", "#d0623c"
REST = "not separated"
SHOWN = 12  # points of a history, and mixtures, that are shown

text.COLUMNS[Effect] = [
    ("change", lambda e: e.change), ("what", lambda e: e.detail), ("verdict", lambda e: e.verdict),
    ("effect", lambda e: _signed(e.effect)),
]  # fmt: skip
text.COLUMNS[Point] = [
    ("run", lambda p: p.ref),
    ("started", lambda p: p.at),
    ("value", lambda p: p.value),
    ("", lambda p: p.verdict),
]
text.COLUMNS[Change] = [
    ("cause", lambda c: c.name), ("kind", lambda c: c.kind), ("A → B", lambda c: c.detail)
]  # fmt: skip
text.COLUMNS[Tried] = [
    ("tried", lambda t: ", ".join(t.changes)), ("value", lambda t: t.value), ("", lambda t: t.verdict),
    ("why", lambda t: t.failure),
]  # fmt: skip


@dataclass(frozen=True)
class Bar:
    """One row of a waterfall: from where to where it goes; A and B are whole, the others float between them."""

    name: str
    start: float
    end: float
    whole: bool = False


def _signed(value: float | None) -> str | None:
    return None if value is None else f"{value:+.4g}" if value else "0"


def bars(found: Explanation) -> list[Bar]:
    """Return the rows of a waterfall: what moved it, the largest first, then what could not be separated."""
    if found.before is None or found.after is None or found.refused:
        return []
    moving = [effect for effect in found.effects if effect.verdict in (MOVES, CHANCE) and effect.effect]
    steps = [(effect.change, effect.effect or 0.0) for effect in sorted(moving, key=lambda e: -abs(e.effect or 0.0))]
    steps += [(REST, found.rest)] if found.rest else []
    rows, at = [Bar("A", 0.0, found.before, whole=True)], found.before
    for name, step in steps:
        rows.append(Bar(name, at, at + step))
        at += step
    return [*rows, Bar("B", 0.0, found.after, whole=True)]


def _largest_first(found: Explanation) -> Records[Effect]:
    return Records(sorted(found.effects, key=lambda effect: -abs(effect.effect or 0.0)))


def _scale(rows: list[Bar], width: int) -> tuple[float, float]:
    """Return where the picture begins, and how wide a unit is; far from zero it does not begin at zero."""
    floating = [value for bar in rows for value in (bar.start, bar.end) if not bar.whole]
    values = floating + [bar.end for bar in rows if bar.whole]
    low, high = min(values), max(values)
    low = min(low, 0.0) if low < 2 * (high - low) else low - (high - low) / 4
    high = max(high, 0.0) if low < 0 else high
    return low, width / (high - low) if high > low else 1.0


def _sentence(found: Explanation) -> str:
    if found.before is None or found.after is None:
        return f"why {found.metric} moved from {found.recorded[0]:.6g} to {found.recorded[1]:.6g}"
    ran = f"{found.runs} {'run' if found.runs == 1 else 'runs'}"
    reused = f", {found.reused} reused" if found.reused else ""
    return f"why {found.metric} moved from {found.before:.6g} to {found.after:.6g} ({ran}{reused})"


# -- as text ------------------------------------------------------------------------------------------------------


def _in_letters(rows: list[Bar]) -> Iterator[tuple[str, str, str]]:
    low, unit = _scale(rows, LETTERS)
    for bar in rows:
        left, right = sorted((max(bar.start, low) if bar.whole else bar.start, bar.end))
        begin, end = round((left - low) * unit), round((right - low) * unit)
        shown = f"{bar.end:.6g}" if bar.whole else _signed(bar.end - bar.start)
        yield bar.name, shown or "", " " * begin + BLOCK * max(end - begin, 1)


@text.drawn.register
def _(found: Explanation) -> str:
    parts = [_sentence(found)]
    if found.refused:
        parts.append(f"nothing is attributed: {found.refused}")
    if rows := bars(found):
        width = max(len(bar.name) for bar in rows)
        lines = [f"  {name:<{width}}  {shown:>9}  {bar}".rstrip() for name, shown, bar in _in_letters(rows)]
        parts.append("\n".join(lines))
    parts += [text.to_text(_largest_first(found))] if found.effects else []
    parts += ["\n".join(f"  {note}" for note in found.notes)] if found.notes else []
    return "\n\n".join(parts)


@text.drawn.register
def _(found: Bisection) -> str:
    parts = [f"{found.metric}: {found.conclusion}", _turned(found)]
    parts += [text.to_text(shown) for shown in _lists(found) if shown]
    parts += ["\n".join(f"  {note}" for note in found.notes)] if found.notes else []
    return "\n\n".join(parts)


def _turned(found: Bisection) -> str:
    good, bad = found.good, found.bad
    ran = f"{found.runs} runs" + (f", {found.reused} reused" if found.reused else "")
    return f"{good.value:.6g} in {good.ref}, then {bad.value:.6g} in {bad.ref} ({found.limit}; {ran})"


def _lists(found: Bisection) -> Iterator[Records]:  # type: ignore[type-arg]
    yield Records(found.cause)
    yield Records(found.environment)
    yield Records(_around(found.history, found.bad))
    yield Records(found.tried[:SHOWN])


def _around(history: list[Point], bad: Point) -> list[Point]:
    """Return the part of a long history around where it turned."""
    at = next((place for place, point in enumerate(history) if point.ref == bad.ref), 0)
    begin = max(0, min(at - SHOWN // 2, len(history) - SHOWN))
    return history[begin : begin + SHOWN] if len(history) > 2 else []


# -- as HTML ------------------------------------------------------------------------------------------------------


def _picture(found: Explanation, rows: list[Bar]) -> str:
    low, unit = _scale(rows, BAR)
    drawn, before = [], None
    for place, bar in enumerate(rows):
        left, right = sorted((max(bar.start, low) if bar.whole else bar.start, bar.end))
        x, width, y = LEFT + (left - low) * unit, max((right - left) * unit, 1.5), place * ROW
        colour = (
            drawing.BLUE if bar.whole else drawing.GREY if bar.name == REST else UP if bar.end > bar.start else DOWN
        )
        shown = f"{bar.end:.6g}" if bar.whole else _signed(bar.end - bar.start)
        if before is not None:
            at = LEFT + (before - low) * unit
            drawn.append(f'<path d="M{at:.1f} {y - 5}V{y + 5}" stroke="{drawing.GREY}" stroke-dasharray="2 2"/>')
        drawn.append(
            f'<text x="{LEFT - 10}" y="{y + 16}" text-anchor="end" fill="{drawing.GREY}">'
            f"{escape(text.brief(bar.name, 34))}</text>"
            f'<rect x="{x:.1f}" y="{y + 4}" width="{width:.1f}" height="{ROW - 8}" fill="{colour}"/>'
            f'<text x="{x + width + 6:.1f}" y="{y + 16}" fill="{drawing.GREY}">{shown}</text>'
        )
        before = bar.end
    said = "; ".join(
        f"{bar.name} {bar.end:.6g}" if bar.whole else f"{bar.name} {_signed(bar.end - bar.start)}" for bar in rows
    )
    size = LEFT + BAR + RIGHT, len(rows) * ROW
    return drawing.image("".join(drawn), *size, f"what moved {found.metric} from A to B: {said}", fits=True)


@html.drawn.register
def _(found: Explanation) -> str:
    parts = [f"<h4>{escape(_sentence(found))}</h4>"]
    if found.refused:
        parts.append(f'<div class="doubt">? nothing is attributed: {escape(found.refused)}</div>')
    if rows := bars(found):
        parts.append(f"<div>{_picture(found, rows)}</div>")
    parts += [html.body(_largest_first(found))] if found.effects else []
    return "".join([*parts, _said(found.notes)])


@html.drawn.register
def _(found: Bisection) -> str:
    parts = [f"<b>{escape(found.metric)}</b>: {escape(found.conclusion)}"]
    parts.append(f'<div class="quiet">{escape(_turned(found))}</div>')
    parts += [html.body(shown) for shown in _lists(found) if shown]
    return "".join([*parts, _said(found.notes)])


def _said(notes: list[str]) -> str:
    return f"<ul>{''.join(f'<li>{escape(note)}</li>' for note in notes)}</ul>" if notes else ""
