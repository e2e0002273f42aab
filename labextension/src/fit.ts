import { AccordionPanel } from '@lumino/widgets';

/**
 * Give each open section the height of its content, and share out fairly what
 * does not fit; until a person moves a handle: then theirs is the last word.
 */
export function fitToContent(
  accordion: AccordionPanel,
  contentHeight: (index: number) => number
): () => void {
  let owned = false;
  let frame = 0;
  const fit = () => {
    cancelAnimationFrame(frame);
    frame = requestAnimationFrame(() => {
      if (accordion.isVisible) {
        const wanted = accordion.widgets.map((section, i) =>
          section.isHidden ? 0 : contentHeight(i)
        );
        accordion.setRelativeSizes(shares(wanted, room(accordion)));
      }
    });
  };
  accordion.handleMoved.connect(() => {
    owned = true;
  });
  accordion.expansionToggled.connect(() => {
    owned = false;
    fit();
  });
  return () => owned || fit();
}

/** Heights for the wants: the modest get theirs, the others equal parts of the rest. */
export function shares(wanted: number[], room: number): number[] {
  const given = wanted.map(() => 0);
  const order = wanted.map((_, i) => i).filter(i => wanted[i] > 0);
  order.sort((one, other) => wanted[one] - wanted[other]);
  let left = room;
  order.forEach((i, turn) => {
    given[i] = Math.min(wanted[i], left / (order.length - turn));
    left -= given[i];
  });
  if (order.length > 0) {
    given[Math.max(...order)] += Math.max(left, 0);
  }
  return given;
}

function room(accordion: AccordionPanel): number {
  const titles = accordion.titles.reduce(
    (sum, title) => sum + title.offsetHeight,
    0
  );
  return Math.max(accordion.node.clientHeight - titles, 0);
}
