import assert from "node:assert/strict";
import { test } from "node:test";

import { actOf } from "../../../pod_jobs/web/static/js/captions/keys.js";

const press = (key, more = {}, element = "textarea") => {
  const matches = (selector) => selector.split(", ").includes(element);
  return actOf({ key, code: "", ctrlKey: false, metaKey: false, altKey: false, target: { matches }, ...more });
};

test("the letter tells, and on macOS, where Alt makes another sign of it, the place of the key", () => {
  assert.equal(press("m", { altKey: true, code: "KeyM" }), "merge");
  assert.equal(press("m", { altKey: true, code: "Semicolon" }), "merge", "a French keyboard");
  assert.equal(press("µ", { altKey: true, code: "KeyM" }), "merge", "macOS");
  assert.equal(press("Dead", { altKey: true, code: "KeyI" }), "insert", "macOS");
  assert.equal(press("s", { metaKey: true }), "save");
  assert.equal(press("S", { ctrlKey: true }), "save");
});

test("what a button does is done from within a caption, too", () => {
  const pressed = ["b", "e", "Delete", "f", "t", "c"].map((key) => press(key, { altKey: true }));
  assert.deepEqual(pressed, ["fromHere", "toHere", "remove", "find", "toButtons", "here"]);
  assert.equal(press("Delete"), undefined);
});

test("two keys bring back what was undone, as in other editors", () => {
  assert.equal(press("z", { ctrlKey: true }), "undo");
  assert.equal(press("Z", { ctrlKey: true }), "undo", "with Caps Lock");
  assert.equal(press("Z", { metaKey: true, shiftKey: true }), "redo");
  assert.equal(press("y", { ctrlKey: true }), "redo");
  assert.equal(press("S", { ctrlKey: true, shiftKey: true }), "save");
});

test("signs that are typed stay signs, and Space presses the button that has the focus", () => {
  assert.equal(press("µ", { code: "KeyM" }), undefined);
  assert.equal(press("m", { altKey: true, ctrlKey: true, code: "KeyM" }), undefined, "AltGr");
  assert.equal(press("?"), undefined);
  assert.equal(press("?", {}, "body"), "help");
  assert.equal(press(" ", {}, "body"), "playPause");
  assert.equal(press(" ", {}, "button"), undefined);
  assert.equal(press(" "), undefined);
});
