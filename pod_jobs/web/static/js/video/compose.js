// The form that orders another version of a video: cut, dressed, or put together with a second recording.
import { call, root } from "../shared/api.js";
import { toastProblem } from "../shared/notices.js";
import { _ } from "../shared/words.js";
import { Cut } from "./cut.js";
import { parseParts, writeParts } from "./parts.js";

const LISTED = 200; // videos to choose from, the newest
const OTHERS = ["opening", "ending", "second"]; // options that name another video

/** What the form says, as options of the API. Sound without a picture can only be cut. */
function options(form, keep) {
  const { dressing, layout } = form.elements;
  const isSound = form.querySelector(".of-picture").hidden;
  const said = { keep };
  if (dressing) said.dressing = isSound ? "" : dressing.value;
  if (isSound) return said;
  for (const name of OTHERS) if (form.elements[name].value) said[name] = Number(form.elements[name].value);
  return said.second ? { ...said, layout: layout.value } : said;
}

/** Say in the form what `last`, the API's options, ordered; a choice that is no more stays as it was. */
function fillIn({ elements }, last) {
  elements.keep.value = writeParts(last.keep ?? []);
  for (const [name, value] of Object.entries(last)) {
    const choice = [...(elements[name]?.options ?? [])].find((one) => one.value === String(value));
    if (choice) choice.selected = true;
  }
  elements.layout.disabled = !elements.second.value;
}

const hasPicture = (video) => video.is_video !== false; // null: not known before its first encode

/** The other videos to choose from: the newest with a picture, and those that `last` names if they still exist. */
async function choices(own, last) {
  const { videos } = await call("GET", `${root}api/v1/videos?limit=${LISTED}`);
  const newest = videos.filter((video) => video.id !== own && video.state !== "error" && hasPicture(video));
  const missing = new Set(
    OTHERS.map((name) => last[name]).filter((id) => id && !newest.some((video) => video.id === id)),
  );
  const named = await Promise.all([...missing].map(videoIfThere));
  return [...newest, ...named.filter((video) => video && hasPicture(video))];
}

async function videoIfThere(id) {
  try {
    return await call("GET", `${root}api/v1/videos/${id}`);
  } catch (problem) {
    if (problem.status === 404) return null;
    throw problem;
  }
}

/**
 * Make the form work. `own` is the id of the page's video, `player` shows it, `order(button, options)` posts the form.
 * Gives `fit(video)`, which brings the form up to date with the video.
 */
export function prepareForm(card, own, player, order) {
  const form = card.querySelector("form");
  const { keep, second, layout } = form.elements;
  const cut = new Cut(keep, player);
  let isAsked = false;

  card.addEventListener("toggle", async () => {
    cut.open(card.open);
    if (!card.open || isAsked) return;
    isAsked = true;
    isAsked = await fillOnOpening(form, own);
    cut.open(card.open);
  });
  second.addEventListener("change", () => (layout.disabled = !second.value));
  keep.addEventListener("input", () => keep.setCustomValidity(""));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const parts = parseParts(keep.value);
    keep.setCustomValidity(parts ? "" : _("Write parts like 1:30-12:00, with commas between them."));
    if (form.reportValidity()) order(event.submitter ?? form.querySelector("button"), options(form, parts));
  });

  /** Dressing and other recordings go with a picture. */
  return function fit(video) {
    for (const part of card.querySelectorAll(".of-picture")) part.hidden = !hasPicture(video);
    for (const part of card.querySelectorAll(".of-sound")) part.hidden = hasPicture(video);
    cut.fit(video);
  };
}

/** Fill the form with what was ordered the last time; false when the server could not be asked. */
async function fillOnOpening(form, own) {
  try {
    const { id, task } = await call("GET", `${root}api/v1/videos/${own}`);
    const last = task?.options ?? {};
    const others = await choices(id, last);
    for (const name of OTHERS) form.elements[name].append(...others.map((video) => new Option(video.title, video.id)));
    fillIn(form, last);
    form.elements.fields.disabled = false; // not before: what is sent half filled would lose what was ordered
    return true;
  } catch (problem) {
    toastProblem(problem);
    return false;
  }
}
