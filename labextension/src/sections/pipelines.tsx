import { TranslationBundle } from '@jupyterlab/translation';
import React from 'react';

import { IActions } from '../actions';
import { IPipeline, IStep } from '../api';
import * as format from '../format';
import { IAnswer } from '../model';
import {
  Answered,
  Disclosure,
  LineageAction,
  Pairs,
  StatusIcon,
  tone
} from '../parts';

const GraphView = React.lazy(() => import('../graph'));

/** Pipelines with their steps in order, and how the steps depend on each other. */
export function Pipelines(props: {
  answer: IAnswer<IPipeline[]>;
  actions: IActions;
  trans: TranslationBundle;
}): JSX.Element {
  const { actions, trans } = props;
  return (
    <Answered
      answer={props.answer}
      isEmpty={pipelines => pipelines.length === 0}
      hint={trans.__(
        'Run `mlops run` in a folder with notebooks, or `mlops demo`.'
      )}
      retry={() => actions.retry('pipelines')}
      trans={trans}
    >
      {pipelines => (
        <ul className="jp-Mlops-list">
          {pipelines.map(pipeline => (
            <Pipeline
              key={pipeline.name}
              pipeline={pipeline}
              actions={actions}
              trans={trans}
            />
          ))}
        </ul>
      )}
    </Answered>
  );
}

function Pipeline(props: {
  pipeline: IPipeline;
  actions: IActions;
  trans: TranslationBundle;
}): JSX.Element {
  const { pipeline, actions, trans } = props;
  const { run, steps } = pipeline;
  return (
    <Disclosure
      initiallyOpen
      className="jp-mod-group"
      head={
        <span className="jp-Mlops-line jp-Mlops-main">
          <span className="jp-Mlops-name">{pipeline.name}</span>
          <span className="jp-Mlops-took">{total(steps)}</span>
        </span>
      }
      actions={
        run && (
          <LineageAction
          name={pipeline.name}
          open={() => actions.openLineage(run)}
          trans={trans}
        />
        )
      }
    >
      {() => (
        <>
          {pipeline.problem && (
            <p className="jp-Mlops-note">{pipeline.problem}</p>
          )}
          <ol className="jp-Mlops-list">
            {steps.map(step => (
              <Step key={step.name} step={step} actions={actions} trans={trans} />
            ))}
          </ol>
          <StepGraph pipeline={pipeline} actions={actions} trans={trans} />
        </>
      )}
    </Disclosure>
  );
}

function Step(props: {
  step: IStep;
  actions: IActions;
  trans: TranslationBundle;
}): JSX.Element {
  const { step, actions, trans } = props;
  const { run } = step;
  return (
    <Disclosure
      head={
        <>
          <StatusIcon status={step.status} />
          <span className="jp-Mlops-main">
            <span className="jp-Mlops-line">
              <span className="jp-Mlops-name" title={step.notebook}>
                {step.name}
              </span>
              <span className="jp-Mlops-took">
                {step.seconds !== null && format.duration(step.seconds)}
              </span>
            </span>
            <span className="jp-Mlops-line jp-Mlops-second">
              <span className={`jp-Mlops-word jp-mod-${step.status}`}>
                {step.status}
              </span>
              <span className="jp-Mlops-name" title={step.reason}>
                {step.reason}
              </span>
            </span>
          </span>
        </>
      }
      actions={
        run && (
          <LineageAction
          name={step.name}
          open={() => actions.openLineage(run)}
          trans={trans}
        />
        )
      }
    >
      {() => (
        <>
          {step.reason && <p className="jp-Mlops-note">{step.reason}</p>}
          <Pairs title={trans.__('Parameters')} values={step.parameters} />
          <Pairs
            title={trans.__('Data')}
            values={{
              ...(step.needs.length > 0 && {
                [trans.__('needs')]: step.needs.join(', ')
              }),
              ...(step.produces.length > 0 && {
                [trans.__('produces')]: step.produces.join(', ')
              }),
              [trans.__('notebook')]: step.notebook
            }}
          />
        </>
      )}
    </Disclosure>
  );
}

function StepGraph(props: {
  pipeline: IPipeline;
  actions: IActions;
  trans: TranslationBundle;
}): JSX.Element | null {
  const { pipeline, actions, trans } = props;
  const edges = dependencies(pipeline.steps);
  if (isChain(pipeline.steps, edges)) {
    return null; // the list itself says it
  }
  return (
    <React.Suspense fallback={null}>
      <GraphView
        className="jp-mod-inline"
        compact
        label={trans.__('Steps of %1', pipeline.name)}
        nodes={pipeline.steps.map(step => ({
          id: step.name,
          label: step.name,
          hint: step.status,
          tone: tone(step.status)
        }))}
        edges={edges}
        onOpen={name => {
          const run = pipeline.steps.find(step => step.name === name)?.run;
          run && actions.openLineage(run);
        }}
      />
    </React.Suspense>
  );
}

/** A step depends on the steps it names, and on those that produce what it needs. */
export function dependencies(
  steps: IStep[]
): { source: string; target: string }[] {
  const makers = new Map<string, string>();
  steps.forEach(step => makers.set(step.name, step.name));
  for (const step of steps) {
    step.produces.forEach(thing => makers.set(thing, step.name));
  }
  return steps.flatMap(step => {
    const sources = new Set(step.needs.map(need => makers.get(need)));
    return [...sources].flatMap(source =>
      source === undefined || source === step.name
        ? []
        : [{ source, target: step.name }]
    );
  });
}

/** Each step depends on nothing but the one before it. */
function isChain(
  steps: IStep[],
  edges: { source: string; target: string }[]
): boolean {
  const places = new Map(steps.map((step, i) => [step.name, i]));
  return edges.every(
    ({ source, target }) =>
      (places.get(target) ?? 0) - (places.get(source) ?? 0) === 1
  );
}

function total(steps: IStep[]): string {
  const known = steps.flatMap(step => step.seconds ?? []);
  return known.length
    ? format.duration(known.reduce((sum, seconds) => sum + seconds, 0))
    : '';
}
