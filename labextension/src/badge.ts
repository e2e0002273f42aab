import { TranslationBundle } from '@jupyterlab/translation';
import { Widget } from '@lumino/widgets';

import { ICellVerdict } from './api';
import { verdictIcons } from './icons';
import { terms } from './terms';
import { worstFirst } from './verdicts';

/** How many reasons the tooltip has room for. */
const MOST = 4;

/**
 * The sign of a verdict beside its cell: a picture where the cell is clean,
 * else a button that opens the reasons.
 *
 * Plain elements: a notebook has hundreds of cells, and most signs stay as they are.
 */
export class Badge extends Widget {
  constructor(
    private readonly open: (sign: HTMLButtonElement, verdict: ICellVerdict) => void,
    private readonly trans: TranslationBundle
  ) {
    super();
    this.addClass('jp-Mlops-badge');
    // Enter is for the button, not for the notebook around it
    this.node.dataset.lmSuppressShortcuts = 'true';
  }

  /** Show this verdict, or none. */
  set verdict(verdict: ICellVerdict | null) {
    this._verdict = verdict;
    const label = verdict ? name(verdict, this.trans) : '';
    const title = verdict ? tooltip(label, verdict) : '';
    if (title !== this._title) {
      this._title = title;
      const focused = this.node.contains(document.activeElement);
      this.node.replaceChildren(...(verdict ? [this.sign(verdict, label)] : []));
      if (focused) {
        this.button?.focus();
      }
    }
  }

  /** Whether the Tab key stops here; it stops at the active cell alone. */
  set tabStop(tabStop: boolean) {
    this._tabIndex = tabStop ? 0 : -1;
    if (this.button) {
      this.button.tabIndex = this._tabIndex;
    }
  }

  private get button(): HTMLButtonElement | null {
    return this.node.querySelector('button');
  }

  private sign(verdict: ICellVerdict, label: string): HTMLElement {
    const sign = verdict.reasons.length > 0 ? this.opener() : picture();
    sign.className = `jp-Mlops-sign jp-mod-${verdict.verdict}`;
    sign.setAttribute('aria-label', label);
    sign.title = this._title;
    sign.append(verdictIcons[verdict.verdict].element({ tag: 'span' }));
    return sign;
  }

  private opener(): HTMLElement {
    const button = document.createElement('button');
    button.type = 'button';
    button.tabIndex = this._tabIndex;
    button.setAttribute('aria-haspopup', 'dialog');
    button.addEventListener('click', () => {
      this._verdict && this.open(button, this._verdict);
    });
    return button;
  }

  private _verdict: ICellVerdict | null = null;
  private _title = '';
  private _tabIndex = -1;
}

function picture(): HTMLElement {
  const span = document.createElement('span');
  span.setAttribute('role', 'img');
  return span;
}

/** What a sign is called: it is understood without its colour and shape. */
export function name(verdict: ICellVerdict, trans: TranslationBundle): string {
  const { word, title } = terms(verdict.verdict, trans);
  const count = verdict.execution_count;
  return count === null ? title : trans.__('Cell [%1]: %2', count, word);
}

function tooltip(label: string, { reasons }: ICellVerdict): string {
  const lines = worstFirst(reasons).map(reason => `• ${reason.what}`);
  const more = lines.length > MOST ? ['• …'] : [];
  return [label, ...lines.slice(0, MOST), ...more].join('\n');
}
