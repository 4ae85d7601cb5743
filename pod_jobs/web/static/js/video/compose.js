// The form that orders another version of a video: cut, dressed, or put together with a second recording.
import { call, root } from "../shared/api.js";
import { toastProblem } from "../shared/notices.js";
import { _ } from "../shared/words.js";
import { Cut } from "./cut.js";
import { parseParts, writeParts } from "./parts.js";

const LISTED = 200; // the newest videos, from which others can be chosen
const OTHERS = ["opening", "ending", "second"]; // options that name another video

/** The values of the form as options of the API. A recording without a picture can only be cut. */
function options(form, keep) {
  const { dressing, layout } = form.elements;
  const isSound = form.querySelector(".of-picture").hidden;
  const said = { keep };
  if (dressing) said.dressing = isSound ? "" : dressing.value;
  if (isSound) return said;
  for (const name of OTHERS) if (form.elements[name].value) said[name] = Number(form.elements[name].value);
  return said.second ? { ...said, layout: layout.value } : said;
}

/** Fill the form with `last`, options of the API. A choice that no longer exists leaves its field unchanged. */
function fillIn({ elements }, last) {
  elements.keep.value = writeParts(last.keep ?? []);
  for (const [name, value] of Object.entries(last)) {
    const choice = [...(elements[name]?.options ?? [])].find((one) => one.value === String(value));
    if (choice) choice.selected = true;
  }
  elements.layout.disabled = !elements.second.value;
}

const hasPicture = (video) => video.is_video !== false; // null: not known before the first encoding

/** The other videos that can be chosen: the newest with a picture, and those in `last` that still exist. */
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
 * Returns `fit(video)`, which updates the form for the video.
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

  /** Offer dressing and other recordings only if the video has a picture. */
  return function fit(video) {
    for (const part of card.querySelectorAll(".of-picture")) part.hidden = !hasPicture(video);
    for (const part of card.querySelectorAll(".of-sound")) part.hidden = hasPicture(video);
    cut.fit(video);
  };
}

/** Fill the form with the last order. False if the server did not answer. */
async function fillOnOpening(form, own) {
  try {
    const { id, task } = await call("GET", `${root}api/v1/videos/${own}`);
    const last = task?.options ?? {};
    const others = await choices(id, last);
    for (const name of OTHERS) form.elements[name].append(...others.map((video) => new Option(video.title, video.id)));
    fillIn(form, last);
    form.elements.fields.disabled = false; // not before: a half-filled form would lose a part of the order
    return true;
  } catch (problem) {
    toastProblem(problem);
    return false;
  }
}
