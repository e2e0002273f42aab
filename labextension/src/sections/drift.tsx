import { TranslationBundle } from '@jupyterlab/translation';
import React from 'react';

import { IActions } from '../actions';
import { IColumnDrift, IDriftReport } from '../api';
import * as format from '../format';
import { Histogram } from '../histogram';
import { IAnswer } from '../model';
import { Answered, Disclosure, LineageAction, StatusIcon, When } from '../parts';

/** Drift reports, newest first; the newest is open. */
export function Drift(props: {
  answer: IAnswer<IDriftReport[]>;
  actions: IActions;
  trans: TranslationBundle;
}): JSX.Element {
  const { actions, trans } = props;
  return (
    <Answered
      answer={props.answer}
      isEmpty={reports => reports.length === 0}
      hint={trans.__('Call `mlops.drift(reference, current)` in a cell.')}
      retry={() => actions.retry('drift')}
      trans={trans}
    >
      {reports => (
        <ul className="jp-Mlops-list">
          {reports.map((report, i) => (
            <Report
              key={report.id}
              report={report}
              initiallyOpen={i === 0}
              actions={actions}
              trans={trans}
            />
          ))}
        </ul>
      )}
    </Answered>
  );
}

function Report(props: {
  report: IDriftReport;
  initiallyOpen: boolean;
  actions: IActions;
  trans: TranslationBundle;
}): JSX.Element {
  const { report, actions, trans } = props;
  const drifted = report.columns.filter(column => column.drifted).length;
  return (
    <Disclosure
      initiallyOpen={props.initiallyOpen}
      head={
        <>
          <StatusIcon status={report.drifted ? 'drifted' : 'stable'} />
          <span className="jp-Mlops-main">
            <span className="jp-Mlops-line">
              <span className="jp-Mlops-name">{report.name}</span>
            </span>
            <span className="jp-Mlops-line jp-Mlops-second">
              <span
                className={`jp-Mlops-word jp-mod-${report.drifted ? 'drifted' : 'stable'}`}
              >
                {report.drifted ? trans.__('drifted') : trans.__('stable')}
              </span>
              <span>
                {trans.__(
                  '%1 of %2 columns',
                  drifted,
                  report.columns.length
                )}
              </span>
              <When at={report.created} />
            </span>
          </span>
        </>
      }
      actions={
        <LineageAction
          name={report.name}
          open={() => actions.openLineage(report.id)}
          trans={trans}
        />
      }
    >
      {() => <Columns columns={report.columns} trans={trans} />}
    </Disclosure>
  );
}

function Columns(props: {
  columns: IColumnDrift[];
  trans: TranslationBundle;
}): JSX.Element {
  const { trans } = props;
  const columns = [...props.columns].sort(
    (one, other) =>
      Number(other.drifted) - Number(one.drifted) || other.psi - one.psi
  );
  return (
    <table className="jp-Mlops-table jp-mod-drift">
      <thead>
        <tr>
          <th scope="col">{trans.__('Column')}</th>
          <th scope="col">{trans.__('Shares')}</th>
          <th scope="col" className="jp-mod-number">
            {trans.__('Value')}
          </th>
          <th scope="col" className="jp-mod-number">
            {trans.__('Limit')}
          </th>
          <th scope="col">
            <span className="jp-Mlops-unseen">{trans.__('Verdict')}</span>
          </th>
        </tr>
      </thead>
      {columns.map(column => (
        <Column key={column.column} column={column} trans={trans} />
      ))}
    </table>
  );
}

function Column(props: {
  column: IColumnDrift;
  trans: TranslationBundle;
}): JSX.Element {
  const { column, trans } = props;
  const [open, setOpen] = React.useState(false);
  const verdict = column.drifted ? trans.__('drifted') : trans.__('stable');
  return (
    <tbody>
      <tr>
        <th scope="row">
          <button
            type="button"
            className="jp-Mlops-link"
            aria-expanded={open}
            title={`${column.column} (${column.test})`}
            onClick={() => setOpen(!open)}
          >
            <span className="jp-Mlops-name">{column.column}</span>
          </button>
        </th>
        <td>
          <Histogram column={column} width={52} height={18} trans={trans} />
        </td>
        <td className="jp-mod-number">{format.number(column.statistic)}</td>
        <td className="jp-mod-number">{format.number(column.threshold)}</td>
        <td>
          <StatusIcon
            status={column.drifted ? 'drifted' : 'stable'}
            label={verdict}
          />
        </td>
      </tr>
      {open && (
        <tr className="jp-mod-open">
          <td colSpan={5}>
            <Histogram column={column} width={260} height={90} detailed trans={trans} />
            <p className="jp-Mlops-second">
              {trans.__(
                '%1 · p = %2 · PSI = %3',
                column.test,
                format.number(column.p_value),
                format.number(column.psi)
              )}
            </p>
          </td>
        </tr>
      )}
    </tbody>
  );
}
