import { ServerConnection } from '@jupyterlab/services';
import { IDisposable } from '@lumino/disposable';
import { ISignal, Signal } from '@lumino/signaling';

import { changes, Failure } from './request';

/** Between two polls, so that a server answering at once is not hammered. */
const BREATH_MS = 250;
/** A project may appear any moment (`%load_ext mlops_nb`). */
const NO_PROJECT_MS = 1500;
const FIRST_WAIT_MS = 1000;
const LONGEST_WAIT_MS = 30000;

/**
 * The server's change feed as a signal: one long-poll, alive only while
 * somebody is watching, moved to another place without mixing up answers.
 */
export class ChangeFeed implements IDisposable {
  constructor(private readonly settings: ServerConnection.ISettings) {}

  /** Something changed in the project of the place now watched. */
  get changed(): ISignal<this, void> {
    return this._changed;
  }

  get isDisposed(): boolean {
    return this._disposed;
  }

  get isRunning(): boolean {
    return this._poll !== null;
  }

  /** Watch `place`; null stops. */
  watch(place: string | null): void {
    if (place === this._place || this._disposed) {
      return;
    }
    this._place = place;
    this._poll?.abort();
    this._poll = null;
    if (place !== null) {
      this._poll = new AbortController();
      void this.run(place, this._poll.signal);
    }
  }

  dispose(): void {
    this.watch(null);
    this._disposed = true;
    Signal.clearData(this);
  }

  private async run(at: string, signal: AbortSignal): Promise<void> {
    let since = '';
    let wait = FIRST_WAIT_MS;
    let missed = false;
    while (!signal.aborted) {
      try {
        const answer = await changes(this.settings, { since, at }, signal);
        if (signal.aborted) {
          return;
        }
        since = answer.token;
        if (answer.changed || missed) {
          this._changed.emit();
        }
        wait = FIRST_WAIT_MS;
        missed = false;
        await pause(BREATH_MS, signal);
      } catch (error) {
        missed = true;
        if (error instanceof Failure && error.isNoProject) {
          since = '';
          await pause(NO_PROJECT_MS, signal);
          continue;
        }
        await pause(wait, signal);
        wait = Math.min(wait * 2, LONGEST_WAIT_MS);
      }
    }
  }

  private readonly _changed = new Signal<this, void>(this);
  private _poll: AbortController | null = null;
  private _place: string | null = null;
  private _disposed = false;
}

function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise(resolve => {
    if (signal.aborted) {
      return resolve();
    }
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, milliseconds);
    signal.addEventListener('abort', done);
  });
}
