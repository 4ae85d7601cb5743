import assert from "node:assert/strict";
import test from "node:test";

import { follow } from "../../../pod_jobs/web/static/js/xapi/attempt.js";
import { format, rounded, union, watched } from "../../../pod_jobs/web/static/js/xapi/segments.js";

test("a union is sorted and holds each second once", () => {
  assert.deepEqual(
    union([
      [40, 50],
      [5, 20],
      [0, 10],
    ]),
    [
      [0, 20],
      [40, 50],
    ],
  );
});

test("a union leaves its input as it was", () => {
  const segments = [
    [0, 10],
    [5, 20],
  ];
  union(segments);
  assert.deepEqual(segments[0], [0, 10]);
});

test("what was watched twice counts once", () => {
  const segments = [
    [0, 10],
    [5, 20],
    [40, 50],
  ];
  assert.equal(watched(segments), 30);
  assert.equal(watched([]), 0);
});

test("segments are written as the Video Profile spells them", () => {
  const segments = [
    [0, 12.5],
    [20, 33.00049],
  ];
  assert.equal(format(segments), "0[.]12.5[,]20[.]33");
  assert.equal(format([]), "");
});

test("seconds are rounded to milliseconds", () => {
  assert.equal(rounded(1.23456), 1.235);
});

test("segments stay in the order in which they were watched, with their overlaps", () => {
  const watchedOnce = [
    [0, 4.2],
    [20.25, 22.7],
  ];
  assert.deepEqual(follow(watchedOnce, [2, 16.3]), [...watchedOnce, [2, 16.3]]);
  assert.deepEqual(follow([[0, 4.2]], [4.2, 9]), [[0, 9]], "it goes on after a pause");
  assert.equal(follow(watchedOnce, null), watchedOnce);
  assert.equal(follow(watchedOnce, [5, 5]), watchedOnce);
});
