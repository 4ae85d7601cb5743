// What every page has: the choice of a theme, menus that close, buttons that copy, and the end of learning traces.
import { all, byId, copy } from "../shared/dom.js";
import { forget, isAnyKept } from "../shared/memory.js";

const root = document.documentElement;
const YEAR_S = 365 * 86400;

const dark = matchMedia("(prefers-color-scheme: dark)");
const themeButton = byId("theme");

function shownTheme() {
  return root.dataset.theme || (dark.matches ? "dark" : "light");
}

function markTheme() {
  themeButton.setAttribute("aria-pressed", String(shownTheme() === "dark"));
}

themeButton.addEventListener("click", () => {
  root.dataset.theme = shownTheme() === "dark" ? "light" : "dark";
  // a cookie, so that the server sends the page in the right colours from its first byte
  document.cookie = `theme=${root.dataset.theme}; path=/; max-age=${YEAR_S}; samesite=lax`;
  markTheme();
});
dark.addEventListener("change", markTheme);
markTheme();

// on a phone the bars are wider than the page, and where one is may lie outside
for (const here of all(".team-bar [aria-current], .chips [aria-current]"))
  here.scrollIntoView({ block: "nearest", inline: "center" });

for (const menu of all("details.menu")) {
  document.addEventListener("click", (event) => {
    if (!menu.contains(event.target)) menu.open = false;
  });
  menu.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !menu.open) return;
    menu.open = false;
    menu.querySelector("summary").focus();
  });
  menu.addEventListener("focusout", (event) => {
    if (event.relatedTarget && !menu.contains(event.relatedTarget)) menu.open = false;
  });
}

document.addEventListener("click", async (event) => {
  // listened for here, because a button on the pages of the team may come later
  const button = /** @type {HTMLElement} */ (event.target).closest("[data-copy]");
  if (!(button instanceof HTMLElement)) return;
  const field = byId(button.dataset.copy);
  field.select?.();
  await copy(field.value ?? field.textContent);
  button.textContent = button.dataset.copied;
});
root.dataset.scripts = ""; // css/controls.css shows these buttons from now on

const { viewer } = document.body.dataset; // the person whose learning traces are recorded
const isRecorded = document.querySelector("[data-traces]") !== null; // then the player does it
if (viewer && !isRecorded && isAnyKept(`session.${viewer}.`)) {
  import("../xapi/leftovers.js").then(({ endLeftovers }) => endLeftovers(viewer));
}

document.addEventListener("submit", ({ target }) => {
  const form = /** @type {HTMLFormElement} */ (target);
  if (form.id !== "traces-choice" || (form.traces.checked && !form.erase.checked)) return;
  for (const kind of ["traces", "session", "attempt"]) forget(`${kind}.${viewer}.`);
});
