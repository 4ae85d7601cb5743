// What people want of a recording's transcription: its language, its terms, and whether captions are made unasked.
import { call } from "../shared/api.js";
import { byId, whileBusy } from "../shared/dom.js";
import { toast } from "../shared/notices.js";
import { _ } from "../shared/words.js";

/** The form is read from the API when it is opened for the first time; `path` is the video's in the API. */
export function prepareWish(path) {
  const card = byId("speech-wish");
  const form = card.querySelector("form");
  const fields = form.querySelector("fieldset");
  card.addEventListener("toggle", () => {
    if (!card.open || !fields.disabled) return;
    whileBusy(form.querySelector("button"), async () => {
      fill(form, await call("GET", `${path}/speech`));
      fields.disabled = false;
    });
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    whileBusy(form.querySelector("button"), async () => {
      fill(form, await call("PUT", `${path}/speech`, read(form)));
      toast(_("Saved."));
    });
  });
}

function fill(form, { language, glossary, automatic }) {
  form.elements.language.value = language;
  form.elements.glossary.value = glossary.join("\n");
  form.elements.automatic.value = String(automatic);
}

function read(form) {
  const { language, glossary, automatic } = form.elements;
  const terms = glossary.value.split("\n").map((term) => term.trim());
  return { language: language.value, glossary: terms.filter(Boolean), automatic: JSON.parse(automatic.value) };
}
