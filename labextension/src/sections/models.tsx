import { TranslationBundle } from '@jupyterlab/translation';
import React from 'react';

import { IActions } from '../actions';
import { IGate, IModelVersion } from '../api';
import * as format from '../format';
import { IAnswer } from '../model';
import {
  Action,
  Answered,
  Disclosure,
  LineageAction,
  Metrics,
  Pairs,
  StatusIcon,
  When
} from '../parts';

/** Models with their versions, newest first. */
export function Models(props: {
  answer: IAnswer<IModelVersion[]>;
  actions: IActions;
  trans: TranslationBundle;
}): JSX.Element {
  const { actions, trans } = props;
  return (
    <Answered
      answer={props.answer}
      isEmpty={versions => versions.length === 0}
      hint={trans.__(
        'Call `mlops.register(model, "name", ...)` in a cell.'
      )}
      retry={() => actions.retry('models')}
      trans={trans}
    >
      {versions => (
        <ul className="jp-Mlops-list">
          {[...byModel(versions)].map(([name, group]) => (
            <Disclosure
              key={name}
              initiallyOpen
              className="jp-mod-group"
              head={
                <span className="jp-Mlops-line jp-Mlops-main">
                  <span className="jp-Mlops-name">{name}</span>
                  <span className="jp-Mlops-second">
                    {trans._n('%1 version', '%1 versions', group.length)}
                  </span>
                </span>
              }
            >
              {() => (
                <ul className="jp-Mlops-list">
                  {group.map(version => (
                    <Version
                      key={version.id}
                      version={version}
                      actions={actions}
                      trans={trans}
                    />
                  ))}
                </ul>
              )}
            </Disclosure>
          ))}
        </ul>
      )}
    </Answered>
  );
}

function Version(props: {
  version: IModelVersion;
  actions: IActions;
  trans: TranslationBundle;
}): JSX.Element {
  const { version, actions, trans } = props;
  const title = trans.__('%1 version %2', version.name, version.version);
  return (
    <Disclosure
      className="jp-mod-version"
      head={
        <>
          <GateMark gate={version.gate} trans={trans} />
          <span className="jp-Mlops-main">
            <span className="jp-Mlops-line">
              <span className="jp-Mlops-version">{trans.__('v%1', version.version)}</span>
              {version.aliases.map(alias => (
                <span key={alias} className="jp-Mlops-chip">
                  {alias}
                </span>
              ))}
            </span>
            <span className="jp-Mlops-line jp-Mlops-second">
              <When at={version.created} />
              <Metrics metrics={version.metrics} most={2} />
            </span>
          </span>
        </>
      }
      actions={
        <>
          <LineageAction
          name={title}
          open={() => actions.openLineage(version.id)}
          trans={trans}
        />
          <Action
            label={trans.__('Promote…')}
            title={trans.__('Promote %1…', title)}
            onClick={() => void actions.promote(version)}
          />
        </>
      }
    >
      {() => (
        <>
          {version.intent && <p className="jp-Mlops-note">{version.intent}</p>}
          {version.gate && <Gate gate={version.gate} trans={trans} />}
          <Pairs title={trans.__('Metrics')} values={version.metrics} />
          <Pairs title={trans.__('Parameters')} values={version.parameters} />
        </>
      )}
    </Disclosure>
  );
}

function GateMark(props: {
  gate: IGate | null;
  trans: TranslationBundle;
}): JSX.Element {
  const { gate, trans } = props;
  if (gate === null) {
    return <StatusIcon status="pending" label={trans.__('no gate yet')} />;
  }
  return gate.passed ? (
    <StatusIcon status="passed" label={trans.__('gate passed')} />
  ) : (
    <StatusIcon status="failed" label={trans.__('gate failed')} />
  );
}

function Gate(props: {
  gate: IGate;
  trans: TranslationBundle;
}): JSX.Element {
  const { gate, trans } = props;
  return (
    <div role="group" className="jp-Mlops-block" aria-label={trans.__('Gate')}>
      <h4>
        {gate.passed ? trans.__('Gate passed') : trans.__('Gate failed')}
      </h4>
      <table className="jp-Mlops-table">
        <thead>
          <tr>
            <th scope="col">{trans.__('Criterion')}</th>
            <th scope="col" className="jp-mod-number">
              {trans.__('Value')}
            </th>
            <th scope="col">{trans.__('Limit')}</th>
            <th scope="col">
              <span className="jp-Mlops-unseen">{trans.__('Verdict')}</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {gate.criteria.map(criterion => (
            <tr key={criterion.name}>
              <th scope="row" title={criterion.name}>
                {criterion.name}
              </th>
              <td className="jp-mod-number">
                {format.number(criterion.value)}
              </td>
              <td>{criterion.limit}</td>
              <td>
                <StatusIcon
                  status={criterion.passed ? 'passed' : 'failed'}
                  label={criterion.passed ? trans.__('passed') : trans.__('failed')}
                />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function byModel(
  versions: IModelVersion[]
): Map<string, IModelVersion[]> {
  const groups = new Map<string, IModelVersion[]>();
  for (const version of versions) {
    groups.set(version.name, [...(groups.get(version.name) ?? []), version]);
  }
  for (const group of groups.values()) {
    group.sort((one, other) => other.version - one.version);
  }
  return groups;
}
