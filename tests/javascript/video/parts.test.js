import assert from "node:assert/strict";
import test from "node:test";

import {
  joinParts,
  keepFrom,
  keepTo,
  parseParts,
  Showing,
  writeParts,
} from "../../../pod_jobs/web/static/js/video/parts.js";

const same = assert.deepEqual;

test("parts are written as people write times", () => {
  same(parseParts("1:30-12:00, 15:00 – 20"), null, "20 seconds are before 15 minutes");
  same(parseParts("1:30-12:00, 15:00 – 1:20:00.5"), [[90, 720], [900, 4800.5]]); // prettier-ignore
  same(parseParts(" "), []);
  for (const text of ["1:30", "a-b", "1-2-3", "12:00-1:30", "1:234-5:00"]) same(parseParts(text), null, text);
});

test("what is written can be read again", () => {
  for (const text of ["1:30-12:00", "0:00.25-0:00.5, 59:59.9-1:00:00.125"]) same(writeParts(parseParts(text)), text);
  same(writeParts([[0, 59.9996]]), "0:00-1:00", "thousandths are rounded, not cut off");
});

test("parts that touch are joined, and slivers are dropped", () => {
  same(joinParts([[50, 60], [0, 10], [5, 20], [20, 30], [40, 40.1]]), [[0, 30], [50, 60]]); // prettier-ignore
});

test("from here, to here", () => {
  const first = keepFrom([], 30, 100);
  same(first, [[30, 100]], "a new part lasts until the end");
  const second = keepTo(first, 40);
  same(second, [[30, 40]]);
  same(keepFrom(second, 60, 100), [[30, 40], [60, 100]]); // prettier-ignore
  same(keepFrom(second, 10, 100), [[10, 40]], "a new part lasts until the next, which it joins");
  same(keepFrom(second, 35, 100), [[35, 40]], "within a part its beginning moves");
  same(keepTo(second, 50), [[30, 50]], "after a part its end moves");
  same(keepTo([], 50), [[0, 50]]);
});

test("a video that is shown whole has the clock of its recording", () => {
  const showing = new Showing();
  same(showing.toRecording(12.5), 12.5);
  same(showing.toPlayer([3, 9]), [[3, 9]]);
});

test("a cut video with an opening has a clock of its own", () => {
  const showing = new Showing([[60, 70], [10, 20]], 5); // prettier-ignore
  same(
    [0, 5, 7, 14.9, 15, 16, 25, 99].map((time) => showing.toRecording(time)),
    [10, 10, 12, 19.9, 20, 61, 70, 70],
  );
  same(showing.toPlayer([0, 15]), [[5, 10]]);
  same(showing.toPlayer([15, 65]), [[10, 15], [15, 20]]); // prettier-ignore
  same(showing.toPlayer([25, 55]), []);
});
