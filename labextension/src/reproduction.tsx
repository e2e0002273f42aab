import { TranslationBundle } from '@jupyterlab/translation';
import React from 'react';

import { IDetail, IReproduction } from './api';
import { asFailure, IAnswer } from './model';

/** What a cell made, or is: only that can be made again. */
const KINDS = new Set([
  'dataset',
  'execution',
  'figure',
  'file',
  'model',
  'result',
  'run',
  'variable'
]);

/** Asks whether a record comes out again, and says how that ended. */
export function Reproduce(props: {
  detail: IDetail;
  reproduce: (ref: string) => Promise<IReproduction>;
  trans: TranslationBundle;
}): JSX.Element | null {
  const { detail, trans } = props;
  const [answer, setAnswer] = React.useState<IAnswer<IReproduction>>({
    value: null,
    failure: null,
    loading: false
  });
  if (!KINDS.has(detail.kind)) {
    return null;
  }
  const run = async () => {
    setAnswer({ value: null, failure: null, loading: true });
    try {
      const value = await props.reproduce(detail.id);
      setAnswer({ value, failure: null, loading: false });
    } catch (error) {
      setAnswer({ value: null, failure: asFailure(error), loading: false });
    }
  };
  return (
    <div className="jp-Mlops-reproduction">
      <button
        type="button"
        className="jp-Mlops-action"
        aria-disabled={answer.loading}
        title={trans.__('Run its cells again on a copy, and compare')}
        onClick={() => {
          if (!answer.loading) {
            void run();
          }
        }}
      >
        {trans.__('Reproduce')}
      </button>
      <span role="status">
        {answer.loading && trans.__('Its cells run again…')}
        {answer.value && <Verdict found={answer.value} trans={trans} />}
      </span>
      {answer.failure && (
        <p className="jp-Mlops-trouble" role="alert">
          {answer.failure.message}
        </p>
      )}
      {answer.value && <Differences found={answer.value} trans={trans} />}
    </div>
  );
}

function Verdict(props: {
  found: IReproduction;
  trans: TranslationBundle;
}): JSX.Element {
  const { found, trans } = props;
  const again = found.verdict === 'identical' || found.verdict === 'equivalent';
  return (
    <>
      <b className={again ? 'jp-mod-passed' : 'jp-mod-refused'}>
        {again ? '✓ ' : '✗ '}
        {found.verdict}
      </b>
      <span className="jp-Mlops-second">
        {' '}
        {trans._n(
          '%1 result of %2 cells',
          '%1 results of %2 cells',
          found.compared.length,
          found.slice
        )}
      </span>
    </>
  );
}

/** What did not come out again, and why. */
function Differences(props: {
  found: IReproduction;
  trans: TranslationBundle;
}): JSX.Element {
  const { found, trans } = props;
  const different = found.compared.filter(one => one.verdict === 'different');
  return (
    <>
      {found.reason && <p className="jp-Mlops-second">{found.reason}</p>}
      {different.length > 0 && (
        <ul aria-label={trans.__('What differs')}>
          {different.map(one => (
            <li key={one.name}>
              {one.name}: {one.detail}
            </li>
          ))}
        </ul>
      )}
    </>
  );
}
