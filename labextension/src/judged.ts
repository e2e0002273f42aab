import { Cell } from '@jupyterlab/cells';
import {
  INotebookTracker,
  Notebook,
  NotebookActions,
  NotebookPanel
} from '@jupyterlab/notebook';
import { TranslationBundle } from '@jupyterlab/translation';
import { IDisposable } from '@lumino/disposable';
import { ISignal, Signal } from '@lumino/signaling';
import { Panel, PanelLayout } from '@lumino/widgets';

import { INotebookVerdict } from './api';
import { Badge } from './badge';
import { MlopsModel } from './model';
import { openReasons } from './reasons';
import { Page, Verdicts } from './verdicts';

const WATCHER = 'verdicts';

/** What judged notebooks share. */
export interface IJudging {
  /** Ask the server for the verdict of a notebook, by its path in Lab. */
  check: (path: string, page: Page) => Promise<INotebookVerdict>;
  trans: TranslationBundle;
}

/** A notebook with its verdicts, shown beside its cells. */
export class JudgedNotebook implements IDisposable {
  constructor(
    readonly panel: NotebookPanel,
    isOn: () => boolean,
    { check, trans }: IJudging
  ) {
    const { context, content } = panel;
    this._trans = trans;
    this.verdicts = new Verdicts({
      check: page => check(context.path, page),
      isShown: () => isOn() && panel.isVisible,
      page: () => this.page()
    });
    this.verdicts.changed.connect(this.paint, this);
    content.activeCellChanged.connect(this.paint, this);
    context.pathChanged.connect(this.verdicts.refresh, this.verdicts);
    panel.disposed.connect(this.dispose, this);
    void Promise.all([context.ready, panel.revealed]).then(() => this.begin());
  }

  readonly verdicts: Verdicts;

  get isDisposed(): boolean {
    return this.verdicts.isDisposed;
  }

  /** Make a cell the active one and bring it into view, if it is there. */
  async jump(cell: string): Promise<void> {
    const { content } = this.panel;
    const index = indexOf(content, cell);
    if (index !== -1) {
      content.deselectAll();
      content.activeCellIndex = index;
      await content.scrollToItem(index, 'smart');
      content.activate();
    }
  }

  dispose(): void {
    if (!this.isDisposed) {
      this.verdicts.dispose();
      Signal.disconnectReceiver(this);
    }
  }

  private begin(): void {
    if (!this.isDisposed) {
      this.panel.model?.cells.changed.connect(this._onCells, this);
      this._onCells();
      this.verdicts.refresh();
    }
  }

  private page(): Page {
    return [...(this.panel.model?.cells ?? [])]
      .filter(cell => cell.type === 'code')
      .map(cell => [cell.id, cell.sharedModel.getSource()]);
  }

  private _onCells(): void {
    for (const cell of this.panel.model?.cells ?? []) {
      cell.sharedModel.changed.connect(this._onCell, this); // again: no matter
    }
    this.verdicts.edited();
    this.paint();
  }

  private _onCell(_: unknown, change: { sourceChange?: unknown }): void {
    if (change.sourceChange) {
      this.verdicts.edited();
    }
  }

  private paint(): void {
    const { activeCell, widgets } = this.panel.content;
    for (const cell of widgets) {
      const verdict = this.verdicts.of(cell.model.id);
      const badge = this._badges.get(cell) ?? (verdict && this.badge(cell));
      if (badge) {
        badge.verdict = verdict;
        badge.tabStop = cell === activeCell;
      }
    }
  }

  /** A new badge, put where the cell has its prompt once Lab has drawn the cell. */
  private badge(cell: Cell): Badge {
    const badge = new Badge((sign, verdict) => {
      openReasons(sign, {
        verdict,
        isThere: id => indexOf(this.panel.content, id) !== -1,
        jump: id => void this.jump(id),
        trans: this._trans
      });
    }, this._trans);
    this._badges.set(cell, badge);
    badge.node.addEventListener('keydown', ({ key }) => {
      key === 'Escape' && this.panel.content.activate();
    });
    void cell.ready.then(() => {
      const layout = cell.isDisposed ? null : (cell.layout as PanelLayout);
      const input = layout?.widgets.find(one => one.hasClass('jp-Cell-inputWrapper'));
      (input as Panel | undefined)?.insertWidget(0, badge);
    });
    return badge;
  }

  private readonly _trans: TranslationBundle;
  private readonly _badges = new WeakMap<Cell, Badge>();
}

/** All open notebooks with their verdicts, kept up to date while they are shown. */
export class JudgedNotebooks {
  constructor(
    private readonly notebooks: INotebookTracker,
    private readonly model: MlopsModel,
    private readonly judging: IJudging
  ) {
    notebooks.forEach(panel => this.add(panel));
    notebooks.widgetAdded.connect((_, panel) => this.add(panel), this);
    notebooks.currentChanged.connect(this._onCurrent, this);
    model.stirred.connect(this.refresh, this);
    NotebookActions.executed.connect(this._onExecuted, this);
    this._onCurrent();
  }

  /** The verdicts of the current notebook, or the current notebook, are others now. */
  get changed(): ISignal<this, void> {
    return this._changed;
  }

  get current(): JudgedNotebook | null {
    const panel = this.notebooks.currentWidget;
    return (panel && this._judged.get(panel)) ?? null;
  }

  /** Whether verdicts are asked for and shown. */
  get isOn(): boolean {
    return this._isOn;
  }

  set isOn(isOn: boolean) {
    if (isOn !== this._isOn) {
      this._isOn = isOn;
      this._judged.forEach(({ verdicts }) => !isOn && verdicts.clear());
      this._onCurrent();
    }
  }

  /** Ask again for what is shown. */
  refresh(): void {
    this._judged.forEach(({ verdicts }) => verdicts.refresh());
  }

  private add(panel: NotebookPanel): void {
    const judged = new JudgedNotebook(panel, () => this._isOn, this.judging);
    this._judged.set(panel, judged);
    judged.verdicts.changed.connect(() => this._changed.emit(), this);
    panel.disposed.connect(() => this._judged.delete(panel), this);
  }

  private _onCurrent(): void {
    const follows = this._isOn && this.notebooks.currentWidget !== null;
    this.model.watch(WATCHER, follows ? [] : null);
    this._judged.forEach(({ verdicts }) => void verdicts.settle());
    this._changed.emit();
  }

  private _onExecuted(_: unknown, { notebook }: { notebook: Notebook }): void {
    this._judged.forEach(({ panel, verdicts }) => {
      panel.content === notebook && verdicts.executed();
    });
  }

  private readonly _changed = new Signal<this, void>(this);
  private readonly _judged = new Map<NotebookPanel, JudgedNotebook>();
  private _isOn = true;
}

function indexOf(notebook: Notebook, cell: string): number {
  return notebook.widgets.findIndex(({ model }) => model.id === cell);
}
