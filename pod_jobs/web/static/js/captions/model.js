// Captions while they are edited: pure functions over a list of cues. A cue is {start, end, text, speaker, words};
// times in seconds, `text` as a person types it (line ends, <i>, <b>, no entities), `words` as
// [[start, end, word, confidence], …].

import { lastBefore } from "../shared/passages.js";
import { plain } from "./rules.js";
import { retold } from "./words.js";

const MERGE_GAP_S = 3;

/** The cues of the API's documents. */
export const fromDocuments = (documents) =>
  documents.map(([start, end, text, speaker, words]) => ({ start, end, text: unescape(text), speaker, words }));

/** And back. */
export const toDocuments = (cues) =>
  cues.map(({ start, end, text, speaker, words }) => [start, end, escape(text), speaker, words]);

const unescape = (text) => text.replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&amp;", "&");

/** Only <i> and <b> stay tags; the server checks it again. */
function escape(text) {
  return text
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replace(/&lt;(\/?[ib])&gt;/g, "<$1>");
}

/** The cue number that is shown at `seconds`, or the last one that began before; -1 before the first. */
export const cueAt = (cues, seconds) => lastBefore(cues, seconds, ({ start }) => start);

/** Two cues of one, at `offset` characters of its text. The time follows the words where they are known. */
export function split(cues, index, offset) {
  const cue = cues[index];
  const [first, second] = [cue.text.slice(0, offset).trim(), cue.text.slice(offset).trim()];
  if (!first || !second) return cues;
  const count = wordCount(first);
  const isKnown = cue.words.length === count + wordCount(second);
  const share = cue.start + (plain(first).length / plain(cue.text).length) * (cue.end - cue.start);
  const heard = isKnown ? cue.words[count][0] : share;
  const at = round(heard > cue.start && heard < cue.end ? heard : share);
  const words = isKnown ? [cue.words.slice(0, count), cue.words.slice(count)] : [[], []];
  const made = [
    { ...cue, end: at, text: first, words: words[0] },
    { ...cue, start: at, text: second, words: words[1] },
  ];
  return [...cues.slice(0, index), ...made, ...cues.slice(index + 1)];
}

const wordCount = (text) => plain(text).split(/[ \t\n]+/).length;

/** The cue and the next one as one. */
export function merge(cues, index) {
  const [cue, next] = [cues[index], cues[index + 1]];
  if (!next || next.start - cue.end > MERGE_GAP_S) return cues;
  const words = cue.words.length && next.words.length ? [...cue.words, ...next.words] : [];
  const one = { ...cue, end: Math.max(cue.end, next.end), text: `${cue.text}\n${next.text}`, words };
  return [...cues.slice(0, index), one, ...cues.slice(index + 2)];
}

/** An empty cue of `length` seconds at `seconds`, shortened where the next one begins. */
export function insert(cues, seconds, length = 2) {
  const index = cueAt(cues, seconds) + 1;
  const next = cues[index]?.start ?? Infinity;
  const cue = {
    start: round(seconds),
    end: round(Math.max(Math.min(seconds + length, next), seconds + 0.3)),
    text: "",
    speaker: "",
    words: [],
  };
  return [...cues.slice(0, index), cue, ...cues.slice(index)];
}

/** By how many of `seconds` the cues from number `from` on can be moved: none begins before 0. */
export const possibleShift = (cues, from, seconds) => Math.max(seconds, -(cues[from]?.start ?? 0));

/** All cues from number `from` on, later (or earlier) by `seconds`; none begins before 0. */
export function shift(cues, from, seconds) {
  const by = possibleShift(cues, from, seconds);
  const later = (time) => round(time + by);
  return cues.map((cue, index) =>
    index < from
      ? cue
      : {
          ...cue,
          start: later(cue.start),
          end: later(cue.end),
          words: cue.words.map(([start, end, word, chance]) => [later(start), later(end), word, chance]),
        },
  );
}

/** Where `wanted` stands: [{index, before, after}], the texts of the cues as they are and as they would be. */
export function findAll(cues, wanted, replacement) {
  if (!wanted) return [];
  const found = [];
  cues.forEach(({ text }, index) => {
    const after = text.replace(new RegExp(literal(wanted), "giu"), () => replacement);
    if (after !== text || text.toLowerCase().includes(wanted.toLowerCase())) found.push({ index, before: text, after });
  });
  return found;
}

const literal = (text) => text.replace(/[.*+?^${}()|[\]\\/]/g, "\\$&");

/** The text of one cue changed. */
export const retext = (cues, index, text) => change(cues, index, { text, words: retold(cues[index].words, text) });

export const change = (cues, index, values) =>
  cues.map((cue, number) => (number === index ? { ...cue, ...values } : cue));

/** The speaker of the cues number `from` to `to`. */
export const nameSpeaker = (cues, from, to, speaker) =>
  cues.map((cue, number) => (number >= from && number <= to ? { ...cue, speaker } : cue));

/**
 * What two people made of one version: [{mine, theirs, chosen}] for each cue that differs, in the order of time. The
 * change of who changed what the other left alone is proposed; where both changed it, mine is.
 */
export function differences(base, mine, theirs) {
  const [was, own, other] = [base, mine, theirs].map(byKey);
  const keys = [...new Set([...own.keys(), ...other.keys()])].sort((a, b) => parseFloat(a) - parseFloat(b));
  const same = (a, b) => a?.text === b?.text && a?.end === b?.end && a?.speaker === b?.speaker;
  return keys
    .filter((key) => !same(own.get(key), other.get(key)))
    .map((key) => ({
      key,
      mine: own.get(key),
      theirs: other.get(key),
      chosen: same(was.get(key), own.get(key)) ? "theirs" : "mine",
    }));
}

/** The cues by what tells them from one another: when they begin, and which of those that begin at once. */
function byKey(cues) {
  const found = new Map();
  for (const cue of cues) {
    let key = cue.start.toFixed(3);
    while (found.has(key)) key += " ";
    found.set(key, cue);
  }
  return found;
}

/** The cues after each difference was decided. */
export function merged(mine, decided) {
  const kept = byKey(mine);
  for (const { key } of decided) kept.delete(key);
  return [...kept.values(), ...decided.map((one) => one[one.chosen]).filter(Boolean)].sort((a, b) => a.start - b.start);
}

/** The last states, to go back and forth in. */
export class Past {
  #before = [];
  #after = [];

  /** Call with the state that is about to be left. Typing in one place (`place`) within two seconds is one step. */
  keep(state, place = "", now = Date.now()) {
    const typing = place && place === this.place && now - this.at < 2000;
    this.place = place;
    this.at = now;
    if (typing) return;
    this.#before.push(state);
    if (this.#before.length > 200) this.#before.shift();
    this.#after = [];
  }

  back(state) {
    if (!this.#before.length) return null;
    this.#after.push(state);
    this.place = "";
    return this.#before.pop();
  }

  forth(state) {
    if (!this.#after.length) return null;
    this.#before.push(state);
    this.place = "";
    return this.#after.pop();
  }
}

const round = (seconds) => Math.round(seconds * 1000) / 1000;
