// A video's page: player, progress, facts, downloads, and what can be done with it.
import { call, root, watch } from "../shared/api.js";
import { byId, copy, fillFacts, make, put, whenConfirmed, whileBusy } from "../shared/dom.js";
import { prepareTracks, showTracks } from "../video/caption_tracks.js";
import { prepareForm } from "../video/compose.js";
import { downloads, sourceFacts } from "../shared/facts.js";
import { fillHistory } from "../video/history.js";
import { clearNews, say, showConnection, toast } from "../shared/notices.js";
import { Player } from "../player/player.js";
import { linkAt, Resume } from "../player/resume.js";
import { Transcript } from "../player/transcript.js";
import { describe, isOpen, needsOtherFile, newlyEnded, shownTask, stepName, workerName } from "../shared/state.js";
import { showPosters } from "../video/poster.js";
import { makeSideTasks, showSideTasks } from "../video/side_tasks.js";
import { prepareWish } from "../video/speech_wish.js";
import { fill, makeVersions, showVersions } from "../video/versions.js";
import { trace } from "../xapi/xapi.js";
import { _, ago, clock, date, factor, kindWords, percent, span } from "../shared/words.js";

const page = byId("video-page");
const path = `${root}api/v1/videos/${page.dataset.id}`;
const player = new Player(byId("player"));
new Resume(player, page.dataset.person, Number(page.dataset.id));
new Transcript(player);
putBesidePlayer(matchMedia("(min-width: 62rem)"));
if (page.dataset.traces) trace(player, JSON.parse(page.dataset.traces));
const nearest = document.title.split(" · ").slice(1); // what follows the title

let video;
let playing = ""; // the published folder, or the running one, that the player shows

function show(next) {
  const before = video;
  video = next;
  showTitle();
  showPlayer(before);
  showState(before);
  showFault(before);
  showFacts();
  showVersions(video);
  showSideTasks(video);
  showTracks(video);
  showPosters(video, path, show);
  showHistory(before);
  fitForm(video);
  offerWhatHelps();
  byId("cancel").hidden = !isOpen(video.task);
  page.removeAttribute("aria-busy");
}

/** Chapters and transcript are beside the player, or below it if there is no room. */
function putBesidePlayer(isWide) {
  const place = () =>
    isWide.matches ? byId("about").prepend(byId("watching")) : byId("player-tools").after(byId("watching"));
  isWide.addEventListener("change", place);
  place();
}

function showTitle() {
  put(byId("title"), video.title);
  const title = [
    isOpen(video.task) && video.task.progress ? percent(video.task.progress.fraction ?? 0) : "",
    video.title,
    ...nearest,
  ];
  document.title = title.filter(Boolean).join(" · ");
  const facts = [
    page.dataset.owners && video.owner,
    _("uploaded {ago}", { ago: ago(video.created_at) }),
    video.duration_s && clock(video.duration_s),
  ];
  put(byId("byline"), facts.filter(Boolean).join(" · "));
  byId("byline").title = date(video.created_at);
}

const folderOf = (play) => (play.master ?? play.mp4[0]?.url ?? play.audio[0]?.url ?? "").replace(/\/[^/]*$/, "");

function showPlayer(before) {
  const { play, playable } = video;
  if (!playable && playing) {
    if (isOpen(video.task)) return; // keep the picture while a worker gives no sign of life
    player.close();
    playing = "";
  }
  byId("player").hidden = !playable;
  byId("no-player").hidden = playable || !isOpen(video.task);
  byId("player-tools").hidden = !playable;
  if (!playable) return;
  put(byId("player-fault"), faultWords());
  const folder = folderOf(play);
  const changed = playing !== "" && folder !== playing;
  byId("new-version").hidden = !(changed && player.inUse && !player.failed);
  if (!byId("new-version").hidden) return;
  playing = folder;
  player.open(play, { isVideo: video.is_video, duration_s: video.duration_s });
  if (before && !before.playable) say(_("The video can be watched now."));
}

