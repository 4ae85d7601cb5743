import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { Drafts, newest } from "../../../pod_jobs/web/static/js/captions/drafts.js";

const ADDRESS = "/api/v1/videos/3/captions/1";
const changes = (text) => ({ base: 1, cues: [[0, 1, text, "", []]] });
let kept; // what the browser keeps
let server; // the draft of the server
let isSignedIn;

const storage = () => ({
  getItem: (key) => kept.get(key) ?? null,
  setItem: (key, value) => kept.set(key, value),
  removeItem: (key) => kept.delete(key),
});
const drafts = (person = "lea") => new Drafts(ADDRESS, person, storage);

beforeEach(() => {
  [kept, server, isSignedIn] = [new Map(), null, true];
  let count = 0;
  globalThis.fetch = async (address, { body }) => {
    assert.equal(address, `${ADDRESS}/draft`);
    if (!isSignedIn) return new Response("{}", { status: 401 });
    server = { ...JSON.parse(body), at: `2020-01-01T00:00:0${(count += 1)}.000Z` };
    return Response.json({ at: server.at });
  };
});

test("what was written after the session had ended is opened after signing in, whatever the clocks say", async () => {
  const page = drafts();
  page.open(null);
  page.note(changes("first"));
  assert.equal(await page.send(changes("first")), 200);
  isSignedIn = false;
  page.note(changes("second"));
  assert.equal(await page.send(changes("second")), 401);
  for (const clock of ["2000", "2040"]) {
    const behind = { ...server, at: `${clock}-01-01T00:00:00.000Z` };
    const local = { ...JSON.parse([...kept.values()][0]), seen: behind.at };
    assert.deepEqual(newest(behind, local).cues, changes("second").cues);
  }
  assert.deepEqual(drafts().open(server).cues, changes("second").cues);
});

test("changes of another person, and of another browser that is newer, do not come from here", async () => {
  const page = drafts();
  page.open(null);
  page.note(changes("mine"));
  assert.equal(drafts("max").open(null), null);
  await page.send(changes("mine"));
  const elsewhere = { ...changes("elsewhere"), at: "2020-01-01T00:00:09.000Z" };
  assert.equal(drafts().open(elsewhere), elsewhere, "it followed what had been sent from here");
  assert.equal(drafts().open(null), null, "it was saved or discarded elsewhere");
});

test("of two browsers that both went on without the server, the newer draft is opened", () => {
  const theirs = (at) => ({ ...changes("theirs"), at });
  const local = { ...changes("mine"), at: "2026-05-01T10:00:00.000Z", seen: null, sent: false };
  assert.equal(newest(theirs("2026-05-01T09:59:00.000Z"), local), local);
  assert.equal(newest(theirs("2026-05-01T10:01:00.000Z"), local).cues[0][2], "theirs");
});

test("an answer that comes after further changes does not count for them", async () => {
  const page = drafts();
  page.open(null);
  page.note(changes("a"));
  const sending = page.send(changes("a"));
  page.note(changes("ab"));
  await sending;
  assert.deepEqual(drafts().open(server).cues, changes("ab").cues);
});

test("what is forgotten does not come back, and a browser that keeps nothing says so", () => {
  const page = drafts();
  page.note(changes("a"));
  page.forget();
  assert.equal(drafts().open(null), null);
  const closed = new Drafts(ADDRESS, "lea", () => {
    throw new Error("SecurityError");
  });
  closed.note(changes("a"));
  assert.equal(closed.isKept, false);
  assert.equal(closed.open(null), null);
  closed.forget();
});
