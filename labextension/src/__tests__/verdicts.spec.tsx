import React from 'react';

import { ICellVerdict, INotebookVerdict } from '../api';
import { Badge } from '../badge';
import { Reasons } from '../reasons';
import { Failure, ordered } from '../request';
import { VerdictLine } from '../sections/verdict';
import {
  check,
  counts,
  firstConcern,
  INotebook,
  Page,
  Verdicts,
  worstFirst
} from '../verdicts';
import { clear, click, draw, FakeServer, find, settle, trans, until } from './fakes';

const EDITED = {
  verdict: 'stale',
  cell: 'a',
  execution_count: 1,
  what: 'cell [1] was edited since it ran'
};
const GONE = {
  verdict: 'tainted',
  cell: 'gone',
  execution_count: 2,
  what: 'cell [2] is no longer in the notebook'
};

function aCell(part: Partial<ICellVerdict> = {}): ICellVerdict {
  return {
    cell: 'a',
    position: 1,
    execution_count: 1,
    verdict: 'clean',
    reasons: [],
    source: 'x = 1',
    ...part
  };
}

const STALE = aCell({ cell: 'b', execution_count: 3, verdict: 'stale', reasons: [EDITED] });

function aVerdict(...cells: ICellVerdict[]): INotebookVerdict {
  return { notebook: 'deep/n.ipynb', recorded: true, verdict: 'clean', cells };
}

/** A notebook whose questions are answered by hand. */
class Desk implements INotebook {
  readonly asked: Page[] = [];
  current: Page = [['a', 'x = 1']];
  shown = true;

  page = () => this.current;
  isShown = () => this.shown;
  check = (page: Page) => {
    this.asked.push(page);
    return new Promise<INotebookVerdict>((resolve, reject) => {
      this.answer = async (value = aVerdict(aCell())) => {
        value instanceof Error ? reject(value) : resolve(value);
        await settle();
      };
    });
  };

  answer: (value?: INotebookVerdict | Error) => Promise<void> = async () => undefined;
}

describe('the verdicts of a notebook', () => {
  let desk: Desk;
  let verdicts: Verdicts;

  beforeEach(() => {
    desk = new Desk();
    verdicts = new Verdicts(desk);
  });

  afterEach(() => verdicts.dispose());

  it('are asked for once the typing pauses, of the notebook as it is by then', async () => {
    verdicts.refresh();
    await desk.answer();
    for (const source of ['x = 2', 'x = 20', 'x = 200']) {
      desk.current = [['a', source]];
      verdicts.edited();
      await settle(20);
    }
    expect(desk.asked).toHaveLength(1);
    await until(() => expect(desk.asked).toHaveLength(2));
    expect(desk.asked[1]).toEqual([['a', 'x = 200']]);
  });

  it('are asked for one at a time, and once more however much has changed meanwhile', async () => {
    verdicts.refresh();
    verdicts.refresh();
    desk.current = [['a', 'x = 3']];
    verdicts.refresh();
    expect(desk.asked).toHaveLength(1);
    await desk.answer();
    expect(desk.asked.slice(1)).toEqual([[['a', 'x = 3']]]);
    await desk.answer();
    expect(desk.asked).toHaveLength(2);
  });

  it('are those of the cells that ran', async () => {
    verdicts.refresh();
    await desk.answer(aVerdict(aCell(), aCell({ cell: 'b', verdict: 'not run' })));
    expect(verdicts.of('a')?.verdict).toBe('clean');
    expect(verdicts.of('b')).toBeNull();
    expect(verdicts.of('elsewhere')).toBeNull();
  });

  it('are not asked for at each edit of a notebook that nobody recorded', async () => {
    verdicts.refresh();
    await desk.answer({ ...aVerdict(aCell()), recorded: false });
    expect(verdicts.of('a')).toBeNull();
    verdicts.edited();
    verdicts.executed();
    await settle(600);
    expect(desk.asked).toHaveLength(1);
  });

  it('wait until the notebook is shown', async () => {
    desk.shown = false;
    verdicts.refresh();
    await settle();
    expect(desk.asked).toHaveLength(0);
    desk.shown = true;
    void verdicts.settle();
    expect(desk.asked).toHaveLength(1);
  });

  it('are forgotten when they are switched off, also those still under way', async () => {
    verdicts.refresh();
    desk.shown = false;
    verdicts.clear();
    await desk.answer();
    expect(verdicts.value).toBeNull();
    desk.shown = true;
    void verdicts.settle();
    expect(desk.asked).toHaveLength(2);
  });

  it('are shown no longer when the server fails, for nothing is known then', async () => {
    verdicts.refresh();
    await desk.answer();
    verdicts.refresh();
    await desk.answer(new Failure('StoreError', 'the store is locked'));
    expect(verdicts.of('a')).toBeNull();
    expect(verdicts.failure?.message).toBe('the store is locked');
    verdicts.refresh();
    await desk.answer(new Failure('NoProject', 'no project'));
    expect(verdicts.failure).toBeNull();
  });

  it('are asked for by the path and the source of every cell', async () => {
    const server = new FakeServer().queue('api/check', aVerdict());
    await check(server.settings, 'work/n.ipynb', [['b', 'y = "1"'], ['a', 'x']]);
    expect(server.questions('api/check')).toMatchObject([
      {
        method: 'POST',
        body: {
          at: 'work/n.ipynb',
          what: 'work/n.ipynb',
          live: { b: 'y = "1"', a: 'x' }
        }
      }
    ]);
  });
});

