import assert from "node:assert/strict";
import { test } from "node:test";
import { cutAt, findPassages, fold, lastBefore } from "../../../pod_jobs/web/static/js/shared/passages.js";

test("text is folded as the server folds it", () => {
  assert.equal(fold("L’Été, un CŒUR").text, "l ete un coeur");
  assert.deepEqual(fold("L’Été").from, [0, 1, 2, 3, 4]);
  assert.deepEqual(fold("cœur").from, [0, 1, 1, 2, 3]);
  assert.equal(fold("  E\u0301tat — 2 ").text, "etat 2 ");
});

test("passages are found from the start of a word, also across two lines", () => {
  const lines = ["Bonjour à tous, et bienvenue", "dans ce cours d’été."];
  assert.deepEqual(findPassages(lines, "ETE"), [[{ line: 1, from: 16, to: 19 }]]);
  assert.deepEqual(findPassages(lines, "bienvenue dans"), [
    [
      { line: 0, from: 19, to: 28 },
      { line: 1, from: 0, to: 4 },
    ],
  ]);
  assert.deepEqual(findPassages(lines, "our"), [], "not in the middle of a word");
  assert.deepEqual(findPassages(["de demain, de"], "de", true), [
    [{ line: 0, from: 0, to: 2 }],
    [{ line: 0, from: 11, to: 13 }],
  ]);
  assert.equal(findPassages(["de de", "de"], "de").length, 3);
  assert.deepEqual(findPassages(lines, " , "), []);
});

test("a line is cut at its marks", () => {
  assert.deepEqual(cutAt("abcdef", [[1, 3]]), [
    ["a", false],
    ["bc", true],
    ["def", false],
  ]);
  assert.deepEqual(cutAt("abc", []), [["abc", false]]);
  assert.deepEqual(
    cutAt("abcdef", [
      [0, 3],
      [2, 6],
    ]),
    [
      ["abc", true],
      ["def", true],
    ],
  );
});

test("the line of a moment", () => {
  const starts = [1, 4, 4, 9];
  assert.deepEqual(
    [0.5, 1, 3.9, 4, 100].map((time) => lastBefore(starts, time)),
    [-1, 0, 0, 2, 3],
  );
  assert.equal(lastBefore([], 3), -1);
});
