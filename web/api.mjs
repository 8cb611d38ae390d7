// Questions to the API of the daemon that served the page.

import { EventParser } from './events.mjs';

/**
 * @typedef {object} Fault what went wrong, and what to do about it
 * @property {number} status 0: no answer at all @property {string} code @property {string} message @property {string} hint
 */

/** The person's time zone: days and hours are theirs. A browser that cannot tell says Etc/Unknown. */
export const zone = Intl.DateTimeFormat().resolvedOptions().timeZone?.replace('Etc/Unknown', 'UTC') ?? 'UTC';

/** @param {string} path @param {Record<string, string|number>} query @returns {Promise<{data?: any, fault?: Fault}>} */
export async function ask(path, query = {}) {
  const parameters = String(new URLSearchParams(Object.entries(query).map(([key, value]) => [key, String(value)])));
  try {
    const answer = await fetch(`${path}${parameters && `?${parameters}`}`, { headers: { Accept: 'application/json' } });
    return answer.ok ? { data: await answer.json() } : { fault: await faultOf(answer) };
  } catch {
    return { fault: unreachable() };
  }
}

/** Whatever the answer holds: the API's own words, or its status. @param {Response} answer @returns {Promise<Fault>} */
export async function faultOf(answer) {
  let error;
  try {
    ({ error } = await answer.json());
  } catch {
    error = undefined;
  }
  const word = (value) => (typeof value === 'string' ? value : '');
  return {
    status: answer.status,
    code: word(error?.code),
    message: word(error?.message) || `the service answered with status ${answer.status}`,
    hint: word(error?.hint),
  };
}

function unreachable() {
  return { status: 0, code: 'unreachable', message: 'the service does not answer', hint: 'systemctl status antigravity-proxy' };
}

/**
 * New calls as they are kept, for good: what breaks is opened again where it broke. While nobody looks at the page
 * there is no stream: browsers have six connections for all pages of one address, and the daemon has eight for a user.
 * @param {(record: object) => void} onRecord
 * @param {(fault: Fault|null) => void} onState null: connected
 */
export async function follow(onRecord, onState) {
  let after = null;
  for (let pause = SHORTEST_PAUSE; ; pause = Math.min(pause * 2, LONGEST_PAUSE)) {
    await untilVisible();
    const fault = await read(after, (event) => {
      if (event.id !== undefined) after = event.id;
      if (event.event === 'record') onRecord(JSON.parse(event.data));
    }, () => {
      pause = SHORTEST_PAUSE / 2;
      onState(null);
    });
    if (fault === null) continue;
    onState(fault);
    await new Promise((resume) => setTimeout(resume, pause));
  }
}

const SHORTEST_PAUSE = 1000;
const LONGEST_PAUSE = 30e3;

function untilVisible() {
  return new Promise((resume) => {
    const look = () => {
      if (document.hidden) return;
      document.removeEventListener('visibilitychange', look);
      resume();
    };
    document.addEventListener('visibilitychange', look);
    look();
  });
}

// Until the stream ends, and says why; null: nobody looked any more.
async function read(after, onEvent, onOpen) {
  const stop = new AbortController();
  const look = () => document.hidden && stop.abort();
  document.addEventListener('visibilitychange', look);
  try {
    const answer = await fetch(`/v1/usage/stream${after === null ? '' : `?after=${encodeURIComponent(after)}`}`, { signal: stop.signal });
    if (!answer.ok) return await faultOf(answer);
    onOpen();
    const parser = new EventParser();
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return unreachable();
      parser.feed(value).forEach(onEvent);
    }
  } catch {
    return stop.signal.aborted ? null : unreachable();
  } finally {
    document.removeEventListener('visibilitychange', look);
  }
}