describe('pure parts', () => {
  it('write an object whose members keep their order', () => {
    expect(ordered([['20', '1'], ['a"', '2'], ['10', '{}']])).toBe('{"20":1,"a\\"":2,"10":{}}');
  });

  it('count verdicts from best to worst', () => {
    const cells = [STALE, aCell(), aCell({ verdict: 'not run' }), STALE];
    expect(counts(cells)).toEqual([['clean', 1], ['stale', 2]]);
    expect(counts([])).toEqual([]);
  });

  it('find the first cell that is not clean', () => {
    expect(firstConcern([aCell({ verdict: 'not run' }), aCell(), STALE])).toBe(STALE);
    expect(firstConcern([aCell()])).toBeUndefined();
  });

  it('put the decisive reasons first', () => {
    expect(worstFirst([EDITED, GONE])).toEqual([GONE, EDITED]);
  });
});

describe('the sign beside a cell', () => {
  let badge: Badge;
  let opened: ICellVerdict[];

  beforeEach(() => {
    opened = [];
    badge = new Badge((_, verdict) => opened.push(verdict), trans);
    document.body.append(badge.node);
  });

  afterEach(async () => {
    badge.dispose();
    await clear();
  });

  it('is a named picture where the cell is clean, and nothing where it did not run', () => {
    badge.verdict = aCell();
    expect(find('img', 'Cell [1]: clean').title).toBe('Cell [1]: clean');
    expect(badge.node.querySelector('button')).toBeNull();
    badge.verdict = null;
    expect(badge.node.textContent).toBe('');
    expect(badge.node.children).toHaveLength(0);
  });

  it('is else a button that tells the reasons and opens them', async () => {
    badge.verdict = STALE;
    const button = find('button', 'Cell [3]: stale');
    expect(button.title).toContain(EDITED.what);
    await click('button', 'Cell [3]: stale');
    expect(opened).toEqual([STALE]);
  });

  it('is a stop of the Tab key at the active cell only', () => {
    badge.verdict = STALE;
    expect(find('button', 'stale').tabIndex).toBe(-1);
    badge.tabStop = true;
    expect(find('button', 'stale').tabIndex).toBe(0);
    badge.verdict = { ...STALE, verdict: 'tainted', reasons: [GONE] };
    expect(find('button', 'tainted').tabIndex).toBe(0);
  });

  it('keeps the focus when the verdict changes under it', () => {
    badge.verdict = STALE;
    find('button', 'stale').focus();
    badge.verdict = { ...STALE, verdict: 'tainted', reasons: [GONE] };
    expect(document.activeElement).toBe(find('button', 'tainted'));
  });

  it('stays the element that it is while it says the same', () => {
    badge.verdict = STALE;
    const button = find('button', 'stale');
    badge.verdict = { ...STALE };
    expect(find('button', 'stale')).toBe(button);
  });
});

describe('the reasons', () => {
  afterEach(clear);

  it('lead to the cells that they name, where those are still there', async () => {
    const jumps: string[] = [];
    await draw(
      <Reasons
        verdict={{ ...STALE, reasons: [EDITED, GONE] }}
        isThere={cell => cell === 'a' || cell === 'b'}
        jump={cell => jumps.push(cell)}
        trans={trans}
      />
    );
    await click('button', EDITED.what);
    expect(jumps).toEqual(['a']);
    expect(() => find('button', GONE.what)).toThrow();
    const lines = [...document.querySelectorAll('li')].map(line => line.textContent);
    expect(lines).toEqual([GONE.what, EDITED.what]);
  });
});

describe('the verdict in the sidebar', () => {
  const jumps: string[] = [];
  let retries = 0;

  const line = (value: INotebookVerdict | null, failure: Failure | null = null) => (
    <VerdictLine
      value={value}
      failure={failure}
      jump={cell => jumps.push(cell)}
      retry={() => retries++}
      trans={trans}
    />
  );

  afterEach(clear);

  it('counts the cells and leads to the first that is not clean', async () => {
    const host = await draw(line(aVerdict(aCell(), STALE)));
    expect(host.textContent).toBe('n.ipynb1 clean1 stale');
    await click('button', '1 stale');
    expect(jumps).toEqual(['b']);
  });

  it('leads nowhere where all is clean, and says nothing where nothing ran', async () => {
    await draw(line(aVerdict(aCell())));
    expect(() => find('button', '1 clean')).toThrow();
    expect((await draw(line(aVerdict()))).textContent).toBe('');
    expect((await draw(line(null))).textContent).toBe('');
  });

  it("tells the server's message, and tries again when asked to", async () => {
    await draw(line(null, new Failure('StoreError', 'the store is locked')));
    expect(find('alert', 'the store is locked')).toBeTruthy();
    await click('button', 'Retry');
    expect(retries).toBe(1);
  });
});
