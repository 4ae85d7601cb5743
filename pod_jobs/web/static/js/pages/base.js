// What every page has: the choice of a theme, menus that close, and buttons that copy.
import { all, byId, copy } from "../shared/dom.js";

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
