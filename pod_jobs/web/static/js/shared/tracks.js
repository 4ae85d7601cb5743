// Caption tracks in words. A track is what the API gives in `play.captions`.
import { _, languageName } from "./words.js";

const ORIGINS = { speech: _("from the speech"), source: _("from the recording"), upload: _("from a file or by hand") };
const STATES = { automatic: _("Automatic"), corrected: _("Corrected"), reviewed: _("Reviewed") };
const STATES_BY = { corrected: _("Corrected by {name}"), reviewed: _("Reviewed by {name}") };

/** The language, and what tells the track from others of this language among `tracks`. */
export function trackName(track, tracks) {
  const name = languageOf(track);
  if (track.label) return `${name} · ${track.label}`;
  const alike = tracks.filter((other) => other !== track && languageOf(other) === name && !other.label);
  if (!alike.length || !ORIGINS[track.origin]) return name;
  const more = track.translated ? _("translated") : ORIGINS[track.origin];
  return `${name} (${more})`;
}

const languageOf = ({ language }) => (language && language !== "und" ? languageName(language) : _("Captions"));

/** "Corrected by Ada". */
export function stateWords({ state, edited_by: name }) {
  const words = (name && STATES_BY[state]) || STATES[state] || state;
  return words.replace("{name}", name);
}

/**
 * What is wrong with a caption file, or was changed in it, [{line, sentence}], as sentences: each once, since the same
 * may be true of each caption.
 */
export function toldOf(found) {
  const lines = new Map();
  for (const { line, sentence } of found) {
    if (lines.has(sentence)) lines.get(sentence).push(line);
    else lines.set(sentence, [line]);
  }
  return [...lines].map(([sentence, [line, ...others]]) => {
    if (!line || sentence.includes(` ${line} `)) return sentence;
    if (!others.length) return _("Line {line}: {sentence}", { line, sentence });
    return _("Line {line} and {count} more: {sentence}", { line, sentence, count: others.length });
  });
}
