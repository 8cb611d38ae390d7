// Today, 7 and 30 days by model: three sums, a chart of one of them, and its table.

import { ask, zone } from './api.mjs';
import { ColumnChart, layerColor, tipRow } from './chart.mjs';
import { faultBox, h, named, replace, table } from './dom.mjs';
import { UNKNOWN, UNPRICED, compact, count, moment, name, percent, usd } from './format.mjs';
import { MOST_LAYERS, edges, span, stack, sum } from './stack.mjs';
import { calls, cost, gaps, tokens } from './sums.mjs';

const RANGES = [{ days: 1, text: 'Today' }, { days: 7, text: '7 days' }, { days: 30, text: '30 days' }];
const MEASURES = [{ id: 'tokens', text: 'Tokens' }, { id: 'cost', text: 'Cost' }];

const COLUMNS = [
  { text: 'Model', class: 'stretch' }, { text: 'Share', class: 'wider' }, { text: 'Calls', number: true, class: 'wide' }, { text: 'Input', number: true, class: 'wide' },
  { text: 'Cached', number: true, class: 'wider' }, { text: 'Output', number: true, class: 'wide' }, { text: 'Tokens', number: true },
  { text: 'Est. cost', number: true },
];

export class UsageView {
  /** @param {(id: string) => HTMLElement} host @param {(range: {days: number, text: string, since: string}) => void} onRange */
  constructor(host, onRange) {
    this.hosts = { ranges: host('ranges'), fault: host('usage-fault'), figure: host('usage-chart'), models: host('models'),
                   note: host('usage-note'), measure: host('measure') };
    this.onRange = onRange;
    this.range = RANGES[1];
    this.measure = 'tokens';
    /** @type {Map<number, object>} answers by days */
    this.answers = new Map();
    this.chart = new ColumnChart(this.hosts.figure, 280);
    this.asTable = this.hosts.figure.appendChild(h('details', {}));
    this.empty = this.hosts.figure.appendChild(h('p', { class: 'empty', hidden: true }, 'No calls in this time.'));
    this.drawMeasure();
  }

  get chosen() {
    return { ...this.range, since: span(this.range.days, new Date()).since };
  }

  /** Asks for all three. @returns {Promise<number|null>} the calls of 30 days, null when not known */
  async refresh() {
    const now = new Date();
    const faults = await Promise.all(RANGES.map(async ({ days }) => {
      const columns = span(days, now);
      const [byTime, byModel] = await Promise.all([`model,${columns.step}`, 'model'].map((group_by) =>
        ask('/v1/usage', { since: columns.since, group_by, timezone: zone })));
      const fault = byTime.fault ?? byModel.fault;
      if (!fault) this.answers.set(days, { columns, byTime: byTime.data, byModel: byModel.data });
      return fault;
    }));
    this.fault = faults.find(Boolean);
    this.draw();
    return this.fault ? null : this.answers.get(30).byTime.totals.calls;
  }

  choose(range) {
    this.range = range;
    this.draw();
    this.onRange(this.chosen);
  }

  draw() {
    this.drawRanges();
    replace(this.hosts.fault, ...(this.fault ? [faultBox(this.fault)] : []));
    const answer = this.answers.get(this.range.days);
    if (!answer) return;
    const stacked = stack(answer.byTime.groups, answer.columns, this.measure);
    // A model has the same colour in the chart and in its table.
    const colors = new Map(stacked.layers.filter((layer) => !layer.isRest).map((layer, index) => [layer.model, index]));
    this.drawChart(answer, stacked);
    this.drawModels(answer.byModel.groups, colors);
    this.drawNote(answer.byTime, stacked);
  }

  drawRanges() {
    replace(this.hosts.ranges, ...RANGES.map((range) => {
      const totals = this.answers.get(range.days)?.byTime.totals;
      return h('button', { class: 'range', type: 'button', 'aria-pressed': String(range === this.range), 'data-key': range.days,
                           on: { click: () => this.choose(range) } },
        h('span', {}, range.text), h('b', {}, totals ? tokens(totals).text : '…'),
        h('span', {}, totals ? spent(totals) : ' '));
    }));
  }

  drawMeasure() {
    replace(this.hosts.measure, ...MEASURES.map(({ id, text }) => h('button', { type: 'button', 'aria-pressed': String(id === this.measure), 'data-key': id,
      on: { click: () => { this.measure = id; this.drawMeasure(); this.draw(); } } }, text)));
  }