function faultWords() {
  if (video.task?.cancel_requested) return _("The encoding is being stopped.");
  if (downloads(video).length) return _("This video cannot be played here. Try one of the downloads.");
  return _("This video cannot be played here.");
}

function showState(before) {
  const { state, label, words, fraction } = describe(video);
  const { task } = video;
  const running = task?.state === "running" && !task.cancel_requested;
  byId("state").dataset.state = state;
  put(byId("state-label"), label);
  const left = running && task.progress?.eta_s > 0 && _("about {time} left", { time: span(task.progress.eta_s) });
  put(byId("state-words"), running && fraction ? [percent(fraction), left].filter(Boolean).join(" · ") : words);
  const bar = byId("progress");
  bar.hidden = fraction === null;
  bar.value = fraction ?? 0;
  byId("watch-already").hidden = !(running && video.playable && video.state !== "ready");
  fillFacts(byId("state-facts"), task?.state === "running" ? runningFacts(task) : waitingFacts(task));
  byId("state").hidden = !isOpen(task) && (state === "error" || (state === "ready" && !words));
  if (before && before.state !== video.state) {
    say(_("{title}: {state}", { title: video.title, state: label }));
  }
}

function runningFacts(task) {
  const { progress, started_at: started } = task;
  const elapsed = started ? (Date.now() - Date.parse(started)) / 1000 : 0;
  const lines = [
    [_("Step"), stepName(task)],
    [_("Speed"), progress?.speed > 0 && _("{factor} real time", { factor: factor(progress.speed) })],
    [_("Elapsed"), elapsed > 0 && clock(elapsed)],
    [_("Worker"), progress?.worker && workerName(progress)],
    [_("Shared by"), progress?.workers > 1 && _("{count} workers", { count: progress.workers })],
  ];
  return lines.filter(([, words]) => words);
}

function waitingFacts(task) {
  if (task?.state !== "waiting") return [];
  const lines = [
    [_("Waiting since"), task.queued_at && ago(task.queued_at)],
    [_("Last error"), task.error?.sentence],
  ];
  return lines.filter(([, words]) => words);
}

/** "Queued" of any task must not lie over its quick failure. */
function showFault(before) {
  const error = video.task?.state === "error" ? video.task.error : null;
  const ended = newlyEnded(before, video);
  if (ended.length) clearNews();
  for (const task of ended) if (task.error) say([kindWords(task).failed, task.error.sentence].join(". "));
  if (error) {
    put(byId("fault-when"), ago(video.task.ended_at));
    byId("fault-when").title = date(video.task.ended_at);
  }
  byId("fault").hidden = !error;
  if (error) put(byId("fault-words"), kindWords(video.task).failed);
  put(byId("fault-sentence"), error?.sentence ?? "");
  put(byId("fault-technical").querySelector("pre"), error?.reason ?? "");
  byId("fault-technical").hidden = !error?.reason;
  byId("fault-log").hidden = !error || !video.task.log_url;
  if (error) {
    byId("fault-task").href = video.task.page_url;
    byId("fault-log").querySelector("a").href = video.task.log_url ?? "";
  }
  const warnings = video.warnings ?? [];
  byId("warnings").hidden = warnings.length === 0;
  byId("warnings-list").replaceChildren(
    ...warnings.map(({ sentence, reason }) => make("li", { textContent: sentence, title: reason })),
  );
}

/** If only another file can help, that comes first; what needs a recording that can be read is not offered. */
function offerWhatHelps() {
  const { playable, task } = video;
  const isUseless = task?.state === "error" && Boolean(task.error?.needs_file);
  byId("another-file").hidden = !isUseless;
  byId("encode").hidden = isOpen(task) || isUseless;
  for (const id of ["compose", "speech-wish"]) byId(id).hidden = needsOtherFile(video);
  const traces = byId("traces");
  if (traces) traces.hidden = !playable;
}

