// The keys of the caption editor.

export const KEYS = {
  "Ctrl+Enter": "split",
  "Ctrl+s": "save",
  "Ctrl+z": "undo",
  "Ctrl+y": "redo",
  "Ctrl+Shift+z": "redo",
  "Alt+ArrowUp": "before",
  "Alt+ArrowDown": "after",
  "Alt+p": "playPause",
  "Alt+h": "hear",
  "Alt+m": "merge",
  "Alt+i": "insert",
  "Alt+d": "nextDoubt",
  "Alt+r": "trust",
  "Alt+b": "fromHere",
  "Alt+e": "toHere",
  "Alt+Delete": "remove",
  "Alt+f": "find",
  "Alt+t": "toButtons",
  "Alt+c": "here",
};
const OUTSIDE = { "?": "help", " ": "playPause" };
const FIELDS = "input, textarea, select";
const PRESSED_BY_SPACE = "button, a, summary, video, [role]";

/** The name of the act of a pressed key, or undefined. */
export function actOf(event) {
  const name = [event.ctrlKey || event.metaKey ? "Ctrl+" : "", event.altKey ? "Alt+" : "", letterOf(event)].join("");
  const act = (event.shiftKey && KEYS[name.replace("Ctrl+", "Ctrl+Shift+")]) || KEYS[name];
  if (act) return act;
  if (event.target.matches(FIELDS)) return undefined;
  return event.key === " " && event.target.matches(PRESSED_BY_SPACE) ? undefined : OUTSIDE[event.key];
}

/** With Alt (Option), macOS makes a sign of each letter: "µ" of Alt+M. There the place of the key tells the letter. */
function letterOf({ key, code = "", altKey }) {
  if (altKey && !/^[a-z]$/i.test(key) && /^Key[A-Z]$/.test(code)) return code.slice(-1).toLowerCase();
  return key.length === 1 ? key.toLowerCase() : key;
}
