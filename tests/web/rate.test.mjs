import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Rate } from '../../web/rate.mjs';

const NOW = Date.parse('2026-11-23T12:00:00Z');
const MINUTE = 60e3;
const call = (id, ago, total) => ({ id, ended_at: new Date(NOW - ago).toISOString(), usage: total === null ? null : { total } });

function rateOf(...calls) {
  const rate = new Rate(10 * MINUTE);
  calls.forEach((one) => rate.add(one));
  return rate;
}

test('a rate is the mean over its window', () => {
  const rate = rateOf(call('a', 1000, 600), call('b', 59e3, 600), call('c', 61e3, 9999));
  assert.deepEqual(rate.over(NOW, MINUTE), { perSecond: 20, calls: 2, unknown: 0 });
});

test('no call is no tokens; calls without usage are unknown', () => {
  assert.equal(rateOf().over(NOW, MINUTE).perSecond, 0);
  assert.deepEqual(rateOf(call('a', 0, null)).over(NOW, MINUTE), { perSecond: null, calls: 1, unknown: 1 });
  assert.deepEqual(rateOf(call('a', 0, null), call('b', 0, 60)).over(NOW, MINUTE), { perSecond: 1, calls: 2, unknown: 1 });
});

test('a call that comes by the list and by the stream counts once', () => {
  const rate = rateOf(call('a', 0, 60));
  rate.add(call('a', 0, 60));
  assert.equal(rate.over(NOW, MINUTE).calls, 1);
});

test('what is too old is forgotten', () => {
  const rate = rateOf(call('old', 10 * MINUTE, 60), call('new', 0, 60));
  rate.forget(NOW);
  assert.deepEqual(rate.calls.map((one) => one.id), ['new']);
  assert.equal(rate.ids.size, 1);
});

test('a history has equal steps up to now and keeps every known token', () => {
  const { at, values } = rateOf(call('a', 0, 100), call('b', 5 * MINUTE, 50), call('c', 5 * MINUTE, null)).history(NOW, 10e3);
  assert.equal(at.length, 60);
  assert.equal(at.at(-1), NOW);
  assert.equal(values.at(-1), 10);
  assert.equal(values.reduce((all, one) => all + one * 10, 0), 150);
});
