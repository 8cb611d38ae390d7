// From the groups of /v1/usage to the columns of a chart: time across, one layer for each model.

import { day, shortDay } from './format.mjs';
import * as sums from './sums.mjs';

export const MOST_LAYERS = 8;

/**
 * @typedef {object} Span what a chart covers
 * @property {string} since as /v1/usage takes it
 * @property {'hour'|'day'} step
 * @property {{key: string|number, label: string, long: string}[]} columns every step, with calls or without
 */

/** Today by hour, or so many days with today as the last. @param {number} days @param {Date} now @returns {Span} */
export function span(days, now) {
  return days === 1 ? today(now) : lastDays(days, now);
}

function today(now) {
  const midnight = new Date(now.getFullYear(), now.getMonth(), now.getDate());
  const next = new Date(now.getFullYear(), now.getMonth(), now.getDate() + 1);
  const columns = [];
  // Instants, since a day has 23 to 25 hours.
  for (let at = midnight.getTime(); at < next.getTime(); at += 3600e3) {
    const label = `${String(new Date(at).getHours()).padStart(2, '0')}:00`;
    columns.push({ key: at, label, long: label });
  }
  return { since: 'today', step: 'hour', columns };
}

function lastDays(days, now) {
  const columns = [];
  for (let back = days - 1; back >= 0; --back) {
    const key = day(new Date(now.getFullYear(), now.getMonth(), now.getDate() - back));
    columns.push({ key, label: shortDay(key), long: key });
  }
  return { since: columns[0].key, step: 'day', columns };
}

/**
 * @typedef {object} Layer
 * @property {string|null} model @property {boolean} isRest several models that have no layer of their own
 * @property {(number|null)[]} values by column; null: calls whose amount is not known
 *
 * @param {object[]} groups of group_by=model,hour or model,day
 * @param {Span} span
 * @param {'tokens'|'cost'} measure
 * @returns {{layers: Layer[], open: number[], outside: number}}
 *   open: by column, calls that the height leaves out; outside: calls that no column has
 */
export function stack(groups, { step, columns }, measure) {
  const place = new Map(columns.map((column, index) => [column.key, index]));
  const models = new Map();
  const open = columns.map(() => 0);
  let outside = 0;
  for (const group of groups) {
    const at = place.get(step === 'hour' ? Date.parse(group.key.hour ?? '') : group.key.day);
    if (at === undefined) {
      outside += group.calls;
      continue;
    }
    const amount = measure === 'cost' ? sums.cost(group) : sums.tokens(group);
    open[at] += measure === 'cost' ? group.unpriced : group.usage_unknown;
    const values = models.get(group.key.model) ?? columns.map(() => 0);
    values[at] = amount.value;
    models.set(group.key.model, values);
  }
  return { layers: layered(models), open, outside };
}

// The largest first; what is beyond the last layer becomes one.
function layered(models) {
  const all = [...models].map(([model, values]) => ({ model, isRest: false, values }));
  all.sort((a, b) => total(b.values) - total(a.values));
  if (all.length <= MOST_LAYERS) return all;
  const rest = all.splice(MOST_LAYERS - 1);
  const values = rest[0].values.map((_, at) => sum(rest.map((layer) => layer.values[at])));
  return [...all, { model: null, isRest: true, values }];
}

/** Unknown only when nothing of it is known. @param {(number|null)[]} values */
export function sum(values) {
  const known = values.filter((value) => value !== null);
  return known.length === 0 && values.length > 0 ? null : known.reduce((a, b) => a + b, 0);
}

function total(values) {
  return sum(values) ?? 0;
}

/** The upper edge of each layer in each column. @param {Layer[]} layers @returns {number[][]} */
export function edges(layers) {
  let below = layers[0]?.values.map(() => 0) ?? [];
  return layers.map(({ values }) => {
    below = below.map((height, at) => height + (values[at] ?? 0));
    return below;
  });
}
