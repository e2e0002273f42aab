import { Time } from '@jupyterlab/coreutils';

import { JSONValue } from './api';

const MOMENT = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)$/;

/** Four significant digits, no noise: 0.9123, 12.5, 1.2e-7, 120,000; – for NaN. */
export function number(value: number | null): string {
  if (value === null || !Number.isFinite(value)) {
    return '–';
  }
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-4 || size >= 1e9)) {
    return value.toExponential(2);
  }
  return Number.isInteger(value)
    ? value.toLocaleString()
    : value.toLocaleString(undefined, { maximumSignificantDigits: 4 });
}

/** A duration as people say it: 40 ms, 3.2 s, 4 min 05 s, 2 h 10 min. */
export function duration(seconds: number): string {
  if (seconds < 1) {
    return `${Math.round(seconds * 1000)} ms`;
  }
  if (seconds < 60) {
    return `${seconds < 10 ? seconds.toFixed(1) : Math.round(seconds)} s`;
  }
  const whole = Math.round(seconds);
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60)];
  return hours
    ? `${hours} h ${pad(minutes % 60)} min`
    : `${minutes} min ${pad(whole % 60)} s`;
}

/** Seconds from one moment to another (or to now). */
export function elapsed(started: string, ended: string | null): number {
  const end = ended === null ? Date.now() : moment(ended);
  return Math.max(0, (end - moment(started)) / 1000);
}

/** "3m ago", in the language of the page. */
export function ago(at: string): string {
  return Time.formatHuman(new Date(moment(at)), 'narrow');
}

/** The exact local time. */
export function exact(at: string): string {
  return new Date(moment(at)).toLocaleString();
}

/** A JSON value on one line; moments as local time. */
export function inline(value: JSONValue): string {
  if (typeof value === 'number') {
    return number(value);
  }
  if (typeof value === 'string' && MOMENT.test(value)) {
    return exact(value);
  }
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/** The file's name without its folder. */
export function basename(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

function moment(at: string): number {
  const zoned = /Z|[+-]\d\d:?\d\d$/.test(at) ? at : `${at}Z`;
  return Date.parse(zoned);
}

function pad(value: number): string {
  return String(value).padStart(2, '0');
}
