import assert from "node:assert/strict";
import test from "node:test";

import { isWorthIt, linkAt, parseMoment } from "../../../pod_jobs/web/static/js/player/resume.js";

test("a moment in an address is written in many ways", () => {
  const moments = {
    90: 90,
    "90s": 90,
    "1m30s": 90,
    "1m": 60,
    "1:30": 90,
    "1:00:05": 3605,
    "1h2": 3602,
    "2h": 7200,
    12.5: 12.5,
  };
  for (const [text, seconds] of Object.entries(moments)) assert.equal(parseMoment(text), seconds, text);
  for (const text of ["", "now", "-3", "s", null]) assert.equal(parseMoment(text), null, String(text));
});

test("nobody needs help with the first and the last seconds", () => {
  assert.deepEqual(
    [5, 10, 600, 1195].map((time) => isWorthIt(time, 1200)),
    [false, true, true, false],
  );
});

test("a link leads to the whole second", () => {
  globalThis.location = { href: "https://pod.example.org/videos/3?x=1#y" };
  assert.equal(linkAt(83.9), "https://pod.example.org/videos/3?t=83");
});
