import assert from 'node:assert/strict';
import { test } from 'node:test';

import { forecast, lines, rows } from '../../web/quota.mjs';

const NOW = new Date(2026, 10, 23, 12, 0);
const later = (hours) => new Date(NOW.getTime() + hours * 3600e3).toISOString();
const allowance = (more) => ({ remaining_fraction: 0.5, unknown_because: null, resets_at: later(3), ...more });
const made = (more) => forecast(allowance({ forecast: { empty_at: null, rate_per_hour: 0.08, basis_seconds: 5400, ...more } }), NOW);

test('a forecast says when it is empty and what that rests on', () => {
  assert.equal(made({ empty_at: later(2) }), 'empty in 2 h, at 14:00, by 8 % an hour over the last 1 h 30 min');
  assert.equal(made({}), 'lasts until it resets, at 8 % an hour over the last 1 h 30 min');
  assert.equal(made({ rate_per_hour: 0 }), 'not used in the last 1 h 30 min');
  assert.equal(made({ empty_at: later(-1) }), 'empty by now, at 8 % an hour over the last 1 h 30 min');
});

test('without a forecast nothing is made up', () => {
  assert.equal(forecast(allowance({}), NOW), '');
  assert.equal(forecast(allowance({ forecast: null }), NOW), 'no forecast yet');
  assert.equal(forecast(allowance({ forecast: null, remaining_fraction: null }), NOW), '');
});

test('a share that is not known has its reason and no number', () => {
  const quota = { models: [], pools: [{ name: 'P', buckets: [
    { id: 'x', name: null, window: '5h', ...allowance({ remaining_fraction: null, unknown_because: 'placeholder' }) },
    { id: 'y', name: 'Y', window: null, ...allowance({ remaining_fraction: null, unknown_because: 'something new', resets_at: null }) }] }] };
  const { pools } = rows(quota, NOW);
  assert.deepEqual(pools.map((row) => [row.name, row.window, row.remaining, row.why, row.state]),
    [['P', '5h', null, 'the language server gives a placeholder', 'unknown'], ['Y', '', null, 'not known', 'unknown']]);
  assert.deepEqual(pools.map((row) => row.resets), ['resets 15:00, in 3 h', '']);
});

test('what runs out soon is marked, also when much is left', () => {
  const model = (more) => rows({ models: [{ id: 'm', name: null, disabled: false, ...allowance(more) }], pools: [] }, NOW).models[0].state;
  assert.equal(model({}), 'good');
  assert.equal(model({ remaining_fraction: 0.1 }), 'low');
  assert.equal(model({ remaining_fraction: 0 }), 'low');
  assert.equal(model({ forecast: { empty_at: later(0.5), rate_per_hour: 1, basis_seconds: 60 } }), 'low');
});

test('models that are switched off are left out, and lists may be absent', () => {
  assert.deepEqual(rows({ models: [{ id: 'm', disabled: true, ...allowance({}) }] }, NOW), { pools: [], models: [] });
  assert.deepEqual(rows({}, NOW), { pools: [], models: [] });
});

test('a history has one axis, and a gap where nothing was known', () => {
  const point = (hours, remaining_fraction) => ({ at: later(hours), remaining_fraction, resets_at: null });
  const history = { series: [
    { kind: 'model', name: 'flat', window: null, points: [point(0, 1), point(2, 1)] },
    { kind: 'pool', name: 'used', window: '5h', points: [point(0, 0.9), point(1, null), point(2, 0.1)] },
    { kind: 'pool', name: 'empty', window: null, points: [] }] };
  const found = lines(history, 2);
  assert.deepEqual(found.at, [0, 1, 2].map((hours) => Date.parse(later(hours)) / 1000));
  assert.deepEqual(found.lines, [{ name: 'used (5h)', values: [0.9, null, 0.1] }, { name: 'flat', values: [1, undefined, 1] }]);
  assert.equal(found.left, 0);
  assert.deepEqual(lines(history, 1).left, 1);
  assert.deepEqual(lines({}, 3), { at: [], lines: [], left: 0 });
});
