// Searches the text of captions: passages with certain words, and the line of a moment. Accents, case, ligatures and
// punctuation make no difference, as in pod_jobs/captions/folding.py, which serves the search over all recordings.

/** @type {Record<string, string>} */
const LIGATURES = { œ: "oe", æ: "ae", ß: "ss", ø: "o", đ: "d", ł: "l", ı: "i" };
const WORD = /[\p{L}\p{N}]/u;

/**
 * "L’Été" -> {text: "l ete", from: [0, 1, 2, 3, 4]}: words of plain letters and digits with single spaces between them,
 * and for each of their characters its place in the original.
 */
export function fold(text) {
  const folded = { text: "", from: [] };
  let at = 0;
  for (const character of text) {
    for (const one of character.toLowerCase().normalize("NFKD")) {
      if (/\p{M}/u.test(one)) continue;
      const written = WORD.test(one) ? (LIGATURES[one] ?? one) : " ";
      if (written === " " && (folded.text === "" || folded.text.endsWith(" "))) continue;
      for (const letter of written) {
        folded.text += letter;
        folded.from.push(at);
      }
    }
    at += character.length;
  }
  return folded;
}

/**
 * The passages in `lines` that begin with the beginning of a word, and match `wanted`: [[{line, from, to}, …], …]. Each
 * piece is the characters `from` to `to` of a line; a passage over two lines has a piece in each. With `isWhole` they
 * end with a word too.
 */
export function findPassages(lines, wanted, isWhole = false) {
  const words = fold(wanted).text.trim();
  if (!words) return [];
  const asked = ` ${words}${isWhole ? " " : ""}`;
  const whole = { text: " ", places: [null] }; // places: [line, character] of each character of the text
  lines.forEach((text, line) => {
    const { text: folded, from } = fold(text);
    whole.text += `${folded.trimEnd()} `;
    whole.places.push(...from.slice(0, folded.trimEnd().length).map((at) => [line, at]), null);
  });
  const found = [];
  for (let at = whole.text.indexOf(asked); at >= 0; at = whole.text.indexOf(asked, at + 1)) {
    found.push(pieces(whole.places.slice(at + 1, at + 1 + words.length)));
  }
  return found;
}

function pieces(places) {
  const made = [];
  for (const place of places) {
    if (!place) continue;
    const [line, at] = place;
    if (made.at(-1)?.line === line) made.at(-1).to = at + 1;
    else made.push({ line, from: at, to: at + 1 });
  }
  return made;
}

/** `text` in pieces, [[piece, is it marked?], …]; `marks` are the marked ones as [[from, to], …]. */
export function cutAt(text, marks) {
  const made = [];
  let end = 0;
  for (const [from, to] of marks) {
    if (from > end) made.push([text.slice(end, from), false]);
    if (to > Math.max(from, end)) made.push([text.slice(Math.max(from, end), to), true]);
    end = Math.max(end, to);
  }
  if (end < text.length) made.push([text.slice(end), false]);
  return made;
}

/** The index of the last of `items` (sorted) whose `startOf` (s) is not after `time`; -1 if all are after it. */
export function lastBefore(items, time, startOf = (start) => start) {
  let [low, high] = [0, items.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (startOf(items[middle]) <= time) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}
