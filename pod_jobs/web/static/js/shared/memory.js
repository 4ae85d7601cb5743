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
