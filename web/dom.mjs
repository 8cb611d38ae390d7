// Elements by hand. Whatever comes from the network becomes text, never markup.

import { name } from './format.mjs';

/**
 * @param {string} tag
 * @param {Record<string, any>} attributes `on` holds listeners; false and null are left out
 * @param {...(Node|string|null|false)} children
 */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [key, value] of Object.entries(attributes)) {
    if (key === 'on') Object.entries(value).forEach(([event, listener]) => element.addEventListener(event, listener));
    else if (value !== null && value !== false && value !== undefined) element.setAttribute(key, value === true ? '' : String(value));
  }
  element.append(...children.filter((child) => child !== null && child !== false && child !== undefined));
  return element;
}

/** A name from the network: cut, spelled out, and kept from turning the text around it. */
export function named(text, absent) {
  return h('bdi', { class: 'name', title: (text ?? '').length > 24 ? name(text).slice(0, 200) : null }, name(text, absent));
}

/** @param {import('./api.mjs').Fault} fault */
export function faultBox(fault) {
  return h('div', { class: 'fault' }, h('p', {}, sentence(fault.message)), fault.hint && h('p', { class: 'hint' }, sentence(fault.hint)));
}

export function sentence(text) {
  return text === '' ? '' : text[0].toUpperCase() + text.slice(1);
}

/**
 * @param {string} caption said to those who do not see where it stands
 * @param {{text: string, class?: string, number?: boolean}[]} columns
 * @param {(Node|string)[][]} cells rows; the first cell names its row
 */
export function table(caption, columns, cells) {
  const kind = (column) => [column.number && 'number', column.class].filter(Boolean).join(' ') || null;
  const head = h('tr', {}, ...columns.map((column) => h('th', { scope: 'col', class: kind(column) }, column.text)));
  const row = (values) => h('tr', {}, ...values.map((value, at) =>
    h(at === 0 ? 'th' : 'td', { scope: at === 0 ? 'row' : null, class: kind(columns[at]) }, value)));
  return h('div', { class: 'scroll', tabindex: 0, role: 'group', 'aria-label': caption },
    h('table', {}, h('caption', { class: 'hidden' }, caption), h('thead', {}, head), h('tbody', {}, ...cells.map(row))));
}

/**
 * Puts new content in place only when it is new, so that nothing is taken from under a reader or a pointer. What was
 * unfolded or scrolled stays so, and what had the focus has it again, known by its data-key or else by its place.
 * @param {HTMLElement} host @param {...(Node|string|false|null|undefined)} children false, null and undefined are left out
 */
export function replace(host, ...children) {
  const fresh = children.filter(Boolean).map((child) => (child instanceof Node ? child : document.createTextNode(child)));
  if (host.childNodes.length === fresh.length && fresh.every((child, at) => child.isEqualNode(host.childNodes[at]))) return;
  const all = (selector) => [...host.querySelectorAll(selector)];
  const focused = host.contains(document.activeElement) ? document.activeElement : null;
  const place = all(FOCUSABLE).indexOf(focused);
  const unfolded = all('details').map((details) => details.open);
  const scrolled = all('.scroll').map((region) => [region.scrollLeft, region.scrollTop]);
  host.replaceChildren(...fresh);
  all('details').forEach((details, at) => { details.open = unfolded[at] ?? false; });
  all('.scroll').forEach((region, at) => region.scrollTo(...(scrolled[at] ?? [0, 0])));
  if (focused) (all('[data-key]').find((one) => one.dataset.key === focused.dataset.key) ?? all(FOCUSABLE)[place])?.focus();
}

const FOCUSABLE = 'button, summary, a, [tabindex]';
