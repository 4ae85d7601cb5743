// Tasks of a video that do not make the video itself: one line for each kind that was ordered or that people may order.
import { call, root } from "../shared/api.js";
import { byId, copyTemplate, put } from "../shared/dom.js";
import { toast } from "../shared/notices.js";
import { isOpen, needsOtherFile, openWords } from "../shared/state.js";
import { _, kindWords } from "../shared/words.js";

const card = byId("side-tasks-card");
const TITLES = { translation: _("in English") }; // of templates whose names are not for people
const lines = new Map(); // kind and template -> its line
const kinds = new Map(JSON.parse(card.dataset.kinds).map((one) => [one.kind, one])); // that people may order
let path = "";
let order = async (_button, work) => work();

/** `run(button, work)` does `work` and shows the result; `ofVideo` is the path of the video in the API. */
export function makeSideTasks(ofVideo, run) {
  path = ofVideo;
  order = run;
  for (const { kind, choices } of kinds.values()) {
    lineOf({ kind, template: "" })
      .querySelector(".side-choices")
      .append(...choices.map(select));
  }
}

/** The latest task of each kind and template that neither makes the video nor offers another version of it. */
export function showSideTasks(video) {
  const latest = new Map();
  for (const task of video.tasks) {
    if (task.purpose !== "play" && task.purpose !== "offer" && !latest.has(keyOf(task))) latest.set(keyOf(task), task);
  }
  for (const task of latest.values()) showTask(lineOf(task), task);
  card.hidden = lines.size === 0 || (latest.size === 0 && needsOtherFile(video));
}

const keyOf = ({ kind, template }) => `${kind} ${template}`;

function lineOf(task) {
  const known = lines.get(keyOf(task));
  if (known) return known;
  const line = copyTemplate("side-task");
  const words = kindWords(task);
  const [make, again, stop] = line.querySelectorAll("button");
  line.querySelector("b").textContent = [words.name, TITLES[task.template] ?? task.template]
    .filter(Boolean)
    .join(" · ");
  make.querySelector("span").textContent = words.order ?? "";
  make.hidden = !kinds.has(task.kind);
  make.addEventListener("click", () =>
    order(make, async () => toast(kindWords(await call("POST", `${path}/${task.kind}`, chosenOn(line))).queued)),
  );
  again.addEventListener("click", () =>
    order(again, () => call("POST", `${root}api/v1/tasks/${line.task.id}/requeue`)),
  );
  stop.addEventListener("click", () => order(stop, () => call("POST", `${root}api/v1/tasks/${line.task.id}/cancel`)));
  lines.set(keyOf(task), line);
  byId("side-tasks").append(line);
  return line;
}

/** The field for one choice of a kind: {option, label, usual, values: [[value, title], …]}. */
function select({ option, label, usual, values }) {
  const field = document.createElement("select");
  field.name = option;
  field.setAttribute("aria-label", label);
  field.append(new Option(usual, ""), ...values.map(([value, title]) => new Option(title, JSON.stringify(value))));
  return field;
}

/** The options of a new task: what is chosen on the line; a line of another template makes the same as before again. */
function chosenOn(line) {
  const options = line.task?.template ? { ...line.task.options } : {};
  for (const field of line.querySelectorAll("select")) if (field.value) options[field.name] = JSON.parse(field.value);
  return options;
}

function showTask(line, task) {
  const open = isOpen(task);
  const [make, again, stop] = line.querySelectorAll("button");
  line.task = task;
  line.dataset.state = task.state;
  const choices = line.querySelector(".side-choices");
  const isTheSame = task.state === "error" && !choices.childElementCount; // as to try again
  const isUseless = task.state === "error" && Boolean(task.error?.needs_file);
  make.hidden = open || isTheSame || isUseless || !kinds.has(task.kind);
  choices.hidden = make.hidden;
  again.hidden = isUseless || (task.state !== "error" && task.state !== "cancelled");
  stop.hidden = !open || task.cancel_requested;
  const parts = [task.words.state, open ? openWords(task) : "", task.error?.sentence];
  put(line.querySelector(".version-words"), parts.filter(Boolean).join(" · "));
  const bar = line.querySelector("progress");
  bar.hidden = task.state !== "running";
  bar.value = task.progress?.fraction ?? 0;
  bar.setAttribute("aria-label", _("Progress of {title}", { title: task.words.name }));
}
