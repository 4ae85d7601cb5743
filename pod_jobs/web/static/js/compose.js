// The form that orders another version of a video: cut, dressed, or put together with a second recording.
import { call, root } from "./api.js";
import { toastProblem } from "./notices.js";
import { _ } from "./words.js";

const LISTED = 200; // videos to choose from, the newest

/** "1:30-12:00, 15:00-20" as [[90, 720], [900, 1200]], "" as []; null when it is anything else. */
function keptRanges(text) {
  const seconds = (words) => (/^\d+(:\d{1,2}){0,2}(\.\d+)?$/.test(words) ? words.split(":").reduce((sum, part) => sum * 60 + Number(part), 0) : NaN);
  if (!text.trim()) return [];
  const ranges = text.split(",").map((range) => range.split(/[-–]/).map((words) => seconds(words.trim())));
  return ranges.every((range) => range.length === 2 && range[0] < range[1]) ? ranges : null;
}

/** What the form says, as the API's options; "" of a select of videos is none. */
function options(form, keep) {
  const { dressing, layout } = form.elements;
  const said = { keep };
  if (dressing) said.dressing = dressing.value;
  for (const name of ["opening", "ending", "second"]) if (form.elements[name].value) said[name] = Number(form.elements[name].value);
  return said.second ? { ...said, layout: layout.value } : said;
}

/** `order(button, options)` posts it. `own`: the id of the page's video. */
export function prepareForm(card, own, order) {
  const form = card.querySelector("form");
  const { keep, second, layout } = form.elements;
  let listed = false;

  card.addEventListener("toggle", async () => {
    if (!card.open || listed) return;
    listed = true;
    try {
      const { videos } = await call("GET", `${root}api/v1/videos?limit=${LISTED}`);
      const others = videos.filter(({ id, state }) => String(id) !== own && state !== "error");
      for (const name of ["opening", "ending", "second"]) form.elements[name].append(...others.map(({ id, title }) => new Option(title, id)));
    } catch (problem) {
      listed = false;
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
