"""Pictures as SVG images, and a lineage graph as one: layers from left to right in the direction of the data.

A picture is an ``<img>`` with its SVG inside: a notebook that is not trusted shows it too, where inline SVG is taken
out. It cannot see the page's colours, so it uses tones that stand on light and dark alike.
"""

from __future__ import annotations

from base64 import b64encode
from collections import defaultdict
from html import escape

from mlops_nb.lineage.graph import Graph

WIDTH, HEIGHT = 168, 26  # of a node
GAP_X, GAP_Y = 46, 10
SWEEPS = 4
GREY, BLUE, INK, PAPER = "#8a8a8a", "#2f8be6", "#1f2328", "#f6f7f9"
LETTERS = 24
COLOURS = {
    "execution": "#8a8a8a", "variable": "#5c8fd6", "dataset": "#2e9e6b", "file": "#b08030", "model": "#9a5fc4",
    "figure": "#c95f86", "drift": "#d0623c", "config": "#708090",
}  # fmt: skip


def image(inside: str, width: float, height: float, label: str) -> str:
    """Return an ``<img>`` of SVG elements; ``label`` is what a screen reader says."""
    inside = "".join(letter if letter.isprintable() else " " for letter in inside)  # XML cannot hold every character
    document = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}"'
        f' viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="11">{inside}</svg>'
    )
    data = b64encode(document.encode()).decode()
    return f'<img alt="{escape(label)}" width="{width}" height="{height}" src="data:image/svg+xml;base64,{data}">'


def lineage(graph: Graph) -> str:
    """Draw a lineage graph."""
    if not graph.nodes:
        return ""
    layers = _layers(graph)
    place = {
        node: (12 + x * (WIDTH + GAP_X), 12 + y * (HEIGHT + GAP_Y))
        for x, layer in enumerate(layers)
        for y, node in enumerate(layer)
    }
    width = 24 + len(layers) * (WIDTH + GAP_X) - GAP_X
    height = 24 + max(map(len, layers)) * (HEIGHT + GAP_Y) - GAP_Y
    lines = "".join(_line(place[e.source], place[e.target]) for e in graph.edges if e.source != e.target)
    boxes = "".join(_box(place[node.id], node.kind, node.name) for node in graph.nodes)
    arrow = (
        '<defs><marker id="a" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="6" markerHeight="6" orient="auto">'
        f'<path d="M0 0 8 4 0 8z" fill="{GREY}"/></marker></defs>'
    )
    drawn = image(f"{arrow}{lines}{boxes}", width, height, f"lineage of {len(graph.nodes)} things")
    return f'<div style="overflow:auto;max-height:420px">{drawn}</div>'


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
    return layers


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


def _line(start: tuple[int, int], end: tuple[int, int]) -> str:
    x1, y1, x2, y2 = start[0] + WIDTH, start[1] + HEIGHT // 2, end[0], end[1] + HEIGHT // 2
    bend = max((x2 - x1) // 2, 20)
    return (
        f'<path d="M{x1} {y1}C{x1 + bend} {y1} {x2 - bend} {y2} {x2} {y2}" fill="none" stroke="{GREY}"'
        ' marker-end="url(#a)"/>'
    )


def _box(at: tuple[int, int], kind: str, name: str) -> str:
    colour = COLOURS.get(kind, "#8a8a8a")
    short = name
    if len(name) > LETTERS:  # of a path the end says more
        short = f"…{name[1 - LETTERS :]}" if name.startswith("/") else f"{name[: LETTERS - 1]}…"
    return (
        f'<rect x="{at[0]}" y="{at[1]}" width="{WIDTH}" height="{HEIGHT}" rx="4" fill="{PAPER}" stroke="{colour}"/>'
        f'<circle cx="{at[0] + 10}" cy="{at[1] + HEIGHT // 2}" r="4" fill="{colour}"/>'
        f'<text x="{at[0] + 19}" y="{at[1] + 17}" fill="{INK}">{escape(short)}</text>'
    )
