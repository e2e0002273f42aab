import dagre from '@dagrejs/dagre';
import React from 'react';

export interface IBox {
  id: string;
  label: string;
  /** Said after the label: the kind, the status. */
  hint: string;
  /** CSS modifier that colours the box. */
  tone: string;
}

export interface IArrow {
  source: string;
  target: string;
}

interface IPlaced extends IBox {
  x: number;
  y: number;
  width: number;
}

interface IDrawing {
  width: number;
  height: number;
  boxes: IPlaced[];
  paths: { key: string; source: string; target: string; path: string }[];
}

const SIZES = {
  wide: { height: 26, letter: 6.6, most: 28, ranksep: 44, nodesep: 12 },
  compact: { height: 18, letter: 6.1, most: 20, ranksep: 16, nodesep: 8 }
};
const PADDING = 12;
const SMALLEST = 0.75;

/** A directed graph, left to right (compact: downwards); one tab stop, arrow keys walk along the edges. */
export default function GraphView(props: {
  nodes: IBox[];
  edges: IArrow[];
  label: string;
  onOpen: (id: string) => void;
  selected?: string | null;
  compact?: boolean;
  className?: string;
  /** 1 is natural size; null fits the width, as far as it stays readable. */
  zoom?: number | null;
}): JSX.Element {
  const { nodes, edges, compact = false, selected = null, zoom = 1 } = props;
  const drawing = React.useMemo(
    () => layOut(nodes, edges, compact),
    [nodes, edges, compact]
  );
  const elements = React.useRef(new Map<string, SVGGElement>());
  const [current, setCurrent] = React.useState<string | null>(null);
  const stop =
    [current, selected].find(id => drawing.boxes.some(box => box.id === id)) ??
    drawing.boxes[0]?.id;
  const arrow = React.useId();

  React.useEffect(() => {
    const element = selected && elements.current.get(selected);
    if (element) {
      element.scrollIntoView?.({ block: 'nearest', inline: 'center' });
    }
  }, [selected, drawing]);

  const onKeyDown = (event: React.KeyboardEvent, box: IPlaced) => {
    if (event.key === 'Enter' || event.key === ' ') {
      event.preventDefault();
      props.onOpen(box.id);
      return;
    }
    const next = neighbour(drawing, box, event.key, compact);
    if (next) {
      event.preventDefault();
      setCurrent(next.id);
      elements.current.get(next.id)?.focus();
    }
  };

  const { height } = compact ? SIZES.compact : SIZES.wide;
  return (
    <div className={`jp-Mlops-graph ${props.className ?? ''}`}>
      <svg
        role="group"
        aria-label={props.label}
        viewBox={`0 0 ${drawing.width} ${drawing.height}`}
        style={
          zoom === null
            ? {
                width: '100%',
                maxWidth: drawing.width,
                minWidth: drawing.width * SMALLEST
              }
            : { width: drawing.width * zoom }
        }
      >
        <defs>
          <marker
            id={arrow}
            viewBox="0 0 8 8"
            refX="7"
            refY="4"
            markerWidth="6"
            markerHeight="6"
            orient="auto"
          >
            <path d="M0 0.5 L8 4 L0 7.5 z" className="jp-mod-head" />
          </marker>
        </defs>
        {drawing.paths.map(({ key, source, target, path }) => (
          <path
            key={key}
            d={path}
            markerEnd={`url(#${arrow})`}
            className={`jp-mod-edge ${
              selected !== null && (source === selected || target === selected)
                ? 'jp-mod-near'
                : ''
            }`}
          />
        ))}
        {drawing.boxes.map(box => (
          <g
            key={box.id}
            ref={element => {
              element
                ? elements.current.set(box.id, element)
                : elements.current.delete(box.id);
            }}
            role="button"
            tabIndex={box.id === stop ? 0 : -1}
            aria-label={`${box.label}, ${box.hint}`}
            aria-pressed={box.id === selected}
            data-id={box.id}
            className={`jp-mod-node jp-mod-${box.tone}`}
            transform={`translate(${box.x - box.width / 2} ${box.y - height / 2})`}
            onClick={() => props.onOpen(box.id)}
            onFocus={() => setCurrent(box.id)}
            onKeyDown={event => onKeyDown(event, box)}
          >
            <title>{`${box.label} (${box.hint})`}</title>
            <rect className="jp-mod-box" width={box.width} height={height} rx="4" />
            <circle cx="11" cy={height / 2} r={compact ? 3 : 4} />
            <text x="20" y={height / 2} dominantBaseline="central">
              {shorten(box.label, compact)}
            </text>
          </g>
        ))}
      </svg>
    </div>
  );
}

