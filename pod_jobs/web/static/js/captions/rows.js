// The list of captions: a row each. Only those in sight and near it have fields, so that thousands of them stay quick.
import { copyTemplate, make, put } from "../shared/dom.js";
import { _ } from "../shared/words.js";
import { befores, breaches } from "./rules.js";
import { doubts } from "./words.js";

const NEAR_PX = 1_500; // above and below what is in sight

const WORDS_OF_RULES = {
  empty: _("No text"),
  "line-too-long": _("A line is too long"),
  "too-many-lines": _("Too many lines"),
  "too-short": _("Shown too briefly"),
  "too-long": _("Shown too long"),
  "too-fast": _("Too fast to read"),
  overlap: _("Begins before the one before ends"),
  "no-gap": _("Follows the one before at once"),
};

export class Rows {
  rows = []; // {element, cue, before, said, fields}: `said` shows the text of a row that is far away and has no fields

  /** `on` has text(index, text), time(index, which, seconds), speaker(index, name), focus(index), seek(index). */
  constructor(list, rules, on) {
    this.list = list;
    this.rules = rules;
    this.on = on;
    this.observer = new IntersectionObserver((entries) => this.furnish(entries), { rootMargin: `${NEAR_PX}px` });
  }

  /** Show `cues`; rows whose cue is the same object stay as they are. */
  show(cues) {
    while (this.rows.length > cues.length) this.drop(this.rows.pop());
    const made = [];
    while (this.rows.length < cues.length) made.push(this.build(this.rows.length));
    this.list.append(...made);
    made.forEach((element) => this.observer.observe(element));
    const earlier = befores(cues);
    cues.forEach((cue, index) => {
      const row = this.rows[index];
      const before = earlier[index];
      if (row.cue === cue && row.before === before) return;
      [row.cue, row.before] = [cue, before];
      this.fill(row);
    });
  }

  build(index) {
    const said = make("p", { className: "caption-said" });
    const number = make("span", { className: "caption-number" }, String(index + 1));
    const element = make("li", { className: "caption" }, number, said);
    element.dataset.index = String(index);
    this.rows.push({ element, said, fields: null, cue: null, before: null });
    return element;
  }

  drop(row) {
    this.observer.unobserve(row.element);
    row.element.remove();
  }

  /** Fields are for rows in sight and near it: thousands of them would make each key slow. */
  furnish(entries) {
    for (const { target, isIntersecting } of entries) {
      const row = this.rows[Number(target.dataset.index)];
      if (row?.element !== target) continue;
      if (isIntersecting) this.addFields(row);
      else if (row.fields && !target.contains(document.activeElement)) this.removeFields(row);
    }
  }

  addFields(row) {
    if (row.fields) return;
    const index = Number(row.element.dataset.index);
    const content = copyTemplate("caption-row");
    const field = (name) => content.querySelector(`.caption-${name}`);
    const names = ["number", "start", "end", "speaker", "marks", "text", "doubts", "faults"];
    const fields = Object.fromEntries(names.map((name) => [name, field(name)]));
    for (const name of ["doubts", "faults"]) fields[name].id = `caption-${name}-${index}`;
    fields.text.setAttribute("aria-describedby", `${fields.doubts.id} ${fields.faults.id}`);
    put(fields.number, String(index + 1));
    fields.number.addEventListener("click", () => this.on.seek(index));
    fields.text.setAttribute("aria-label", _("Caption {number}", { number: index + 1 }));
    fields.text.addEventListener("input", () => this.on.text(index, fields.text.value));
    content.addEventListener("focusin", () => this.on.focus(index));
    for (const which of ["start", "end"])
      fields[which].addEventListener("change", () => this.on.time(index, which, seconds(fields[which].value)));
    fields.speaker.addEventListener("change", () => this.on.speaker(index, fields.speaker.value.trim()));
    row.fields = fields;
    row.element.replaceChildren(content);
    this.fill(row);
  }

  removeFields(row) {
    row.fields = null;
    row.element.replaceChildren(
      make("span", { className: "caption-number" }, `${Number(row.element.dataset.index) + 1}`),
    );
    row.element.append(row.said);
    this.fill(row);
  }

  fill({ element, said, fields, cue, before }) {
    const places = doubts(cue);
    element.classList.toggle("is-doubtful", places.length > 0);
    if (!fields) return put(said, cue.text);
    setValue(fields.text, cue.text);
    setValue(fields.start, stamp(cue.start));
    setValue(fields.end, stamp(cue.end));
    setValue(fields.speaker, cue.speaker);
    fields.marks.replaceChildren(...marked(cue.text, places));
    fields.doubts.hidden = !places.length;
    const words = places.map(({ from, to }) => cue.text.slice(from, to)).join(", ");
    put(fields.doubts, words ? _("Check: {words}", { words }) : "");
    const faults = breaches(cue, before, this.rules);
    fields.faults.hidden = !faults.length;
    fields.faults.classList.toggle(
      "is-warning",
      faults.every(({ isWarning }) => isWarning),
    );
    put(fields.faults, wordsOf(faults));
  }

  /** What is wrong with a caption, in words. */
  faultsOf(index) {
    const row = this.rows[index];
    return row ? wordsOf(breaches(row.cue, row.before, this.rules)) : "";
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

  /** Take what is written in the field with the focus: those of times and speakers tell it only when they are left. */
  takeField() {
    const field = /** @type {HTMLElement} */ (document.activeElement);
    if (!field?.matches("input") || !this.list.contains(field)) return;
    field.blur();
    if (document.activeElement === document.body) field.focus();
  }

  /** Go to the text of a caption; `from` and `to` select a part of it. */
  enter(index, from, to) {
    const row = this.rows[index];
    if (!row) return;
    this.addFields(row);
    row.fields.text.focus();
    row.element.scrollIntoView({ block: "nearest" });
    if (from !== undefined) row.fields.text.setSelectionRange(from, to ?? from);
  }
}

const wordsOf = (faults) => faults.map(({ rule }) => WORDS_OF_RULES[rule]).join(" · ");

/** The text again, for behind the field: its doubtful words are coloured there. */
function marked(text, places) {
  const ends = [0, ...places.flatMap(({ from, to }) => [from, to]), text.length];
  return [
    ...ends.slice(1).map((end, number) => {
      const part = text.slice(ends[number], end);
      return number % 2 ? make("mark", {}, part) : part;
    }),
    "\n",
  ];
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
