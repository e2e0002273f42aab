import { ServerConnection } from '@jupyterlab/services';
import { nullTranslator } from '@jupyterlab/translation';
import { act } from 'react';
import { createRoot, Root } from 'react-dom/client';

import { IActions } from '../actions';
import {
  IDetail,
  IDriftReport,
  IGraph,
  IModelVersion,
  IPipeline,
  IReproduction,
  IRun,
  IStep
} from '../api';
import { IAnswer } from '../model';
import { Failure } from '../request';

export const trans = nullTranslator.load('mlops_nb');

interface IAsked {
  method: string;
  path: string;
  query: { [name: string]: string };
  body: unknown;
}

type Reply = { status?: number; body: unknown };

/** A server that answers from a queue per path and remembers what it was asked. */
export class FakeServer {
  readonly asked: IAsked[] = [];

  readonly settings = ServerConnection.makeSettings({
    baseUrl: 'http://fake/',
    fetch: (input, init) => this.fetch(new Request(input, init))
  });

  /** The next answer of a path; without one, the last is given again. */
  queue(path: string, body: unknown, status = 200): this {
    this.replies.set(path, [...(this.replies.get(path) ?? []), { status, body }]);
    return this;
  }

  /** The next answer comes when the returned function is called. */
  hold(path: string, body: unknown, status = 200): () => void {
    let release: () => void = () => undefined;
    this.gates.set(
      path,
      new Promise<void>(resolve => {
        release = resolve;
      })
    );
    this.queue(path, body, status);
    return release;
  }

  refuse(path: string, status: number, type: string, message: string): this {
    return this.queue(path, { error: { type, message } }, status);
  }

  questions(path: string): IAsked[] {
    return this.asked.filter(one => one.path === path);
  }

  private async fetch(request: Request): Promise<Response> {
    const url = new URL(request.url);
    const path = url.pathname.replace('/mlops-nb/', '');
    const text = await request.text();
    this.asked.push({
      method: request.method,
      path,
      query: Object.fromEntries(url.searchParams),
      body: text ? JSON.parse(text) : null
    });
    const reply = this.next(path);
    const gate = this.gates.get(path);
    this.gates.delete(path);
    await gate;
    if (!reply) {
      return new Promise((_, reject) =>
        request.signal.addEventListener('abort', () => reject(new Error('aborted')))
      );
    }
    return new Response(JSON.stringify(reply.body), { status: reply.status });
  }

  private next(path: string): Reply | undefined {
    const queue = this.replies.get(path) ?? [];
    return queue.length > 1 || path === 'changes' ? queue.shift() : queue[0];
  }

  private readonly replies = new Map<string, Reply[]>();
  private readonly gates = new Map<string, Promise<void>>();
}

/** Let everything that is due happen. */
export async function settle(milliseconds = 0): Promise<void> {
  await act(async () => {
    await new Promise(resolve => setTimeout(resolve, milliseconds));
  });
}

/** Wait until a check holds: how long that takes depends on the machine. */
export async function until(check: () => void, patience = 15_000): Promise<void> {
  const end = Date.now() + patience;
  for (;;) {
    try {
      return check();
    } catch (error) {
      if (Date.now() > end) {
        throw error;
      }
      await settle(20);
    }
  }
}

let root: Root | null = null;

/** Draw an element into the page, replacing what an earlier call drew. */
export async function draw(element: JSX.Element): Promise<HTMLElement> {
  await clear();
  const host = document.body.appendChild(document.createElement('div'));
  root = createRoot(host);
  await act(async () => root?.render(element));
  return host;
}

export async function clear(): Promise<void> {
  await act(async () => root?.unmount());
  root = null;
  document.body.innerHTML = '';
}

/** The element of this role whose accessible name contains `name`. */
export function find(role: string, name: string): HTMLElement {
  const selector = role === 'button' ? 'button, [role=button]' : `[role=${role}]`;
  const found = [...document.querySelectorAll<HTMLElement>(selector)].find(
    element =>
      (element.getAttribute('aria-label') ?? element.textContent ?? '').includes(name)
  );
  if (!found) {
    throw new Error(`no ${role} "${name}" in ${document.body.innerHTML}`);
  }
  return found;
}

export async function click(role: string, name: string): Promise<void> {
  const element = find(role, name);
  await act(async () => {
    element.dispatchEvent(new MouseEvent('click', { bubbles: true }));
  });
}

export async function press(key: string): Promise<void> {
  await act(async () => {
    document.activeElement?.dispatchEvent(
      new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true })
    );
  });
}

export function answered<T>(value: T): IAnswer<T> {
  return { value, failure: null, loading: false };
}

