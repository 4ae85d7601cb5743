// Calls to /api/v1 send and return JSON. A fault is thrown as a Problem with a sentence for the person.
import { _ } from "./words.js";

export const root = new URL("../../../", import.meta.url).pathname; // of the app; "/" if no proxy changes it
const TIMEOUT_MS = 20_000;
const FILE_TIMEOUT_MS = 300_000; // some megabytes on a slow line
export const csrfToken = /** @type {any} */ (document.querySelector('meta[name="csrf-token"]'))?.content ?? "";

/** Codes whose sentence does not say what is wrong. Beside other sentences, the technical reason is of no use. */
const GENERAL = new Set(["refused", "malformed", "forbidden", "not-found", "internal"]);

export class Problem extends Error {
  /** `message` is the sentence for the person, `detail` the technical reason; `status` is 0 if there was no answer. */
  constructor(status, message, detail = "") {
    super(message);
    this.status = status;
    this.detail = detail;
    this.faults = []; // of a file: {line, sentence}
  }
}

/** The Problem for the body of a failed response, which may be a problem document, a proxy's page or empty. */
export function problem(status, text) {
  let document = {};
  try {
    document = JSON.parse(text) ?? {};
  } catch {
    // it is no problem document, so only the status tells what happened
  }
  if (status === 401) return new Problem(status, _("Your session has ended. Please sign in again."));
  const sentence = document.title ?? _("The server answered with an error ({status}).", { status });
  const found = new Problem(status, sentence, GENERAL.has(document.code) || status >= 500 ? document.detail : "");
  return Object.assign(found, { faults: document.faults ?? [] });
}

async function send(method, path, body, headers = {}, timeout = TIMEOUT_MS) {
  try {
    return await fetch(path, {
      method,
      headers: {
        Accept: "application/json",
        ...(method === "GET" ? {} : { "X-CSRFToken": csrfToken }),
        ...(body === undefined ? {} : { "Content-Type": "application/json" }),
        ...headers,
      },
      body: body === undefined || body instanceof Blob ? body : JSON.stringify(body),
      cache: "no-store",
      signal: AbortSignal.timeout(timeout),
    });
  } catch (error) {
    throw new Problem(0, _("The server cannot be reached."), String(error));
  }
}

/** Call the API. Returns the JSON of the answer, or null if it has none. Throws Problem. */
export async function call(method, path, body) {
  return answerOf(await send(method, path, body));
}

/** Send a small file as it is. Returns and throws as `call` does. */
export async function sendFile(path, file) {
  return answerOf(await send("POST", path, file, { "Content-Type": "application/octet-stream" }, FILE_TIMEOUT_MS));
}

async function answerOf(response) {
  const text = await response.text();
  if (!response.ok) throw problem(response.status, text);
  return text ? JSON.parse(text) : null;
}

/**
 * Call `work`, one call at a time, again and again: it returns after how many seconds to call it next, or null to stop.
 * Returns a function that calls it at once. Its `pause()` ends when no call is under way any more and none will follow;
 * its `resume()` goes on.
 */
function repeat(work) {
  let timer,
    running = null, // the promise of the call under way
    again = false,
    paused = false;

  async function now() {
    clearTimeout(timer);
    if (paused) return;
    if (running) {
      again = true;
      return;
    }
    let rest;
    try {
      running = work();
      rest = await running;
    } finally {
      running = null;
    }
    if (rest !== null && !paused) timer = setTimeout(now, again ? 0 : rest * 1000);
    again = false;
  }

  return Object.assign(now, {
    pause: () => {
      paused = true;
      return running;
    },
    resume: () => {
      paused = false;
      return now();
    },
  });
}

/**
 * Keep asking for `path()`, and pass each new answer to `show`: every 2 s while `isOpen(answer)`, else every 5 s, and
 * every 30 s while the page is hidden. Faults are passed to `fail(problem)`; `fail(null)` means that all is well again.
 * Returns a function that asks at once, and has `pause` and `resume`.
 */
export function watch(path, { show, isOpen, fail }) {
  let etag,
    lastPath,
    open = false,
    faults = 0;

  const ask = repeat(async () => {
    const current = path();
    try {
      const response = await send(
        "GET",
        current,
        undefined,
        etag && current === lastPath ? { "If-None-Match": etag } : {},
      );
      if (response.status !== 304) {
        const text = await response.text();
        if (!response.ok) throw problem(response.status, text);
        const answer = JSON.parse(text);
        if (current === path()) {
          [etag, lastPath, open] = [response.headers.get("ETag"), current, isOpen(answer)];
          show(answer);
        }
      }
      if (faults) fail(null);
      faults = 0;
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      faults += 1;
      fail(error);
      if ([401, 403, 404].includes(error.status)) return null; // asking again cannot help
    }
    return faults ? Math.min(2 ** faults, 30) : document.hidden ? 30 : open ? 2 : 5;
  });

  document.addEventListener("visibilitychange", () => document.hidden || ask());
  addEventListener("online", ask);
  ask();
  return ask;
}
