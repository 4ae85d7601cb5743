// What all pages do with their elements.
import { clearProblems, toastProblem } from "./notices.js";

/** The page's element with this id. Callers know its type, hence "any". @returns {any} */
export const byId = (id) => document.getElementById(id);

/** All elements that match `selector`. @returns {any[]} */
export const all = (selector, within = document) => [...within.querySelectorAll(selector)];

/** A new element: make("a", {href}, "text", child). @returns {any} */
export function make(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

/** A copy of the one element in the <template> with this id. @returns {any} */
export const copyTemplate = (id) => byId(id).content.firstElementChild.cloneNode(true);

/**
 * Change the text of `element` only if it differs. An unchanged node keeps focus and selection, and a screen reader
 * does not read it again.
 */
export function put(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Give `list` the children that `build(item)` makes. Does nothing if `items` are the same as the last time. */
export function fillOnce(list, items, build) {
  const key = JSON.stringify(items);
  if (list.dataset.shown === key) return;
  list.dataset.shown = key;
  list.replaceChildren(...items.map(build));
}

/** Fill the definition list `list` with [[term, words], …]. */
export const fillFacts = (list, pairs) =>
  fillOnce(list, pairs, ([term, words]) =>
    make("div", {}, make("dt", { textContent: term }), make("dd", {}, ...breakable(String(words)))),
  );

/** Say in words what the names of broken rules stand for; `rules` by their names, as the API gives them. */
export function tellRules(rules) {
  byId("broken-rules").hidden = Object.keys(rules).length === 0;
  fillFacts(byId("broken-rules").querySelector("dl"), Object.entries(rules));
}

/** `text` as nodes that allow a line break before the ending of a file name, so that none falls inside it. */
const breakable = (text) =>
  text.split(/(?=\.[a-z]\w{1,3}$)/i).flatMap((part, index) => (index ? [make("wbr"), part] : [part]));

/** Copy `text` to the clipboard. Pages over plain HTTP need the old method. */
export async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const field = make("textarea", { value: text });
    document.body.append(field);
    field.select();
    document.execCommand("copy");
    field.remove();
  }
}

/** Run `work` with `button` disabled, which loses the focus and gets it back; a failure is shown as a message. */
export async function whileBusy(button, work) {
  clearProblems();
  const hadFocus = document.activeElement === button;
  button.disabled = true;
  try {
    await work();
  } catch (problem) {
    toastProblem(problem);
  }
  button.disabled = false;
  if (hadFocus && document.activeElement === document.body) button.focus();
}

/** Run `act` when `dialog` is closed by its button with this value, which Enter in one of its fields presses too. */
export function whenConfirmed(dialog, value, act) {
  dialog.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.isComposing || !event.target.matches("input, select")) return;
    event.preventDefault(); // a browser presses the first button, which cancels
    event.target.form.requestSubmit(dialog.querySelector(`button[value="${value}"]`));
  });
  dialog.addEventListener("close", () => {
    if (answerOf(dialog) === value) act();
  });
}

/** The value of the button that closed `dialog`. It is forgotten, because Escape would give it again. */
export function answerOf(dialog) {
  const value = dialog.returnValue;
  dialog.returnValue = "";
  return value;
}
