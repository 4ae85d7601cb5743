// What two versions made of one caption, and the choice between them.
import { make } from "../shared/dom.js";
import { _ } from "../shared/words.js";
import { stamp } from "./rows.js";

/** A caption in words, with all in which it may differ from `other`; either may be missing. */
export function inWords(cue, other) {
  if (!cue) return "";
  const times = other && other.end !== cue.end ? `${stamp(cue.start)}–${stamp(cue.end)} ` : "";
  return times + [cue.speaker, cue.text].filter(Boolean).join(": ");
}

/** When a caption begins. */
export const beginning = (cue) => make("span", { className: "line-time" }, stamp(cue.start));

/** A list item for `one` of model.differences(), whose `chosen` follows the choice. */
export function conflictRow(one) {
  const { key, mine, theirs } = one;
  const choice = (which, words, text) => {
    const input = make("input", { type: "radio", name: key, value: which, checked: one.chosen === which });
    input.addEventListener("change", () => (one.chosen = which));
    return make("label", {}, input, make("b", {}, words), " ", text || _("(no caption)"));
  };
  return make(
    "li",
    {},
    beginning(mine ?? theirs),
    choice("mine", _("Mine"), inWords(mine, theirs)),
    choice("theirs", _("Theirs"), inWords(theirs, mine)),
  );
}
