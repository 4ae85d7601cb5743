// The server sends the translations as /words.js, with the words of the job types. Here that address leads to no
// translations, so that texts stay English, and to the words of one job type.

const ENCODE = {
  name: "Encoding",
  again: "Being encoded again",
  kept: "The last encoding failed; the previous one is shown.",
  steps: { probe: "Reading the file", encode: "Encoding" },
};
const MODULE = `export default {}; export const kinds = ${JSON.stringify({ encode: ENCODE })};`;
const WORDS = `data:text/javascript,${encodeURIComponent(MODULE)}`;

export function resolve(specifier, context, next) {
  return next(specifier === "../../../words.js" ? WORDS : specifier, context);
}
