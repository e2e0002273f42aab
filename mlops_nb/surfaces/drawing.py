"""A lineage graph as SVG: layers from left to right in the direction of the data, no library and no script."""

from __future__ import annotations

from collections import defaultdict
from html import escape

from mlops_nb.lineage.graph import Graph

WIDTH, HEIGHT = 168, 26  # of a node
GAP_X, GAP_Y = 46, 10
SWEEPS = 4
LETTERS = 24
COLOURS = {
    "execution": "#8a8a8a", "variable": "#5c8fd6", "dataset": "#2e9e6b", "file": "#b08030", "model": "#9a5fc4",
    "figure": "#c95f86", "drift": "#d0623c", "config": "#708090",
}  # fmt: skip


def svg(graph: Graph) -> str:
    """Draw a graph; a node's title holds its full name."""
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
    return (
        f'<div style="overflow:auto;max-height:420px"><svg role="img" aria-label="lineage of {len(graph.nodes)} things"'
        f' width="{width}" height="{height}"><defs><marker id="mlops-arrow" viewBox="0 0 8 8" refX="8" refY="4"'
        f' markerWidth="6" markerHeight="6" orient="auto"><path d="M0 0 8 4 0 8z" fill="#8a8a8a"/></marker></defs>'
        f"{lines}{boxes}</svg></div>"
    )


def _layers(graph: Graph) -> list[list[str]]:
    """Put each node one layer after the last it comes from, then order layers by the mean place of neighbours."""
    sources: dict[str, list[str]] = defaultdict(list)
    targets: dict[str, list[str]] = defaultdict(list)
    position = {node.id: number for number, node in enumerate(graph.nodes)}
    for edge in graph.edges:
        if position[edge.source] < position[edge.target]:  # nodes come in order of time; a loop back is not ranked
            sources[edge.target].append(edge.source)
            targets[edge.source].append(edge.target)
    rank: dict[str, int] = {}
    for node in graph.nodes:
        rank[node.id] = max((rank[source] + 1 for source in sources[node.id]), default=0)
    layers: list[list[str]] = [[] for _ in range(max(rank.values()) + 1)]
    for node in graph.nodes:
        layers[rank[node.id]].append(node.id)
    for sweep in range(SWEEPS):
        neighbours = sources if sweep % 2 == 0 else targets
        at = {node: y for layer in layers for y, node in enumerate(layer)}
        for layer in layers:
            layer.sort(key=lambda node: _mean([at[other] for other in neighbours[node]], at[node]))
    return layers


def _mean(values: list[int], otherwise: int) -> float:
    return sum(values) / len(values) if values else float(otherwise)


def _line(start: tuple[int, int], end: tuple[int, int]) -> str:
    x1, y1, x2, y2 = start[0] + WIDTH, start[1] + HEIGHT // 2, end[0], end[1] + HEIGHT // 2
    bend = max((x2 - x1) // 2, 20)
    return (
        f'<path d="M{x1} {y1}C{x1 + bend} {y1} {x2 - bend} {y2} {x2} {y2}" fill="none" stroke="#8a8a8a"'
        ' stroke-opacity=".6" marker-end="url(#mlops-arrow)"/>'
    )


def _box(at: tuple[int, int], kind: str, name: str) -> str:
    colour = COLOURS.get(kind, "#8a8a8a")
    short = name if len(name) <= LETTERS else f"{name[: LETTERS - 1]}…"
    return (
        f'<g><title>{escape(kind)}: {escape(name)}</title><rect x="{at[0]}" y="{at[1]}" width="{WIDTH}"'
        f' height="{HEIGHT}" rx="4" fill="{colour}" fill-opacity=".16" stroke="{colour}"/>'
        f'<text x="{at[0] + 8}" y="{at[1] + 17}">{escape(short)}</text></g>'
    )
