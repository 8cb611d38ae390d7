// The page: what is asked when, and where it goes.

import { ask, follow } from './api.mjs';
import { CascadesView } from './cascades_view.mjs';
import { HealthView } from './health_view.mjs';
import { NowView } from './now_view.mjs';
import { QuotaView } from './quota_view.mjs';
import { UsageView } from './usage_view.mjs';

const STATUS_EVERY = 10e3;
const QUOTA_EVERY = 60e3;
const SETTLE = 2e3;

const host = (id) => document.getElementById(id);
const now = new NowView(host);
const health = new HealthView(host);
const quota = new QuotaView(host);
const cascades = new CascadesView(host);
const usage = new UsageView(host, (range) => cascades.show(range));

let isAsking = false;
async function refreshUsage() {
  if (isAsking) return;
  isAsking = true;
  const calls = await usage.refresh();
  host('welcome').hidden = calls !== 0;
  await cascades.show(usage.chosen);
  isAsking = false;
}

async function refreshStatus() {
  const answer = await ask('/v1/status');
  health.show(answer);
  if (answer.data) now.status(answer.data);
}

/** Runs again and again, but not for a page that nobody looks at; that one catches up when it is looked at. */
function every(milliseconds, task) {
  let isDue = true;
  const run = () => {
    if (document.hidden) {
      isDue = true;
      return;
    }
    isDue = false;
    task();
  };
  setInterval(run, milliseconds);
  document.addEventListener('visibilitychange', () => isDue && run());
  run();
}

let settling = 0;
/** Sums are asked for once the calls that come together are all there. */
function onRecord(record) {
  now.add([record]);
  if (settling === 0) {
    settling = setTimeout(() => {
      settling = 0;
      refreshUsage();
    }, SETTLE);
  }
}

every(STATUS_EVERY, refreshStatus);
every(QUOTA_EVERY, () => quota.refresh());
every(QUOTA_EVERY, refreshUsage);
setInterval(() => !document.hidden && now.draw(), 5e3);
follow(onRecord, (fault) => {
  now.connected(fault);
  // What came before the stream, or while there was none.
  if (!fault) ask('/v1/usage/records', { limit: 100 }).then(({ data }) => data && now.add(data.records));
});
