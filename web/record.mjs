// One call, as the words of its row.

import { UNKNOWN, compact, duration, moment, usd } from './format.mjs';

/** @param {object} record of /v1/usage/records @param {Date} now */
export function texts(record, now) {
  const usage = record.usage;
  return {
    time: moment(record.started_at, now),
    kind: record.request_kind === 'other' ? '' : record.request_kind.replace('_', ' '),
    input: usage ? compact(usage.input_total) : UNKNOWN,
    cached: usage ? compact(usage.cached_input) : UNKNOWN,
    output: usage ? compact(usage.output_total) : UNKNOWN,
    total: usage ? compact(usage.total) : UNKNOWN,
    cost: usage ? usd(record.cost_usd) : UNKNOWN,
    took: took(record),
    outcome: outcome(record),
  };
}

function took({ started_at: began, ended_at: ended }) {
  const seconds = (Date.parse(ended) - Date.parse(began)) / 1000;
  if (Number.isNaN(seconds)) return UNKNOWN;
  if (seconds < 0.05) return '< 0.1 s';
  return seconds < 10 ? `${seconds.toFixed(1)} s` : duration(seconds);
}

function outcome(record) {
  if (record.outcome === 'ok') return 'ok';
  const detail = record.error?.code || (record.http_status >= 400 ? String(record.http_status) : '') || record.closed_by || '';
  return detail ? `${record.outcome}: ${detail}` : record.outcome;
}
