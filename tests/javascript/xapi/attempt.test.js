import assert from "node:assert/strict";
import test from "node:test";

import { Attempt } from "../../../pod_jobs/web/static/js/xapi/attempt.js";

const values = new Map();
globalThis.sessionStorage = /** @type {any} */ ({
  getItem: (key) => values.get(key) ?? null,
  setItem: (key, value) => values.set(key, value),
});

test("an attempt goes on in the next page of the tab, also after one that was killed while it played", () => {
  const first = new Attempt("léa", "one", 60);
  first.spent = 4;
  first.add([0, 4]);
  first.store([10, 12.5], 6.5); // and then no further word
  const next = new Attempt("léa", "one", 60);
  assert.equal(next.registration, first.registration);
  assert.deepEqual(next.watched(), { progress: 0.108, "played-segments": "0[.]4[,]10[.]12.5" });
  assert.equal(next.spent, 6.5);
});

test("segments stay in the order of watching, however many they are, until another attempt begins", () => {
  const attempt = new Attempt("léa", "two", 6000);
  const segments = Array.from({ length: 1000 }, (_, i) => [(i * 7919) % 5000, ((i * 7919) % 5000) + 1]);
  for (const segment of segments.slice(0, -1)) attempt.add(segment);
  assert.equal(attempt.isFull, false);
  attempt.add(segments.at(-1));
  assert.equal(attempt.isFull, true);
  const text = segments.map(([begin, end]) => `${begin}[.]${end}`).join("[,]");
  assert.equal(attempt.watched()["played-segments"], text);
  const next = new Attempt("léa", "two", 6000);
  assert.notEqual(next.registration, attempt.registration);
  assert.deepEqual(next.segments, []);
});

test("an attempt that an open page has is not taken", () => {
  const first = new Attempt("léa", "three", 60);
  first.store();
  assert.equal(new Attempt("léa", "three", 60).registration, first.registration);
  const taken = new Set([first.registration]);
  assert.notEqual(new Attempt("léa", "three", 60, taken).registration, first.registration);
});

test("an attempt belongs to a video of one length, give or take its last segment", () => {
  const attempt = new Attempt("léa", "four", 60);
  const lengths = [20, 59.5, 60.9, 61];
  assert.deepEqual(
    lengths.filter((length) => attempt.isOfLength(length)),
    [59.5, 60.9],
  );
  attempt.store();
  assert.notEqual(new Attempt("léa", "four", 20).registration, attempt.registration);
});
