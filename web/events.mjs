// Server-sent events. Not EventSource: that one hides why it was refused.

/** Source: WHATWG HTML, "Parsing an event stream", as far as this server writes it: LF, UTF-8. */
export class EventParser {
  constructor() {
    this.rest = '';
    this.event = {};
  }

  /** Any split is equivalent. @param {string} text @returns {{id?: string, event?: string, data?: string}[]} */
  feed(text) {
    const lines = (this.rest + text).split('\n');
    this.rest = lines.pop();
    const out = [];
    for (const line of lines) {
      if (line === '') {
        if (this.event.data !== undefined) out.push(this.event);
        this.event = {};
        continue;
      }
      const [field, value] = split(line);
      if (field === 'data' && this.event.data !== undefined) this.event.data += `\n${value}`;
      else if (field === 'id' || field === 'event' || field === 'data') this.event[field] = value;
    }
    return out;
  }
}

function split(line) {
  const colon = line.indexOf(':');
  if (colon < 0) return [line, ''];
  return [line.slice(0, colon), line.slice(colon + 1).replace(/^ /, '')];
}
