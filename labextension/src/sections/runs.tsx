import { TranslationBundle } from '@jupyterlab/translation';
import React from 'react';

import { IActions } from '../actions';
import { IDetail, IRun } from '../api';
import * as format from '../format';
import { asFailure, IAnswer, unanswered } from '../model';
import {
  Answered,
  Disclosure,
  LineageAction,
  Metrics,
  Pairs,
  StatusIcon,
  Took,
  When
} from '../parts';

/** Runs, newest first, those of a pipeline inside it; each opens to its parameters, metrics and cells. */
export function Runs(props: {
  answer: IAnswer<IRun[]>;
  actions: IActions;
  trans: TranslationBundle;
}): JSX.Element {
  const { actions, trans } = props;
  return (
    <Answered
      answer={props.answer}
      isEmpty={runs => runs.length === 0}
      hint={trans.__('Run `%load_ext mlops_nb` in a notebook, then any cell.')}
      retry={() => actions.retry('runs')}
      trans={trans}
    >
      {runs => (
        <ul className="jp-Mlops-list">
          {outermost(runs).map(run => (
            <Run
              key={run.id}
              run={run}
              runs={runs}
              actions={actions}
              trans={trans}
            />
          ))}
        </ul>
      )}
    </Answered>
  );
}

function Run(props: {
  run: IRun;
  runs: IRun[];
  actions: IActions;
  trans: TranslationBundle;
}): JSX.Element {
  const { run, runs, actions, trans } = props;
  const parts = runs.filter(part => part.parent === run.id).reverse();
  return (
    <Disclosure
      head={
        <>
          <StatusIcon status={run.status} />
          <span className="jp-Mlops-main">
            <span className="jp-Mlops-line">
              <span className="jp-Mlops-name" title={run.notebook ?? run.name}>
                {nameOf(run)}
              </span>
              <Took
                started={run.started}
                ended={run.ended}
                running={run.status === 'running'}
              />
            </span>
            <span className="jp-Mlops-line jp-Mlops-second">
              <span className={`jp-Mlops-word jp-mod-${run.status}`}>
                {run.status}
              </span>
              {run.kind !== 'notebook' && <span>{run.kind}</span>}
              <When at={run.started} />
              <Metrics metrics={run.metrics} most={2} />
            </span>
          </span>
        </>
      }
      actions={
        <LineageAction
          name={nameOf(run)}
          open={() => actions.openLineage(run.id)}
          trans={trans}
        />
      }
    >
      {() => (
        <>
          {run.reason && <p className="jp-Mlops-note">{run.reason}</p>}
          <Pairs title={trans.__('Parameters')} values={run.parameters} />
          <Pairs title={trans.__('Metrics')} values={run.metrics} />
          {parts.length === 0 ? (
            <Cells run={run} actions={actions} trans={trans} />
          ) : (
            <ul className="jp-Mlops-list">
              {parts.map(part => (
                <Run
                  key={part.id}
                  run={part}
                  runs={runs}
                  actions={actions}
                  trans={trans}
                />
              ))}
            </ul>
          )}
        </>
      )}
    </Disclosure>
  );
}

/** The cells of a run, asked for when the run is opened and while it runs. */
function Cells(props: {
  run: IRun;
  actions: IActions;
  trans: TranslationBundle;
}): JSX.Element {
  const { run, actions, trans } = props;
  const [answer, setAnswer] = React.useState<IAnswer<IDetail>>(unanswered);
  const [turn, again] = React.useReducer((n: number) => n + 1, 0);
  React.useEffect(() => {
    let dropped = false;
    actions.show(run.id).then(
      value =>
        dropped || setAnswer({ value, failure: null, loading: false }),
      error =>
        dropped ||
        setAnswer({ value: null, failure: asFailure(error), loading: false })
    );
    return () => {
      dropped = true;
    };
  }, [run, turn]);
  const title =
    run.kind === 'pipeline' ? trans.__('Steps') : trans.__('Cells');
  return (
    <div role="group" className="jp-Mlops-block" aria-label={title}>
      <h4>{title}</h4>
      <Answered
        answer={answer}
        isEmpty={detail => detail.children.length === 0}
        hint={trans.__('No cell has run yet.')}
        retry={again}
        trans={trans}
      >
        {detail => (
          <ul className="jp-Mlops-list">
            {detail.children.map(cell => (
              <li key={cell.id}>
                <button
                  type="button"
                  className="jp-Mlops-link"
                  title={cell.name}
                  onClick={() => actions.openLineage(cell.id)}
                >
                  <StatusIcon status={cell.status ?? ''} />
                  <code className="jp-Mlops-name">{cell.name}</code>
                </button>
              </li>
            ))}
          </ul>
        )}
      </Answered>
    </div>
  );
}

/** The runs that are not part of another one listed here. */
function outermost(runs: IRun[]): IRun[] {
  const ids = new Set(runs.map(run => run.id));
  return runs.filter(run => run.parent === null || !ids.has(run.parent));
}

function nameOf(run: IRun): string {
  return run.kind === 'notebook' && run.notebook
    ? format.basename(run.notebook)
    : run.name;
}
