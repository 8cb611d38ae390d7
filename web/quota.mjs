// What is left of a quota, and for how long, in words.

import { duration, moment, percent } from './format.mjs';

const WHY = {
  not_given: 'the language server does not say',
  placeholder: 'the language server gives a placeholder',
  bad_value: 'the language server gives no valid share',
  window_over: 'its window is over, the next reading tells',
};

/**
 * @typedef {object} Row
 * @property {string} name @property {string} window
 * @property {number|null} remaining @property {string} why when it is not known
 * @property {string} resets @property {string} forecast empty: nothing to say
 * @property {'good'|'low'|'unknown'} state
 */

/** Pools first: they are what runs out. @param {object} quota of /v1/quota @returns {{pools: Row[], models: Row[]}} */
export function rows(quota, now) {
  const pools = (quota.pools ?? []).flatMap((pool) => (pool.buckets ?? []).map((bucket) =>
    row(bucket.name ?? pool.name ?? bucket.id, bucket.window ?? '', bucket, now)));
  const models = (quota.models ?? []).filter((model) => !model.disabled).map((model) => row(model.name ?? model.id, '', model, now));
  return { pools, models };
}

function row(name, window, allowance, now) {
  const remaining = allowance.remaining_fraction;
  return {
    name, window, remaining,
    why: remaining === null ? WHY[allowance.unknown_because] ?? 'not known' : '',
    resets: allowance.resets_at ? `resets ${moment(allowance.resets_at, now)}, in ${until(allowance.resets_at, now)}` : '',
    forecast: forecast(allowance, now),
    state: stateOf(allowance, now),
  };
}

const until = (text, now) => duration((Date.parse(text) - now.getTime()) / 1000);

function stateOf({ remaining_fraction: remaining, forecast: found }, now) {
  if (remaining === null) return 'unknown';
  const isEmptySoon = Boolean(found?.empty_at) && Date.parse(found.empty_at) - now.getTime() < 3600e3;
  return remaining < 0.15 || isEmptySoon ? 'low' : 'good';
}

/**
 * A daemon that makes no forecasts leaves the member out; null means that there is too little to go by.
 * @param {object} allowance @param {Date} now
 */
export function forecast(allowance, now) {
  const found = allowance.forecast;
  if (found === undefined) return '';
  if (found === null) return allowance.remaining_fraction === null ? '' : 'no forecast yet';
  const basis = `${percent(found.rate_per_hour)} an hour over the last ${duration(found.basis_seconds)}`;
  if (found.rate_per_hour === 0) return `not used in the last ${duration(found.basis_seconds)}`;
  if (found.empty_at === null) return `lasts until it resets, at ${basis}`;
  if (Date.parse(found.empty_at) <= now.getTime()) return `empty by now, at ${basis}`;
  return `empty in ${until(found.empty_at, now)}, at ${moment(found.empty_at, now)}, by ${basis}`;
}

/**
 * Lines of the chart: every series on one axis of time, with gaps where it was not read or not known.
 * @param {object} history of /v1/quota/history @param {number} most lines
 * @returns {{at: number[], lines: {name: string, values: (number|null|undefined)[]}[], left: number}} at: in seconds
 */
export function lines(history, most) {
  const series = (history.series ?? []).filter((one) => one.points.length > 0);
  // What fell most is what one wants to see; the rest is counted.
  const shown = [...series].sort((a, b) => fall(b) - fall(a)).slice(0, most);
  const at = [...new Set(shown.flatMap((one) => one.points.map((point) => Date.parse(point.at))))].sort((a, b) => a - b);
  const made = shown.map((one) => {
    const known = new Map(one.points.map((point) => [Date.parse(point.at), point.remaining_fraction]));
    // Undefined: another series was read then, the line goes on; null: not known, the line breaks.
    return { name: one.window ? `${one.name} (${one.window})` : one.name, values: at.map((time) => known.get(time)) };
  });
  return { at: at.map((time) => time / 1000), lines: made, left: series.length - shown.length };
}

function fall({ points }) {
  const known = points.map((point) => point.remaining_fraction).filter((value) => value !== null);
  return known.length === 0 ? -1 : Math.max(...known) - Math.min(...known);
}
