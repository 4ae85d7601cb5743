// The state of a video and its task, in words. Used by the list and by the video's page.
import { _, factor, kindWords, moment, percent, span } from "./words.js";

export const LABELS = {
  waiting: _("Waiting"),
  running: _("Running"),
  ready: _("Ready"),
  done: _("Done"),
  error: _("Failed"),
  cancelled: _("Stopped"),
};

export const isOpen = (task) => task?.state === "waiting" || task?.state === "running";
/** Can only another file help? Then what needs a recording that can be read is not offered. */
export const needsOtherFile = ({ playable, task }) =>
  !playable && task?.state === "error" && Boolean(task.error?.needs_file);

/** The tasks that have ended, perhaps once more, since the page showed `before`; none when it shows its first state. */
export const newlyEnded = (before, { tasks }) =>
  tasks.filter((task) => before && !isOpen(task) && !before.tasks.some((old) => sameEnd(old, task)));
const sameEnd = (one, other) => one.id === other.id && one.ended_at === other.ended_at;

/** The task whose result the player shows, even if a later one was ordered; undefined before the first is done. */
export const shownTask = ({ tasks }) => tasks.find(({ purpose, state }) => purpose === "play" && state === "done");
/** The present step of a running task. */
export const stepName = (task) => kindWords(task).steps[task.progress?.step] ?? task.progress?.step ?? _("Starting");

/** "Encoding · 42 % · 1.8× · about 3 min left", without the parts that are unknown. */
function runningWords(task) {
  const { progress } = task;
  if (!progress) return _("Starting");
  return [
    stepName(task),
    progress.fraction > 0 && percent(progress.fraction),
    progress.speed > 0 && factor(progress.speed),
    progress.workers > 1 && _("{count} workers", { count: progress.workers }),
    progress.eta_s > 0 && _("about {time} left", { time: span(progress.eta_s) }),
  ]
    .filter(Boolean)
    .join(" · ");
}

function waitingWords(task) {
  const left = task.retry_at ? (Date.parse(task.retry_at) - Date.now()) / 1000 : 0;
  if (left > 0) return _("Next try in {time}", { time: span(left) });
  if (task.queue_position) return [placeWords(task.queue_position), beginWords(task)].filter(Boolean).join(" · ");
  if (task.purpose === "offer") return _("In the queue behind new recordings");
  return _("Starts soon");
}

const placeWords = (place) => (place === 1 ? _("Next in the queue") : _("Number {place} in the queue", { place }));

/** "begins about 14:05"; empty when that is not known, or now. */
function beginWords(task) {
  const left = task.begins_at ? Date.parse(task.begins_at) - Date.now() : 0;
  if (left <= 0) return "";
  return _("begins about {time}", { time: moment(task.begins_at) });
}

/** What an open task is doing. */
export function openWords(task) {
  if (task.state === "running" && task.cancel_requested) return _("Stopping");
  if (task.report_waits) return _("The result is being sent to the catalog");
  return task.state === "running" ? runningWords(task) : waitingWords(task);
}

/** {state, label, words, fraction}: fraction is null when there is no bar to show. */
export function describe(video) {
  const { state, task } = video;
  return {
    state,
    label: state === "ready" ? LABELS.ready : (task?.words.state ?? LABELS[state]),
    words: videoWords(video),
    fraction: task?.state === "running" ? (task.progress?.fraction ?? 0) : null,
  };
}

function videoWords({ state, task }) {
  if (state === "error") return task?.error?.sentence ?? "";
  if (isOpen(task)) return [state === "ready" && kindWords(task).again, openWords(task)].filter(Boolean).join(" · ");
  return state === "ready" && task?.state === "error" ? (kindWords(task).kept ?? "") : "";
}

/**
 * The short name of a worker: "encoding-1 @ video-host". The rest of its full name, queue.host.pid.place.start, only
 * tells it from all other workers.
 */
export function workerName({ worker, host }) {
  const [queue, rest] = (worker ?? "").split(`.${host}.`);
  return [rest ? `${queue} ${rest.split(".")[0]}` : worker, host].filter(Boolean).join(" @ ");
}
