// Statements on their way to the server: kept in localStorage until it answers, so a lost line or a closed page loses none.
// Sending one twice does no harm: the server knows it by its id.
import { csrfToken, root } from "./api.js";

const URL = `${root}api/v1/xapi/statements`;
const SEND_AFTER_MS = 3_000;
const BATCH = 20; // as many go at once without waiting
const MOST = 100; // in one request
const KEEPALIVE_BYTES = 60_000; // browsers refuse more than 64 KiB once the page is gone
const KEPT = 2_000;
const TIMEOUT_MS = 20_000;
const LONGEST_WAIT_MS = 60_000;

export class Outbox {
  /** `person` keeps the statements of people at one computer apart: the server writes them to whoever is signed in. */
  constructor(person) {
    this.key = `pod_jobs.traces.${person}`;
    this.memory = []; // private windows may keep nothing
    this.faults = 0;
    this.ended = false; // the server wants none, or no more from this page
    addEventListener("online", () => this.soon(0));
    if (this.all().length) this.soon(0);
  }

  all() {
    try {
      return JSON.parse(localStorage.getItem(this.key)) ?? [];
    } catch {
      return this.memory;
    }
  }

  keep(statements) {
    this.memory = statements.slice(-KEPT);
    try {
      localStorage.setItem(this.key, JSON.stringify(this.memory));
    } catch {
      // full or forbidden: the memory must do
    }
  }

  add(statement) {
    if (this.ended) return;
    const all = [...this.all(), statement];
    this.keep(all);
    if (!this.faults) this.soon(all.length >= BATCH ? 0 : SEND_AFTER_MS);
  }

  soon(wait) {
    if (this.ended || (this.timer && wait)) return;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.send(), wait);
  }

  /** One tab at a time, where the browser can tell. */
  async send() {
    this.timer = undefined;
    if (this.sending) return;
    this.sending = true;
    try {
      if (navigator.locks) await navigator.locks.request(this.key, () => this.sendAll());
      else await this.sendAll();
    } finally {
      this.sending = false;
    }
  }

  async sendAll() {
    for (let batch; !this.ended && (batch = this.all().slice(0, MOST)).length; ) {
      const wait = await this.post(batch);
      if (wait !== null) return this.soon(wait);
    }
  }

  /** Milliseconds until the same should be tried again; null when it is done with. */
  async post(batch) {
    let response;
    try {
      response = await this.fetch(batch, { signal: AbortSignal.timeout(TIMEOUT_MS) });
    } catch {
      return this.backOff();
    }
    if (response.status === 401 || response.status === 403) {
      this.ended = true; // signed out: what is here waits for this person's next page
      return null;
    }
    if (response.status === 429) return 1000 * (Number(response.headers.get("Retry-After")) || 10);
    if (response.status >= 500) return this.backOff();
    this.faults = 0;
    const done = new Set(batch.map(({ id }) => id)); // accepted, or refused for good
    this.keep(this.all().filter(({ id }) => !done.has(id)));
    if (response.status === 204) this.ended = true;
    return null;
  }

  backOff() {
    this.faults += 1;
    return Math.min(1000 * 2 ** this.faults, LONGEST_WAIT_MS) * (0.5 + Math.random() / 2);
  }

  /** The page goes: hand over what fits, without waiting for an answer. The next page sends again what had none. */
  last() {
    if (this.ended) return;
    const all = this.all();
    let size = 0;
    const first = all.findLastIndex((statement) => (size += JSON.stringify(statement).length + 1) > KEEPALIVE_BYTES);
    const batch = all.slice(first + 1).slice(-MOST);
    if (batch.length) this.fetch(batch, { keepalive: true }).catch(() => {});
  }

  fetch(batch, options) {
    const headers = { "Content-Type": "application/json", "X-CSRFToken": csrfToken };
    return fetch(URL, { method: "POST", headers, body: JSON.stringify(batch), ...options });
  }
}
