import assert from 'node:assert/strict';
import { test } from 'node:test';

import { MOST_LAYERS, edges, span, stack, sum } from '../../web/stack.mjs';

const group = (model, when, total, more = {}) => ({
  key: { model, ...when }, calls: 1, usage_unknown: 0, total, cost_usd_estimate: total / 1000, unpriced: 0, ...more,
});
const week = span(7, new Date(2026, 10, 23, 16, 40));
const at = (date) => ({ day: `2026-11-${date}` });

test('a range of days ends with today and has every day', () => {
  assert.deepEqual(week.columns.map((column) => column.key),
    ['2026-11-17', '2026-11-18', '2026-11-19', '2026-11-20', '2026-11-21', '2026-11-22', '2026-11-23']);
  assert.equal(week.since, '2026-11-17');
  assert.equal(span(30, new Date(2026, 2, 1)).columns.length, 30);
});

test('today has each of its hours, whatever the offset that the API writes', () => {
  const today = span(1, new Date(2026, 10, 23, 16, 40));
  assert.equal(today.since, 'today');
  assert.equal(today.columns[0].label, '00:00');
  const hour = new Date(2026, 10, 23, 5);
  for (const text of [hour.toISOString(), hour.toISOString().replace('.000Z', '+00:00')]) {
    const { layers } = stack([group('a', { hour: text }, 5)], today, 'tokens');
    assert.equal(layers[0].values[5], 5);
  }
});

test('the largest model is the lowest layer, and edges add up', () => {
  const { layers } = stack([group('small', at(17), 1), group('large', at(17), 10), group('large', at(23), 4)], week, 'tokens');
  assert.deepEqual(layers.map((layer) => layer.model), ['large', 'small']);
  assert.deepEqual(edges(layers), [[10, 0, 0, 0, 0, 0, 4], [11, 0, 0, 0, 0, 0, 4]]);
  assert.deepEqual(edges([]), []);
});

test('models beyond the last layer become one', () => {
  const groups = Array.from({ length: MOST_LAYERS + 3 }, (_, index) => group(`model ${index}`, at(18), 100 - index));
  const { layers } = stack(groups, week, 'tokens');
  assert.equal(layers.length, MOST_LAYERS);
  assert.deepEqual([layers.at(-1).isRest, layers.at(-1).model], [true, null]);
  assert.equal(edges(layers).at(-1)[1], groups.reduce((all, one) => all + one.total, 0));
  // A model without a name is none of the others.
  const nameless = stack([group(null, at(18), 5), group('a', at(18), 4)], week, 'tokens');
  assert.deepEqual(nameless.layers.map((layer) => [layer.model, layer.isRest]), [[null, false], ['a', false]]);
});

test('what is not known is no zero, and it is counted', () => {
  const groups = [group('a', at(19), 0, { calls: 2, usage_unknown: 2 }), group('b', at(19), 7, { calls: 3, usage_unknown: 1 })];
  const { layers, open } = stack(groups, week, 'tokens');
  assert.equal(layers.find((layer) => layer.model === 'a').values[2], null);
  assert.equal(layers.find((layer) => layer.model === 'b').values[2], 7);
  assert.deepEqual(open, [0, 0, 3, 0, 0, 0, 0]);
  assert.equal(edges(layers).at(-1)[2], 7);
});

test('a price that is not known is no zero', () => {
  const groups = [group('a', at(19), 5, { cost_usd_estimate: null, unpriced: 1 }), group('b', at(19), 5, { cost_usd_estimate: 0 })];
  const { layers, open } = stack(groups, week, 'cost');
  assert.equal(layers.find((layer) => layer.model === 'a').values[2], null);
  assert.equal(layers.find((layer) => layer.model === 'b').values[2], 0);
  assert.equal(open[2], 1);
});

test('calls that are known by the day of UTC only are told, not dropped', () => {
  const { outside, layers } = stack([group('a', { day: null }, 5, { calls: 9 }), group('a', at('01'), 5)], week, 'tokens');
  assert.equal(outside, 10);
  assert.deepEqual(layers, []);
});

test('a sum is unknown only when all of it is', () => {
  assert.equal(sum([null, null]), null);
  assert.equal(sum([null, 2, 3]), 5);
  assert.equal(sum([]), 0);
});
