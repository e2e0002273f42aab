import { TranslationBundle } from '@jupyterlab/translation';
import { ReactWidget } from '@jupyterlab/ui-components';
import { Widget } from '@lumino/widgets';
import React from 'react';

import { ICellVerdict, IReason } from './api';
import { name } from './badge';
import { Sign } from './parts';
import { terms } from './terms';
import { worstFirst } from './verdicts';

interface IReasons {
  verdict: ICellVerdict;
  /** Whether a cell is still in the notebook. */
  isThere: (cell: string) => boolean;
  jump: (cell: string) => void;
  trans: TranslationBundle;
}

/** A verdict and what speaks against the cell; a reason leads to the cell that it names. */
export function Reasons(props: IReasons): JSX.Element {
  const { verdict, trans } = props;
  return (
    <>
      <h3>
        <Sign verdict={verdict.verdict} />
        {name(verdict, trans)}
      </h3>
      <p className="jp-Mlops-note">{terms(verdict.verdict, trans).meaning}</p>
      <ul>
        {worstFirst(verdict.reasons).map((reason, i) => (
          <li key={i}>
            <Line {...props} reason={reason} />
          </li>
        ))}
      </ul>
    </>
  );
}

function Line(props: IReasons & { reason: IReason }): JSX.Element {
  const { reason, verdict, isThere, jump, trans } = props;
  const { cell, what } = reason;
  const words = (
    <>
      <Sign verdict={reason.verdict} label={terms(reason.verdict, trans).word} />
      <span>{what}</span>
    </>
  );
  return cell === null || cell === verdict.cell || !isThere(cell) ? (
    <div className="jp-Mlops-reason">{words}</div>
  ) : (
    <button
      type="button"
      className="jp-Mlops-reason"
      title={trans.__('Go to this cell')}
      onClick={() => jump(cell)}
    >
      {words}
    </button>
  );
}

/** The reasons in a box beside their sign, until something else is attended to. */
class ReasonsBox extends ReactWidget {
  constructor(private readonly props: IReasons) {
    super();
    this.addClass('jp-ThemedContainer');
    this.addClass('jp-Mlops');
    this.addClass('jp-Mlops-reasons');
    this.node.popover = 'auto';
    this.node.tabIndex = -1;
    this.node.dataset.lmSuppressShortcuts = 'true';
    this.node.setAttribute('role', 'dialog');
    this.node.setAttribute('aria-label', name(props.verdict, props.trans));
  }

  render(): JSX.Element {
    return (
      <Reasons
        {...this.props}
        jump={cell => {
          this.node.hidePopover();
          this.props.jump(cell);
        }}
      />
    );
  }
}

/** Let the click under way open the reasons beside their sign; the next one closes them. */
export function openReasons(sign: HTMLButtonElement, props: IReasons): void {
  if (sign.popoverTargetElement) {
    return;
  }
  const box = new ReasonsBox(props);
  const { node } = box;
  const settled = new ResizeObserver(() => {
    place(node, sign.getBoundingClientRect());
    if (!node.querySelector(':focus')) {
      (node.querySelector('button') ?? node).focus();
    }
  });
  const scrolled = (event: Event) => {
    node.contains(event.target as Node) || node.hidePopover();
  };
  node.addEventListener('toggle', event => {
    if ((event as ToggleEvent).newState === 'closed') {
      document.removeEventListener('scroll', scrolled, true);
      settled.disconnect();
      sign.popoverTargetElement = null;
      box.dispose();
    }
  });
  Widget.attach(box, document.body);
  settled.observe(node);
  document.addEventListener('scroll', scrolled, true);
  sign.popoverTargetElement = node;
}

/** Put a box below an anchor, or above it where there is more room. */
function place(box: HTMLElement, anchor: DOMRect): void {
  const below = window.innerHeight - anchor.bottom;
  const fits = below >= Math.min(box.offsetHeight, anchor.top);
  box.style.top = fits ? `${anchor.bottom}px` : 'auto';
  box.style.bottom = fits ? 'auto' : `${window.innerHeight - anchor.top}px`;
  box.style.left = `${Math.min(anchor.left, window.innerWidth - box.offsetWidth)}px`;
}
