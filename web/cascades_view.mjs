// Usage by conversation, and the single calls of one.

import { ask, zone } from './api.mjs';
import { faultBox, h, named, replace, table } from './dom.mjs';
import { count, name } from './format.mjs';
import { texts } from './record.mjs';
import { cost, tokens } from './sums.mjs';

const STEP = 15;
const PAGE = 50;
const MOST = 1000;  // of one answer

const COLUMNS = [
  { text: 'Conversation', class: 'stretch' }, { text: 'Calls', number: true, class: 'wide' }, { text: 'Input', number: true, class: 'wide' },
  { text: 'Output', number: true, class: 'wide' }, { text: 'Tokens', number: true }, { text: 'Est. cost', number: true },
];
const CALLS = [
  { text: 'Began' }, { text: 'Model', class: 'stretch' }, { text: 'Kind', class: 'wider' }, { text: 'Input', number: true, class: 'wide' },
  { text: 'Cached', number: true, class: 'wider' }, { text: 'Output', number: true, class: 'wide' }, { text: 'Tokens', number: true }, { text: 'Est. cost', number: true }, { text: 'Took', number: true, class: 'wide' }, { text: 'Result', class: 'wider' },
];

export class CascadesView {
  /** @param {(id: string) => HTMLElement} host */
  constructor(host) {
    this.body = host('cascades');
    this.label = host('cascades-range');
    this.most = STEP;
    /** @type {Map<string, {records: object[], next: string|null, fault?: object}>} the open ones */
    this.open = new Map();
  }

  async show(range) {
    if (this.range?.days !== range.days) {
      this.most = STEP;
      this.open.clear();
    }
    this.range = range;
    const answer = await ask('/v1/usage', { since: range.since, group_by: 'cascade', timezone: zone });
    if (this.range !== range) return;  // another one was chosen meanwhile
    this.answer = answer;
    this.label.textContent = range.text.toLowerCase();
    // What is open has its new calls as well.
    await Promise.all([...this.open.keys()].map((id) => this.load(id, false)));
    this.draw();
  }

  draw() {
    const { data, fault } = this.answer;
    if (fault) {
      replace(this.body, faultBox(fault));
      return;
    }
    const groups = [...data.groups].sort((a, b) => (tokens(b).value ?? 0) - (tokens(a).value ?? 0) || b.calls - a.calls);
    if (groups.length === 0) {
      replace(this.body, h('p', { class: 'empty' }, 'No calls in this time.'));
      return;
    }
    const shown = groups.slice(0, this.most);
    const made = table('Conversations', COLUMNS, shown.map((group) => this.row(group)));
    shown.forEach((group, at) => this.unfold(group, made.querySelectorAll('tbody > tr:not(.inner)')[at]));
    replace(this.body, made, groups.length > this.most && more(`${groups.length - this.most} more`, 'more',
      () => { this.most += STEP; this.draw(); }));
  }

  row(group) {
    const id = group.key.cascade;
    const title = id === null ? named(null, 'calls of no conversation')
      : h('button', { class: 'open', type: 'button', 'aria-expanded': String(this.open.has(id)), 'data-key': `cascade ${id}`,
                      on: { click: () => this.toggle(id) } }, named(id));
    return [title, count(group.calls), tokens(group, 'input_total').text, tokens(group, 'output_total').text, tokens(group).text, cost(group).text];
  }

  unfold(group, row) {
    const content = this.open.get(group.key.cascade);
    if (content) row.after(h('tr', { class: 'inner' }, h('td', { colspan: COLUMNS.length }, ...this.inner(group, content))));
  }

  inner(group, { records, next, fault }) {
    if (fault) return [faultBox(fault)];
    if (!records) return ['…'];
    const id = group.key.cascade;
    const now = new Date();
    const rows = records.map((record) => {
      const text = texts(record, now);
      return [text.time, named(record.model, 'unknown model'), text.kind, text.input, text.cached, text.output, text.total, text.cost, text.took, name(text.outcome)];
    });
    return [table(`Calls of conversation ${name(id)}`, CALLS, rows),
            next !== null && more('More calls', `more ${id}`, () => this.load(id)),
            next === null && records.length < group.calls && h('p', { class: 'faint' }, 'Older calls are kept as sums alone.')].filter(Boolean);
  }

  async toggle(id) {
    if (this.open.delete(id)) {
      this.draw();
      return;
    }
    this.open.set(id, { records: null, next: null });
    await this.load(id);
  }

  /** The next calls of one conversation, or anew as many as there are. */
  async load(id, isNext = true) {
    const content = this.open.get(id);
    const had = isNext ? content.records ?? [] : [];
    const { data, fault } = await ask('/v1/usage/records', {
      cascade: id, since: this.range.since, timezone: zone,
      limit: isNext ? PAGE : Math.min(MOST, Math.max(PAGE, content.records?.length ?? 0)),
      ...(isNext && content.next ? { cursor: content.next } : {}),
    });
    if (this.open.get(id) !== content) return;  // closed meanwhile
    this.open.set(id, fault ? { fault } : { records: [...had, ...data.records], next: data.next_cursor });
    if (isNext) this.draw();
  }
}

function more(text, key, onClick) {
  return h('button', { class: 'more', type: 'button', 'data-key': key, on: { click: onClick } }, text);
}
