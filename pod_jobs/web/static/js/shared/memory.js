// Values that the browser keeps for its user. In a private window, or if its memory is full, nothing is kept.

const PREFIX = "pod_jobs.";

/** The value that was kept under `name`; `otherwise` if there is none. */
export function recall(name, otherwise = null) {
  try {
    return JSON.parse(localStorage.getItem(PREFIX + name)) ?? otherwise;
  } catch {
    return otherwise;
  }
}

/** Keep a JSON value under `name`. */
export function keep(name, value) {
  try {
    localStorage.setItem(PREFIX + name, JSON.stringify(value));
  } catch {
    // see above
  }
}

/** Are there values whose names begin with `beginning`? */
export function isAnyKept(beginning) {
  return names(() => localStorage, beginning).length > 0;
}

/** Forget the values whose names begin with `beginning`, also those of this tab alone. */
export function forget(beginning) {
  for (const storage of [() => localStorage, () => sessionStorage]) {
    for (const name of names(storage, beginning)) storage().removeItem(name);
  }
}

function names(storage, beginning) {
  try {
    return Object.keys(storage()).filter((name) => name.startsWith(PREFIX + beginning));
  } catch {
    return []; // the browser keeps nothing
  }
}
