import assert from "node:assert/strict";
import test from "node:test";

import { lastStatements } from "../../../pod_jobs/web/static/js/xapi/open_sessions.js";

const KEPT = {
  id: "5f0c6c3e-8e57-4f4c-9d57-0b0a5a5bb0f1",
  at: 1_000,
  segments: [[0, 4]],
  open: [10, 12],
  time: 12,
  threshold: 0.9,
  length: 60,
};

test("two pages that end the same session make the same statements", () => {
  const ends = lastStatements(KEPT);
  assert.deepEqual(ends, lastStatements(structuredClone(KEPT)));
  assert.deepEqual(
    ends.map(({ verb, timestamp }) => [verb.display.en, timestamp]),
    [
      ["paused", "1970-01-01T00:00:01.001Z"],
      ["terminated", "1970-01-01T00:00:01.002Z"],
    ],
  );
  assert.equal(new Set([KEPT.id, ...ends.map(({ id }) => id)]).size, 3);
  for (const { id } of ends) assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
});

test("a session that did not play is only terminated", () => {
  const [end, ...more] = lastStatements({ ...KEPT, open: null });
  assert.deepEqual(more, []);
  assert.equal(end.verb.display.en, "terminated");
});
