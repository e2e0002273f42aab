import { TranslationBundle } from '@jupyterlab/translation';
import {
  caretDownIcon,
  caretRightIcon,
  checkIcon,
  circleEmptyIcon,
  circleIcon,
  closeIcon,
  historyIcon,
  LabIcon,
  stopIcon
} from '@jupyterlab/ui-components';
import React from 'react';

import { JSONValue } from './api';
import * as format from './format';
import { mlopsIcon, verdictIcons } from './icons';
import { IAnswer } from './model';
import { Failure } from './request';

const LOOKS: { [status: string]: { icon: LabIcon; tone: string } } = {
  ok: { icon: checkIcon, tone: 'good' },
  ran: { icon: checkIcon, tone: 'good' },
  passed: { icon: checkIcon, tone: 'good' },
  stable: { icon: checkIcon, tone: 'good' },
  cached: { icon: historyIcon, tone: 'quiet' },
  running: { icon: circleIcon, tone: 'busy' },
  failed: { icon: closeIcon, tone: 'bad' },
  drifted: { icon: closeIcon, tone: 'bad' },
  aborted: { icon: stopIcon, tone: 'warn' }
};

/** The tone (a CSS modifier) of a status. */
export function tone(status: string): string {
  return LOOKS[status]?.tone ?? 'quiet';
}

/** A status as an icon; the word itself is for `label` or the text beside it. */
export function StatusIcon(props: {
  status: string;
  label?: string;
}): JSX.Element {
  const Icon = (LOOKS[props.status]?.icon ?? circleEmptyIcon).react;
  return (
    <span
      className={`jp-Mlops-status jp-mod-${tone(props.status)}`}
      role={props.label ? 'img' : undefined}
      aria-label={props.label}
      aria-hidden={props.label ? undefined : true}
      title={props.label}
    >
      <Icon tag="span" width="14px" height="14px" />
    </span>
  );
}

/** A verdict as its sign; without a label the word stands beside it. */
export function Sign(props: { verdict: string; label?: string }): JSX.Element {
  const Icon = (verdictIcons[props.verdict] ?? circleEmptyIcon).react;
  return (
    <span
      className={`jp-Mlops-sign jp-mod-${props.verdict}`}
      role={props.label ? 'img' : undefined}
      aria-label={props.label}
      aria-hidden={props.label ? undefined : true}
      title={props.label}
    >
      <Icon tag="span" />
    </span>
  );
}

/** A row that opens and closes what belongs to it. */
export function Disclosure(props: {
  head: React.ReactNode;
  label?: string;
  actions?: React.ReactNode;
  initiallyOpen?: boolean;
  className?: string;
  children: () => React.ReactNode;
}): JSX.Element {
  const [open, setOpen] = React.useState(props.initiallyOpen ?? false);
  const id = React.useId();
  const Caret = open ? caretDownIcon.react : caretRightIcon.react;
  return (
    <li
      className={`jp-Mlops-item ${open ? 'jp-mod-open' : ''} ${props.className ?? ''}`}
    >
      <div className="jp-Mlops-row">
        <button
          type="button"
          className="jp-Mlops-disclosure"
          aria-expanded={open}
          aria-controls={open ? id : undefined}
          aria-label={props.label}
          onClick={() => setOpen(!open)}
        >
          <Caret tag="span" className="jp-Mlops-caret" />
          {props.head}
        </button>
        {props.actions && <div className="jp-Mlops-actions">{props.actions}</div>}
      </div>
      {open && (
        <div id={id} className="jp-Mlops-body">
          {props.children()}
        </div>
      )}
    </li>
  );
}

/** A small text button of a row or a toolbar. */
export function Action(props: {
  label: string;
  title?: string;
  onClick: () => void;
  icon?: LabIcon;
}): JSX.Element {
  const Icon = props.icon?.react;
  return (
    <button
      type="button"
      className="jp-Mlops-action"
      aria-label={props.title}
      title={props.title}
      onClick={props.onClick}
    >
      {Icon && <Icon tag="span" width="14px" height="14px" />}
      {props.label}
    </button>
  );
}

