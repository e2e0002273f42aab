import { TranslationBundle } from '@jupyterlab/translation';
import { IDisposable } from '@lumino/disposable';
import React from 'react';

import { IDetail, IGraphNode, JSONValue, IOutput, IReproduction } from './api';
import * as format from './format';
import { KindMark } from './parts';
import { Reproduce } from './reproduction';

/** Draws one MIME value into an element (Lab's rendermime, wired in `index.ts`). */
export type Render = (
  host: HTMLElement,
  mime: string,
  data: string
) => Promise<IDisposable>;

/** All about one record: facts, source, outputs, children. */
export function DetailView(props: {
  detail: IDetail;
  render: Render;
  openNode: (id: string) => void;
  openLineage: (id: string) => void;
  reproduce: (id: string) => Promise<IReproduction>;
  trans: TranslationBundle;
}): JSX.Element {
  const { detail, render, trans } = props;
  const facts = Object.entries(detail.facts).filter(
    ([, value]) => value !== null && value !== ''
  );
  return (
    <article className="jp-Mlops-detail" aria-label={detail.name}>
      <header>
        <h3>
          <KindMark kind={detail.kind} />
          <span>{detail.name}</span>
        </h3>
        <div className="jp-Mlops-line jp-Mlops-second">
          <span>{detail.kind}</span>
          <code>{detail.id}</code>
          <button
            type="button"
            className="jp-Mlops-action"
            onClick={() => props.openLineage(detail.id)}
          >
            {trans.__('Lineage')}
          </button>
        </div>
        <Reproduce
          key={detail.id}
          detail={detail}
          reproduce={props.reproduce}
          trans={trans}
        />
      </header>
      {facts.length > 0 && (
        <section aria-label={trans.__('Facts')}>
          <dl className="jp-Mlops-pairs">
            {facts.map(([label, value]) => (
              <React.Fragment key={label}>
                <dt>{label}</dt>
                <dd className={nested(value) ? 'jp-mod-wide' : undefined}>
                  <Value value={value} />
                </dd>
              </React.Fragment>
            ))}
          </dl>
        </section>
      )}
      {detail.source !== null && (
        <section aria-label={trans.__('Source')}>
          <h4>{trans.__('Source')}</h4>
          <Rendered
            key={detail.source}
            className="jp-Mlops-source"
            label={trans.__('Source')}
            mime="text/markdown"
            data={fenced(detail.source)}
            fallback={detail.source}
            render={render}
          />
        </section>
      )}
      {detail.outputs.length > 0 && (
        <section aria-label={trans.__('Outputs')}>
          <h4>{trans.__('Outputs')}</h4>
          {detail.outputs.map((output, i) => (
            <Output key={`${detail.id} ${i}`} output={output} render={render} trans={trans} />
          ))}
        </section>
      )}
      {detail.children.length > 0 && (
        <section aria-label={trans.__('Related')}>
          <h4>{trans.__('Related')}</h4>
          <ul className="jp-Mlops-list">
            {detail.children.map(child => (
              <Child key={child.id} child={child} openNode={props.openNode} />
            ))}
          </ul>
        </section>
      )}
    </article>
  );
}

function Child(props: {
  child: IGraphNode;
  openNode: (id: string) => void;
}): JSX.Element {
  const { child } = props;
  return (
    <li>
      <button
        type="button"
        className="jp-Mlops-link"
        title={child.name}
        onClick={() => props.openNode(child.id)}
      >
        <KindMark kind={child.kind} />
        <span className="jp-Mlops-name">{child.name}</span>
        <span className="jp-Mlops-second">{child.kind}</span>
      </button>
    </li>
  );
}

function Output(props: {
  output: IOutput;
  render: Render;
  trans: TranslationBundle;
}): JSX.Element {
  const { output, trans } = props;
  return (
    <>
      <Rendered
        className="jp-Mlops-output"
        label={trans.__('Output')}
        mime={output.mime}
        data={output.text ?? output.data ?? ''}
        fallback={output.text ?? output.mime}
        render={props.render}
      />
      {output.truncated && (
        <p className="jp-Mlops-second">{trans.__('cut at the size limit')}</p>
      )}
    </>
  );
}

/** A MIME value drawn by Lab; its text until then, or if Lab cannot. */
function Rendered(props: {
  mime: string;
  data: string;
  fallback: string;
  label: string;
  className: string;
  render: Render;
}): JSX.Element {
  const { mime, data, label, render } = props;
  const host = React.useRef<HTMLDivElement>(null);
  const [drawn, setDrawn] = React.useState(false);
  React.useEffect(() => {
    let gone = false;
    let drawing: IDisposable | null = null;
    const element = host.current;
    if (element) {
      render(element, mime, data).then(
        made => {
          drawing = made;
          gone ? made.dispose() : setDrawn(true);
          element.querySelectorAll('img:not([alt])').forEach(image => {
            image.setAttribute('alt', label);
          });
        },
        () => undefined
      );
    }
    return () => {
      gone = true;
      drawing?.dispose();
      setDrawn(false);
    };
  }, [mime, data, label, render]);
  return (
    <div
      className={props.className}
      role="group"
      aria-label={label}
      tabIndex={0}
    >
      {!drawn && <pre>{props.fallback}</pre>}
      <div ref={host} hidden={!drawn} />
    </div>
  );
}

/** A fact: a scalar as text, a list of records as a table, a record as pairs. */
function Value(props: { value: JSONValue }): JSX.Element {
  const { value } = props;
  if (isRows(value)) {
    return <Rows rows={value} />;
  }
  if (Array.isArray(value)) {
    return <span>{value.map(format.inline).join(', ')}</span>;
  }
  if (isRecord(value)) {
    return (
      <dl className="jp-Mlops-pairs">
        {Object.entries(value).map(([name, inner]) => (
          <React.Fragment key={name}>
            <dt>{name}</dt>
            <dd className={nested(inner) ? 'jp-mod-wide' : undefined}>
              <Value value={inner} />
            </dd>
          </React.Fragment>
        ))}
      </dl>
    );
  }
  return <span className="jp-Mlops-text">{format.inline(value)}</span>;
}

function Rows(props: { rows: Row[] }): JSX.Element {
  const names = [...new Set(props.rows.flatMap(row => Object.keys(row)))];
  const numeric = (name: string) =>
    props.rows.some(row => typeof row[name] === 'number');
  return (
    <div className="jp-Mlops-scroll" tabIndex={0} role="group">
      <table className="jp-Mlops-table">
        <thead>
          <tr>
            {names.map(name => (
              <th
                key={name}
                scope="col"
                className={numeric(name) ? 'jp-mod-number' : undefined}
              >
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {props.rows.map((row, i) => (
            <tr key={i}>
              {names.map(name => (
                <td
                  key={name}
                  className={numeric(name) ? 'jp-mod-number' : undefined}
                >
                  {format.inline(row[name] ?? '')}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

type Row = { [key: string]: JSONValue };

function isRecord(value: JSONValue): value is Row {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isRows(value: JSONValue): value is Row[] {
  return Array.isArray(value) && value.length > 0 && value.every(isRecord);
}

function nested(value: JSONValue): boolean {
  return isRows(value) || isRecord(value);
}

/** Python source as Markdown, in a fence longer than any run of backticks in it. */
function fenced(source: string): string {
  const runs = source.match(/`+/g) ?? [];
  const fence = '`'.repeat(Math.max(3, ...runs.map(run => run.length + 1)));
  return `${fence}python\n${source}\n${fence}`;
}
