import { ReactWidget, refreshIcon } from '@jupyterlab/ui-components';
import { TranslationBundle } from '@jupyterlab/translation';
import { Message } from '@lumino/messaging';
import React from 'react';

import { IDetail, IGraph } from './api';
import { DetailView, Render } from './detail';
import { mlopsIcon } from './icons';
import { asFailure, IAnswer, MlopsModel, unanswered } from './model';
import { Action, Answered } from './parts';

const GraphView = React.lazy(() => import('./graph'));

/** Which graph: around `ref`, or the whole recent project (null) at a place. */
export interface ISubject {
  ref: string | null;
  at: string;
}

/** The lineage graph with the detail of the chosen node beside it. */
export function LineageView(props: {
  model: MlopsModel;
  subject: ISubject;
  render: Render;
  trans: TranslationBundle;
  openLineage: (ref?: string) => void;
  onName: (name: string | null) => void;
}): JSX.Element {
  const { model, subject, trans } = props;
  const { ref, at } = subject;
  const [selected, setSelected] = React.useState<string | null>(ref);
  const [zoom, setZoom] = React.useState<number | null>(null);
  const stirred = useStirs(model);
  const [graph, reloadGraph] = useAnswer<IGraph>(
    signal => model.lineage(ref, at, signal),
    [ref, at, stirred]
  );
  const [detail, reloadDetail] = useAnswer<IDetail>(
    selected === null ? null : signal => model.show(selected, at, signal),
    [selected, at, stirred]
  );
  const boxes = React.useMemo(
    () =>
      (graph.value?.nodes ?? []).map(node => ({
        id: node.id,
        label: node.name,
        hint: node.kind,
        tone: node.kind
      })),
    [graph.value]
  );
  const name = boxes.find(box => box.id === ref)?.label ?? ref;
  // what was asked for may be a reference such as models:/NAME@alias, not the ID of a node
  const marked = boxes.some(box => box.id === selected)
    ? selected
    : (detail.value?.id ?? null);
  React.useEffect(() => props.onName(name), [name]);
  return (
    <div className="jp-Mlops-lineage">
      <div
        className="jp-Mlops-bar"
        role="toolbar"
        aria-label={trans.__('Lineage tools')}
      >
        <span className="jp-Mlops-name">
          {name === null ? trans.__('Recent lineage') : name}
        </span>
        <Legend kinds={new Set(boxes.map(box => box.tone))} />
        <Action
          label="−"
          title={trans.__('Smaller')}
          onClick={() => setZoom((zoom ?? 1) / 1.25)}
        />
        <Action
          label="+"
          title={trans.__('Larger')}
          onClick={() => setZoom((zoom ?? 0.8) * 1.25)}
        />
        <Action
          label={trans.__('Fit')}
          title={trans.__('Fit the width')}
          onClick={() => setZoom(null)}
        />
        {ref !== null && (
          <Action
            label={trans.__('Whole project')}
            onClick={() => props.openLineage()}
          />
        )}
        <Action
          label=""
          icon={refreshIcon}
          title={trans.__('Refresh the graph')}
          onClick={reloadGraph}
        />
      </div>
      <div className="jp-Mlops-split">
        <section
          className="jp-Mlops-canvas"
          aria-label={trans.__('Lineage graph')}
        >
          <Answered
            answer={graph}
            isEmpty={value => value.nodes.length === 0}
            hint={trans.__(
              'Run `%load_ext mlops_nb` in a notebook, then a cell that reads or makes something.'
            )}
            retry={reloadGraph}
            trans={trans}
          >
            {value => (
              <React.Suspense fallback={null}>
                {selected === null && (
                  <p className="jp-Mlops-hint">
                    {trans.__('Choose a node to see where it came from.')}
                  </p>
                )}
                {value.truncated && (
                  <p className="jp-Mlops-hint" role="status">
                    {trans.__(
                      'Only the nearest part is shown: open the lineage of a node to see around it.'
                    )}
                  </p>
                )}
                <GraphView
                  nodes={boxes}
                  edges={value.edges}
                  label={trans.__('Lineage graph')}
                  selected={marked}
                  onOpen={setSelected}
                  zoom={zoom}
                />
              </React.Suspense>
            )}
          </Answered>
        </section>
        {selected !== null && (
          <section
            className="jp-Mlops-side"
            aria-label={trans.__('Detail')}
          >
            <p className="jp-Mlops-unseen" role="status">
              {detail.value && trans.__('Showing %1', detail.value.name)}
            </p>
            <Answered
              answer={detail}
              isEmpty={() => false}
              hint=""
              retry={reloadDetail}
              trans={trans}
            >
              {value => (
                <DetailView
                  detail={value}
                  render={props.render}
                  openNode={setSelected}
                  openLineage={props.openLineage}
                  reproduce={id => model.reproduce(id, at)}
                  trans={trans}
                />
              )}
            </Answered>
          </section>
        )}
      </div>
    </div>
  );
}

