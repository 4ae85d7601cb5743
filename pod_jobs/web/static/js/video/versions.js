// The versions of a video that can be made for download: one line for each template of the settings but "web".
import { call } from "../shared/api.js";
import { byId, copyTemplate, fillOnce } from "../shared/dom.js";
import { downloads } from "../shared/facts.js";
import { isOpen, openWords, shownTask } from "../shared/state.js";
import { _ } from "../shared/words.js";

const card = byId("versions-card");
const lines = new Map(); // template -> its line

/** The page's `order(button, work)` runs `work` and shows the result; `path` is the path of the video in the API. */
export function makeVersions(path, order) {
  for (const { name, title, is_sound: isSound } of JSON.parse(card?.dataset.templates ?? "[]")) {
    const line = copyTemplate("version");
    const [make, stop] = line.querySelectorAll("button");
    line.querySelector("b").textContent = title;
    make.addEventListener("click", () =>
      order(make, () => call("POST", `${path}/encode`, { ...line.options, template: name })),
    );
    stop.addEventListener("click", () =>
      order(stop, () => call("POST", `${path.replace(/videos\/\d+$/, "tasks")}/${line.task.id}/cancel`)),
    );
    line.isSound = isSound;
    lines.set(name, line);
  }
  byId("versions")?.replaceChildren(...lines.values());
}

/** Order a version of the parts of the recording that the player shows, so that it is cut the same. */
export function showVersions(video) {
  const options = (shownTask(video) ?? video.task)?.options ?? {};
  for (const [name, line] of lines) showLine(line, name, video, options);
  // a file whose first encoding failed cannot be encoded by another template either
  const broken = video.state === "error" && !video.tasks.some(({ purpose }) => purpose === "offer");
  if (card) card.hidden = broken || [...lines.values()].every(({ hidden }) => hidden);
}

function showLine(line, name, video, options) {
  const tasks = video.tasks.filter(({ purpose, template }) => purpose === "offer" && template === name);
  const [task] = tasks;
  const made = tasks.find(({ state }) => state === "done");
  const [make, stop] = line.querySelectorAll("button");
  Object.assign(line, { task, options });
  make.hidden = isOpen(task) || (task?.state === "error" && Boolean(task.error?.needs_file));
  make.querySelector("span").textContent = task ? _("Make it again") : _("Make it");
  stop.hidden = !isOpen(task) || task.cancel_requested;
  line.querySelector(".version-words").textContent = words(task, made, options);
  line.dataset.state = task?.state ?? "";
  const bar = line.querySelector("progress");
  bar.hidden = task?.state !== "running";
  bar.value = task?.progress?.fraction ?? 0;
  fill(line.querySelector("ul"), filesOf(video, name, task));
  line.hidden = video.is_video === false && !line.isSound && !task; // it needs a picture, and the recording has none
}

/** The downloads of a version, and the log if its last encoding failed. */
function filesOf(video, name, task) {
  const files = downloads(video, name).filter(({ kind }) => kind !== "log");
  if (task?.state !== "error" || !task.log_url) return files;
  return [...files, { url: task.log_url, title: _("Encoding log"), words: "" }];
}

function words(task, made, options) {
  if (isOpen(task)) return [openWords(task), task.error?.sentence].filter(Boolean).join(" · ");
  if (task?.state === "error") return task.error.sentence;
  if (made && JSON.stringify(made.options) !== JSON.stringify(options))
    return _("Made from other parts of the recording than those in the player.");
  return "";
}

/** Links to `files` in `list`. */
export const fill = (list, files) =>
  fillOnce(list, files, ({ url, title, words: description }) => {
    const item = copyTemplate("download");
    item.querySelector("a").href = url;
    item.querySelector("b").textContent = title;
    item.querySelector("span").textContent = description;
    return item;
  });
