import assert from "node:assert/strict";
import test from "node:test";

import {
  describe,
  newlyEnded,
  openWords,
  shownTask,
  workerName,
} from "../../../pod_jobs/web/static/js/shared/state.js";

const running = (progress, more = {}) => ({
  state: "running",
  purpose: "play",
  kind: "encode",
  words: { state: "Encoding" },
  progress,
  ...more,
});

test("a running encode tells step, share, speed and time left", () => {
  const task = running({ step: "encode", fraction: 0.42, speed: 1.84, eta_s: 200, workers: 2 });
  assert.equal(openWords(task), "Encoding · 42% · 1.8× · 2 workers · about 3 min left");
});

test("what is not known is left out", () => {
  assert.equal(openWords(running({ step: "probe", fraction: 0 })), "Reading the file");
  assert.equal(openWords(running(undefined)), "Starting");
});

test("a waiting task tells its place", () => {
  const waiting = (more) => openWords({ state: "waiting", purpose: "play", kind: "encode", ...more });
  assert.equal(waiting({ queue_position: 1 }), "Next in the queue");
  assert.equal(waiting({ queue_position: 7 }), "Number 7 in the queue");
  assert.equal(waiting({}), "Starts soon");
  assert.equal(waiting({ purpose: "offer" }), "In the queue behind new recordings");
  assert.equal(waiting({ retry_at: new Date(Date.now() + 119_000).toISOString() }), "Next try in 2 min");
});

test("a waiting task tells when it will probably begin", (t) => {
  t.mock.timers.enable({ apis: ["Date"], now: new Date(2026, 10, 2, 9, 0) });
  const task = { state: "waiting", purpose: "play", kind: "encode", queue_position: 2 };
  const words = (begins) => openWords({ ...task, begins_at: begins?.toISOString() });
  assert.equal(words(new Date(2026, 10, 2, 14, 5)), "Number 2 in the queue · begins about 14:05");
  assert.equal(words(new Date(2026, 10, 3, 7, 30)), "Number 2 in the queue · begins about 3 Nov, 07:30");
  assert.equal(words(new Date(2026, 10, 2, 8, 59)), "Number 2 in the queue");
  assert.equal(words(undefined), "Number 2 in the queue");
});

test("a stop that was asked for comes before everything else", () => {
  assert.equal(openWords(running({ step: "encode", fraction: 0.5 }, { cancel_requested: true })), "Stopping");
});

test("only a running task has a bar", () => {
  const video = (state, task) => ({ state, task });
  assert.equal(describe(video("running", running({ step: "encode", fraction: 0.5 }))).fraction, 0.5);
  assert.equal(
    describe(video("waiting", { kind: "encode", state: "waiting", words: { state: "Waiting" } })).fraction,
    null,
  );
  assert.equal(describe(video("ready", { kind: "encode", state: "done" })).fraction, null);
});

test("a ready video whose newer encode failed says so", () => {
  const task = { kind: "encode", state: "error", error: { sentence: "Broken." } };
  const { words } = describe({ state: "ready", task });
  assert.equal(words, "The last encoding failed; the previous one is shown.");
});

test("a failed video shows the sentence of its error", () => {
  const task = { kind: "encode", state: "error", words: { state: "Failed" }, error: { sentence: "Broken." } };
  const { label, words } = describe({ state: "error", task });
  assert.deepEqual([label, words], ["Failed", "Broken."]);
});

test("the player shows the newest result that is done and to be played", () => {
  const tasks = [
    { id: 4, purpose: "play", state: "running" },
    { id: 3, purpose: "offer", state: "done" },
    { id: 2, purpose: "play", state: "done" },
    { id: 1, purpose: "play", state: "done" },
  ];
  assert.equal(shownTask({ tasks }).id, 2);
});

test("what ended since the page was shown: also a side task, and a task that failed once more", () => {
  const task = (id, state, ended_at) => ({ id, state, ended_at });
  const before = { tasks: [task(3, "waiting"), task(2, "error", "12:00"), task(1, "done", "11:00")] };
  const after = { tasks: [task(3, "error", "12:05"), task(2, "error", "12:04"), task(1, "done", "11:00")] };
  assert.deepEqual(
    newlyEnded(before, after).map(({ id }) => id),
    [3, 2],
  );
  assert.deepEqual(newlyEnded(undefined, after), []);
  assert.deepEqual(newlyEnded(after, { tasks: [task(3, "waiting", "12:05")] }), []);
});

test("a worker is called by its queue, number and machine", () => {
  const host = "video.example.org";
  assert.equal(workerName({ worker: `encoding.${host}.4242.0.1763`, host }), `encoding 4242 @ ${host}`);
  assert.equal(workerName({ worker: "encoding-1", host }), `encoding-1 @ ${host}`);
});
