/** What the server sends as /words.js: English text -> text in the page's language. */
declare const words: Record<string, string>;
export default words;
/** Kind of a task -> what its job type says to people. */
export const kinds: Record<string, { name: string; steps: Record<string, string> } & Record<string, any>>;
