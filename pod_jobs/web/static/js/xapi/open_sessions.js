// Sessions that have not ended yet, kept while they grow. A tab may be killed without a word, as phones do; then the
// next page of the same person ends its session with what was watched until then.
import { describe, follow } from "./attempt.js";
import { buildStatement } from "./statement.js";

const ANSWER_MS = 1_000; // a page that is alive answers sooner, unless it is very busy
const CHANNEL = "pod_jobs.sessions";

export class OpenSessions {
  /** `person`: an id; the sessions of people who share a computer are kept apart. */
  constructor(person) {
    this.prefix = `pod_jobs.session.${person}.`;
    this.open();
    addEventListener("pagehide", () => this.close());
    addEventListener("pageshow", (event) => event.persisted && this.open());
  }

  /** Answer other pages that ask whether `mine` is alive. */
  open() {
    this.channel = globalThis.BroadcastChannel ? new BroadcastChannel(CHANNEL) : null;
    if (!this.channel) return;
    this.channel.onmessage = ({ data }) => {
      if (data.asked === this.mine) this.channel.postMessage({ alive: this.mine });
      if (data.alive) this.answered?.(data.alive);
    };
  }

  /** An open channel would keep the page out of the cache that "back" is served from. */
  close() {
    this.channel?.close();
  }

  /** Keep `session`, which has an `id`; null: the browser keeps nothing. */
  keep(session) {
    this.mine = session.id;
    try {
      localStorage.setItem(this.prefix + session.id, JSON.stringify(session));
      this.isKept = true;
    } catch {
      this.isKept = false; // private window: it ends with its page or never
    }
  }

  forget(id) {
    if (id === this.mine) this.isKept = false;
    try {
      localStorage.removeItem(this.prefix + id);
    } catch {
      // nothing was kept
    }
  }

  /** Has another page taken `id` for dead and ended it? */
  wasEnded(id) {
    return this.mine === id && this.isKept && localStorage.getItem(this.prefix + id) === null;
  }

  all() {
    try {
      const keys = Object.keys(localStorage).filter((key) => key.startsWith(this.prefix));
      return keys.map((key) => JSON.parse(localStorage.getItem(key))).filter(Boolean);
    } catch {
      return [];
    }
  }

  /** Those of other pages: {alive, dead}. Waits for answers only when there are any, and until all have answered. */
  async others() {
    const found = this.all().filter(({ id }) => id !== this.mine);
    if (!found.length) return { alive: [], dead: [] };
    const answers = new Set();
    await new Promise((done) => {
      setTimeout(done, ANSWER_MS);
      this.answered = (id) => {
        answers.add(id);
        if (found.every((one) => answers.has(one.id))) done(undefined);
      };
      for (const { id } of found) this.channel?.postMessage({ asked: id });
    });
    this.answered = undefined;
    return {
      alive: found.filter(({ id }) => answers.has(id)),
      dead: found.filter(({ id }) => !answers.has(id)),
    };
  }

  /** End those of pages that are gone, by statements in `outbox`, as they were when they were kept last. */
  end(dead, outbox) {
    for (const session of dead) {
      lastStatements(session).forEach((statement) => outbox.add(statement));
      this.forget(session.id);
    }
  }
}

/**
 * The statements that end a session as it was kept last. Two pages that end the same session make the same statements,
 * so the server takes them once.
 */
export function lastStatements({ id, at, segments, open, time, threshold, ...session }) {
  const { activity, title, registration, length } = session;
  const result = { time, ...describe(follow(segments, open), length) };
  const context = { "session-id": id, length, "completion-threshold": threshold };
  return (open ? ["paused", "terminated"] : ["terminated"]).map((verb, index) => {
    const instant = at + 1 + index;
    return buildStatement({ id: sibling(id, verb), verb, instant, activity, title, registration, result, context });
  });
}

/** A UUID that belongs to the UUID `id`: always the same for one purpose. */
function sibling(id, purpose) {
  const first = parseInt(id[0], 16) ^ (purpose === "paused" ? 1 : 2);
  return first.toString(16) + id.slice(1);
}
