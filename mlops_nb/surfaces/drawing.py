"""Pictures as SVG images, and a lineage graph as one: layers from left to right in the direction of the data.

A picture is an ``<img>`` with its SVG inside: a notebook that is not trusted shows it too, where inline SVG is taken
out. It cannot see the page's colours, so it uses tones that stand on light and dark alike.
"""

from __future__ import annotations

from base64 import b64encode
from collections import defaultdict
from html import escape

from mlops_nb.lineage.graph import Graph
from mlops_nb.surfaces.text import brief

HEIGHT, MARGIN = 26, 12  # of a node, and around the picture
GAP_X, GAP_Y = 26, 10
LETTER = 5.8  # how wide a letter is, more or less
SMALLEST = 0.7  # a wide picture is made smaller to fit its cell, but stays readable: then it scrolls
SWEEPS = 4
GREY, BLUE, INK, PAPER = "#8a8a8a", "#2f8be6", "#1f2328", "#f6f7f9"
LETTERS = 22
COLOURS = {
    "execution": GREY, "run": GREY, "variable": "#5c8fd6", "dataset": "#2e9e6b", "file": "#b08030",
    "external": "#2a97a0", "model": "#9a5fc4", "fit": "#b58be0", "figure": "#c95f86", "drift": "#d0623c",
    "config": "#708090", "checkpoint": "#4f8a5b",
}  # fmt: skip
WORDS = {"execution": "cell", "external": "elsewhere"}  # what a kind is called, where not by its name


def image(inside: str, width: float, height: float, label: str, *, fits: bool = False) -> str:
    """Return an ``<img>`` of SVG elements; ``label`` is what a screen reader says, one that fits shrinks if it must."""
    inside = "".join(letter if letter.isprintable() else " " for letter in inside)  # XML cannot hold every character
    document = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}"'
        f' viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="11">{inside}</svg>'
    )
    data = b64encode(document.encode()).decode()
    style = f' style="max-width:100%;min-width:{width * SMALLEST:.0f}px;height:auto"' if fits else ""
    source = f"data:image/svg+xml;base64,{data}"
    return f'<img alt="{escape(label)}" width="{width}" height="{height}"{style} src="{source}">'


def lineage(graph: Graph) -> str:
    """Draw a lineage graph."""
    if not graph.nodes:
        return ""
    layers = _layers(graph)
    labels = {node.id: brief(node.name, LETTERS) for node in graph.nodes}
    place: dict[str, Box] = {}
    right = float(MARGIN)
    for layer in layers:
        width = max(len(labels[node]) for node in layer) * LETTER + 27
        place |= {node: (right, MARGIN + y * (HEIGHT + GAP_Y), width) for y, node in enumerate(layer)}
        right += width + GAP_X
    bottom = MARGIN + max(map(len, layers)) * (HEIGHT + GAP_Y)
    lines = "".join(_line(place[e.source], place[e.target]) for e in graph.edges if e.source != e.target)
    boxes = "".join(_box(place[node.id], node.kind, labels[node.id]) for node in graph.nodes)
    legend, end = _legend([kind for kind in COLOURS if any(node.kind == kind for node in graph.nodes)], bottom + 6)
    arrow = (
        '<defs><marker id="a" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="6" markerHeight="6" orient="auto">'
        f'<path d="M0 0 8 4 0 8z" fill="{GREY}"/></marker></defs>'
    )
    size = round(max(right - GAP_X, end) + MARGIN), bottom + 6 + MARGIN
    drawn = image(arrow + lines + boxes + legend, *size, f"lineage of {len(graph.nodes)} things", fits=True)
    return f'<div style="overflow:auto;max-height:420px">{drawn}</div>'


Box = tuple[float, int, float]  # left, top, width


def _layers(graph: Graph) -> list[list[str]]:
    """Put each node one layer after the last it comes from, then order layers by the mean place of neighbours."""
    sources: dict[str, list[str]] = defaultdict(list)
    targets: dict[str, list[str]] = defaultdict(list)
    for edge in graph.edges:
        sources[edge.target].append(edge.source)
        targets[edge.source].append(edge.target)
    rank = _ranks([node.id for node in graph.nodes], sources)
    layers: list[list[str]] = [[] for _ in range(max(rank.values()) + 1)]
    for node in graph.nodes:
        layers[rank[node.id]].append(node.id)
    for sweep in range(SWEEPS):
        neighbours = sources if sweep % 2 == 0 else targets
        at = {node: y for layer in layers for y, node in enumerate(layer)}
        for layer in layers:
            layer.sort(key=lambda node: _mean([at[other] for other in neighbours[node]], at[node]))
    return [layer for layer in layers if layer]  # a circle may leave some without a node


def _ranks(nodes: list[str], sources: dict[str, list[str]]) -> dict[str, int]:
    """Return the length of the longest way to each node; an edge that closes a circle is left out."""
    rank: dict[str, int] = {}
    entered: set[str] = set()
    for start in nodes:
        stack = [start]
        while stack:
            node = stack[-1]
            entered.add(node)
            waiting = [source for source in sources[node] if source not in entered]
            if waiting:
                stack.extend(waiting)
                continue
            stack.pop()
            rank[node] = max((rank[source] + 1 for source in sources[node] if source in rank), default=0)
    return rank


def _mean(values: list[int], otherwise: int) -> float:
    return sum(values) / len(values) if values else float(otherwise)


def _line(start: Box, end: Box) -> str:
    x1, y1, x2, y2 = start[0] + start[2], start[1] + HEIGHT // 2, end[0], end[1] + HEIGHT // 2
    bend = max((x2 - x1) / 2, 20)
    return (
        f'<path d="M{x1:.0f} {y1}C{x1 + bend:.0f} {y1} {x2 - bend:.0f} {y2} {x2:.0f} {y2}" fill="none"'
        f' stroke="{GREY}" marker-end="url(#a)"/>'
    )


def _box(box: Box, kind: str, label: str) -> str:
    left, top, width = box
    colour = COLOURS.get(kind, GREY)
    return (
        f'<rect x="{left:.0f}" y="{top}" width="{width:.0f}" height="{HEIGHT}" rx="4" fill="{PAPER}"'
        f' stroke="{colour}"/><circle cx="{left + 10:.0f}" cy="{top + HEIGHT // 2}" r="4" fill="{colour}"/>'
        f'<text x="{left + 19:.0f}" y="{top + 17}" fill="{INK}">{escape(label)}</text>'
    )


def _legend(kinds: list[str], top: int) -> tuple[str, float]:
    """Return the legend of the colours, and where it ends on the right."""
    drawn, left = [], float(MARGIN)
    for kind in kinds:
        word = WORDS.get(kind, kind)
        drawn.append(
            f'<circle cx="{left + 4:.0f}" cy="{top}" r="4" fill="{COLOURS[kind]}"/>'
            f'<text x="{left + 12:.0f}" y="{top + 4}" fill="{GREY}">{word}</text>'
        )
        left += len(word) * LETTER + 28
    return "".join(drawn), left
