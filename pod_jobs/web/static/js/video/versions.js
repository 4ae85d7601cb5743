// What a video can be made into beside what the player needs: one line for each template of the settings.
import { call } from "../shared/api.js";
import { downloads } from "../shared/facts.js";
import { isOpen, openWords, shownTask } from "../shared/state.js";
import { _ } from "../shared/words.js";

const card = document.getElementById("versions-card");
const lines = new Map(); // template -> its line

/** The page's `order(button, work)` runs `work` and shows what came of it; `path` is the video's in the API. */
export function makeVersions(path, order) {
  for (const { name, title, is_sound: isSound } of JSON.parse(card?.dataset.templates ?? "[]")) {
    const line = document.getElementById("version").content.firstElementChild.cloneNode(true);
    const [make, stop] = line.querySelectorAll("button");
    line.querySelector("b").textContent = title;
    make.addEventListener("click", () => order(make, () => call("POST", `${path}/encode`, { ...line.options, template: name })));
    stop.addEventListener("click", () => order(stop, () => call("POST", `${path.replace(/videos\/\d+$/, "tasks")}/${line.task.id}/cancel`)));
    line.isSound = isSound;
    lines.set(name, line);
  }
  document.getElementById("versions")?.replaceChildren(...lines.values());
}

/** A version is made of the parts that the player shows: what was cut out stays out. */
export function showVersions(video) {
  const shown = shownTask(video) ?? video.task;
  for (const [name, line] of lines) {
    const task = video.tasks.find(({ template }) => template === name);
    const made = video.tasks.find(({ template, state }) => template === name && state === "done");
    const failed = task?.state === "error" && task.log_url;
    const files = downloads(video, name).filter(({ kind }) => kind !== "log");
    if (failed) files.push({ url: task.log_url, title: _("Log of the encode"), words: "" });
    const [make, stop] = line.querySelectorAll("button");
    line.task = task;
    line.options = shown?.options ?? {};
    make.hidden = isOpen(task);
    make.querySelector("span").textContent = task ? _("Make it again") : _("Make it");
    stop.hidden = !isOpen(task) || task.cancel_requested;
    line.querySelector(".version-words").textContent = words(task, made, line.options);
    line.dataset.state = task?.state ?? "";
    const bar = line.querySelector("progress");
    bar.hidden = task?.state !== "running";
    bar.value = task?.progress?.fraction ?? 0;
    fill(line.querySelector("ul"), files);
    line.hidden = video.is_video === false && !line.isSound && !task; // a picture that is not there
  }
  const broken = video.state === "error" && video.tasks.every(({ template }) => template === "web"); // nothing can be made of it
  if (card) card.hidden = broken || [...lines.values()].every(({ hidden }) => hidden);
}

function words(task, made, options) {
  if (isOpen(task)) return [openWords(task), task.error?.sentence].filter(Boolean).join(" · ");
  if (task?.state === "error") return task.error.sentence;
  if (made && JSON.stringify(made.options) !== JSON.stringify(options)) return _("Made from other parts than the player shows.");
  return "";
}

/** Links to `files`; untouched when they are those already shown. */
export function fill(list, files) {
  const key = JSON.stringify(files);
  if (list.dataset.shown === key) return;
  list.dataset.shown = key;
  list.replaceChildren(
    ...files.map(({ url, title, words }) => {
      const item = document.getElementById("download").content.firstElementChild.cloneNode(true);
      item.querySelector("a").href = url;
      item.querySelector("b").textContent = title;
      item.querySelector("span").textContent = words;
      return item;
    }),
  );
}
