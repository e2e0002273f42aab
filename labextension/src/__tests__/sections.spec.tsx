import React from 'react';

import { Drift } from '../sections/drift';
import { Lineage } from '../sections/lineage';
import { Models } from '../sections/models';
import { dependencies, Pipelines } from '../sections/pipelines';
import { Runs } from '../sections/runs';
import {
  aDetail,
  answered,
  aRun,
  aStep,
  aVersion,
  clear,
  click,
  draw,
  find,
  GRAPH,
  Notes,
  PIPELINE,
  refused,
  REPORT,
  settle,
  trans
} from './fakes';

const NO_GRAPH = { nodes: [], edges: [], truncated: false };

describe('the sections', () => {
  let actions: Notes;

  beforeEach(() => {
    actions = new Notes();
  });

  afterEach(clear);

  it.each([
    [
      '%load_ext mlops_nb',
      () => <Runs answer={answered([])} actions={actions} trans={trans} />
    ],
    [
      '%load_ext mlops_nb',
      () => <Lineage answer={answered(NO_GRAPH)} actions={actions} trans={trans} />
    ],
    [
      'mlops run',
      () => <Pipelines answer={answered([])} actions={actions} trans={trans} />
    ],
    [
      'mlops.register(model, "name", ...)',
      () => <Models answer={answered([])} actions={actions} trans={trans} />
    ],
    [
      'mlops.drift(reference, current)',
      () => <Drift answer={answered([])} actions={actions} trans={trans} />
    ]
  ])('say what to type when they are empty: %s', async (code, section) => {
    const host = await draw(section());
    const codes = [...host.querySelectorAll('code')].map(one => one.textContent);
    expect(codes).toContain(code);
  });

  it("show the server's message and try again when asked to", async () => {
    const answer = refused<never>('StoreError', 'the store is locked');
    await draw(<Runs answer={answer} actions={actions} trans={trans} />);
    expect(find('alert', 'the store is locked')).toBeTruthy();
    await click('button', 'Retry');
    expect(actions.notes).toEqual(['retry runs']);
  });

  it('take a missing project for a beginning, not for a fault', async () => {
    const answer = refused<never>('NoProject', 'no project at or above work');
    const host = await draw(
      <Runs answer={answer} actions={actions} trans={trans} />
    );
    expect(host.querySelector('[role=alert]')).toBeNull();
    expect(host.textContent).toContain('%load_ext mlops_nb');
  });

  it('say that they are loading before the first answer', async () => {
    const answer = { value: null, failure: null, loading: true };
    await draw(<Runs answer={answer} actions={actions} trans={trans} />);
    expect(find('status', 'Loading')).toBeTruthy();
  });
});

describe('runs', () => {
  afterEach(clear);

  it('show status, duration and metrics, and open to parameters and cells', async () => {
    const actions = new Notes();
    actions.detail = Promise.resolve(
      aDetail({ children: [{ id: 'cell-9', kind: 'execution', name: '[3] fit()', status: 'ok' }] })
    );
    const host = await draw(
      <Runs
        answer={answered([aRun({ status: 'failed' })])}
        actions={actions}
        trans={trans}
      />
    );
    expect(host.textContent).toContain('train.ipynb');
    expect(host.textContent).toContain('failed');
    expect(host.textContent).toContain('12 s');
    expect(host.textContent).toContain('0.9134');
    const row = find('button', 'train.ipynb');
    expect(row.getAttribute('aria-expanded')).toBe('false');
    await click('button', 'train.ipynb');
    await settle();
    expect(row.getAttribute('aria-expanded')).toBe('true');
    expect(host.textContent).toContain('depth');
    await click('button', '[3] fit()');
    expect(actions.notes).toEqual(['show run-1', 'lineage cell-9']);
  });

  it('hold the steps of a pipeline inside it, in the order they ran', async () => {
    const host = await draw(
      <Runs
        answer={answered([
          aRun({ id: '3', kind: 'step', name: 'train', parent: '1' }),
          aRun({ id: '2', kind: 'step', name: 'ingest', parent: '1' }),
          aRun({ id: '1', kind: 'pipeline', name: 'flights' })
        ])}
        actions={new Notes()}
        trans={trans}
      />
    );
    expect(host.querySelectorAll('li')).toHaveLength(1);
    await click('button', 'flights');
    const steps = [...host.querySelectorAll('li li .jp-Mlops-name')];
    expect(steps.map(step => step.textContent)).toEqual(['ingest', 'train']);
  });

  it('count on while a run is running', async () => {
    jest.useFakeTimers({ now: Date.parse('2026-11-23T10:00:05Z') });
    try {
      const run = aRun({ status: 'running', ended: null });
      const host = await draw(
        <Runs answer={answered([run])} actions={new Notes()} trans={trans} />
      );
      expect(host.textContent).toContain('5.0 s');
    } finally {
      jest.useRealTimers();
    }
  });
});