/** Where everything goes (dagre's layered layout). */
export function layOut(
  nodes: IBox[],
  edges: IArrow[],
  compact: boolean
): IDrawing {
  const size = compact ? SIZES.compact : SIZES.wide;
  const graph = new dagre.graphlib.Graph();
  graph.setGraph({
    rankdir: compact ? 'TB' : 'LR',
    ranksep: size.ranksep,
    nodesep: size.nodesep,
    marginx: compact ? 2 : PADDING,
    marginy: compact ? 4 : PADDING
  });
  graph.setDefaultEdgeLabel(() => ({}));
  for (const node of nodes) {
    const letters = shorten(node.label, compact).length;
    graph.setNode(node.id, {
      width: Math.ceil(letters * size.letter) + 32,
      height: size.height
    });
  }
  for (const edge of edges) {
    if (graph.hasNode(edge.source) && graph.hasNode(edge.target)) {
      graph.setEdge(edge.source, edge.target);
    }
  }
  dagre.layout(graph);
  const whole = graph.graph();
  return {
    width: Math.max(whole.width ?? 0, 1),
    height: Math.max(whole.height ?? 0, 1),
    boxes: nodes.map(node => ({ ...node, ...place(graph.node(node.id)) })),
    paths: graph.edges().map(edge => ({
      key: `${edge.v} ${edge.w}`,
      source: edge.v,
      target: edge.w,
      path: curve(graph.edge(edge).points ?? [])
    }))
  };
}

function place(node: { x?: number; y?: number; width?: number }) {
  return { x: node.x ?? 0, y: node.y ?? 0, width: node.width ?? 0 };
}

/** A smooth line through dagre's points. */
function curve(points: { x: number; y: number }[]): string {
  if (points.length < 2) {
    return '';
  }
  const at = (p: { x: number; y: number }) =>
    `${p.x.toFixed(1)} ${p.y.toFixed(1)}`;
  const last = points[points.length - 1];
  let path = `M${at(points[0])}`;
  for (let i = 1; i < points.length - 1; i++) {
    const [here, next] = [points[i], points[i + 1]];
    const middle = { x: (here.x + next.x) / 2, y: (here.y + next.y) / 2 };
    path += ` Q${at(here)} ${at(middle)}`;
  }
  return `${path} L${at(last)}`;
}

/** The box an arrow key leads to: along an edge, or the next of the same rank. */
function neighbour(
  drawing: IDrawing,
  from: IPlaced,
  key: string,
  compact: boolean
): IPlaced | undefined {
  const { boxes, paths } = drawing;
  const named = (ids: string[]) => boxes.filter(box => ids.includes(box.id));
  const along = (box: IPlaced) => (compact ? box.y : box.x);
  const across = (box: IPlaced) => (compact ? box.x : box.y) - across0;
  const across0 = compact ? from.x : from.y;
  const nearest = (some: IPlaced[]) =>
    some.sort((a, b) => Math.abs(across(a)) - Math.abs(across(b)))[0];
  const reach = compact ? 1 : from.width;
  const rank = boxes.filter(box => Math.abs(along(box) - along(from)) < reach);
  const [forth, back, next, last] = compact
    ? ['ArrowDown', 'ArrowUp', 'ArrowRight', 'ArrowLeft']
    : ['ArrowRight', 'ArrowLeft', 'ArrowDown', 'ArrowUp'];
  switch (key) {
    case forth:
      return nearest(
        named(paths.filter(p => p.source === from.id).map(p => p.target))
      );
    case back:
      return nearest(
        named(paths.filter(p => p.target === from.id).map(p => p.source))
      );
    case next:
      return nearest(rank.filter(box => across(box) > 0));
    case last:
      return nearest(rank.filter(box => across(box) < 0));
    case 'Home':
      return boxes[0];
    case 'End':
      return boxes[boxes.length - 1];
    default:
      return undefined;
  }
}

function shorten(label: string, compact: boolean): string {
  const { most } = compact ? SIZES.compact : SIZES.wide;
  if (label.length <= most) {
    return label;
  }
  return label.startsWith('/') // of a path the end says more
    ? `…${label.slice(1 - most)}`
    : `${label.slice(0, most - 1)}…`;
}
