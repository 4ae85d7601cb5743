// What a person has changed and not saved yet. There are two copies: one in this browser, which is written at once and
// stays when the session ends, and one on the server, which other browsers see too.
import { csrfToken } from "../shared/api.js";

const TIMEOUT_MS = 20_000;
const MOST_AT_THE_END = 60_000; // characters: browsers send no larger body when a page is left

/**
 * The draft to go on with, or null. `server` is {base, cues, at} or null. `local` is what the browser has: {base, cues,
 * at, seen, sent}. It follows the server's draft of the time `seen`; `sent` tells whether the server has it. The two
 * clocks are compared only if the server's draft came from another browser.
 */
export function newest(server, local) {
  if (!local) return server;
  if (local.sent) return server; // the same, or newer from another browser, or saved there
  if (!server || server.at === local.seen) return local;
  return Date.parse(local.at) > Date.parse(server.at) ? local : server;
}

export class Drafts {
  isKept = true; // in this browser: false if it keeps nothing
  #seen = null;
  #sending = Promise.resolve();

  /** Of `person` for the track at `address` in the API. */
  constructor(address, person, storage) {
    this.address = `${address}/draft`;
    this.key = `pod_jobs.captions.${person}.${address}`;
    this.storage = storage;
  }

  /** The draft to go on with, or null; `server` is what the API has. */
  open(server) {
    this.#seen = server?.at ?? null;
    return newest(server, this.#read());
  }

  /** Keep `changes`, {base, cues}, here at once. */
  note(changes) {
    this.#write({ ...changes, at: new Date().toISOString(), seen: this.#seen, sent: false });
  }

  /** Send `changes` to the server, one after the other. Returns the status of the answer; 0 if there was none. */
  send(changes) {
    return (this.#sending = this.#sending.then(() => this.#put(changes, {})));
  }

  /** Send `changes` while the page is being left. */
  sendAtTheEnd(changes) {
    return this.#put(changes, { keepalive: JSON.stringify(changes).length < MOST_AT_THE_END });
  }

  /** Wait for what is being sent: a draft must not reach the server after what is saved. */
  settled() {
    return this.#sending;
  }

  /** Forget the browser's copy. The server forgets its own when something is saved. */
  forget() {
    this.#seen = null;
    try {
      this.storage().removeItem(this.key);
    } catch {
      // this browser keeps nothing
    }
  }

  async #put(changes, options) {
    const response = await fetch(this.address, {
      method: "PUT",
      headers: { "Content-Type": "application/json", "X-CSRFToken": csrfToken },
      body: JSON.stringify(changes),
      signal: AbortSignal.timeout(TIMEOUT_MS),
      ...options,
    }).catch(() => null);
    if (response?.ok) this.#arrived(changes, (await response.json().catch(() => null))?.at);
    return response?.status ?? 0;
  }

  /** The server has `changes` since `at`; the copy here may be newer by now. */
  #arrived(changes, at) {
    if (!at) return;
    this.#seen = at;
    const local = this.#read();
    if (!local) return;
    const isSame = local.base === changes.base && JSON.stringify(local.cues) === JSON.stringify(changes.cues);
    this.#write({ ...local, seen: at, sent: isSame });
  }

  #read() {
    try {
      return JSON.parse(this.storage().getItem(this.key));
    } catch {
      return null;
    }
  }

  #write(draft) {
    try {
      this.storage().setItem(this.key, JSON.stringify(draft));
      this.isKept = true;
    } catch {
      this.isKept = false; // a private window, or no room
    }
  }
}
