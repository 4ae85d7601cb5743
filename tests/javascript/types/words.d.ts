/** What the server sends as /words.js: English text -> text in the page's language. */
declare const words: Record<string, string>;
export default words;
