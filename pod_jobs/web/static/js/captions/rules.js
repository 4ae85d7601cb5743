// Which rules captions break, as pod_jobs/captions/rules.py finds it: tests/caption_rules.json has cases for both.
// `rules` are those of the settings, with the names that they have in Python.

const CHARTER = [
  [0, 0],
  [1, 12],
  [2, 20],
  [3, 36],
  [4, 60],
]; // (seconds, characters) of the French charter for subtitles
const CHARTER_PER_S = 15; // beyond 4 s
const TOLERANCE_S = 0.0015; // times of files are rounded to milliseconds

export const plain = (text) => text.replace(/<\/?[ib]>/g, "");

const lengthOf = (text) => [...text].length;

/** How many characters may be read in that time before it is worth a warning. */
export function charactersIn(seconds, rules) {
  if (!rules.accessible) return seconds * rules.slow_down_cps;
  const next = CHARTER.findIndex(([until], index) => index > 0 && seconds <= until);
  if (next < 0) return CHARTER.at(-1)[1] + (seconds - CHARTER.at(-1)[0]) * CHARTER_PER_S;
  const [[from, fewer], [until, more]] = [CHARTER[next - 1], CHARTER[next]];
  return fewer + ((more - fewer) * (seconds - from)) / (until - from);
}

/**
 * The rules that a cue breaks, as [{rule, isWarning}]; a warning is worth a look, but allowed. `before` is the last cue
 * of the same speaker, or undefined.
 */
export function breaches(cue, before, rules) {
  const found = [];
  const add = (isBroken, rule, isWarning = false) => isBroken && found.push({ rule, isWarning });
  const lines = plain(cue.text).split("\n");
  const count = lengthOf(plain(cue.text));
  const seconds = cue.end - cue.start;
  add(!count, "empty");
  add(Math.max(...lines.map(lengthOf)) > rules.line_characters, "line-too-long");
  add(lines.length > rules.lines, "too-many-lines");
  add(seconds < rules.least_s - TOLERANCE_S, "too-short", true);
  add(seconds > rules.most_s + TOLERANCE_S, "too-long");
  const isTooFast = count / Math.max(seconds, 0.001) > rules.most_cps + 0.05;
  add(isTooFast, "too-fast");
  add(!isTooFast && count > charactersIn(seconds, rules) + 0.5, "too-fast", true);
  const gap = before ? cue.start - before.end : Infinity;
  add(gap < -TOLERANCE_S, "overlap");
  add(gap >= -TOLERANCE_S && gap < rules.gap_s - TOLERANCE_S, "no-gap", true);
  return found;
}

/** For each cue the last one before it of the same speaker, or undefined. */
export function befores(cues) {
  const last = new Map();
  return cues.map((cue) => {
    const before = last.get(cue.speaker);
    last.set(cue.speaker, cue);
    return before;
  });
}
