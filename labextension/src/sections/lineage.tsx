import { TranslationBundle } from '@jupyterlab/translation';
import React from 'react';

import { IActions } from '../actions';
import { IGraph } from '../api';
import { IAnswer } from '../model';
import { Action, Answered, KindMark } from '../parts';
import { mlopsIcon } from '../icons';

const MOST = 30;

/** What the cells of this place made, and the way to the graph. */
export function Lineage(props: {
  answer: IAnswer<IGraph>;
  actions: IActions;
  trans: TranslationBundle;
}): JSX.Element {
  const { actions, trans } = props;
  return (
    <Answered
      answer={props.answer}
      isEmpty={graph => graph.nodes.length === 0}
      hint={trans.__(
        'Run `%load_ext mlops_nb` in a notebook, then a cell that reads or makes something.'
      )}
      retry={() => actions.retry('lineage')}
      trans={trans}
    >
      {graph => (
        <>
          <div className="jp-Mlops-toolbar">
            <Action
              label={trans.__('Open lineage graph')}
              icon={mlopsIcon}
              onClick={() => actions.openLineage()}
            />
          </div>
          <ul className="jp-Mlops-list">
            {things(graph).map(node => (
              <li key={node.id}>
                <button
                  type="button"
                  className="jp-Mlops-link"
                  title={trans.__('Lineage of %1', node.name)}
                  onClick={() => actions.openLineage(node.id)}
                >
                  <KindMark kind={node.kind} />
                  <span className="jp-Mlops-name">{node.name}</span>
                  <span className="jp-Mlops-second">{node.kind}</span>
                </button>
              </li>
            ))}
          </ul>
        </>
      )}
    </Answered>
  );
}

/** The newest things a cell made or read, once per name and kind. */
function things(graph: IGraph): IGraph['nodes'] {
  const seen = new Set<string>();
  return [...graph.nodes]
    .reverse()
    .filter(node => {
      const key = `${node.kind} ${node.name}`;
      const fresh =
        node.kind !== 'execution' && node.kind !== 'run' && !seen.has(key);
      seen.add(key);
      return fresh;
    })
    .slice(0, MOST);
}
