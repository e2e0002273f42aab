import { IDisposable } from '@lumino/disposable';
import React, { act } from 'react';

import { IReproduction } from '../api';
import { DetailView } from '../detail';
import { shares } from '../fit';
import * as format from '../format';
import GraphView, { layOut } from '../graph';
import { LineageView } from '../lineage';
import { MlopsModel } from '../model';
import { PromotionFields } from '../promote';
import { Reproduce } from '../reproduction';
import {
  aDetail,
  aReproduction,
  clear,
  click,
  draw,
  FakeServer,
  find,
  GRAPH,
  press,
  settle,
  until,
  trans
} from './fakes';

const BOXES = GRAPH.nodes.map(({ id, name, kind }) => ({
  id,
  label: name,
  hint: kind,
  tone: kind
}));

/** Stands in for Lab's rendermime: writes what it is given. */
async function render(
  host: HTMLElement,
  mime: string,
  data: string
): Promise<IDisposable> {
  host.textContent = `${mime}: ${data}`;
  return { isDisposed: false, dispose: () => undefined };
}

afterEach(clear);

describe('the graph', () => {
  it('is one tab stop, walked along its edges by arrow keys and opened by Enter', async () => {
    const opened: string[] = [];
    const host = await draw(
      <GraphView
        nodes={BOXES}
        edges={GRAPH.edges}
        label="Lineage graph"
        onOpen={id => opened.push(id)}
      />
    );
    expect(host.querySelectorAll('[tabindex="0"]')).toHaveLength(1);
    await act(async () => find('button', 'flights.csv, file').focus());
    await press('ArrowRight');
    await press('ArrowRight');
    expect(document.activeElement).toBe(find('button', 'x, variable'));
    await press('ArrowLeft');
    await press('Enter');
    await press('Home');
    await press(' ');
    expect(opened).toEqual(['cell-1', 'file-1']);
    expect(host.querySelectorAll('[tabindex="0"]')).toHaveLength(1);
  });

  it('lays sources out left of their targets, compact ones above them', () => {
    const wide = layOut(BOXES, GRAPH.edges, false).boxes;
    expect(wide[0].x).toBeLessThan(wide[1].x);
    const compact = layOut(BOXES, GRAPH.edges, true).boxes;
    expect(compact[0].y).toBeLessThan(compact[1].y);
  });

  it('leaves out edges to nodes it was not given', () => {
    const edges = [{ source: 'file-1', target: 'nowhere' }];
    expect(layOut(BOXES, edges, false).paths).toEqual([]);
  });

  it('lays 500 nodes out in under two seconds', () => {
    const nodes = Array.from({ length: 500 }, (_, i) => ({
      id: String(i),
      label: `node ${i}`,
      hint: '',
      tone: ''
    }));
    const edges = nodes.slice(1).map((_, i) => ({
      source: String(Math.floor(i / 3)),
      target: String(i + 1)
    }));
    const start = performance.now();
    layOut(nodes, edges, false);
    expect(performance.now() - start).toBeLessThan(2000);
  });
});

describe('the lineage view', () => {
  it('shows the detail of the node that is chosen', async () => {
    const server = new FakeServer()
      .queue('api/lineage', GRAPH)
      .queue('api/show', aDetail());
    const model = new MlopsModel(server.settings);
    await draw(
      <LineageView
        model={model}
        subject={{ ref: null, at: 'work' }}
        render={render}
        trans={trans}
        openLineage={() => undefined}
        onName={() => undefined}
      />
    );
    await until(() => {
      expect(server.questions('api/lineage')).toMatchObject([
        { query: { at: 'work' } }
      ]);
      find('button', '[1] x = read(), execution');
    });
    await click('button', '[1] x = read(), execution');
    await until(() => {
      expect(server.questions('api/show')).toMatchObject([
        { query: { ref: 'cell-1', at: 'work' } }
      ]);
      expect(document.body.textContent).toContain('x = 1');
    });
    model.dispose();
  });

  it('shows why there is no graph, and asks again on Retry', async () => {
    const server = new FakeServer()
      .refuse('api/lineage', 404, 'NotFound', "no record 'gone'")
      .queue('api/lineage', GRAPH)
      .queue('api/show', aDetail());
    const model = new MlopsModel(server.settings);
    await draw(
      <LineageView
        model={model}
        subject={{ ref: 'gone', at: '' }}
        render={render}
        trans={trans}
        openLineage={() => undefined}
        onName={() => undefined}
      />
    );
    await until(() => expect(find('alert', "no record 'gone'")).toBeTruthy());
    await click('button', 'Retry');
    await until(() => expect(find('button', 'x, variable')).toBeTruthy());
    model.dispose();
  });
});