export function refused<T>(type: string, message: string): IAnswer<T> {
  return { value: null, failure: new Failure(type, message), loading: false };
}

/** Actions that note what was asked of them. */
export class Notes implements IActions {
  readonly notes: string[] = [];
  detail: Promise<IDetail> = Promise.resolve(aDetail());

  retry = (section: string) => void this.notes.push(`retry ${section}`);
  openLineage = (ref?: string) => void this.notes.push(`lineage ${ref ?? 'project'}`);
  show = (ref: string) => {
    this.notes.push(`show ${ref}`);
    return this.detail;
  };
  promote = async (version: IModelVersion) => {
    this.notes.push(`promote ${version.id}`);
  };
}

export function aRun(part: Partial<IRun> = {}): IRun {
  return {
    id: 'run-1',
    caller: 'person',
    kind: 'notebook',
    name: 'train',
    notebook: 'work/train.ipynb',
    status: 'ok',
    started: '2026-11-23T10:00:00Z',
    ended: '2026-11-23T10:00:12Z',
    parent: null,
    reason: null,
    parameters: { depth: 6 },
    metrics: { auc: 0.91342 },
    ...part
  };
}

export function aDetail(part: Partial<IDetail> = {}): IDetail {
  return {
    id: 'cell-1',
    kind: 'execution',
    name: '[1] x = 1',
    facts: { seconds: 1.25, columns: [{ column: 'delay', nulls: 0.5 }] },
    source: 'x = 1',
    outputs: [{ mime: 'text/plain', text: '42', data: null, truncated: true }],
    children: [{ id: 'variable-1', kind: 'variable', name: 'x', status: null }],
    ...part
  };
}

export function aReproduction(part: Partial<IReproduction> = {}): IReproduction {
  const same = { kind: 'metric', rung: 'bytes', then: 'a', now: 'a' };
  return {
    ref: 'cell:1',
    verdict: 'different',
    rung: null,
    compared: [
      { ...same, name: '[1] loss', verdict: 'identical', detail: '' },
      { ...same, name: '[1] auc', verdict: 'different', detail: '0.9 and not 0.8', rung: null, now: 'b' }
    ],
    slice: 1,
    environment: 'here',
    reason: 'first in [1] auc',
    created: '2026-11-23T10:00:00Z',
    fixed: null,
    ...part
  };
}

export const GRAPH: IGraph = {
  nodes: [
    { id: 'file-1', kind: 'file', name: 'flights.csv', status: null },
    { id: 'cell-1', kind: 'execution', name: '[1] x = read()', status: 'ok' },
    { id: 'variable-1', kind: 'variable', name: 'x', status: null }
  ],
  edges: [
    { source: 'file-1', target: 'cell-1', kind: 'read' },
    { source: 'cell-1', target: 'variable-1', kind: 'wrote' }
  ],
  truncated: false
};

export function aStep(part: Partial<IStep> = {}): IStep {
  return {
    name: 'ingest',
    notebook: '01_ingest.ipynb',
    needs: [],
    produces: [],
    parameters: {},
    status: 'ran',
    seconds: 2.5,
    reason: 'source changed',
    run: 'run-7',
    ...part
  };
}

export const PIPELINE: IPipeline = {
  name: 'flights',
  run: 'run-6',
  steps: [
    aStep({ produces: ['flights'] }),
    aStep({ name: 'train', needs: ['flights'], status: 'cached', run: null })
  ],
  problem: null
};

export function aVersion(
  part: Partial<IModelVersion> = {}
): IModelVersion {
  return {
    id: 'model-late-2',
    name: 'late',
    version: 2,
    aliases: ['champion'],
    run: 'run-1',
    created: '2026-11-23T10:00:00Z',
    metrics: { auc: 0.9 },
    parameters: {},
    intent: 'late arrivals',
    signature: null,
    gate: {
      model: 'late',
      version: 2,
      passed: false,
      criteria: [{ name: 'auc', value: 0.9, limit: '>= 0.95', passed: false }]
    },
    ...part
  };
}

export const REPORT: IDriftReport = {
  id: 'drift-1',
  name: 'flights',
  reference: 'data-1',
  current: 'data-2',
  created: '2026-11-23T10:00:00Z',
  drifted: true,
  alpha: 0.05,
  effect: 0.1,
  columns: [
    {
      column: 'delay',
      kind: 'numeric',
      test: 'Kolmogorov-Smirnov',
      statistic: 0.25,
      threshold: 0.05,
      p_value: 1e-9,
      psi: 0.3,
      drifted: true,
      labels: ['0', '10', '20'],
      reference: [0.5, 0.3, 0.2],
      current: [0.2, 0.3, 0.5]
    }
  ]
};
