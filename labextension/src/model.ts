import { ServerConnection } from '@jupyterlab/services';
import { IDisposable } from '@lumino/disposable';
import { ISignal, Signal } from '@lumino/signaling';

import {
  IAlias,
  IDetail,
  IDriftReport,
  IGraph,
  IModelVersion,
  IPipeline,
  IReproduction,
  IRun,
  IStatus
} from './api';
import { ChangeFeed } from './feed';
import { Arguments, Failure, read, write } from './request';

/** What the sections of the sidebar show, by section. */
export interface ISections {
  status: IStatus;
  runs: IRun[];
  lineage: IGraph;
  pipelines: IPipeline[];
  models: IModelVersion[];
  drift: IDriftReport[];
}

export type Section = keyof ISections;

/** The last answer to a question: its value, or why there is none. */
export interface IAnswer<T> {
  readonly value: T | null;
  readonly failure: Failure | null;
  readonly loading: boolean;
}

export type Answers = { readonly [S in Section]: IAnswer<ISections[S]> };

const QUESTIONS: { [S in Section]: { verb: string; args?: Arguments } } = {
  status: { verb: 'status' },
  runs: { verb: 'runs', args: { limit: 50 } },
  lineage: { verb: 'lineage' },
  pipelines: { verb: 'pipelines' },
  models: { verb: 'models' },
  drift: { verb: 'reports' }
};

const SECTIONS = Object.keys(QUESTIONS) as Section[];
const DEBOUNCE_MS = 150;

/** An answer not yet given. */
export function unanswered<T>(): IAnswer<T> {
  return { value: null, failure: null, loading: true };
}

/**
 * The project at one place (a notebook's path, or a folder, relative to the
 * server's root), as the server last told it.
 *
 * Only what somebody watches is asked for; a change on the server asks again
 * for what is watched now and marks the rest to be asked when it is shown.
 */
export class MlopsModel implements IDisposable {
  constructor(readonly settings: ServerConnection.ISettings) {
    this._feed = new ChangeFeed(settings);
    this._feed.changed.connect(this._onFeed, this);
  }

  /** An answer, or the place, is another one now. */
  get changed(): ISignal<this, void> {
    return this._changed;
  }

  /** Something happened in the project (after a short rest). */
  get stirred(): ISignal<this, void> {
    return this._stirred;
  }

  get answers(): Answers {
    return this._answers;
  }

  get isDisposed(): boolean {
    return this._disposed;
  }

  /** Where the server starts to look for the project. */
  get place(): string {
    return this._place;
  }

  set place(place: string) {
    if (place !== this._place) {
      this._place = place;
      this._answers = noAnswers();
      this._stale = new Set(SECTIONS);
      this._changed.emit();
      this.settle();
    }
  }

  /** Whether changes are followed as they happen. */
  get live(): boolean {
    return this._live;
  }

  set live(live: boolean) {
    this._live = live;
    this.settle();
  }

  /** Somebody (named `watcher`) looks at these sections; an empty list: no longer. */
  watch(watcher: string, sections: Section[] | null): void {
    if (sections) {
      this._watchers.set(watcher, sections);
    } else {
      this._watchers.delete(watcher);
    }
    this.settle();
  }

  /** Ask again for what is watched, or for one section. */
  refresh(section?: Section): void {
    for (const one of section ? [section] : SECTIONS) {
      this._stale.add(one);
    }
    this.settle();
  }

  /** Everything about one record. */
  show(ref: string, at = this._place, signal?: AbortSignal): Promise<IDetail> {
    return read<IDetail>(this.settings, 'show', { ref, at }, signal);
  }

  /** What a record came from and led to; without `ref` the whole recent project. */
  lineage(
    ref: string | null,
    at = this._place,
    signal?: AbortSignal
  ): Promise<IGraph> {
    return read<IGraph>(this.settings, 'lineage', { ref, at }, signal);
  }

  /** Point an alias at a version. */
  async promote(
    model: string,
    version: number,
    alias: string,
    reason: string
  ): Promise<IAlias> {
    const record = await write<IAlias>(this.settings, 'promote', {
      model,
      version,
      alias,
      reason,
      at: this._place
    });
    this.refresh();
    return record;
  }

  /** Run what made a record again, and compare: seconds to minutes. */
  reproduce(ref: string, at = this._place): Promise<IReproduction> {
    return write<IReproduction>(this.settings, 'reproduce', { ref, at });
  }

  dispose(): void {
    if (!this._disposed) {
      this._disposed = true;
      clearTimeout(this._debounce);
      this._feed.dispose();
      Signal.clearData(this);
    }
  }

  /** Follow the feed if anybody watches, and ask for what is watched and stale. */
  private settle(): void {
    if (this._disposed) {
      return;
    }
    const watched = [...this._watchers.values()].flat();
    const active = this._watchers.size > 0;
    this._feed.watch(active && this._live ? this._place : null);
    for (const section of new Set(watched)) {
      if (this._stale.delete(section)) {
        void this.ask(section);
      }
    }
  }

  private async ask<S extends Section>(section: S): Promise<void> {
    const at = this._place;
    const turn = ++this._turn;
    this._latest.set(section, turn);
    this.answer(section, { ...this._answers[section], loading: true });
    const { verb, args } = QUESTIONS[section];
    let answer: IAnswer<ISections[S]>;
    try {
      const value = await read<ISections[S]>(this.settings, verb, {
        ...args,
        at
      });
      answer = { value, failure: null, loading: false };
    } catch (error) {
      const failure = asFailure(error);
      const kept = failure.isNoProject ? null : this._answers[section].value;
      answer = { value: kept, failure, loading: false };
    }
    if (at === this._place && this._latest.get(section) === turn) {
      this.answer(section, answer);
    }
  }

  private answer<S extends Section>(
    section: S,
    answer: IAnswer<ISections[S]>
  ): void {
    if (!this._disposed) {
      this._answers = { ...this._answers, [section]: answer };
      this._changed.emit();
    }
  }

  private _onFeed(): void {
    clearTimeout(this._debounce);
    this._debounce = setTimeout(() => {
      this.refresh();
      this._stirred.emit();
    }, DEBOUNCE_MS);
  }

  private readonly _feed: ChangeFeed;
  private readonly _changed = new Signal<this, void>(this);
  private readonly _stirred = new Signal<this, void>(this);
  private readonly _watchers = new Map<string, Section[]>();
  private readonly _latest = new Map<Section, number>();
  private _answers: Answers = noAnswers();
  private _stale = new Set<Section>(SECTIONS);
  private _turn = 0;
  private _place = '';
  private _live = true;
  private _disposed = false;
  private _debounce: ReturnType<typeof setTimeout> | undefined;
}

/** Any error as the failure to show. */
export function asFailure(error: unknown): Failure {
  return error instanceof Failure
    ? error
    : new Failure('Error', error instanceof Error ? error.message : String(error));
}

function noAnswers(): Answers {
  return {
    status: unanswered(),
    runs: unanswered(),
    lineage: unanswered(),
    pipelines: unanswered(),
    models: unanswered(),
    drift: unanswered()
  };
}
