// Short messages: toasts, the line "connection lost", and announcements of screen readers.

const area = document.getElementById("toasts");
const spoken = document.getElementById("spoken");
const connection = document.getElementById("connection");
const STAY_MS = 6_000;

/** Show `text` for a while; an error stays until it is closed. */
export function toast(text, { error = false, detail = "" } = {}) {
  const box = /** @type {any} */ (document.getElementById("toast")).content.firstElementChild.cloneNode(true);
  box.classList.toggle("toast-error", error);
  box.setAttribute("role", error ? "alert" : "status");
  box.querySelector(".toast-text").textContent = text;
  const more = box.querySelector(".toast-detail");
  more.hidden = !detail;
  more.querySelector("span").textContent = detail;
  box.querySelector("button").addEventListener("click", () => box.remove());
  area.append(box);
  if (!error) setTimeout(() => box.remove(), STAY_MS);
}

export const toastProblem = (problem) => toast(problem.message, { error: true, detail: problem.detail });

/** Remove errors, because somebody tries again. */
export const clearProblems = () => area.querySelectorAll(".toast-error").forEach((box) => box.remove());

/** Remove other messages, because something else has happened. */
export const clearNews = () => area.querySelectorAll(".toast:not(.toast-error)").forEach((box) => box.remove());

/** Let screen readers announce `text` when they are silent. */
export function say(text) {
  spoken.textContent = text;
}

/** Show the line on top that tells of a lost connection; null hides it. */
export function showConnection(problem) {
  connection.hidden = problem === null;
  connection.querySelector("span").textContent = problem?.message ?? "";
  const link = connection.querySelector("a");
  link.hidden = problem?.status !== 401;
  const { pathname, search, hash } = location;
  link.search = `?next=${encodeURIComponent(pathname + search + hash)}`; // back to where one was
}
