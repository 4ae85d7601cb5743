// On every page: theme, menus that close, forms that ask first.

const root = document.documentElement;
const YEAR_S = 365 * 86400;

const dark = matchMedia("(prefers-color-scheme: dark)");
const themeButton = document.getElementById("theme");

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

for (const menu of document.querySelectorAll("details.menu")) {
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

for (const button of document.querySelectorAll("[data-copy]")) {
  button.addEventListener("click", async () => {
    const field = document.getElementById(button.dataset.copy);
    field.select();
    await navigator.clipboard?.writeText(field.value).catch(() => {});
    button.textContent = button.dataset.copied;
  });
}
