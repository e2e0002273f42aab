import { TranslationBundle } from '@jupyterlab/translation';
import React from 'react';

import { IColumnDrift } from './api';
import * as format from './format';

/** The shares of reference (grey, filled) and current (outlined) per bin, overlaid. */
export function Histogram(props: {
  column: IColumnDrift;
  width: number;
  height: number;
  detailed?: boolean;
  trans: TranslationBundle;
}): JSX.Element {
  const { column, width, height, trans } = props;
  const highest = Math.max(...column.reference, ...column.current, 1e-12);
  const bins = Math.max(column.reference.length, column.current.length, 1);
  const step = width / bins;
  const gap = Math.min(1, step / 8);
  const y = (share: number) => (height - 1) * (1 - share / highest) + 0.5;
  const title = trans.__('Reference and current shares of %1', column.column);
  return (
    <figure className={`jp-Mlops-histogram ${props.detailed ? 'jp-mod-detailed' : ''}`}>
      <svg
        viewBox={`0 0 ${width} ${height}`}
        width={props.detailed ? '100%' : width}
        height={height}
        preserveAspectRatio="none"
        role="img"
        aria-label={title}
      >
        {column.reference.map((share, i) => (
          <rect
            key={`r${i}`}
            className="jp-mod-reference"
            x={i * step + gap}
            width={step - 2 * gap}
            y={y(share)}
            height={height - y(share)}
          >
            <title>{tip(column, i)}</title>
          </rect>
        ))}
        {column.current.map((share, i) => (
          <rect
            key={`c${i}`}
            className={`jp-mod-current ${column.drifted ? 'jp-mod-drifted' : ''}`}
            x={i * step + gap}
            width={step - 2 * gap}
            y={y(share)}
            height={height - y(share)}
          >
            <title>{tip(column, i)}</title>
          </rect>
        ))}
      </svg>
      {props.detailed && (
        <figcaption>
          <span className="jp-Mlops-labels" aria-hidden="true">
            <span>{column.labels[0]}</span>
            <span>{column.labels[column.labels.length - 1]}</span>
          </span>
          <span className="jp-Mlops-legend">
            <span className="jp-mod-reference">{trans.__('reference')}</span>
            <span
              className={`jp-mod-current ${column.drifted ? 'jp-mod-drifted' : ''}`}
            >
              {trans.__('current')}
            </span>
          </span>
        </figcaption>
      )}
    </figure>
  );
}

function tip(column: IColumnDrift, bin: number): string {
  const share = (values: number[]) =>
    `${format.number(100 * (values[bin] ?? 0))} %`;
  return `${column.labels[bin] ?? bin}: ${share(column.reference)} → ${share(column.current)}`;
}
