import { URLExt } from '@jupyterlab/coreutils';
import { ServerConnection } from '@jupyterlab/services';

import { JSONValue } from './api';

const BASE = 'mlops-nb';

/** What the server (or the way to it) said when a call did not succeed. */
export class Failure extends Error {
  constructor(
    readonly type: string,
    message: string
  ) {
    super(message);
  }

  /** No `.mlops` folder at or above the asked place: an empty state, not a fault. */
  get isNoProject(): boolean {
    return this.type === 'NoProject';
  }
}

/** Arguments of a verb; members that are null or undefined are left out. */
export type Arguments = { [name: string]: JSONValue | undefined };

/** Ask a reading verb: `GET mlops-nb/api/<verb>?name=value`. */
export function read<T>(
  settings: ServerConnection.ISettings,
  verb: string,
  args: Arguments = {},
  signal?: AbortSignal
): Promise<T> {
  return ask<T>(settings, `api/${verb}${query(args)}`, { signal });
}

/** Call a writing verb: `POST mlops-nb/api/<verb>` with its arguments as JSON. */
export function write<T>(
  settings: ServerConnection.ISettings,
  verb: string,
  args: Arguments = {}
): Promise<T> {
  return post<T>(settings, verb, JSON.stringify(args));
}

/** Call a writing verb with its arguments as the text of a JSON object. */
export function post<T>(
  settings: ServerConnection.ISettings,
  verb: string,
  body: string
): Promise<T> {
  return ask<T>(settings, `api/${verb}`, { method: 'POST', body });
}

/**
 * The text of a JSON object with its members in this order; an object of
 * JavaScript moves names that look like numbers to its front.
 */
export function ordered(members: readonly (readonly [string, string])[]): string {
  const texts = members.map(([name, json]) => `${JSON.stringify(name)}:${json}`);
  return `{${texts.join(',')}}`;
}

/** Wait (up to about 20 s) for something to happen after `since`. */
export function changes(
  settings: ServerConnection.ISettings,
  args: { since: string; at: string },
  signal?: AbortSignal
): Promise<{ token: string; changed: boolean }> {
  return ask(settings, `changes${query(args)}`, { signal });
}

function query(args: Arguments): string {
  const pairs = new URLSearchParams();
  for (const [name, value] of Object.entries(args)) {
    if (value !== undefined && value !== null) {
      pairs.set(name, typeof value === 'string' ? value : JSON.stringify(value));
    }
  }
  const text = pairs.toString();
  return text && `?${text}`;
}

async function ask<T>(
  settings: ServerConnection.ISettings,
  path: string,
  init: RequestInit
): Promise<T> {
  let response: Response;
  let text: string;
  try {
    response = await ServerConnection.makeRequest(
      URLExt.join(settings.baseUrl, BASE, path),
      // 'no-store', Lab's default, would add a timestamp to the verb's arguments
      { ...init, cache: 'no-cache' },
      settings
    );
    text = await response.text();
  } catch (error) {
    throw new Failure(
      init.signal?.aborted ? 'Aborted' : 'Unreachable',
      error instanceof Error ? error.message : String(error)
    );
  }
  const body = parse(text);
  if (!response.ok) {
    throw failure(response, body);
  }
  return body as T;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function failure(response: Response, body: unknown): Failure {
  const said = body as {
    error?: { type?: string; message?: string };
    message?: string;
  } | null;
  return new Failure(
    said?.error?.type ?? `HTTP${response.status}`,
    said?.error?.message ??
      said?.message ??
      `${response.status} ${response.statusText}`
  );
}