describe('lineage', () => {
  afterEach(clear);

  it('lists things, not executions, and opens the graph', async () => {
    const actions = new Notes();
    const host = await draw(
      <Lineage answer={answered(GRAPH)} actions={actions} trans={trans} />
    );
    expect(host.querySelectorAll('li')).toHaveLength(2);
    await click('button', 'Open lineage graph');
    await click('button', 'flights.csv');
    expect(actions.notes).toEqual(['lineage project', 'lineage file-1']);
  });
});

describe('pipelines', () => {
  afterEach(clear);

  it('list their steps in order with status, time and reason', async () => {
    const host = await draw(
      <Pipelines
        answer={answered([PIPELINE])}
        actions={new Notes()}
        trans={trans}
      />
    );
    const steps = [...host.querySelectorAll('ol > li')];
    expect(steps.map(step => step.textContent)).toEqual([
      'ingest2.5 sransource changed',
      'train2.5 scachedsource changed'
    ]);
  });

  it('depend by name and by what others produce, never on themselves', () => {
    expect(
      dependencies([
        aStep({ name: 'a', produces: ['x'] }),
        aStep({ name: 'b', needs: ['x', 'a', 'elsewhere'], produces: ['c'] }),
        aStep({ name: 'c', needs: ['b', 'c'] })
      ])
    ).toEqual([
      { source: 'a', target: 'b' },
      { source: 'b', target: 'c' }
    ]);
  });
});

describe('models', () => {
  afterEach(clear);

  it('show versions newest first with aliases and gate verdict, and promote one', async () => {
    const actions = new Notes();
    const host = await draw(
      <Models
        answer={answered([
          aVersion({ id: 'model-late-1', version: 1, aliases: [], gate: null }),
          aVersion()
        ])}
        actions={actions}
        trans={trans}
      />
    );
    const versions = [...host.querySelectorAll('.jp-Mlops-version')];
    expect(versions.map(one => one.textContent)).toEqual(['v2', 'v1']);
    expect(host.querySelector('.jp-Mlops-chip')?.textContent).toBe('champion');
    expect(find('img', 'gate failed')).toBeTruthy();
    await click('button', 'Promote late version 2');
    await click('button', 'Lineage of late version 1');
    expect(actions.notes).toEqual([
      'promote model-late-2',
      'lineage model-late-1'
    ]);
  });

  it('open to the criteria of the gate', async () => {
    const host = await draw(
      <Models
        answer={answered([aVersion()])}
        actions={new Notes()}
        trans={trans}
      />
    );
    await click('button', 'v2');
    expect(host.querySelector('table')?.textContent).toContain('auc0.9>= 0.95');
  });
});

describe('drift', () => {
  afterEach(clear);

  it('shows the newest report open: value, limit, verdict and overlaid shares', async () => {
    const host = await draw(
      <Drift answer={answered([REPORT])} actions={new Notes()} trans={trans} />
    );
    expect(host.textContent).toContain('1 of 1 columns');
    expect(host.querySelector('table')?.textContent).toContain('0.250.05');
    expect(host.querySelectorAll('rect.jp-mod-reference')).toHaveLength(3);
    expect(host.querySelectorAll('rect.jp-mod-current')).toHaveLength(3);
    expect(find('img', 'drifted')).toBeTruthy();
    await click('button', 'delay');
    expect(host.textContent).toContain('PSI = 0.3');
  });
});
