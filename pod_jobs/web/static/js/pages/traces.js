// The lanes to the record stores, their dead letters, and how well the traces conform.
import { call, root, watch } from "../shared/api.js";
import { byId, copyTemplate, fillFacts, make, tellRules, whenConfirmed, whileBusy } from "../shared/dom.js";
import { showConnection, toast, toastProblem } from "../shared/notices.js";
import { _, ago, exactDate, number, percent, span, time, verbNames } from "../shared/words.js";

const path = `${root}api/v1/xapi`;
const PAGE = 50;
const SHORT_RULES = 6;
const STATES = {
  open: _("Delivering"),
  hold: _("Waiting for the record store"),
  stopped: _("Stopped: the configuration is wrong"),
};
const CODES = {
  rejected: _("Refused"),
  "too-large": _("Too large"),
  conflict: _("Another statement has its id"),
  reset: _("Lost on the way each time"),
  timeout: _("Never answered in time"),
  poison: _("Makes the record store fail"),
  skipped: _("Set aside"),
};

const cards = new Map();
const confirmation = byId("confirm-drop");
let dropping; // the card of the lane whose dead letters the dialog would drop

const part = (card, name) => card.querySelector(`.${name}`);

function show({ lanes }) {
  if (cards.size === 0) byId("lanes").replaceChildren(); // what the server put there
  for (const lane of lanes) {
    if (!cards.has(lane.name)) cards.set(lane.name, newCard(lane.name));
    showLane(cards.get(lane.name), lane);
  }
  byId("lanes").removeAttribute("aria-busy");
}

function newCard(name) {
  const card = copyTemplate("lane");
  card.dataset.name = name;
  part(card, "lane-name").textContent = name;
  byId("lanes").append(card);
  const on = (button, act) =>
    part(card, button).addEventListener("click", ({ currentTarget }) => attempt(currentTarget, act));
  on("lane-flush", async () => {
    const { waits_until: until } = await call("POST", `${path}/lanes/${name}/flush`);
    toast(
      until
        ? _("The record store may still be storing the last batch. It is tried again at {time}.", { time: time(until) })
        : _("Trying now."),
    );
  });
  on("resend-all", () => decide(card, "resend", { all: true }));
  for (const list of ["lane-waiting", "lane-dead"]) {
    const box = part(card, list);
    const fill = list === "lane-dead" ? fillLetters : fillWaiting;
    const more = part(box, "letters-more");
    more.addEventListener("click", () => fill(card, part(box, "letters").lastElementChild.dataset.number));
    box.addEventListener("toggle", ({ target }) => target === box && box.open && fill(card));
  }
  part(card, "drop-all").addEventListener("click", () => {
    dropping = card;
    confirmation.showModal();
  });
  return card;
}

function showLane(card, lane) {
  card.dataset.state = lane.state;
  part(card, "pill").textContent = STATES[lane.state];
  const next = lane.next_try_at && (Date.parse(lane.next_try_at) - Date.now()) / 1000;
  const fault = part(card, "lane-fault");
  fault.hidden = lane.state === "open";
  fault.querySelector("span").textContent = [next > 0 && _("Next try in {time}.", { time: span(next) }), lane.reason]
    .filter(Boolean)
    .join(" ");
  fillFacts(part(card, "lane-facts"), [
    [_("Waiting"), number(lane.waiting)],
    [_("Oldest"), lane.oldest_at ? ago(lane.oldest_at) : "–"],
    [_("Delivered"), number(lane.stored)],
    [_("Last delivery"), lane.last_stored_at ? ago(lane.last_stored_at) : "–"],
  ]);
  const most = Math.max(...lane.per_minute);
  part(card, "bars").replaceChildren(
    ...lane.per_minute.map((count) => {
      const bar = make("i");
      bar.style.height = `${most ? (100 * count) / most : 0}%`;
      return bar;
    }),
  );
  const perMinute = { now: number(lane.per_minute.at(-2)), most: number(most) };
  card.querySelector("figcaption").textContent = _(
    "Delivered in the last minute: {now}; in the busiest of the last half hour: {most}",
    perMinute,
  );
  const waiting = part(card, "lane-waiting");
  waiting.hidden = lane.waiting === 0 || (lane.state === "open" && !waiting.open);
  waiting.querySelector("summary").textContent = _("What waits: {count}", { count: number(lane.waiting) });
  if (waiting.open && Number(card.dataset.waiting) !== lane.waiting) fillWaiting(card);
  card.dataset.waiting = lane.waiting;
  const dead = part(card, "lane-dead");
  dead.hidden = lane.dead === 0;
  dead.querySelector("summary").textContent = _("Refused for good: {count}", { count: number(lane.dead) });
  if (dead.open && Number(card.dataset.dead) !== lane.dead) fillLetters(card);
  card.dataset.dead = lane.dead;
}

const verbsSeen = new Set(); // two of one name are told apart by their owners, on whichever list they are
const know = (statements) => statements.forEach(({ verb }) => verbsSeen.add(verb));
const nameOf = (verb) => verbNames([...verbsSeen, verb]).get(verb);

