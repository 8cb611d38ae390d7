// Numbers, times and names as people read them. Unknown is never 0: it is null up to here, and a word from here on.

export const UNKNOWN = 'unknown';
export const UNPRICED = 'unpriced';
const LONGEST_NAME = 96;

const whole = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 });
const STEPS = [[1e12, 'T'], [1e9, 'B'], [1e6, 'M'], [1e3, 'k']];

/** @param {number|null|undefined} value */
export function count(value) {
  return value === null || value === undefined ? UNKNOWN : whole.format(value);
}

/** Three digits that count: 999, 12.3 k, 4.56 M. @param {number|null|undefined} value */
export function compact(value) {
  if (value === null || value === undefined) return UNKNOWN;
  for (const [step, letter] of STEPS) {
    // What would be rounded up to 1000 belongs to the next step.
    if (value >= step * 0.9995) return `${digits(value / step)} ${letter}`;
  }
  return Number.isInteger(value) ? String(value) : digits(value);
}

function digits(value) {
  const places = value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
  return value.toFixed(places).replace(/\.0+$|(\.\d*[1-9])0+$/, '$1');
}

/** An estimate; small ones keep two digits that count. @param {number|null|undefined} value */
export function usd(value) {
  if (value === null || value === undefined) return UNPRICED;
  if (value === 0 || value >= 0.995) return `$${value.toLocaleString('en-US', { minimumFractionDigits: 2, maximumFractionDigits: 2 })}`;
  const places = Math.min(12, Math.max(2, 1 - Math.floor(Math.log10(value))));
  return `$${value.toFixed(places)}`;
}

/** @param {number|null|undefined} fraction */
export function percent(fraction) {
  if (fraction === null || fraction === undefined) return UNKNOWN;
  const value = fraction * 100;
  // Almost nothing is not nothing, and almost all is not all.
  if (value > 0 && value < 1) return '< 1 %';
  if (value > 99 && value < 100) return '> 99 %';
  return `${Math.round(value)} %`;
}

/** "2 d 3 h", "3 h 10 min", "4 min", "12 s". @param {number} seconds */
export function duration(seconds) {
  const rest = Math.max(0, Math.round(seconds));
  const minutes = Math.round(rest / 60);
  if (rest < 60) return `${rest} s`;
  if (minutes < 60) return `${minutes} min`;
  if (minutes < 24 * 60) return two(Math.floor(minutes / 60), 'h', minutes % 60, 'min');
  const hours = Math.round(minutes / 60);
  return two(Math.floor(hours / 24), 'd', hours % 24, 'h');
}

function two(large, largeUnit, small, smallUnit) {
  return small === 0 ? `${large} ${largeUnit}` : `${large} ${largeUnit} ${small} ${smallUnit}`;
}

const pad = (value) => String(value).padStart(2, '0');

/** Local time; with the day when it is another one than that of `now`. @param {string} text RFC 3339 */
export function moment(text, now = new Date()) {
  const at = new Date(text);
  if (Number.isNaN(at.getTime())) return UNKNOWN;
  const time = `${pad(at.getHours())}:${pad(at.getMinutes())}`;
  return day(at) === day(now) ? time : `${day(at)} ${time}`;
}

/** @param {Date} at */
export function day(at) {
  return `${at.getFullYear()}-${pad(at.getMonth() + 1)}-${pad(at.getDate())}`;
}

/** "23 Nov" of "2026-11-23". @param {string} text */
export function shortDay(text) {
  const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
  const [, month, date] = text.split('-').map(Number);
  return `${date} ${months[month - 1]}`;
}

/**
 * A name that came from the network, safe to stand in a line: what cannot be seen is spelled out,
 * and what is too long is cut.
 * @param {string|null|undefined} name @param {string} absent what stands for no name
 */
export function name(text, absent = UNKNOWN) {
  if (text === null || text === undefined || text === '') return absent;
  const seen = Array.from(text.slice(0, 4 * LONGEST_NAME), visible);
  const isLong = text.length > 4 * LONGEST_NAME || seen.join('').length > LONGEST_NAME;
  return isLong ? `${seen.join('').slice(0, LONGEST_NAME - 1)}…` : seen.join('');
}

// Control, format (which turn the direction of text), surrogate and private characters, and line ends.
function visible(character) {
  return /[\p{C}\p{Zl}\p{Zp}]/u.test(character) ? `\\u{${character.codePointAt(0).toString(16)}}` : character;
}