function Legend(props: { kinds: Set<string> }): JSX.Element {
  return (
    <ul className="jp-Mlops-legend">
      {[...props.kinds].sort().map(kind => (
        <li key={kind} className={`jp-mod-${kind}`}>
          {kind}
        </li>
      ))}
    </ul>
  );
}

/** Counts what happened in the project. */
function useStirs(model: MlopsModel): number {
  const [stirs, stir] = React.useReducer((n: number) => n + 1, 0);
  React.useEffect(() => {
    const slot = () => stir();
    model.stirred.connect(slot);
    return () => {
      model.stirred.disconnect(slot);
    };
  }, [model]);
  return stirs;
}

/** Asks when its dependencies change; an overtaken answer is dropped. */
function useAnswer<T>(
  ask: ((signal: AbortSignal) => Promise<T>) | null,
  dependencies: React.DependencyList
): [IAnswer<T>, () => void] {
  const [answer, setAnswer] = React.useState<IAnswer<T>>(unanswered);
  const [turn, again] = React.useReducer((n: number) => n + 1, 0);
  React.useEffect(() => {
    if (ask === null) {
      return undefined;
    }
    const poll = new AbortController();
    setAnswer(last => ({ ...last, loading: true }));
    ask(poll.signal).then(
      value =>
        poll.signal.aborted ||
        setAnswer({ value, failure: null, loading: false }),
      error =>
        poll.signal.aborted ||
        setAnswer(last => ({
          value: last.value,
          failure: asFailure(error),
          loading: false
        }))
    );
    return () => poll.abort();
  }, [...dependencies, turn]);
  return [answer, again];
}

/** The main-area tab of a lineage graph. */
export class LineageWidget extends ReactWidget {
  constructor(
    private readonly options: {
      model: MlopsModel;
      subject: ISubject;
      render: Render;
      trans: TranslationBundle;
      openLineage: (ref?: string) => void;
    }
  ) {
    super();
    const { subject, trans } = options;
    this.id = `mlops-nb-lineage-${subject.ref ?? 'project'}-${subject.at}`;
    this.addClass('jp-Mlops');
    this.title.label = trans.__('Lineage');
    this.title.icon = mlopsIcon;
    this.title.closable = true;
    this.node.tabIndex = -1;
  }

  get subject(): ISubject {
    return this.options.subject;
  }

  render(): JSX.Element {
    return <LineageView {...this.options} onName={this.onName} />;
  }

  private readonly onName = (name: string | null) => {
    const { trans } = this.options;
    this.title.label = name ?? trans.__('Lineage');
    this.title.caption =
      name === null ? trans.__('Recent lineage') : trans.__('Lineage of %1', name);
  };

  protected onAfterShow(message: Message): void {
    super.onAfterShow(message);
    this.options.model.watch(this.id, []);
  }

  protected onAfterAttach(message: Message): void {
    super.onAfterAttach(message);
    if (this.isVisible) {
      this.options.model.watch(this.id, []);
    }
  }

  protected onBeforeHide(message: Message): void {
    super.onBeforeHide(message);
    this.options.model.watch(this.id, null);
  }

  protected onBeforeDetach(message: Message): void {
    this.options.model.watch(this.id, null);
    super.onBeforeDetach(message);
  }
}
