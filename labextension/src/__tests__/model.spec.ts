import { Failure } from '../request';
import { MlopsModel } from '../model';
import { aRun, FakeServer, settle, until } from './fakes';

describe('the model', () => {
  let server: FakeServer;
  let model: MlopsModel;

  beforeEach(() => {
    server = new FakeServer();
    model = new MlopsModel(server.settings);
  });

  afterEach(() => model.dispose());

  it('asks only for the sections somebody watches, at the active place', async () => {
    server.queue('api/runs', [aRun()]);
    model.place = 'work/train.ipynb';
    model.watch('runs', ['runs']);
    await until(() => expect(model.answers.runs.value).toEqual([aRun()]));
    expect(server.questions('api/runs')).toMatchObject([
      { method: 'GET', query: { limit: '50', at: 'work/train.ipynb' } }
    ]);
    expect(server.questions('api/models')).toEqual([]);
  });

  it('adds nothing to the arguments of a verb', async () => {
    server.queue('api/show', {});
    await model.show('run-1');
    expect(server.questions('api/show')[0].query).toEqual({
      ref: 'run-1',
      at: ''
    });
  });

  it('asks again for what is watched when the feed says that something changed', async () => {
    server
      .queue('changes', { token: 'a', changed: false })
      .queue('changes', { token: 'b', changed: true })
      .queue('api/runs', [])
      .queue('api/runs', [aRun()]);
    model.watch('runs', ['runs']);
    await until(() => {
      expect(model.answers.runs.value).toHaveLength(1);
      expect(server.questions('changes').map(one => one.query.since)).toEqual([
        '',
        'a',
        'b'
      ]);
    });
  });

  it('stops polling when nobody watches any more', async () => {
    server.queue('api/runs', []).queue('changes', { token: 'a', changed: false });
    model.watch('runs', ['runs']);
    await until(() => expect(server.questions('changes')).toHaveLength(1));
    model.watch('runs', null);
    await settle(400);
    expect(server.questions('changes')).toHaveLength(1);
  });

  it('does not poll when live updates are switched off', async () => {
    server.queue('api/runs', []);
    model.live = false;
    model.watch('runs', ['runs']);
    await until(() => expect(model.answers.runs.value).toEqual([]));
    expect(server.questions('changes')).toEqual([]);
  });

  it('drops the answer for a notebook that is no longer active', async () => {
    const release = server.hold('api/runs', [aRun({ id: 'of the old place' })]);
    server.queue('api/runs', [aRun({ id: 'of the new place' })]);
    model.place = 'old.ipynb';
    model.watch('runs', ['runs']);
    model.place = 'new.ipynb';
    const shown = () => model.answers.runs.value?.map(run => run.id);
    await until(() => expect(shown()).toEqual(['of the new place']));
    release();
    await settle(50);
    expect(shown()).toEqual(['of the new place']);
  });

  it("keeps the last value beside the server's message when a call fails", async () => {
    server.queue('api/runs', [aRun()]);
    server.refuse('api/runs', 500, 'StoreError', 'the store is locked');
    model.watch('runs', ['runs']);
    await until(() => expect(model.answers.runs.value).toHaveLength(1));
    model.refresh('runs');
    await until(() =>
      expect(model.answers.runs.failure?.message).toBe('the store is locked')
    );
    expect(model.answers.runs.value).toHaveLength(1);
  });

  it('notices a project that appears where there was none', async () => {
    server
      .refuse('changes', 404, 'NoProject', 'no project')
      .queue('changes', { token: 'a', changed: false })
      .refuse('api/runs', 404, 'NoProject', 'no project')
      .queue('api/runs', [aRun()]);
    model.watch('runs', ['runs']);
    await until(() => expect(model.answers.runs.failure?.isNoProject).toBe(true));
    await until(() => expect(model.answers.runs.value).toHaveLength(1));
  });

  it('promotes with alias and reason, and reads everything watched again', async () => {
    const record = { model: 'late', alias: 'champion', version: 2 };
    server.queue('api/promote', record).queue('api/models', []);
    model.place = 'work';
    model.watch('models', ['models']);
    await settle(10);
    await expect(
      model.promote('late', 2, 'champion', 'better')
    ).resolves.toEqual(record);
    await settle(10);
    expect(server.questions('api/promote')).toMatchObject([
      {
        method: 'POST',
        body: {
          model: 'late',
          version: 2,
          alias: 'champion',
          reason: 'better',
          at: 'work'
        }
      }
    ]);
    expect(server.questions('api/models')).toHaveLength(2);
  });

  it("rejects with the server's type and message when it refuses", async () => {
    server.refuse('api/promote', 409, 'GateFailed', 'auc 0.9 is not >= 0.95');
    const refusal = model.promote('late', 2, 'champion', 'better');
    await expect(refusal).rejects.toBeInstanceOf(Failure);
    await expect(refusal).rejects.toMatchObject({
      type: 'GateFailed',
      message: 'auc 0.9 is not >= 0.95'
    });
  });

  it('names the status when an answer is not of our making', async () => {
    server.queue('api/show', 'a proxy page', 502);
    await expect(model.show('run-1')).rejects.toMatchObject({ type: 'HTTP502' });
  });
});
