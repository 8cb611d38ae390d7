import assert from 'node:assert/strict';
import { test } from 'node:test';

import { compact, count, day, duration, moment, name, percent, shortDay, usd } from '../../web/format.mjs';

test('unknown is a word, never a number', () => {
  for (const absent of [null, undefined]) {
    assert.equal(count(absent), 'unknown');
    assert.equal(compact(absent), 'unknown');
    assert.equal(percent(absent), 'unknown');
    assert.equal(usd(absent), 'unpriced');
    assert.equal(name(absent), 'unknown');
    assert.equal(name(absent, 'unknown model'), 'unknown model');
  }
  assert.equal(moment('no time'), 'unknown');
});

test('counts keep three digits that count', () => {
  const expected = [[0, '0'], [7, '7'], [999, '999'], [999.4, '999'], [1000, '1 k'], [1234, '1.23 k'], [12345, '12.3 k'], [99950, '100 k'],
    [999400, '999 k'], [999600, '1 M'], [1e6, '1 M'], [4567890, '4.57 M'], [2.5e9, '2.5 B'], [1e15, '1000 T'], [0.5, '0.5'], [100, '100'],
    [120000, '120 k']];
  for (const [value, text] of expected) assert.equal(compact(value), text, String(value));
  assert.equal(count(1234567), '1,234,567');
});

test('a small estimate is not rounded to nothing', () => {
  const expected = [[0, '$0.00'], [0.000042, '$0.000042'], [0.0042, '$0.0042'], [0.126, '$0.13'], [0.999, '$1.00'], [12.345, '$12.35'], [1234.5, '$1,234.50']];
  for (const [value, text] of expected) assert.equal(usd(value), text, String(value));
  assert.notEqual(usd(1e-9), '$0.00');
});

test('a share that is almost nothing or almost all says so', () => {
  const expected = [[0, '0 %'], [0.0004, '< 1 %'], [0.01, '1 %'], [0.425, '43 %'], [0.99, '99 %'], [0.996, '> 99 %'], [1, '100 %']];
  for (const [value, text] of expected) assert.equal(percent(value), text, String(value));
});

test('durations have two units at most', () => {
  const expected = [[-5, '0 s'], [12, '12 s'], [60, '1 min'], [3600, '1 h'], [5400, '1 h 30 min'], [86400, '1 d'], [97200, '1 d 3 h'], [3599, '1 h'], [86399, '1 d']];
  for (const [value, text] of expected) assert.equal(duration(value), text, String(value));
});

test('times are local, with the day only when it is another one', () => {
  const now = new Date(2026, 10, 23, 16, 40);
  assert.equal(moment(new Date(2026, 10, 23, 4, 5).toISOString(), now), '04:05');
  assert.equal(moment(new Date(2026, 10, 22, 23, 59).toISOString(), now), '2026-11-22 23:59');
  assert.equal(day(new Date(2026, 0, 2)), '2026-01-02');
  assert.equal(shortDay('2026-11-03'), '3 Nov');
});

test('names from the network are shown as they are, with nothing hidden in them', () => {
  assert.equal(name('<b>bold</b>&amp;'), '<b>bold</b>&amp;');
  assert.equal(name('a\u202Eb'), 'a\\u{202e}b');
  assert.equal(name('a\nb\u0000c\u200B'), 'a\\u{a}b\\u{0}c\\u{200b}');
  assert.equal(name('مودل'), 'مودل');
  assert.equal(name('\uD800'), '\\u{d800}');
});

test('a name of any length is cut', () => {
  const cut = name('x'.repeat(10_000));
  assert.equal(cut.length, 96);
  assert.ok(cut.endsWith('…'));
  assert.ok(name('\u202E'.repeat(10_000)).length <= 96);
  assert.equal(name('x'.repeat(96)), 'x'.repeat(96));
});
