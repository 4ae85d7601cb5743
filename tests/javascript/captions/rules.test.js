import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { befores, breaches } from "../../../pod_jobs/web/static/js/captions/rules.js";

// tests/unit/captions/test_rules.py feeds the same table to the rules of the server
const { usual, cases } = JSON.parse(readFileSync(new URL("../../caption_rules.json", import.meta.url), "utf-8"));

for (const { name, rules, cues: rows, breaches: wanted } of cases) {
  test(name, () => {
    const cues = rows.map(([start, end, text, speaker]) => ({ start, end, text, speaker, words: [] }));
    const earlier = befores(cues);
    const found = cues.flatMap((cue, index) =>
      breaches(cue, earlier[index], { ...usual, ...rules }).map(({ rule, isWarning }) => [index, rule, isWarning]),
    );
    assert.deepEqual(found, wanted);
  });
}
