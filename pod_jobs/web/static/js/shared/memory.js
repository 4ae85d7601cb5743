// What a browser remembers for its user. A private window, or a full one, may refuse: then nothing is remembered.

const PREFIX = "pod_jobs.";

/** What was kept under `name`; `otherwise` when there is nothing. */
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
