// The choice between what two people made of one caption.
import { make } from "../shared/dom.js";
import { _ } from "../shared/words.js";

/** A list item for `one` of model.differences(), whose `chosen` follows the choice. */
export function conflictRow(one) {
  const choice = (which, words) => {
    const input = make("input", { type: "radio", name: one.key, value: which, checked: one.chosen === which });
    input.addEventListener("change", () => (one.chosen = which));
    return make("label", {}, input, make("b", {}, words), " ", one[which]?.text ?? _("(no caption)"));
  };
  return make("li", {}, choice("mine", _("Mine")), choice("theirs", _("Theirs")));
}
