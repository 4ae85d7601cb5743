import assert from "node:assert/strict";
import { test } from "node:test";

import { change, retext, split } from "../../../pod_jobs/web/static/js/captions/model.js";
import { doubts, nextDoubt, replacedWords, retold, trusted } from "../../../pod_jobs/web/static/js/captions/words.js";

const HEARD = [
  [0, 1, "dans", 0.9],
  [1, 2, "empod", 0.2],
  [2, 3, "ici", 0.3],
];
const cue = (text = "dans empod ici", words = HEARD) => ({ start: 0, end: 3, text, speaker: "", words });

test("a corrected word is sure, and the words beside it stay as they were heard", () => {
  const [corrected] = retext([cue()], 0, "dans Esup-Pod ici");
  assert.deepEqual(corrected.words, [HEARD[0], [1, 2, "Esup-Pod", 1], HEARD[2]]);
  assert.deepEqual(doubts(corrected), [{ from: 14, to: 17 }]);
});

test("one word for two, two for one, and words before, between and after keep an order of time", () => {
  assert.deepEqual(retold(HEARD, "dans voici"), [HEARD[0], [1, 3, "voici", 1]]);
  assert.deepEqual(retold(HEARD, "dans em pod ici"), [HEARD[0], [1, 1.4, "em", 1], [1.4, 2, "pod", 1], HEARD[2]]);
  assert.deepEqual(retold(HEARD, "empod ici"), HEARD.slice(1));
  for (const text of ["oui dans empod ici", "dans un empod ici", "dans empod ici bien sûr", "a b c dans empod ici d"]) {
    const words = retold(HEARD, text);
    assert.equal(words.map(([, , word]) => word).join(" "), text);
    assert.deepEqual(
      words.toSorted((a, b) => a[0] - b[0]),
      words,
      text,
    );
    assert.ok(
      words.every(([start, end]) => start <= end && start >= 0 && end <= 3),
      text,
    );
  }
  assert.deepEqual(retold(HEARD, ""), []);
  assert.deepEqual(retold([], "never timed"), []);
});

test("no-break spaces and markup make no other word of it", () => {
  const words = [
    [0, 1, "«Oui", 0.2],
    [1, 2, "dit-il:", 0.9],
  ];
  assert.deepEqual(retold(words, "«\u00a0Oui <i>dit-il\u00a0:</i>"), words);
});

test("the next doubtful word is the one after the cursor, and after the last one the first", () => {
  const cues = [
    cue("dans empod ici"),
    cue("alors", [[3, 4, "alors", 0.9]]),
    cue("<i>empod</i> va", [
      [4, 5, "empod", 0.1],
      [5, 6, "va", 1],
    ]),
  ];
  const found = [];
  let at = { index: 0, to: 0 };
  for (let round = 0; round < 4; round += 1) {
    at = nextDoubt(cues, at.index, at.to);
    found.push([at.index, cues[at.index].text.slice(at.from, at.to)]);
  }
  assert.deepEqual(found, [
    [0, "empod"],
    [0, "ici"],
    [2, "<i>empod</i>"],
    [0, "empod"],
  ]);
  assert.equal(nextDoubt([cue("sûr", [[0, 1, "sûr", 1]])], 0, 0), null);
});

test("after each doubtful word is corrected or called right, none is left", () => {
  let cues = retext([cue()], 0, "dans Esup-Pod ici");
  const { index, from, to } = nextDoubt(cues, 0, 0);
  assert.equal(cues[index].text.slice(from, to), "ici");
  assert.deepEqual(trusted(cues[0], 0, 4), cues[0].words, "other words stay doubtful");
  cues = change(cues, 0, { words: trusted(cues[0], from, to) });
  assert.equal(nextDoubt(cues, 0, 0), null);
});

test("a split beside a word that has no time of its own still gives two captions that can be saved", () => {
  const words = [
    [0, 0, "et", 1],
    [0, 3, "puis", 1],
  ];
  const [first, second] = split([cue("et puis", words)], 0, 2);
  assert.ok(first.start < first.end && second.start < second.end);
});

test("the words that were replaced are told, unless they are more than a name", () => {
  assert.deepEqual(replacedWords("dans <i>empod</i> ici", "dans Esup-Pod ici"), { from: "empod", to: "Esup-Pod" });
  assert.deepEqual(replacedWords("« l'été », dit-il", "« L’Été », dit-il"), { from: "l'été", to: "L’Été" });
  assert.deepEqual(replacedWords("est sup pod", "Esup-Pod"), { from: "est sup pod", to: "Esup-Pod" });
  for (const [before, after] of [
    ["a b", "a b"],
    ["a b", "a"],
    ["a", "a b"],
    ["a b c d", "e"],
    ["a", "b c d e"],
    ["a", "a."],
    ["a.", "a !"],
  ])
    assert.equal(replacedWords(before, after), null, after);
});
