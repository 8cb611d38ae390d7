import assert from 'node:assert/strict';
import { test } from 'node:test';

import { calls, cost, gaps, tokens } from '../../web/sums.mjs';

const sums = (more) => ({ calls: 4, usage_unknown: 0, total: 1500, input_total: 1000, cost_usd_estimate: 1.5, unpriced: 0, ...more });

test('what is known is told as it is', () => {
  assert.deepEqual(tokens(sums({})), { value: 1500, isFloor: false, text: '1.5 k' });
  assert.equal(tokens(sums({}), 'input_total').text, '1 k');
  assert.equal(cost(sums({})).text, '$1.50');
  assert.equal(gaps(sums({})), '');
});

test('a sum that leaves calls out is a floor', () => {
  assert.equal(tokens(sums({ usage_unknown: 1 })).text, '≥ 1.5 k');
  assert.equal(cost(sums({ unpriced: 1 })).text, '≥ $1.50');
  assert.equal(gaps(sums({ usage_unknown: 1, unpriced: 2 })), '1 call of unknown usage, 2 calls without a price');
});

test('nothing known is unknown, not 0 and not $0', () => {
  assert.deepEqual(tokens(sums({ usage_unknown: 4, total: 0 })), { value: null, isFloor: false, text: 'unknown' });
  assert.deepEqual(cost(sums({ cost_usd_estimate: null, unpriced: 4 })), { value: null, isFloor: false, text: 'unpriced' });
});

test('no calls are no tokens', () => {
  assert.equal(tokens(sums({ calls: 0, total: 0 })).value, 0);
  assert.equal(cost(sums({ calls: 0, cost_usd_estimate: null })).value, 0);
});

test('calls are counted in words', () => {
  assert.equal(calls(1), '1 call');
  assert.equal(calls(12345), '12,345 calls');
});
