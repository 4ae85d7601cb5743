// Statements on their way to the server. They stay in localStorage until it answers, so that neither a lost connection
// nor a closed page loses one. Sending one twice does no harm: the server knows it by its id.
import { csrfToken, root } from "../shared/api.js";

const URL = `${root}api/v1/xapi/statements`;
const SEND_AFTER_MS = 3_000;
const BATCH = 20; // if so many wait, they are sent at once
const MOST = 100; // in one request
const KEEPALIVE_BYTES = 60_000; // browsers refuse more than 64 KiB once the page is gone
const KEPT = 2_000;
const TIMEOUT_MS = 20_000;
const LONGEST_WAIT_MS = 60_000;

export class Outbox {
  /**
   * `person` keeps the statements of people who share a computer apart, because the server takes the person who is
   * signed in as their actor. Each statement has a key of its own, so that two tabs never overwrite each other's.
   */
  constructor(person) {
    this.prefix = `pod_jobs.traces.${person}.`;
    this.memory = new Map(); // by id: statements that localStorage refuses, in a private window or when it is full
    this.faults = 0;
    this.ended = false; // true when the server wants no statements, or no more from this page
    this.isUnwanted = false; // true when it wants none of this person
    addEventListener("online", () => this.soon(0));
    if (this.all().length) this.soon(0);
  }

  /** The waiting statements of all tabs, in the order of their time. */
  all() {
    const found = [...this.memory.values()];
    try {
      for (const key of Object.keys(localStorage)) {
        if (key.startsWith(this.prefix)) found.push(JSON.parse(localStorage.getItem(key)));
      }
    } catch {
      // localStorage is forbidden, so only the memory keeps them
    }
    return found.filter(Boolean).sort((one, other) => one.timestamp.localeCompare(other.timestamp));
  }

  keep(statement) {
    try {
      localStorage.setItem(this.prefix + statement.id, JSON.stringify(statement));
    } catch {
      this.memory.set(statement.id, statement);
    }
  }

  forget(statements) {
    for (const { id } of statements) {
      this.memory.delete(id);
      try {
        localStorage.removeItem(this.prefix + id);
      } catch {
        // it was only in the memory
      }
    }
  }

  add(statement) {
    if (this.ended) return;
    this.keep(statement);
    const all = this.all();
    this.forget(all.slice(0, -KEPT));
    if (!this.faults) this.soon(all.length >= BATCH ? 0 : SEND_AFTER_MS);
  }

  soon(wait) {
    if (this.ended || (this.timer && wait)) return;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.send(), wait);
  }

  /** Let one tab at a time send, if the browser has locks. */
  async send() {
    this.timer = undefined;
    if (this.sending) return;
    this.sending = true;
    try {
      if (navigator.locks) await navigator.locks.request(this.prefix, () => this.sendAll());
      else await this.sendAll();
    } finally {
      this.sending = false;
    }
  }

  async sendAll() {
    for (let batch; !this.ended && (batch = this.all().slice(0, MOST)).length;) {
      const wait = await this.post(batch);
      if (wait !== null) return this.soon(wait);
    }
  }

  /** Send `batch`. Returns the milliseconds until it should be sent again; null if that is not necessary. */
  async post(batch) {
    let response;
    try {
      response = await this.fetch(batch, { signal: AbortSignal.timeout(TIMEOUT_MS) });
    } catch {
      return this.backOff();
    }
    if (response.status === 401 || response.status === 403) {
      this.ended = true; // signed out: the statements wait for the next page of this person
      return null;
    }
    if (response.status === 429) return 1000 * (Number(response.headers.get("Retry-After")) || 10);
    if (response.status >= 500) return this.backOff();
    this.faults = 0;
    this.ended = this.isUnwanted = response.status === 204;
    this.forget(this.ended ? this.all() : batch); // accepted, or refused for good
    return null;
  }

  backOff() {
    this.faults += 1;
    return Math.min(1000 * 2 ** this.faults, LONGEST_WAIT_MS) * (0.5 + Math.random() / 2);
  }

  /** The page is closed: send what fits, without waiting for the answer. The next page sends again what had none. */
  last() {
    if (this.ended) return;
    const all = this.all();
    let size = 0;
    const first = all.findLastIndex((statement) => (size += bytes(statement) + 1) > KEEPALIVE_BYTES);
    const batch = all.slice(first + 1).slice(-MOST);
    if (batch.length) this.fetch(batch, { keepalive: true }).catch(() => {});
  }

  fetch(batch, options) {
    const headers = { "Content-Type": "application/json", "X-CSRFToken": csrfToken };
    return fetch(URL, { method: "POST", headers, body: JSON.stringify(batch), ...options });
  }
}

function bytes(statement) {
  return new TextEncoder().encode(JSON.stringify(statement)).length;
}
