// What is left of the quota, how long it lasts, and how it went.

import { ask } from './api.mjs';
import { LineChart, layerColor, tipRow } from './chart.mjs';
import { faultBox, h, named, replace, sentence, table } from './dom.mjs';
import { duration, moment, name, percent } from './format.mjs';
import { lines, rows } from './quota.mjs';

const MOST_LINES = 6;

export class QuotaView {
  /** @param {(id: string) => HTMLElement} host */
  constructor(host) {
    this.body = host('quota');
    this.age = host('quota-age');
    this.figure = host('quota-chart');
    this.figure.append(h('h3', {}, 'Last 7 days'));
    this.chart = new LineChart(this.figure, 150);
    this.key = this.figure.appendChild(h('ul', { class: 'key' }));
    this.asTable = this.figure.appendChild(h('details', {}));
  }

  async refresh() {
    const [now, past] = await Promise.all([ask('/v1/quota'), ask('/v1/quota/history', { since: '-7d' })]);
    this.drawNow(now);
    // An older daemon, or one without readings yet, has no history: then there is no chart.
    const history = past.data ? lines(past.data, MOST_LINES) : { at: [], lines: [] };
    this.figure.hidden = history.at.length < 2;
    if (!this.figure.hidden) this.drawHistory(history);
  }

  drawNow({ data, fault }) {
    if (fault) {
      this.age.textContent = '';
      const isWaiting = fault.status === 503;
      replace(this.body, isWaiting ? waiting(fault) : faultBox(fault));
      return;
    }
    const now = new Date();
    this.age.textContent = `read ${duration(data.age_seconds)} ago${data.state === 'stale' ? ', not current' : ''}`;
    const { pools, models } = rows(data, now);
    replace(this.body, data.problem && faultBox({ message: data.problem.message, hint: data.problem.remedy }),
      data.plan?.name && h('p', { class: 'faint' }, 'Plan: ', named(data.plan.name)),
      list(pools.length > 0 ? pools : models),
      pools.length > 0 && models.length > 0 && h('details', {}, h('summary', {}, 'By model'), list(models)),
      pools.length + models.length === 0 && h('p', { class: 'empty' }, 'The language server names no quota.'));
  }

  drawHistory({ at, lines: made, left }) {
    const text = (value) => (value === undefined ? '' : percent(value));
    this.chart.show(`Remaining share of the quota over the last 7 days: ${made.map((line) => name(line.name)).join(', ')}`, {
      at, lines: made, top: 1, format: percent, isFilled: false,
      tip: (index) => [h('strong', {}, moment(new Date(at[index] * 1000).toISOString())),
        h('ul', {}, ...made.map((line, number) => [line, number]).filter(([line]) => line.values[index] !== undefined)
          .map(([line, number]) => tipRow(layerColor(number), h('bdi', {}, name(line.name)), text(line.values[index]))))],
    });
    this.key.replaceChildren(...made.map((line, index) => {
      const swatch = h('span', { class: 'swatch', 'aria-hidden': 'true' });
      swatch.style.background = `var(${layerColor(index)})`;
      return h('li', {}, swatch, named(line.name));
    }), ...(left > 0 ? [h('li', {}, `and ${left} more that changed less`)] : []));
    const isOpen = this.asTable.open;
    const head = [{ text: 'Read' }, ...made.map((line) => ({ text: name(line.name), number: true }))];
    const cells = at.map((time, index) => [moment(new Date(time * 1000).toISOString()), ...made.map((line) => text(line.values[index]))]).reverse();
    this.asTable.replaceChildren(h('summary', {}, 'As a table'), table('Remaining share of the quota', head, cells));
    this.asTable.open = isOpen;
  }
}

function waiting({ message, hint }) {
  return h('div', { class: 'empty' }, h('p', {}, `Not known: ${message}.`), hint && h('p', {}, `${sentence(hint)}.`));
}

function list(all) {
  return h('ul', { class: 'quota' }, ...all.map((row) => {
    const label = row.window ? `${name(row.name)} (${name(row.window)})` : name(row.name);
    return h('li', {}, h('div', { class: 'line' }, h('bdi', { class: 'name' }, label), h('b', {}, percent(row.remaining))),
      meter(row, label), h('span', { class: 'faint' }, [row.why, row.forecast, row.resets].filter(Boolean).join(' · ')));
  }));
}

function meter({ remaining, state }, label) {
  if (remaining === null) return h('div', { class: 'meter unknown', 'aria-hidden': 'true' });
  const fill = h('i', {});
  fill.style.width = `${remaining * 100}%`;
  return h('div', { class: `meter ${state}`, role: 'meter', 'aria-label': `left of ${label}`, 'aria-valuemin': 0, 'aria-valuemax': 100,
                    'aria-valuenow': Math.round(remaining * 100), 'aria-valuetext': percent(remaining) }, fill);
}