/** The way to the lineage graph around a record. */
export function LineageAction(props: {
  name: string;
  open: () => void;
  trans: TranslationBundle;
}): JSX.Element {
  const title = props.trans.__('Lineage of %1', props.name);
  return (
    <button
      type="button"
      className="jp-Mlops-action jp-mod-quiet"
      aria-label={title}
      title={title}
      onClick={props.open}
    >
      <mlopsIcon.react tag="span" width="14px" height="14px" />
    </button>
  );
}

/** Text whose parts between backticks are code. */
export function Hint(props: { text: string }): JSX.Element {
  return (
    <p className="jp-Mlops-hint">
      {props.text
        .split('`')
        .map((part, i) => (i % 2 ? <code key={i}>{part}</code> : part))}
    </p>
  );
}

/** What the server said went wrong, and another try. */
export function Trouble(props: {
  failure: Failure;
  retry: () => void;
  trans: TranslationBundle;
}): JSX.Element {
  return (
    <div className="jp-Mlops-trouble" role="alert">
      <span>{props.failure.message}</span>
      <Action label={props.trans.__('Retry')} onClick={props.retry} />
    </div>
  );
}

/** An answer in one of its forms: awaited, refused, empty, or there. */
export function Answered<T>(props: {
  answer: IAnswer<T>;
  isEmpty: (value: T) => boolean;
  hint: string;
  retry: () => void;
  trans: TranslationBundle;
  children: (value: T) => React.ReactNode;
}): JSX.Element {
  const { value, failure, loading } = props.answer;
  const { trans } = props;
  if (failure?.isNoProject) {
    return <Hint text={props.hint} />;
  }
  return (
    <div aria-busy={loading}>
      {failure && <Trouble failure={failure} retry={props.retry} trans={trans} />}
      {value === null
        ? loading && (
            <p className="jp-Mlops-hint" role="status">
              {trans.__('Loading…')}
            </p>
          )
        : props.isEmpty(value)
          ? !failure && <Hint text={props.hint} />
          : props.children(value)}
    </div>
  );
}

/** Names and values in two aligned columns; nothing when there are none. */
export function Pairs(props: {
  title: string;
  values: { [name: string]: JSONValue };
}): JSX.Element | null {
  const pairs = Object.entries(props.values);
  return pairs.length === 0 ? null : (
    <div role="group" className="jp-Mlops-block" aria-label={props.title}>
      <h4>{props.title}</h4>
      <dl className="jp-Mlops-pairs">
        {pairs.map(([name, value]) => (
          <React.Fragment key={name}>
            <dt title={name}>{name}</dt>
            <dd title={format.inline(value)}>{format.inline(value)}</dd>
          </React.Fragment>
        ))}
      </dl>
    </div>
  );
}

/** The first few metrics on one line. */
export function Metrics(props: {
  metrics: { [name: string]: number };
  most?: number;
}): JSX.Element | null {
  const few = Object.entries(props.metrics).slice(0, props.most ?? 3);
  return few.length === 0 ? null : (
    <span className="jp-Mlops-metrics">
      {few.map(([name, value]) => (
        <span key={name}>
          <i>{name}</i> <b>{format.number(value)}</b>
        </span>
      ))}
    </span>
  );
}

/** How long ago, with the exact time as its tooltip. */
export function When(props: { at: string | null }): JSX.Element | null {
  return props.at === null ? null : (
    <time dateTime={props.at} title={format.exact(props.at)}>
      {format.ago(props.at)}
    </time>
  );
}

/** A duration; counts on by itself while there is no end. */
export function Took(props: {
  started: string | null;
  ended: string | null;
  running: boolean;
}): JSX.Element | null {
  const [, tick] = React.useReducer((n: number) => n + 1, 0);
  React.useEffect(() => {
    if (props.running) {
      const timer = setInterval(tick, 1000);
      return () => clearInterval(timer);
    }
    return undefined;
  }, [props.running]);
  if (props.started === null || (props.ended === null && !props.running)) {
    return null;
  }
  return (
    <span className="jp-Mlops-took">
      {format.duration(format.elapsed(props.started, props.ended))}
    </span>
  );
}

/** The mark of a record's kind: a coloured dot. */
export function KindMark(props: { kind: string }): JSX.Element {
  return (
    <span className={`jp-Mlops-mark jp-mod-${props.kind}`} aria-hidden="true" />
  );
}
