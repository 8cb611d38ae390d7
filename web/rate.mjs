// Tokens per second, from the calls as they end.

/** Calls of the last minutes. Usage comes when a call ends, so a rate is a mean over some time. */
export class Rate {
  /** @param {number} keep milliseconds */
  constructor(keep) {
    this.keep = keep;
    /** @type {{at: number, tokens: number|null}[]} */
    this.calls = [];
    this.ids = new Set();
  }

  /** @param {object} record of /v1/usage/records or the stream; a second time it is left out */
  add(record) {
    if (this.ids.has(record.id)) return;
    this.ids.add(record.id);
    this.calls.push({ id: record.id, at: Date.parse(record.ended_at), tokens: record.usage ? record.usage.total : null });
  }

  /** Forgets what is too old. @param {number} now */
  forget(now) {
    for (const call of this.calls) {
      if (call.at <= now - this.keep) this.ids.delete(call.id);
    }
    this.calls = this.calls.filter((call) => call.at > now - this.keep);
  }

  /**
   * @param {number} now @param {number} window milliseconds
   * @returns {{perSecond: number|null, calls: number, unknown: number}} perSecond null: calls, but no usage of any
   */
  over(now, window) {
    const recent = this.calls.filter((call) => call.at > now - window);
    const known = recent.filter((call) => call.tokens !== null);
    const tokens = known.reduce((sum, call) => sum + call.tokens, 0);
    return {
      perSecond: recent.length > 0 && known.length === 0 ? null : tokens / (window / 1000),
      calls: recent.length,
      unknown: recent.length - known.length,
    };
  }

  /** Means over equal steps up to now, oldest first. @param {number} now @param {number} step milliseconds */
  history(now, step) {
    const count = Math.floor(this.keep / step);
    const last = Math.floor(now / step) * step;
    const at = Array.from({ length: count }, (_, index) => last - (count - 1 - index) * step);
    const values = at.map(() => 0);
    for (const call of this.calls) {
      const index = Math.floor((call.at - at[0]) / step);
      if (index >= 0 && index < count) values[index] += (call.tokens ?? 0) / (step / 1000);
    }
    return { at, values };
  }
}
