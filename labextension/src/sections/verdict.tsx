import { TranslationBundle } from '@jupyterlab/translation';
import React from 'react';

import { INotebookVerdict } from '../api';
import * as format from '../format';
import { Sign, Trouble } from '../parts';
import { Failure } from '../request';
import { terms } from '../terms';
import { counts, firstConcern } from '../verdicts';

/** The verdict of the current notebook in numbers, and the way to its first cell that is not clean. */
export function VerdictLine(props: {
  value: INotebookVerdict | null;
  failure: Failure | null;
  jump: (cell: string) => void;
  retry: () => void;
  trans: TranslationBundle;
}): JSX.Element | null {
  const { value, failure, trans } = props;
  if (failure) {
    return <Trouble failure={failure} retry={props.retry} trans={trans} />;
  }
  const amounts = counts(value?.cells ?? []);
  if (!value || amounts.length === 0) {
    return null;
  }
  const concern = firstConcern(value.cells);
  const words = (
    <>
      <span className="jp-Mlops-name">{format.basename(value.notebook)}</span>
      <span className="jp-Mlops-counts">
        {amounts.map(([verdict, count]) => (
          <span key={verdict} className="jp-Mlops-count">
            <Sign verdict={verdict} />
            {terms(verdict, trans).amount(count)}
          </span>
        ))}
      </span>
    </>
  );
  return (
    <div role="status">
      {concern ? (
        <button
          type="button"
          className="jp-Mlops-link jp-Mlops-verdict"
          title={trans.__('Go to the first cell that is not clean')}
          onClick={() => props.jump(concern.cell)}
        >
          {words}
        </button>
      ) : (
        <div className="jp-Mlops-link jp-Mlops-verdict">{words}</div>
      )}
    </div>
  );
}
