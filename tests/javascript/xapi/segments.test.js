import assert from "node:assert/strict";
import test from "node:test";

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
