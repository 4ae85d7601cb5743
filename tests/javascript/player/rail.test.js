import assert from "node:assert/strict";
import test from "node:test";

import { loadedUntil, percentAt, secondsAt } from "../../../pod_jobs/web/static/js/player/rail.js";

const ranges = (...pairs) => ({ length: pairs.length, start: (i) => pairs[i][0], end: (i) => pairs[i][1] });

test("places stay on the rail", () => {
  assert.deepEqual(
    [-1, 0, 30, 120, 121].map((seconds) => percentAt(seconds, 120)),
    [0, 0, 25, 100, 100],
  );
  assert.equal(percentAt(3, 0), 0, "before the length is known");
});

test("a pointer beside the rail is at its end", () => {
  const rail = { left: 100, width: 200 };
  assert.deepEqual(
    [50, 100, 150, 300, 400].map((x) => secondsAt(x, rail, 60)),
    [0, 0, 15, 60, 60],
  );
  assert.equal(secondsAt(5, { left: 0, width: 0 }, 60), 0, "while the rail is hidden");
});

test("loaded is what plays from here on", () => {
  assert.equal(loadedUntil(ranges([0, 10], [20, 30]), 5), 10);
  assert.equal(loadedUntil(ranges([20, 30]), 5), 5);
});
