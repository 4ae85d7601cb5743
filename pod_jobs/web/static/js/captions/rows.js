// The list of captions: a row each, built once and changed in place, so that 2,500 of them stay quick.
import { copyTemplate, put } from "../shared/dom.js";
import { _ } from "../shared/words.js";
import { breaches, doubtful } from "./model.js";

const WORDS_OF_RULES = {
  empty: _("No text"),
  "line-too-long": _("A line is too long"),
  "too-many-lines": _("Too many lines"),
  "too-short": _("Shown too briefly"),
  "too-long": _("Shown too long"),
  "too-fast": _("Too fast to read"),
  overlap: _("Overlaps the next one"),
};

export class Rows {
  rows = [];

  /** `on` has text(index, text), time(index, which, seconds), speaker(index, name), focus(index), seek(index). */
  constructor(list, rules, on) {
    this.list = list;
    this.rules = rules;
    this.on = on;
  }

  /** Show `cues`; rows whose cue is the same object stay as they are. */
  show(cues) {
    while (this.rows.length > cues.length) this.rows.pop().element.remove();
    while (this.rows.length < cues.length) this.rows.push(this.build(this.rows.length));
    cues.forEach((cue, index) => {
      const row = this.rows[index];
      const next = cues[index + 1];
      if (row.cue === cue && row.next === next) return;
      [row.cue, row.next] = [cue, next];
      this.fill(row, cue, next);
    });
  }

  build(index) {
    const element = copyTemplate("caption-row");
    const field = (name) => element.querySelector(`.caption-${name}`);
    const fields = Object.fromEntries(
      ["number", "start", "end", "speaker", "text", "doubts", "faults"].map((name) => [name, field(name)]),
    );
    put(fields.number, String(index + 1));
    fields.number.addEventListener("click", () => this.on.seek(index));
    fields.text.setAttribute("aria-label", _("Caption {number}", { number: index + 1 }));
    fields.text.addEventListener("input", () => this.on.text(index, fields.text.value));
    element.addEventListener("focusin", () => this.on.focus(index));
    for (const which of ["start", "end"])
      fields[which].addEventListener("change", () => this.on.time(index, which, seconds(fields[which].value)));
    fields.speaker.addEventListener("change", () => this.on.speaker(index, fields.speaker.value.trim()));
    this.list.append(element);
    return { element, ...fields, cue: null, next: null };
  }

  fill(row, cue, next) {
    setValue(row.text, cue.text);
    row.text.rows = Math.max(2, cue.text.split("\n").length);
    setValue(row.start, stamp(cue.start));
    setValue(row.end, stamp(cue.end));
    setValue(row.speaker, cue.speaker);
    const doubts = doubtful(cue);
    row.doubts.hidden = !doubts.length;
    put(row.doubts, doubts.length ? _("Check: {words}", { words: doubts.map(([, word]) => word).join(", ") }) : "");
    const faults = breaches(cue, next, this.rules);
    row.faults.hidden = !faults.length;
    put(row.faults, faults.map((name) => WORDS_OF_RULES[name]).join(" · "));
    row.element.classList.toggle("is-doubtful", doubts.length > 0);
  }

  /** Mark the caption that is heard now. */
  mark(index, follow) {
    if (this.marked === index) return;
    this.rows[this.marked]?.element.classList.remove("is-now");
    this.marked = index;
    const element = this.rows[index]?.element;
    element?.classList.add("is-now");
    if (follow) element?.scrollIntoView({ block: "nearest" });
  }

  /** Go to the text of a caption; `from` and `to` select a part of it. */
  enter(index, from, to) {
    const row = this.rows[index];
    if (!row) return;
    row.text.focus();
    row.element.scrollIntoView({ block: "nearest" });
    if (from !== undefined) row.text.setSelectionRange(from, to ?? from);
  }
}

function setValue(field, value) {
  if (field.value !== value) field.value = value;
}

/** 75.5 -> "1:15.500". */
export function stamp(at) {
  const ms = Math.round(at * 1000);
  const [hours, minutes] = [Math.floor(ms / 3_600_000), Math.floor(ms / 60_000) % 60];
  const rest = `${String(Math.floor(ms / 1000) % 60).padStart(2, "0")}.${String(ms % 1000).padStart(3, "0")}`;
  return hours ? `${hours}:${String(minutes).padStart(2, "0")}:${rest}` : `${minutes}:${rest}`;
}

/** "1:15.5" or "75,5" -> 75.5; null for what is no time. */
export function seconds(text) {
  const parts = text.trim().replace(",", ".").split(":");
  if (parts.length > 3 || !parts.every((part) => /^\d+(\.\d+)?$/.test(part))) return null;
  return parts.reduce((sum, part) => sum * 60 + Number(part), 0);
}
