import assert from "node:assert/strict";
import { test } from "node:test";

import * as model from "../../../pod_jobs/web/static/js/captions/model.js";

const cue = (start, end, text, words = []) => ({ start, end, text, speaker: "", words });

test("one speaker is given to several captions", () => {
  const cues = [1, 2, 3, 4].map((start) => ({ start, end: start + 1, text: "a", speaker: "", words: [] }));
  assert.deepEqual(
    model.nameSpeaker(cues, 1, 2, "Ada").map(({ speaker }) => speaker),
    ["", "Ada", "Ada", ""],
  );
});

test("documents go there and back, with markup and entities", () => {
  const documents = [[1, 2, "a &lt; b &amp; <i>c</i>", "Ada", [[1, 1.5, "a", 0.4]]]];
  const cues = model.fromDocuments(documents);
  assert.equal(cues[0].text, "a < b & <i>c</i>");
  assert.deepEqual(model.toDocuments(cues), documents);
});

test("what a person types never becomes markup", () => {
  assert.equal(model.toDocuments([cue(0, 1, "<script>&lt;")])[0][2], "&lt;script&gt;&amp;lt;");
});

test("the cue at a moment", () => {
  const cues = [cue(1, 2, "a"), cue(3, 4, "b")];
  assert.deepEqual(
    [0.5, 1, 2.5, 3, 99].map((at) => model.cueAt(cues, at)),
    [-1, 0, 0, 1, 1],
  );
});

test("a split follows the words where they are known, else the length of the text", () => {
  const words = [
    [0, 1, "one", 1],
    [3, 4, "two", 1],
  ];
  assert.deepEqual(
    model.split([cue(0, 4, "one two", words)], 0, 3).map(({ start, end, text }) => [start, end, text]),
    [
      [0, 3, "one"],
      [3, 4, "two"],
    ],
  );
  assert.equal(model.split([cue(0, 8, "abcd efg")], 0, 4)[1].start, 4);
  const whole = [cue(0, 1, "one")];
  assert.equal(model.split(whole, 0, 0), whole);
});

test("merging keeps text and time, and not over a long pause", () => {
  const [one] = model.merge([cue(0, 1, "a"), cue(1.5, 2, "b")], 0);
  assert.deepEqual([one.start, one.end, one.text], [0, 2, "a\nb"]);
  assert.equal(model.merge([cue(0, 1, "a"), cue(9, 10, "b")], 0).length, 2);
  assert.equal(model.merge([cue(0, 1, "a")], 0).length, 1);
});

test("a cue is inserted where the recording stands, and not into the next one", () => {
  const cues = model.insert([cue(0, 1, "a"), cue(3, 4, "b")], 2);
  assert.deepEqual(
    cues.map(({ start, end }) => [start, end]),
    [
      [0, 1],
      [2, 3],
      [3, 4],
    ],
  );
});

test("a shift moves words too, and nothing before the beginning", () => {
  const moved = model.shift([cue(1, 2, "a"), cue(3, 4, "b", [[3, 4, "b", 1]])], 1, 0.5);
  assert.deepEqual([moved[0].start, moved[1].start, moved[1].words[0][0]], [1, 3.5, 3.5]);
  assert.equal(model.shift([cue(1, 2, "a")], 0, -5)[0].start, 0);
  assert.equal(model.possibleShift([cue(1, 2, "a"), cue(3, 4, "b")], 0, -5), -1);
  assert.equal(model.possibleShift([cue(1, 2, "a"), cue(3, 4, "b")], 1, -2), -2);
});

test("finding counts what would change; signs mean themselves", () => {
  const cues = [cue(0, 1, "Pote et pote."), cue(1, 2, "rien"), cue(2, 3, "pote(1)")];
  assert.deepEqual(
    model.findAll(cues, "pote", "Pod").map(({ after }) => after),
    ["Pod et Pod.", "Pod(1)"],
  );
  assert.deepEqual(
    model.findAll(cues, "(1)", "$&").map(({ after }) => after),
    ["pote$&"],
  );
  assert.deepEqual(model.findAll(cues, "", "x"), []);
});

test("two who changed one version: each change is proposed, mine where both changed", () => {
  const base = [cue(0, 1, "a"), cue(1, 2, "b"), cue(2, 3, "c")];
  const mine = [cue(0, 1, "A"), cue(1, 2, "b"), cue(2, 3, "mine")];
  const theirs = [cue(0, 1, "a"), cue(1, 2, "B"), cue(2, 3, "theirs"), cue(3, 4, "new")];
  const found = model.differences(base, mine, theirs);
  assert.deepEqual(
    found.map(({ chosen }) => chosen),
    ["mine", "theirs", "mine", "theirs"],
  );
  assert.deepEqual(
    model.merged(mine, found).map(({ text }) => text),
    ["A", "B", "mine", "new"],
  );
});

test("captions that begin at once are told apart when two people have saved", () => {
  const base = [cue(1, 2, "a"), cue(3, 4, "b")];
  const mine = [cue(1, 2, "a"), cue(1, 3, "mine"), cue(3, 4, "b")];
  const theirs = [cue(1, 2, "A"), cue(3, 4, "b")];
  const found = model.differences(base, mine, theirs);
  assert.deepEqual(
    found.map((one) => [one.mine?.text, one.theirs?.text]),
    [
      ["a", "A"],
      ["mine", undefined],
    ],
  );
  assert.deepEqual(
    model.merged(mine, found).map(({ text }) => text),
    ["A", "mine", "b"],
  );
});

test("back and forth; typing in one place is one step", () => {
  const past = new model.Past();
  past.keep("a");
  past.keep("b", "text 1", 1000);
  past.keep("c", "text 1", 1500);
  assert.equal(past.back("d"), "b");
  assert.equal(past.forth("b"), "d");
  assert.equal(past.back("d"), "b");
  assert.equal(past.back("b"), "a");
  assert.equal(past.back("a"), null);
  past.keep("x");
  assert.equal(past.forth("y"), null);
});
