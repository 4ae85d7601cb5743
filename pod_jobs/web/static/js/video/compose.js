// The form that orders another version of a video: cut, dressed, or put together with a second recording.
import { call, root } from "../shared/api.js";
import { toastProblem } from "../shared/notices.js";
import { _, clock } from "../shared/words.js";

const LISTED = 200; // videos to choose from, the newest
const OTHERS = ["opening", "ending", "second"]; // options that name another video

/** "1:30-12:00, 15:00-20" as [[90, 720], [900, 1200]], "" as []; null when it is anything else. */
function keptRanges(text) {
  const seconds = (words) =>
    /^\d+(:\d{1,2}){0,2}(\.\d+)?$/.test(words)
      ? words.split(":").reduce((sum, part) => sum * 60 + Number(part), 0)
      : NaN;
  if (!text.trim()) return [];
  const ranges = text.split(",").map((range) => range.split(/[-–]/).map((words) => seconds(words.trim())));
  return ranges.every((range) => range.length === 2 && range[0] < range[1]) ? ranges : null;
}

/** 3720.5 as "1:02:00.5", which keptRanges reads. */
const written = (seconds) => clock(seconds) + (/\.\d+$/.exec(seconds)?.[0] ?? "");

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
  elements.keep.value = (last.keep ?? []).map((range) => range.map(written).join("-")).join(", ");
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

/** Show what `video` can have: dressing and other recordings go with a picture. */
export function fitForm(card, video) {
  for (const part of card.querySelectorAll(".of-picture")) part.hidden = !hasPicture(video);
  for (const part of card.querySelectorAll(".of-sound")) part.hidden = hasPicture(video);
}

/** `order(button, options)` posts it. `own`: the id of the page's video. */
export function prepareForm(card, own, order) {
  const form = card.querySelector("form");
  const { fields, keep, second, layout } = form.elements;
  let asked = false;

  card.addEventListener("toggle", async () => {
    if (!card.open || asked) return;
    asked = true;
    try {
      const { id, task } = await call("GET", `${root}api/v1/videos/${own}`);
      const last = task?.options ?? {};
      const others = await choices(id, last);
      for (const name of OTHERS)
        form.elements[name].append(...others.map((video) => new Option(video.title, video.id)));
      fillIn(form, last);
      fields.disabled = false; // not before: what is sent half filled would lose what was ordered
    } catch (problem) {
      asked = false;
      toastProblem(problem);
    }
  });
  second.addEventListener("change", () => (layout.disabled = !second.value));
  keep.addEventListener("input", () => keep.setCustomValidity(""));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const ranges = keptRanges(keep.value);
    keep.setCustomValidity(ranges ? "" : _("Write parts like 1:30-12:00, with commas between them."));
    if (form.reportValidity()) order(event.submitter ?? form.querySelector("button"), options(form, ranges));
  });
}
