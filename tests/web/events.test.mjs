import assert from 'node:assert/strict';
import { test } from 'node:test';

import { faultOf } from '../../web/api.mjs';
import { EventParser } from '../../web/events.mjs';
import { texts } from '../../web/record.mjs';

const WIRE = 'retry: 2000\n: hello\n\nid: 7\nevent: record\ndata: {"a":1}\n\nevent: end\ndata: one\ndata: two\n\nid: 9\n\n';

test('every split gives the same events', () => {
  const expected = [{ id: '7', event: 'record', data: '{"a":1}' }, { event: 'end', data: 'one\ntwo' }];
  for (let cut = 0; cut <= WIRE.length; ++cut) {
    const parser = new EventParser();
    assert.deepEqual([...parser.feed(WIRE.slice(0, cut)), ...parser.feed(WIRE.slice(cut))], expected, `cut at ${cut}`);
  }
});

test('an error keeps the words of the API', async () => {
  const answer = (status, body) => new Response(body, { status });
  const error = { type: 't', code: 'c', message: 'what happened', hint: 'what to do' };
  assert.deepEqual(await faultOf(answer(403, JSON.stringify({ error }))), { status: 403, code: 'c', message: 'what happened', hint: 'what to do' });
  for (const body of ['', 'no JSON', 'null', '{}', '{"error":{"message":7}}']) {
    const fault = await faultOf(answer(404, body));
    assert.deepEqual([fault.status, fault.message, fault.hint], [404, 'the service answered with status 404', ''], body);
  }
});

test('a call of unknown usage has no numbers', () => {
  const record = { started_at: '2026-11-23T12:00:00Z', ended_at: '2026-11-23T12:00:02.5Z', request_kind: 'web_search', outcome: 'partial',
    error: null, http_status: 200, closed_by: 'client', usage: null, cost_usd: null };
  const text = texts(record, new Date('2026-11-23T12:00:05Z'));
  assert.deepEqual([text.input, text.output, text.total, text.cost], ['unknown', 'unknown', 'unknown', 'unknown']);
  assert.deepEqual([text.kind, text.took, text.outcome], ['web search', '2.5 s', 'partial: client']);
  const usage = { input_total: 0, cached_input: 0, output_total: 12, total: 12 };
  assert.deepEqual([texts({ ...record, usage }, new Date()).cost, texts({ ...record, usage, cost_usd: 0.002 }, new Date()).cost], ['unpriced', '$0.0020']);
});

test('a refusal is named by what the provider said', () => {
  const record = { started_at: 'x', ended_at: 'y', request_kind: 'other', usage: null, cost_usd: null, outcome: 'error' };
  assert.equal(texts({ ...record, error: { code: 'RESOURCE_EXHAUSTED' }, http_status: 429 }, new Date()).outcome, 'error: RESOURCE_EXHAUSTED');
  assert.equal(texts({ ...record, error: null, http_status: 500 }, new Date()).outcome, 'error: 500');
  assert.equal(texts({ ...record, error: null, http_status: null }, new Date()).took, 'unknown');
});
