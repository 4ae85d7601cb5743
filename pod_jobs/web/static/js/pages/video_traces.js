// The attempts at a video, and one of them live, so that a lecturer can test whether traces are made.
import { fetchStoryboard, showTile } from "../player/storyboard.js";
import { call, root, watch } from "../shared/api.js";
import { all, byId, make, tellRules } from "../shared/dom.js";
import { showConnection } from "../shared/notices.js";
import { _, ago, clock, number, percent, time, verbNames } from "../shared/words.js";

const page = byId("video-traces");
const path = `${root}api/v1/xapi/sessions`;

let chosen = location.hash.slice(1); // a registration; "" = the latest
let latest = "";
let follow; // call it to load the chosen attempt now

function showAttempts({ sessions }) {
  byId("no-attempts").hidden = sessions.length > 0;
  byId("attempts-view").hidden = sessions.length === 0;
  latest = sessions[0]?.registration ?? "";
  const focused = /** @type {any} */ (document.activeElement)?.dataset.registration;
  byId("attempts").replaceChildren(
    ...sessions.map(({ registration, statements, last_at: last }) => {
      const isShown = registration === (chosen || latest);
      const words = make("small", { textContent: _("Reports: {count}", { count: number(statements) }) });
      const button = make("button", { type: "button" }, ago(last), words);
      button.dataset.registration = registration;
      button.setAttribute("aria-pressed", String(isShown));
      button.addEventListener("click", () => choose(registration));
      return make("li", {}, button);
    }),
  );
  if (focused) byId("attempts").querySelector(`[data-registration="${focused}"]`)?.focus();
  if (!latest) return;
  follow ??= watch(() => `${path}/${chosen || latest}`, {
    show: showAttempt,
    isOpen: () => true,
    fail: showConnection,
  });
}

function choose(registration) {
  chosen = registration;
  history.replaceState(null, "", `#${registration}`);
  for (const button of all("button", byId("attempts"))) {
    button.setAttribute("aria-pressed", String(button.dataset.registration === registration));
  }
  follow?.();
}

function showAttempt({ statements, rules, verdicts }) {
  tellRules(rules);
  byId("rules").replaceChildren(...verdicts.map(ruleLine));
  const names = verbNames(statements.map(({ verb }) => verb));
  byId("moments").replaceChildren(...statements.map((statement, index) => momentRow(statement, index, names)));
}

function ruleLine({ text, faults, word, note }) {
  const state = { ok: "kept", open: "open" }[word] ?? "broken";
  const sign = byId(`sign-${state}`).content.cloneNode(true);
  const line = make("li", { className: `is-${state}` }, sign, make("span", { textContent: text }));
  line.append(...[...faults, note].filter(Boolean).map((textContent) => make("small", { textContent })));
  return line;
}

function momentRow({ verb, timestamp, result, context, labels }, index, names) {
  const cell = (textContent, className = "") => make("td", { textContent, className });
  const at = result["time-from"] === undefined ? result.time : result["time-from"];
  const to = result["time-to"] === undefined ? "" : ` → ${clock(result["time-to"])}`;
  const tags = make(
    "div",
    { className: "broken" },
    ...labels.map((label) => make("span", { className: "tag", textContent: label })),
  );
  const said = segments(result["played-segments"]) || changes(verb, context);
  return make(
    "tr",
    {},
    cell(number(index + 1), "number"),
    cell(time(timestamp)),
    make("td", { textContent: names.get(verb), title: verb, lang: "en" }),
    cell(at === undefined ? "" : clock(at) + to),
    cell(result.progress === undefined ? "" : percent(result.progress), "number"),
    cell(said),
    make("td", {}, tags),
  );
}

/** "0[.]12.5[,]20[.]33" -> "0:00–0:12, 0:20–0:33". */
const segments = (text) =>
  (text ?? "")
    .split("[,]")
    .filter(Boolean)
    .map((one) =>
      one
        .split("[.]")
        .map((second) => clock(Number(second)))
        .join("–"),
    )
    .join(", ");

const CHANGES = ["volume", "speed", "quality", "cc-enabled", "cc-subtitle-lang", "full-screen"];
const changes = (verb, context) =>
  verb.endsWith("/interacted")
    ? CHANGES.filter((name) => name in context)
        .map((name) => `${name}: ${context[name]}`)
        .join(", ")
    : "";

/** Pictures of the recording below the heat map, as far as there is a storyboard. */
async function showTiles() {
  const box = byId("heat-tiles");
  if (!box) return;
  const { play } = await call("GET", `${root}api/v1/videos/${page.dataset.id}`);
  const cues = play.storyboard ? await fetchStoryboard(play.storyboard) : [];
  const draw = () => {
    const count = cues.length ? Math.max(4, Math.round(box.clientWidth / 96)) : 0;
    const tiles = Array.from({ length: count }, () => make("i"));
    box.replaceChildren(...tiles);
    tiles.forEach((tile, index) => {
      const middle_s = ((index + 0.5) / count) * Number(box.dataset.length);
      showTile(tile, cues, middle_s, Math.ceil(box.clientWidth / count));
    });
  };
  new ResizeObserver(draw).observe(box);
}
showTiles().catch(() => {}); // without pictures, the figures still tell everything

watch(() => `${path}?video=${page.dataset.id}`, { show: showAttempts, isOpen: () => true, fail: showConnection });