function showFacts() {
  fillFacts(byId("source-facts"), sourceFacts(video));
  const { infos, queued_s: queued } = shownTask(video) ?? {};
  const lines = [
    [_("Time waited"), queued >= 1 && span(queued)],
    [_("Watchable after"), infos?.first_playable_s && span(infos.first_playable_s)],
    [
      _("Encoded in"),
      infos?.wall_s &&
        [
          clock(Math.max(1, Math.round(infos.wall_s))),
          video.duration_s && `(${factor(video.duration_s / infos.wall_s)})`,
        ]
          .filter(Boolean)
          .join(" "),
    ],
  ];
  const known = lines.filter(([, words]) => words);
  byId("encode-facts-card").hidden = known.length === 0;
  fillFacts(byId("encode-facts"), known);
  const files = downloads(video);
  byId("downloads-card").hidden = files.length === 0;
  fill(byId("downloads"), files);
}

const history = byId("history");
/** The tasks from which the table of attempts was made. */
const runsOf = ({ tasks }) =>
  JSON.stringify(tasks.map((task) => [task.id, task.generation, task.state, task.started_at]));

function showHistory(before) {
  if (!history?.open || !video || (before && runsOf(before) === runsOf(video))) return; // not loaded yet, or no news
  fillHistory(byId("history-rows"), video.tasks, JSON.parse(history.dataset.titles));
}
history?.addEventListener("toggle", () => showHistory());

const fitForm = prepareForm(byId("compose"), page.dataset.id, player, (button, options) =>
  whileBusy(button, async () => {
    toast(kindWords(await call("POST", `${path}/encode`, options)).queued);
    await refresh();
  }),
);

const refresh = watch(() => path, { show, isOpen: ({ tasks }) => tasks.some(isOpen), fail: failed });

const order = (button, work) =>
  whileBusy(button, async () => {
    await work();
    await refresh();
  });
makeVersions(path, order);
makeSideTasks(path, order);
prepareTracks(path, order);
prepareWish(path);

function failed(problem) {
  if (problem?.status === 404) location.assign(root);
  else showConnection(problem);
}

byId("encode").addEventListener("click", ({ currentTarget }) =>
  whileBusy(currentTarget, async () => {
    const task = await call("POST", `${path}/encode`, video.task?.options ?? {}); // cut as before
    toast(kindWords(task).queued);
    await refresh();
    byId("cancel").focus();
  }),
);

byId("player").addEventListener("fail", refresh); // perhaps the encoding was stopped

byId("copy-link").addEventListener("click", async () => {
  const { currentTime } = player.media;
  await copy(linkAt(currentTime));
  toast(_("The link to {time} is copied.", { time: clock(currentTime) }));
});

byId("cancel").addEventListener("click", ({ currentTarget }) =>
  whileBusy(currentTarget, async () => {
    const task = await call("POST", `${root}api/v1/tasks/${video.task.id}/cancel`);
    toast(isOpen(task) ? kindWords(task).stopping : kindWords(task).stopped);
    await refresh();
  }),
);

const confirmation = byId("confirm-delete");
byId("delete").addEventListener("click", () => {
  put(byId("confirm-title"), video?.title ?? byId("title").textContent);
  confirmation.showModal();
});
whenConfirmed(confirmation, "delete", () =>
  whileBusy(byId("delete"), async () => {
    await refresh.pause(); // a video that is gone has no state to ask for
    try {
      await call("DELETE", path);
    } catch (problem) {
      refresh.resume();
      throw problem;
    }
    location.assign(root);
  }),
);

const titleForm = byId("title-form");
const titleField = byId("title-field");
function editTitle(on) {
  titleForm.hidden = !on;
  byId("title-row").hidden = on;
  if (on) {
    titleField.value = byId("title").textContent;
    titleField.focus();
    titleField.select();
  } else byId("rename").focus();
}
byId("rename").addEventListener("click", () => editTitle(true));
byId("rename-cancel").addEventListener("click", () => editTitle(false));
titleForm.addEventListener("keydown", (event) => event.key === "Escape" && editTitle(false));
titleForm.addEventListener("submit", (event) => {
  event.preventDefault();
  whileBusy(byId("rename-save"), async () => {
    show(await call("PATCH", path, { title: titleField.value }));
    editTitle(false);
  });
});

byId("use-new-version").addEventListener("click", () => {
  playing = "";
  showPlayer(video);
});
