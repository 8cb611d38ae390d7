import assert from 'node:assert/strict';
import { test } from 'node:test';

import { ask, follow } from '../../web/api.mjs';

/** Plays browser and daemon: each fetch of the stream waits for the test to answer it. */
class World {
  constructor() {
    this.asked = [];
    this.waiting = [];
    globalThis.document = Object.assign(new EventTarget(), { hidden: false });
    // A pause between two tries is over at once.
    globalThis.setTimeout = (task) => queueMicrotask(task);
    globalThis.fetch = (address, { signal } = {}) => new Promise((resolve, reject) => {
      signal?.addEventListener('abort', () => reject(signal.reason));
      this.asked.push({ address, signal, resolve, reject });
      this.waiting.shift()?.();
    });
  }

  /** The request of that number, once it is there. */
  async request(number) {
    while (this.asked.length <= number) await new Promise((resume) => this.waiting.push(resume));
    return this.asked[number];
  }

  look(isHidden) {
    document.hidden = isHidden;
    document.dispatchEvent(new Event('visibilitychange'));
  }
}

function streamOf(text) {
  return new Response(new Blob([text]).stream(), { status: 200 });
}

test('a stream that ends is opened again where it ended', async () => {
  const world = new World();
  const records = [], states = [];
  follow((record) => records.push(record), (fault) => states.push(fault?.code ?? null));
  (await world.request(0)).resolve(streamOf('id: 4\nevent: record\ndata: {"id":"a"}\n\nid: 5\nevent: end\ndata: {}\n\n'));
  const second = await world.request(1);
  assert.deepEqual(world.asked.map((one) => one.address), ['/v1/usage/stream', '/v1/usage/stream?after=5']);
  assert.deepEqual(records, [{ id: 'a' }]);
  second.resolve(new Response(JSON.stringify({ error: { code: 'too_many_streams', message: 'm', hint: 'h' } }), { status: 429 }));
  await world.request(2);
  assert.deepEqual(states, [null, 'unreachable', 'too_many_streams']);
});

test('nobody looks: the stream is given back, and there again when somebody does', async () => {
  const world = new World();
  const states = [];
  follow(() => {}, (fault) => states.push(fault?.code ?? null));
  const first = await world.request(0);
  world.look(true);
  assert.equal(first.signal.aborted, true);
  world.look(true);
  await Promise.resolve();
  assert.equal(world.asked.length, 1);
  world.look(false);
  await world.request(1);
  assert.deepEqual(states, [], 'a pause that was asked for is no fault');
});

test('no answer at all is a fault with what to do', async () => {
  const world = new World();
  const asked = ask('/v1/usage', { since: '-7d', group_by: 'model,day' });
  const { address, reject } = await world.request(0);
  assert.equal(address, '/v1/usage?since=-7d&group_by=model%2Cday');
  reject(new TypeError('failed'));
  assert.deepEqual((await asked).fault.code, 'unreachable');
  assert.ok((await asked).fault.hint);
});