  drawChart({ columns: { columns }, byTime }, { layers, open }) {
    const format = this.measure === 'cost' ? usd : compact;
    const absent = this.measure === 'cost' ? UNPRICED : UNKNOWN;
    const value = (amount) => (amount === null ? absent : format(amount));
    const isEmpty = byTime.totals.calls === 0;
    this.chart.plot.hidden = this.asTable.hidden = isEmpty;
    this.empty.hidden = !isEmpty;
    if (isEmpty) return;
    const what = this.measure === 'cost' ? `Cost estimate ${cost(byTime.totals).text}` : `${tokens(byTime.totals).text} tokens`;
    this.chart.show(`${what} by model, ${this.range.text.toLowerCase()}; the table has the numbers`, {
      labels: columns.map((column) => column.label), edges: edges(layers), open, format,
      lines: (index) => tip(columns[index].long, layers, open[index], index, value),
    });
    const head = [{ text: columns.length > 0 && this.range.days === 1 ? 'Hour' : 'Day' },
                  ...layers.map((layer) => ({ text: layerName(layer), number: true })), { text: 'Left out', number: true }];
    const rows = columns.map((column, at) => [column.long, ...layers.map((layer) => value(layer.values[at])), open[at] ? calls(open[at]) : '']);
    const isOpen = this.asTable.open;
    this.asTable.replaceChildren(h('summary', {}, 'As a table'), table(`${what} by model`, head, rows));
    this.asTable.open = isOpen;
  }

  drawModels(groups, colors) {
    if (groups.length === 0) {
      replace(this.hosts.models);
      return;
    }
    const all = sum(groups.map((group) => tokens(group).value)) ?? 0;
    const sorted = [...groups].sort((a, b) => (tokens(b).value ?? 0) - (tokens(a).value ?? 0));
    const rows = sorted.map((group) => {
      const property = layerColor(colors.get(group.key.model) ?? MOST_LAYERS - 1);
      const swatch = h('span', { class: 'swatch', 'aria-hidden': 'true' });
      swatch.style.background = `var(${property})`;
      return [h('span', {}, swatch, named(group.key.model, 'unknown model')), share(tokens(group).value, all, property), count(group.calls),
              tokens(group, 'input_total').text, tokens(group, 'cached_input').text, tokens(group, 'output_total').text,
              tokens(group).text, cost(group).text];
    });
    replace(this.hosts.models, table(`Models, ${this.range.text.toLowerCase()}`, COLUMNS, rows));
  }

  drawNote(answer, { outside }) {
    const notes = [gaps(answer.totals) && `Not in the sums: ${gaps(answer.totals)}.`];
    if (outside > 0) notes.push(`${calls(outside)} are old enough to be known by day of UTC only; the chart leaves them out.`);
    if (answer.covers_since) notes.push(`Sums begin at ${moment(answer.covers_since)}: older calls are kept in larger pieces.`);
    replace(this.hosts.note, notes.filter(Boolean).join(' '));
  }
}

function spent(totals) {
  return totals.calls === 0 ? 'no calls' : `${calls(totals.calls)} · ${cost(totals).text}`;
}

function layerName(layer) {
  return layer.isRest ? 'other models' : name(layer.model, 'unknown model');
}

function tip(when, layers, open, index, value) {
  const rows = layers.map((layer, at) => ({ layer, at })).filter(({ layer }) => layer.values[index] !== 0).reverse()
    .map(({ layer, at }) => tipRow(layerColor(at), h('bdi', {}, layerName(layer).slice(0, 40)), value(layer.values[index])));
  const sumText = value(sum(layers.map((layer) => layer.values[index])));
  return [h('strong', {}, `${when}: ${open > 0 ? '≥ ' : ''}${sumText}`), h('ul', {}, ...rows), open > 0 && h('span', {}, `${calls(open)} left out`)]
    .filter(Boolean);
}

function share(value, all, property) {
  if (value === null || all === 0) return h('span', {}, UNKNOWN);
  const fill = h('i', {});
  fill.style.width = `${(value / all) * 100}%`;
  fill.style.background = `var(${property})`;
  return h('span', {}, h('span', { class: 'share', 'aria-hidden': 'true' }, fill), ` ${percent(value / all)}`);
}
