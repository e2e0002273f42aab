import { ServerConnection } from '@jupyterlab/services';
import { IDisposable } from '@lumino/disposable';
import { ISignal, Signal } from '@lumino/signaling';

import { ICellVerdict, INotebookVerdict, IReason } from './api';
import { asFailure } from './model';
import { Failure, ordered, post } from './request';

/** A pause in the typing after which the server is asked. */
const PAUSE_MS = 500;

/** From best to worst; a cell that did not run has none of them. */
export const VERDICTS = ['clean', 'stale', 'tainted', 'uncheckable'];

/** The source of each code cell by ID, in the order of the notebook. */
export type Page = readonly (readonly [cell: string, source: string])[];

/** What verdicts need of a notebook. */
export interface INotebook {
  /** As the editor shows it now, saved or not. */
  page: () => Page;
  /** Nobody asks for what cannot be seen. */
  isShown: () => boolean;
  check: (page: Page) => Promise<INotebookVerdict>;
}

/**
 * The verdicts of one notebook, asked for again as it changes: one question at
 * a time, and always about the notebook as it is by then.
 *
 * Where nothing is known nothing is shown: not of a notebook that was never
 * recorded, and not after a failure.
 */
export class Verdicts implements IDisposable {
  constructor(private readonly notebook: INotebook) {}

  /** There is another answer. */
  get changed(): ISignal<this, void> {
    return this._changed;
  }

  /** The last answer, if there is one and the notebook was recorded. */
  get value(): INotebookVerdict | null {
    return this._value;
  }

  /** Why there is no answer. */
  get failure(): Failure | null {
    return this._failure;
  }

  get isDisposed(): boolean {
    return this._disposed;
  }

  /** The verdict of a cell that has one. */
  of(cell: string): ICellVerdict | null {
    return this._cells.get(cell) ?? null;
  }

  /** A cell was edited, inserted, moved or deleted: ask when the typing pauses. */
  edited(): void {
    if (this._value) {
      clearTimeout(this._pause);
      this._pause = setTimeout(() => this.refresh(), PAUSE_MS);
    }
  }

  /** A cell ran; the first one to be recorded is told by the change feed. */
  executed(): void {
    if (this._value) {
      this.refresh();
    }
  }

  /** Ask now, or as soon as the notebook is shown. */
  refresh(): void {
    clearTimeout(this._pause);
    this._due = true;
    void this.settle();
  }

  /** The notebook may be shown now, or no longer. */
  async settle(): Promise<void> {
    if (this._asking) {
      return;
    }
    this._asking = true;
    while (this._due && this.notebook.isShown() && !this._disposed) {
      this._due = false;
      await this.ask();
    }
    this._asking = false;
  }

  /** Forget the answer; the next one is asked for when the notebook is shown. */
  clear(): void {
    this._due = true;
    this.answer(null, null);
  }

  dispose(): void {
    if (!this._disposed) {
      this._disposed = true;
      clearTimeout(this._pause);
      Signal.clearData(this);
    }
  }

  private async ask(): Promise<void> {
    try {
      const value = await this.notebook.check(this.notebook.page());
      if (this.notebook.isShown()) {
        this.answer(value.recorded ? value : null, null);
      } else {
        this._due = true;
      }
    } catch (error) {
      const failure = asFailure(error);
      this.answer(null, failure.isNoProject ? null : failure);
    }
  }

  private answer(value: INotebookVerdict | null, failure: Failure | null): void {
    if (!this._disposed) {
      const judged = value?.cells.filter(cell => VERDICTS.includes(cell.verdict));
      this._value = value;
      this._failure = failure;
      this._cells = new Map(judged?.map(cell => [cell.cell, cell]));
      this._changed.emit();
    }
  }

  private readonly _changed = new Signal<this, void>(this);
  private _value: INotebookVerdict | null = null;
  private _failure: Failure | null = null;
  private _cells: ReadonlyMap<string, ICellVerdict> = new Map();
  private _due = true;
  private _asking = false;
  private _disposed = false;
  private _pause: ReturnType<typeof setTimeout> | undefined;
}

/** Ask the server for the verdict of a notebook, by its path below the server's root. */
export function check(
  settings: ServerConnection.ISettings,
  at: string,
  page: Page
): Promise<INotebookVerdict> {
  const text = JSON.stringify;
  const live = ordered(page.map(([cell, source]) => [cell, text(source)]));
  const body = ordered([
    ['at', text(at)],
    ['what', text(at)],
    ['live', live]
  ]);
  return post<INotebookVerdict>(settings, 'check', body);
}

/** How many cells have each verdict, from best to worst, without those that no cell has. */
export function counts(cells: ICellVerdict[]): [verdict: string, count: number][] {
  return VERDICTS.map((verdict): [string, number] => [
    verdict,
    cells.filter(cell => cell.verdict === verdict).length
  ]).filter(([, count]) => count > 0);
}

/** The first cell that is not clean. */
export function firstConcern(cells: ICellVerdict[]): ICellVerdict | undefined {
  return cells.find(({ verdict }) => VERDICTS.indexOf(verdict) > 0);
}

/** Reasons with the decisive ones first. */
export function worstFirst(reasons: IReason[]): IReason[] {
  const badness = ({ verdict }: IReason) => VERDICTS.indexOf(verdict);
  return [...reasons].sort((one, other) => badness(other) - badness(one));
}
