// What a dialog answers: the element is a stand-in, which keeps its value as a browser does.
import assert from "node:assert/strict";
import test from "node:test";

import { answerOf, whenConfirmed } from "../../../pod_jobs/web/static/js/shared/dom.js";

function dialogOf() {
  const dialog = Object.assign(new EventTarget(), { returnValue: "" });
  const close = (value = dialog.returnValue) => {
    dialog.returnValue = value;
    dialog.dispatchEvent(new Event("close"));
  };
  return { dialog, byButton: close, byEscape: () => close() };
}

test("Escape after a dialog that was confirmed before confirms nothing", () => {
  const { dialog, byButton, byEscape } = dialogOf();
  let confirmed = 0;
  whenConfirmed(dialog, "drop", () => (confirmed += 1));
  byButton("drop");
  byEscape();
  byButton("cancel");
  assert.equal(confirmed, 1);
});

test("an answer is given once", () => {
  const { dialog } = dialogOf();
  dialog.returnValue = "merge";
  assert.deepEqual([answerOf(dialog), answerOf(dialog)], ["merge", ""]);
});
