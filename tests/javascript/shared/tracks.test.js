import assert from "node:assert/strict";
import { test } from "node:test";

import { stateWords, toldOf, trackName } from "../../../pod_jobs/web/static/js/shared/tracks.js";

const track = (language, more = {}) => ({ language, label: "", origin: "speech", translated: false, ...more });

test("a language says which track it is, unless there are several of it", () => {
  const [french, english] = [track("fr"), track("en")];
  assert.deepEqual(
    [french, english].map((one) => trackName(one, [french, english])),
    ["French", "English"],
  );
  const several = [track("en"), track("en", { origin: "upload" }), track("en", { origin: "upload", label: "Exam" })];
  assert.deepEqual(
    several.map((one) => trackName(one, several)),
    ["English (from the speech)", "English (from a file or by hand)", "English · Exam"],
  );
  const translated = [track("en", { translated: true }), track("en", { origin: "source" })];
  assert.deepEqual(
    translated.map((one) => trackName(one, translated)),
    ["English (translated)", "English (from the recording)"],
  );
  const bare = { language: "", url: "/captions.vtt" }; // of the source, without a track of its own
  assert.equal(trackName(bare, [bare]), "Captions");
});

test("a state says by whom, if it is known", () => {
  assert.equal(stateWords({ state: "corrected", edited_by: "Ada" }), "Corrected by Ada");
  assert.equal(stateWords({ state: "corrected", edited_by: null }), "Corrected");
  assert.equal(stateWords({ state: "automatic", edited_by: null }), "Automatic");
});

test("what is told of a file is told once, with its first line", () => {
  const [styles, backward] = ["Styles were left out.", "At line 12 a caption ends before it begins."];
  const found = { 0: "Guessed.", 2: styles, 9: "Left out: 9.", 12: backward, 20: styles, 31: styles };
  const remarks = Object.entries(found).map(([line, sentence]) => ({ line: Number(line), sentence }));
  assert.deepEqual(toldOf(remarks), ["Guessed.", `Line 2 and 2 more: ${styles}`, "Line 9: Left out: 9.", backward]);
});