async function fillLetters(card, before) {
  try {
    const query = before ? `&before=${before}` : "";
    const { dead, next } = await call("GET", `${path}/lanes/${card.dataset.name}/dead?limit=${PAGE}${query}`);
    const list = part(part(card, "lane-dead"), "letters");
    if (!before) list.replaceChildren();
    know(dead);
    list.append(...dead.map((letter) => letterRow(card, letter)));
    part(part(card, "lane-dead"), "letters-more").hidden = next === null;
  } catch (problem) {
    toastProblem(problem);
  }
}

async function fillWaiting(card, after) {
  try {
    const query = after ? `&after=${after}` : "";
    const { waiting, next } = await call("GET", `${path}/lanes/${card.dataset.name}/waiting?limit=${PAGE}${query}`);
    const list = part(part(card, "lane-waiting"), "letters");
    if (!after) list.replaceChildren();
    know(waiting);
    list.append(...waiting.map((statement) => waitingRow(card, statement)));
    part(part(card, "lane-waiting"), "letters-more").hidden = next === null;
  } catch (problem) {
    toastProblem(problem);
  }
}

function waitingRow(card, statement) {
  const row = copyTemplate("waiting");
  row.dataset.number = statement.number;
  row.querySelector("b").textContent = nameOf(statement.verb);
  row.querySelector("b").title = statement.verb;
  row.querySelector("b").lang = "en";
  row.querySelector("span").textContent = exactDate(statement.received_at);
  row.querySelector(".letter-reason").textContent = statement.reason;
  row.querySelector(".letter-reason").hidden = !statement.reason;
  row.querySelector(".letter-body").textContent = JSON.stringify(statement.body, null, 2);
  row.querySelector(".set-aside").addEventListener("click", ({ currentTarget }) =>
    attempt(currentTarget, async () => {
      await call("POST", `${path}/lanes/${card.dataset.name}/waiting/skip`, { numbers: [statement.number] });
      toast(_("Set aside. It is among the refused ones, where it can be sent again or given up."));
      await fillWaiting(card);
      if (part(card, "lane-dead").open) await fillLetters(card);
    }),
  );
  return row;
}

function letterRow(card, letter) {
  const row = copyTemplate("letter");
  row.dataset.number = letter.number;
  row.querySelector("b").textContent = CODES[letter.code] ?? letter.code;
  row.querySelector("span").textContent = [nameOf(letter.verb), exactDate(letter.at)].join(" · ");
  row.querySelector("span").title = letter.verb;
  row.querySelector(".letter-reason").textContent = letter.reason || "–";
  row.querySelector(".letter-body").textContent = JSON.stringify(letter.body, null, 2);
  for (const verb of ["resend", "drop"]) {
    row
      .querySelector(`.${verb}`)
      .addEventListener("click", ({ currentTarget }) =>
        attempt(currentTarget, () => decide(card, verb, { numbers: [letter.number] })),
      );
  }
  return row;
}

async function decide(card, verb, which) {
  const { count } = await call("POST", `${path}/lanes/${card.dataset.name}/dead/${verb}`, which);
  toast(
    verb === "resend"
      ? _("Sent again: {count}", { count: number(count) })
      : _("Given up: {count}", { count: number(count) }),
  );
  await fillLetters(card);
  refresh();
}

whenConfirmed(confirmation, "drop", () =>
  attempt(part(dropping, "drop-all"), () => decide(dropping, "drop", { all: true })),
);

const attempt = (button, act) =>
  whileBusy(button, async () => {
    await act();
    refresh();
  });

function showLabels({ statements, conform, verbs, rules }) {
  tellRules(rules);
  const words = { share: percent(statements ? conform / statements : 0), count: number(statements) };
  byId("labels-words").textContent = statements
    ? _("Traces that break no rule: {share} of {count}.", words)
    : _("No traces yet.");
  byId("labels").closest("table").hidden = statements === 0;
  know(verbs);
  byId("labels").replaceChildren(...verbs.map((line) => labelRow(line, nameOf(line.verb))));
}

function labelRow({ verb, statements, conform, broken }, name) {
  const cell = (textContent, more = {}) => make("td", { textContent, ...more });
  return make(
    "tr",
    {},
    cell(name, { title: verb, lang: "en" }),
    cell(number(statements), { className: "number" }),
    cell(percent(conform / statements), { className: "number" }),
    make("td", {}, tags(Object.entries(broken).map(([rule, count]) => `${rule} ${number(count)}`))),
  );
}

function tags(texts) {
  const shown = texts.length > SHORT_RULES ? [...texts.slice(0, SHORT_RULES), "…"] : texts;
  return make(
    "div",
    { className: "broken" },
    ...shown.map((textContent) => make("span", { className: "tag", textContent })),
  );
}

const fail = (problem) => showConnection(problem);
const refresh = watch(() => `${path}/lanes`, { show, isOpen: ({ lanes }) => lanes.some((lane) => lane.waiting), fail });
watch(() => `${path}/labels`, { show: showLabels, isOpen: () => false, fail });
