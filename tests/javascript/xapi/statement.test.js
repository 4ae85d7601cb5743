import assert from "node:assert/strict";
import test from "node:test";

import { buildStatement, uuid } from "../../../pod_jobs/web/static/js/xapi/statement.js";

const SAID = {
  verb: "paused",
  instant: Date.UTC(2026, 10, 28, 9, 30),
  activity: "https://pod.example.org/video/1",
  title: "Thermodynamique",
  registration: "7f0d1c52-0000-4000-8000-000000000000",
  result: { time: 3.2 },
  context: { "session-id": "s" },
};

test("a statement has the ids of the Video Profile", () => {
  const { verb, result, context, timestamp, object } = buildStatement(SAID);
  assert.equal(verb.id, "https://w3id.org/xapi/video/verbs/paused");
  assert.equal(timestamp, "2026-11-28T09:30:00.000Z");
  assert.deepEqual(result, { extensions: { "https://w3id.org/xapi/video/extensions/time": 3.2 } });
  assert.deepEqual(context.contextActivities.category, [{ id: "https://w3id.org/xapi/video" }]);
  assert.equal(context.extensions["https://w3id.org/xapi/video/extensions/session-id"], "s");
  assert.equal(object.definition.name.und, "Thermodynamique");
});

test("completion stands beside the extensions of the result", () => {
  const { result } = buildStatement({ ...SAID, more: { completion: true } });
  assert.equal(result.completion, true);
  assert.equal(buildStatement({ ...SAID, result: undefined }).result, undefined);
});

test("an id is a random UUID, also where crypto.randomUUID is missing", () => {
  const version4 = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
  assert.match(uuid(), version4);
  Object.defineProperty(crypto, "randomUUID", { value: undefined, configurable: true });
  assert.match(uuid(), version4);
  assert.notEqual(uuid(), uuid());
  delete crypto.randomUUID; // the prototype's is seen again
});
