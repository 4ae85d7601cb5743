// The list of videos. It is updated by polling and changed in place, so that focus and scroll position stay.
import { showSaid } from "../captions/said.js";
import { call, root, watch } from "../shared/api.js";
import { byId, copyTemplate, put, whileBusy } from "../shared/dom.js";
import { say, showConnection, toastProblem } from "../shared/notices.js";
import { describe, isOpen } from "../shared/state.js";
import { _, ago, bytes, clock, date } from "../shared/words.js";

const PAGE = 50; // rows in one request
const LIVE = 200; // rows that are updated; older ones stay as they were when they were loaded

const list = byId("videos");
const empty = byId("empty");
const nothingFound = byId("nothing-found");
const more = byId("more");
const search = byId("search");

const shown = new Map(); // id -> {element, state} of each row
const text = () => search.value.trim();
const liveRows = () => Math.min(LIVE, Math.max(PAGE, shown.size));
const address = (limit, before) =>
  `${root}api/v1/videos?` + new URLSearchParams({ limit, ...(text() && { text: text() }), ...(before && { before }) });

function fill(element, video) {
  const part = (name) => element.querySelector(`.row-${name}`);
  const { state, label, words, fraction } = describe(video);
  element.dataset.state = state;
  put(part("title"), video.title);
  part("title").href = new URL(video.page_url, location.href).pathname;
  put(part("state"), label);
  put(part("words"), words);
  part("words").title = words;
  const bar = part("bar");
  bar.hidden = fraction === null;
  bar.value = fraction ?? 0;
  bar.setAttribute("aria-label", _("Progress of {title}", { title: video.title }));
  put(
    part("meta"),
    [list.dataset.owners && video.owner, ago(video.created_at), bytes(video.source.bytes)].filter(Boolean).join(" · "),
  );
  part("meta").title = date(video.created_at);
  const clockLabel = part("clock");
  clockLabel.hidden = !video.duration_s;
  put(clockLabel, clock(video.duration_s ?? 0));
  fillPicture(part("picture"), video);
}

function fillPicture(picture, video) {
  const image = picture.querySelector("img");
  const poster = video.play?.poster ?? "";
  picture.classList.toggle("is-sound", video.is_video === false);
  if (image.dataset.address === poster) return;
  image.dataset.address = poster;
  if (poster) image.src = poster;
  image.hidden = !poster;
}

/** Update the rows of `videos` (newest first). */
function update(videos) {
  for (const video of videos) {
    const known = shown.get(video.id);
    const element = known?.element ?? copyTemplate("video-row");
    fill(element, video);
    if (known) announce(known.state, video);
    else insert(element, video.id);
    shown.set(video.id, { element, state: video.state });
  }
  empty.hidden = shown.size > 0 || text() !== "";
  nothingFound.hidden = shown.size > 0 || text() === "";
  list.hidden = shown.size === 0;
  list.removeAttribute("aria-busy");
}

/** Remove the rows of deleted videos: those that are missing among the newest `limit` videos. */
function prune(videos, limit) {
  const present = new Set(videos.map((video) => video.id));
  const last = videos.length === limit ? videos.at(-1).id : 0;
  for (const [id, { element }] of shown) {
    if (id < last || present.has(id)) continue;
    element.remove();
    shown.delete(id);
  }
}

function insert(element, id) {
  element.dataset.id = id;
  const after = [...list.children].find((other) => Number(other.dataset.id) < id);
  list.insertBefore(element, after ?? null);
}

function announce(before, video) {
  if (before === video.state) return;
  if (video.state === "ready") say(_("{title} is ready.", { title: video.title }));
  if (video.state === "error") say(_("{title} failed.", { title: video.title }));
}

async function loadMore() {
  const before = Math.min(...shown.keys());
  const { videos } = await call("GET", address(PAGE, before));
  update(videos);
  more.hidden = videos.length < PAGE;
  list.querySelector(`[data-id="${videos[0]?.id}"] .row-title`)?.focus();
}

let shownText = text();
/** Ask the server for changes now. */
export const refresh = watch(() => address(liveRows()), {
  show({ videos }) {
    if (shownText !== text()) {
      shown.clear();
      list.replaceChildren();
      shownText = text();
    }
    const limit = liveRows();
    if (shown.size <= limit) more.hidden = videos.length < limit;
    prune(videos, limit);
    update(videos);
  },
  isOpen: ({ videos }) => videos.some((video) => isOpen(video.task)),
  fail: showConnection,
});

let typing;
search.addEventListener("input", () => {
  clearTimeout(typing);
  typing = setTimeout(() => {
    history.replaceState(null, "", text() ? "?" + new URLSearchParams({ text: text() }) : location.pathname);
    refresh();
    showSaid(text()).catch(toastProblem);
  }, 250);
});
if (text()) showSaid(text()).catch(toastProblem);
more.addEventListener("click", () => whileBusy(more, loadMore));
