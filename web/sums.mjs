// What a block of sums of /v1/usage says, and what it leaves open.

import { UNKNOWN, UNPRICED, compact, usd } from './format.mjs';

/**
 * @typedef {object} Sums the sums of one group, as the API gives them
 * @property {number} calls @property {number} usage_unknown @property {number} total
 * @property {number|null} cost_usd_estimate @property {number} unpriced
 *
 * @typedef {object} Amount
 * @property {number|null} value null: not known
 * @property {boolean} isFloor there is more, and nobody knows how much
 * @property {string} text
 */

/** @param {Sums} sums @param {string} field @returns {Amount} */
export function tokens(sums, field = 'total') {
  const isUnknown = sums.calls > 0 && sums.usage_unknown >= sums.calls;
  return amount(isUnknown ? null : sums[field], sums.usage_unknown > 0, compact, UNKNOWN);
}

/** @param {Sums} sums @returns {Amount} */
export function cost(sums) {
  // Nothing was asked, so nothing was spent; that no price is known says nothing then.
  const value = sums.calls === 0 ? 0 : sums.cost_usd_estimate;
  return amount(value, sums.unpriced > 0, usd, UNPRICED);
}

function amount(value, isFloor, format, absent) {
  if (value === null || value === undefined) return { value: null, isFloor: false, text: absent };
  return { value, isFloor, text: isFloor ? `≥ ${format(value)}` : format(value) };
}

/** What is missing from the sums, in words; empty when nothing is. @param {Sums} sums */
export function gaps(sums) {
  const out = [];
  if (sums.usage_unknown > 0) out.push(`${calls(sums.usage_unknown)} of unknown usage`);
  if (sums.unpriced > 0) out.push(`${calls(sums.unpriced)} without a price`);
  return out.join(', ');
}

/** @param {number} number */
export function calls(number) {
  return number === 1 ? '1 call' : `${number.toLocaleString('en-US')} calls`;
}
