// The words of a caption as they were heard, [[start, end, word, confidence], …], while its text is being corrected.
import { plain } from "./rules.js";

/** The words that stand in `after` instead of others in `before`, {from, to}; null if none or more than a name. */
export function replacedWords(before, after) {
  const [old, fresh] = [tokens(before), tokens(after)];
  while (old.length && old[0] === fresh[0]) [old, fresh].forEach((words) => words.shift());
  while (old.length && old.at(-1) === fresh.at(-1)) [old, fresh].forEach((words) => words.pop());
  if (!old.length || !fresh.length || Math.max(old.length, fresh.length) > MOST_WORDS_OF_A_NAME) return null;
  const [from, to] = [trimmed(old), trimmed(fresh)];
  return from && to && from !== to ? { from, to } : null;
}

/** Words without the punctuation around them. */
const trimmed = (words) => words.join(" ").replaceAll(/^[^\p{L}\p{N}]+|[^\p{L}\p{N}]+$/gu, "");

export const DOUBTFUL_BELOW = 0.5;
const MOST_WORDS_OF_A_NAME = 3; // as in captions/respelling.py
const LEAST_S = 0.05; // between two words, where a new word stands if there is no pause

const tokens = (text) => plain(text).match(/[^ \t\n]+/g) ?? [];

/** The same word: the no-break spaces of French typography come later, and belong to no word. */
const same = (one, other) => bare(one) === bare(other);
const bare = (word) => word.replace(/[\u00a0\u202f]/g, "");

/** The words after the text has become `text`. What a person wrote is sure; it has the time of what it replaces. */
export function retold(words, text) {
  const said = tokens(text);
  if (!words.length) return words; // their times were never known
  const most = Math.min(words.length, said.length);
  let [head, tail] = [0, 0];
  while (head < most && same(words[head][2], said[head])) head += 1;
  while (tail < most - head && same(words.at(-1 - tail)[2], said.at(-1 - tail))) tail += 1;
  const [old, fresh] = [words.slice(head, words.length - tail), said.slice(head, said.length - tail)];
  return [...words.slice(0, head), ...replaced(old, fresh, words, head), ...words.slice(words.length - tail)];
}

function replaced(old, fresh, words, head) {
  if (!fresh.length) return [];
  if (old.length === fresh.length)
    return old.map((word, index) => (same(word[2], fresh[index]) ? word : [word[0], word[1], fresh[index], 1]));
  if (old.length) return spread(fresh, old[0][0], old.at(-1)[1]);
  const before = words[head - 1] ?? [words[0][0], words[0][0]];
  const until = words[head]?.[0] ?? before[1];
  const from = Math.min(before[1], Math.max(before[0], until - LEAST_S * fresh.length));
  return spread(fresh, from, until);
}

/** `fresh` from `from` to `until`, each for as long as its share of the letters. */
function spread(fresh, from, until) {
  const letters = fresh.reduce((sum, word) => sum + word.length, 0);
  let at = from;
  return fresh.map((word) => {
    const start = at;
    at += ((until - from) * word.length) / letters;
    return [round(start), round(at), word, 1];
  });
}

/** Of a cue: [{from, to}], the places in its text of the words that the recogniser was not sure of. */
export function doubts({ text, words }) {
  if (!words.some(isDoubtful)) return [];
  const places = [...text.matchAll(/[^ \t\n]+/g)].map(({ index, 0: word }) => ({
    from: index,
    to: index + word.length,
  }));
  if (places.length !== words.length) return [{ from: 0, to: text.length }]; // which ones is not known: look at all
  return places.filter((_place, index) => isDoubtful(words[index]));
}

const isDoubtful = ([, , , chance]) => chance < DOUBTFUL_BELOW;

/** The next doubtful word after `caret` in cue `index`, {index, from, to}; after the last the first; or null. */
export function nextDoubt(cues, index, caret) {
  const found = cues.flatMap((cue, number) => doubts(cue).map((place) => ({ index: number, ...place })));
  const isAfter = (one) => one.index > index || (one.index === index && one.from >= caret);
  return found.find(isAfter) ?? found[0] ?? null;
}

/** The words of a cue after a person has said that what stands from `from` to `to` of its text is right. */
export function trusted(cue, from, to) {
  const places = [...cue.text.matchAll(/[^ \t\n]+/g)];
  const isMeant = (number) => {
    if (places.length !== cue.words.length) return true;
    const { index, 0: word } = places[number];
    return index <= to && index + word.length >= from;
  };
  return cue.words.map((word, number) => (isDoubtful(word) && isMeant(number) ? [word[0], word[1], word[2], 1] : word));
}

const round = (seconds) => Math.round(seconds * 1000) / 1000;
