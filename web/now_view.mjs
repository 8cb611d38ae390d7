// What happens at the moment: the rate of tokens and the last calls.

import { LineChart, tipRow } from './chart.mjs';
import { h, named, replace, table } from './dom.mjs';
import { compact, duration, name, UNKNOWN } from './format.mjs';
import { Rate } from './rate.mjs';
import { texts } from './record.mjs';
import { calls } from './sums.mjs';

const MINUTE = 60e3;
const SHOWN = 6;

const COLUMNS = [
  { text: 'Began' }, { text: 'Model', class: 'stretch' }, { text: 'Input', number: true, class: 'wide' },
  { text: 'Output', number: true, class: 'wide' }, { text: 'Tokens', number: true },
  { text: 'Est. cost', number: true, class: 'wide' }, { text: 'Took', number: true, class: 'wide' }, { text: 'Result', class: 'wider' },
];

export class NowView {
  /** @param {(id: string) => HTMLElement} host */
  constructor(host) {
    this.numbers = host('now-numbers');
    this.figure = host('now-chart');
    this.latest = host('latest');
    this.live = host('live');
    this.chart = new LineChart(this.figure, 120);
    this.asTable = this.figure.appendChild(h('details', {}, h('summary', {}, 'As a table')));
    this.rate = new Rate(10 * MINUTE);
    this.records = [];
    this.open = null;
    this.underWay = null;
  }

  /** @param {object[]} records the newest that are kept; they may have been seen already */
  add(records) {
    for (const record of records) {
      this.rate.add(record);
      if (!this.records.some((one) => one.id === record.id)) this.records.push(record);
    }
    this.records.sort((a, b) => b.sequence - a.sequence);
    this.records.length = Math.min(this.records.length, SHOWN);
    this.draw();
  }

  /** @param {import('./api.mjs').Fault|null} fault null: connected */
  connected(fault) {
    this.live.className = fault ? 'live off' : 'live on';
    const text = fault ? `${fault.message}; trying again` : 'live';
    if (this.live.textContent !== text) this.live.textContent = text;
  }

  /** @param {object} status of /v1/status */
  status(status) {
    this.open = status.interception?.open ?? null;
    this.underWay = status.interception?.calls_under_way ?? null;
    this.draw();
  }

  draw(now = Date.now()) {
    this.rate.forget(now);
    const minute = this.rate.over(now, MINUTE);
    replace(this.numbers, h('dl', { class: 'numbers' },
      number('Tokens per second', compact(minute.perSecond === null ? null : Math.round(minute.perSecond)), 'main', 'mean of a minute'),
      number('Calls in the last minute', String(minute.calls), null, minute.unknown > 0 && `${minute.unknown} of unknown usage`),
      number('Calls under way', this.underWay === null ? UNKNOWN : String(this.underWay)),
      number('Open connections', this.open === null ? UNKNOWN : String(this.open))));
    this.drawChart(now);
    this.drawLatest(new Date(now));
  }

  drawChart(now) {
    const { at, values } = this.rate.history(now, 10e3);
    const seconds = at.map((time) => time / 1000);
    const ago = (time) => `${duration((now - time) / 1000)} ago`;
    this.chart.show(`Tokens per second over the last ten minutes; at most ${compact(Math.max(...values))}`, {
      at: seconds, lines: [{ values }], top: Math.max(10, ...values), format: compact, isFilled: true,
      tip: (index) => [h('strong', {}, ago(at[index])), h('ul', {}, tipRow('--layer-0', 'Tokens/s', compact(values[index])))],
    });
    const busy = at.map((time, index) => [ago(time), compact(values[index])]).filter((_, index) => values[index] > 0).reverse();
    const summary = this.asTable.firstChild;
    const content = busy.length === 0 ? h('p', { class: 'empty' }, 'No tokens in the last ten minutes.')
      : table('Tokens per second', [{ text: 'Ten seconds that began' }, { text: 'Tokens per second', number: true }], busy);
    if (this.asTable.open || this.asTable.childNodes.length === 1) this.asTable.replaceChildren(summary, content);
  }

  drawLatest(now) {
    if (this.records.length === 0) {
      replace(this.latest, h('p', { class: 'empty' }, 'No calls yet.'));
      return;
    }
    const rows = this.records.map((record) => {
      const text = texts(record, now);
      return [text.time, named(record.model, 'unknown model'), text.input, text.output, text.total, text.cost, text.took, name(text.outcome)];
    });
    replace(this.latest, h('h3', {}, `Last ${calls(rows.length)}`), table('Last calls', COLUMNS, rows));
  }
}

function number(label, value, kind, note) {
  return h('div', { class: kind }, h('dt', {}, label), h('dd', {}, value, ' ', note && h('small', {}, note)));
}
