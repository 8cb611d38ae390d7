// How the service is, and what to do about what is wrong.

import { faultBox, h, named, replace, sentence } from './dom.mjs';
import { count, moment, name } from './format.mjs';

const STATES = { ok: ['good', 'all well'], waiting: ['wait', 'waiting'], degraded: ['bad', 'needs attention'] };

export class HealthView {
  /** @param {(id: string) => HTMLElement} host */
  constructor(host) {
    this.body = host('health-body');
    this.pill = host('state');
    this.version = host('version');
    this.prices = host('prices');
  }

  /** @param {{data?: object, fault?: import('./api.mjs').Fault}} answer of /v1/status */
  show({ data, fault }) {
    if (fault) {
      this.state('bad', fault.status === 0 ? 'not reachable' : 'no access');
      replace(this.body, faultBox(fault));
      return;
    }
    this.state(...(STATES[data.state] ?? ['wait', data.state]));
    this.version.textContent = data.version;
    this.prices.textContent = data.prices?.date ? `Costs are estimates at list prices of ${data.prices.date}; a subscription bills no tokens.`
      : 'No table of prices: costs are not known.';
    replace(this.body, problems(data.problems), facts(data));
  }

  state(kind, text) {
    if (this.pill.textContent === text) return;  // a screen reader says it once
    this.pill.className = `pill ${kind}`;
    this.pill.textContent = text;
  }
}

function problems(all) {
  if (all.length === 0) return null;
  return h('ul', { class: 'problems' }, ...all.map((problem) => h('li', { class: problem.severity === 'waiting' ? 'wait' : 'bad' },
    h('strong', {}, sentence(problem.message)), problem.remedy && h('p', { class: 'remedy' }, sentence(problem.remedy)))));
}

const yes = (value, good, bad) => (value === null || value === undefined ? 'not known' : value ? good : bad);

function facts(status) {
  const { capture, language_server: server, ledger, interception, ca, started_at: started } = status;
  const rows = [
    ['Capture', capture.active ? `on (${capture.mode})` : 'off'],
    ['Language server', server.waits_for ? `${server.state}, waits for ${server.waits_for}` : server.state || server.mode],
    ['Helper', yes(status.helper.reachable, 'reachable', 'not reachable')],
    ['Ledger', `${ledger.health}, ${ledger.records === null ? 'unknown' : count(ledger.records)} records${ledger.waiting > 0 ? `, ${ledger.waiting} waiting` : ''}`],
    ['Last call', ledger.last_record_at ? moment(ledger.last_record_at) : 'none yet'],
    ['Connections', interception ? `${count(interception.intercepted)} read, ${count(interception.tunnelled)} tunnelled, ${count(interception.unparsed)} unparsed` : 'not known'],
    ['Certificate until', ca.not_after ? moment(ca.not_after) : 'not known'],
    ['Running since', started ? moment(started) : 'not known'],
  ];
  return h('div', {}, h('dl', { class: 'facts' }, ...rows.flatMap(([term, text]) => [h('dt', {}, term), h('dd', {}, name(text))])),
    refusals('Programs that refuse our certificate', interception?.refused_by_client),
    refusals('Servers whose certificate was refused', interception?.refused_by_upstream));
}

function refusals(title, hosts) {
  if (!hosts?.length) return null;
  return h('details', {}, h('summary', {}, `${title} (${hosts.length})`), h('ul', { class: 'problems' }, ...hosts.map((host) =>
    h('li', { class: 'wait' }, named(host.host), ` ${host.count} times, last ${moment(host.last_at)}`,
      host.detail && h('p', { class: 'remedy' }, name(host.detail)), host.remedy && h('p', { class: 'remedy' }, sentence(host.remedy))))));
}
