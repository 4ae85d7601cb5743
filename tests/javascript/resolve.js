// The server sends the translations as /words.js. Here that address leads to an empty list: texts stay English.

const WORDS = "data:text/javascript,export default {}";

export function resolve(specifier, context, next) {
  return next(specifier === "../../../words.js" ? WORDS : specifier, context);
}
