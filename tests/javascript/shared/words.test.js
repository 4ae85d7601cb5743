import assert from "node:assert/strict";
import test from "node:test";

import * as words from "../../../pod_jobs/web/static/js/shared/words.js";

const NO_BREAK_SPACE = "\u00a0";
const plain = (text) => text.replaceAll(NO_BREAK_SPACE, " ");

test("names in braces are filled in, and unknown ones stay", () => {
  assert.equal(words._("{count} of {whole}", { count: 3 }), "3 of {whole}");
});

test("a clock shows hours only when there are some", () => {
  assert.deepEqual([0, 65, 3661, 36000].map(words.clock), ["0:00", "1:05", "1:01:01", "10:00:00"]);
});

test("a few milliseconds change no clock", () => {
  assert.deepEqual([10.998, 11, 59.98, 10.9].map(words.clock), ["0:11", "0:11", "1:00", "0:10"]);
});

test("100 % means done", () => {
  assert.deepEqual([0, 0.999, 1].map(words.percent).map(plain), ["0%", "99%", "100%"]);
});

test("bytes have the unit that suits them", () => {
  assert.deepEqual([512, 2000, 1_500_000, 2.5e12].map(words.bytes).map(plain), [
    "512 bytes",
    "2 kB",
    "1.5 MB",
    "2.5 TB",
  ]);
});

test("what is left is told coarsely", () => {
  assert.deepEqual([0.2, 12, 90, 3700].map(words.span).map(plain), ["1 sec", "15 sec", "2 min", "1 hr 2 min"]);
});

test("a screen reader hears whole words", () => {
  assert.deepEqual([0, 65, 3600].map(words.spoken), ["0 seconds", "1 minute 5 seconds", "1 hour"]);
});

test("the first minute is now", () => {
  const before = (seconds) => new Date(Date.now() - seconds * 1000).toISOString();
  assert.deepEqual(
    [5, 185, 7300, -50].map((seconds) => words.ago(before(seconds))),
    ["now", "3 minutes ago", "2 hours ago", "now"],
  );
});

test("languages have names, and an unknown code stays as it is", () => {
  assert.deepEqual(["fr", "fra", "no such code"].map(words.languageName), ["French", "French", "no such code"]);
});

test("verbs have their xAPI names", () => {
  assert.equal(words.verbName("https://w3id.org/xapi/video/verbs/played"), "played");
  assert.equal(words.verbName("http://adlnet.gov/expapi/verbs/completed"), "completed");
  assert.equal(words.verbName("http://activitystrea.ms/complete"), "encoding completed");
  assert.equal(words.verbName("http://a.example/verbs/complete"), "complete");
});

test("two verbs of one name are told apart", () => {
  const adl = "http://adlnet.gov/expapi/verbs/completed";
  const other = "https://b.example:8/completed";
  const played = "https://w3id.org/xapi/video/verbs/played";
  const said = Object.fromEntries(words.verbNames([adl, other, played, adl]));
  assert.deepEqual(said, { [adl]: "completed (adlnet.gov)", [other]: "completed (b.example:8)", [played]: "played" });
});

test("a moment of today is a clock, one of another day or year says so", () => {
  const now = new Date(2026, 10, 29, 12);
  assert.equal(words.moment(new Date(2026, 10, 29, 1, 5), now), "01:05");
  assert.equal(words.moment(new Date(2026, 10, 28, 23, 59), now), "28 Nov, 23:59");
  assert.equal(words.moment(new Date(2025, 10, 29, 12), now), "29 Nov 2025, 12:00");
});