describe('a detail', () => {
  it('shows facts as pairs and tables, source, outputs and related records', async () => {
    const opened: string[] = [];
    const host = await draw(
      <DetailView
        detail={aDetail()}
        render={render}
        openNode={id => opened.push(id)}
        openLineage={() => undefined}
        reproduce={() => Promise.reject(new Error('nobody asked'))}
        trans={trans}
      />
    );
    await settle();
    expect(host.querySelector('table')?.textContent).toBe('columnnullsdelay0.5');
    expect(host.textContent).toContain('```python\nx = 1\n```');
    expect(host.textContent).toContain('text/plain: 42');
    expect(host.textContent).toContain('cut at the size limit');
    await click('button', 'xvariable');
    expect(opened).toEqual(['variable-1']);
  });

  it('falls back to the text of an output that Lab cannot draw', async () => {
    const host = await draw(
      <DetailView
        detail={aDetail({ source: null })}
        render={() => Promise.reject(new Error('no renderer'))}
        openNode={() => undefined}
        openLineage={() => undefined}
        reproduce={() => Promise.reject(new Error('nobody asked'))}
        trans={trans}
      />
    );
    expect(host.querySelector('pre')?.textContent).toBe('42');
  });

  it('says while its cells run again, then whether it came out again and what differs', async () => {
    let end: (found: IReproduction) => void = () => undefined;
    const asked: string[] = [];
    const host = await draw(
      <Reproduce
        detail={aDetail()}
        reproduce={ref => {
          asked.push(ref);
          return new Promise(resolve => (end = resolve));
        }}
        trans={trans}
      />
    );
    await click('button', 'Reproduce');
    await click('button', 'Reproduce'); // it runs already
    expect(asked).toEqual(['cell-1']);
    expect(find('status', '').textContent).toBe('Its cells run again…');
    end(aReproduction());
    await settle();
    expect(find('status', '').textContent).toBe('✗ different 2 results of 1 cells');
    expect(host.textContent).toContain('first in [1] auc');
    expect(host.querySelector('ul')?.textContent).toBe('[1] auc: 0.9 and not 0.8');
  });

  it('says why it cannot be tried, and can be tried again', async () => {
    const answers = [
      () => Promise.reject(new Error('no cell made it')),
      () => Promise.resolve(aReproduction({ verdict: 'identical', compared: [], reason: null }))
    ];
    await draw(
      <Reproduce
        detail={aDetail()}
        reproduce={() => (answers.shift() ?? answers[0])()}
        trans={trans}
      />
    );
    await click('button', 'Reproduce');
    await settle();
    expect(find('alert', 'no cell made it')).toBeTruthy();
    await click('button', 'Reproduce');
    await settle();
    expect(document.querySelector('[role=alert]')).toBeNull();
    expect(find('status', '').textContent).toContain('✓ identical');
  });

  it('offers no run of what no cell made', async () => {
    const host = await draw(
      <Reproduce
        detail={aDetail({ kind: 'import' })}
        reproduce={() => Promise.reject(new Error('nobody asked'))}
        trans={trans}
      />
    );
    expect(host.querySelector('button')).toBeNull();
  });
});

describe('the promotion dialog', () => {
  it('requires alias and reason and shows the last refusal', async () => {
    const host = await draw(
      <PromotionFields
        initial={{ alias: 'champion', reason: '' }}
        refusal="auc 0.9 is not >= 0.95"
        trans={trans}
        onChange={() => undefined}
      />
    );
    expect(host.querySelector('input')?.value).toBe('champion');
    expect(host.querySelectorAll(':invalid')).toHaveLength(1);
    expect(find('alert', 'auc 0.9 is not >= 0.95')).toBeTruthy();
  });
});

describe('the heights of the sections', () => {
  it('are their contents when there is room, the last taking what is left', () => {
    expect(shares([100, 0, 50], 400)).toEqual([100, 0, 300]);
  });

  it('are fair when there is not: the modest get theirs, the rest equal parts', () => {
    expect(shares([1000, 40, 900], 440)).toEqual([200, 40, 200]);
  });
});

describe('formats', () => {
  it.each([
    [0.91342, '0.9134'],
    [120000, '120,000'],
    [1.23456e-7, '1.23e-7'],
    [null, '–']
  ])('write the number %p as %s', (value, text) => {
    expect(format.number(value)).toBe(text);
  });

  it.each([
    [0.04, '40 ms'],
    [3.21, '3.2 s'],
    [245, '4 min 05 s'],
    [7800, '2 h 10 min']
  ])('write %p seconds as %s', (seconds, text) => {
    expect(format.duration(seconds)).toBe(text);
  });

  it('take times without a zone for UTC', () => {
    expect(
      format.elapsed('2026-11-23T10:00:00', '2026-11-23T10:00:02Z')
    ).toBe(2);
  });
});
