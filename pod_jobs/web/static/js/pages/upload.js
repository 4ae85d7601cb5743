// Uploads by tus: two files at a time are sent. Uploads can be paused, and go on after a reload or a lost connection.
import "../../../vendor/tus-js-client/tus.min.js"; // sets globalThis.tus
import { csrfToken, problem, root } from "../shared/api.js";
import { refresh } from "./videos.js";
import { byId, copyTemplate } from "../shared/dom.js";
import { say } from "../shared/notices.js";
import { _, bytes, percent, span } from "../shared/words.js";

const { tus } = /** @type {any} */ (globalThis);
const AT_ONCE = 2;
const RETRY_DELAYS_MS = [500, 1000, 2000, 4000, 8000, 15000, 30000, 30000, 60000, 60000];
const PASSING = [0, 409, 423]; // HTTP statuses after which a retry may help, like after 5xx; 0 = no answer
const FINAL = [400, 413, 415, 422]; // the server has deleted the upload
const FULL = 507; // the disk is full: the upload waits until somebody presses "resume"
const SPEED_WINDOW_MS = 5_000;
const ENDPOINT = `${root}api/v1/uploads`;

const zone = byId("drop-zone");
const picker = byId("file-picker");
const list = byId("uploads");
const person = zone.dataset.person;
const limitBytes = Number(zone.dataset.limitBytes);
const storage = tus.defaultOptions.urlStorage;

const uploads = new Set(); // rows of this page that have a file

const headers = () => ({ "X-CSRFToken": csrfToken });

/** The key under which tus finds an unfinished upload of the same file and person, to go on where it stopped. */
const fingerprint = (file) =>
  ["pod_jobs", person, encodeURIComponent(file.name), file.size, file.lastModified].join("|");

/** What is chosen for the speech of the next uploads. */
function speechWish() {
  const { language, automatic, translate } = byId("upload-speech").querySelector("form").elements;
  const [isAutomatic, isTranslated] = [automatic, translate].map(({ value }) => JSON.parse(value));
  return { language: language.value, automatic: isAutomatic, translate: isTranslated };
}

/** One row of the list of uploads. */
class Row {
  constructor(name, print = "") {
    this.print = print; // fingerprint of its file
    this.element = copyTemplate("upload-row");
    this.part("name").textContent = name;
    this.part("bar").setAttribute("aria-label", _("Upload of {name}", { name }));
    list.append(this.element);
    list.hidden = false;
  }

  part(name) {
    return this.element.querySelector(`.upload-${name}`);
  }

  show(state, words) {
    if (state === "sending") this.part("words").removeAttribute("role");
    this.element.dataset.state = state;
    this.part("words").textContent = words;
    for (const name of ["pause", "resume"]) this.part(name).hidden = true;
    if (state === "sending" || state === "queued") this.part("pause").hidden = false;
    if (state === "paused" || state === "failed") this.part("resume").hidden = false;
  }

  remove() {
    const focused = this.element.contains(document.activeElement);
    this.element.remove();
    list.hidden = list.children.length === 0;
    if (focused) picker.focus();
  }
}

class FileUpload extends Row {
  samples = []; // [instant in ms, bytes sent] of the last seconds

  constructor(file, print) {
    super(file.name, print);
    this.file = file;
    this.part("pause").addEventListener("click", () => this.pause());
    this.part("resume").addEventListener("click", () => this.queue());
    this.part("cancel").addEventListener("click", () => this.cancel());
    this.upload = new tus.Upload(file, {
      endpoint: ENDPOINT,
      fingerprint: () => Promise.resolve(print),
      metadata: { filename: file.name, filetype: file.type, options: JSON.stringify({ speech: speechWish() }) },
      retryDelays: RETRY_DELAYS_MS,
      removeFingerprintOnSuccess: true,
      onBeforeRequest: (request) => {
        for (const [name, value] of Object.entries(headers())) request.setHeader(name, value);
      },
      onShouldRetry: (error) => this.shouldRetry(error.originalResponse?.getStatus() ?? 0),
      onProgress: (sent, total) => this.progress(sent, total),
      onSuccess: () => this.succeed(),
      onError: (error) => this.fail(error),
    });
    uploads.add(this);
  }

  queue() {
    this.wanted = true;
    this.show("queued", _("Waiting for its turn"));
    startNext();
  }

  async start() {
    this.active = true;
    this.show("sending", _("Starting"));
    const [earlier] = await this.upload.findPreviousUploads();
    if (earlier) this.upload.resumeFromPreviousUpload(earlier);
    if (this.wanted) this.upload.start();
  }

  end() {
    this.active = this.wanted = false;
    this.samples = [];
    startNext();
  }

  async pause() {
    this.wanted = false;
    await this.upload.abort();
    this.show("paused", _("Paused"));
    this.part("resume").focus();
    this.end();
  }

  async cancel() {
    uploads.delete(this);
    this.wanted = false;
    // a failure does no harm, because the server deletes unfinished uploads by itself
    await this.upload.abort(!this.refused).catch(() => {});
    this.remove();
    this.end();
  }

  shouldRetry(status) {
    const passing = status !== FULL && (PASSING.includes(status) || status >= 500);
    if (passing && this.wanted) this.show("sending", _("Connection lost; trying again…"));
    return passing;
  }

  progress(sent, total) {
    this.part("bar").value = total ? sent / total : 0;
    const now = performance.now();
    this.samples = [...this.samples.filter(([at]) => now - at < SPEED_WINDOW_MS), [now, sent]];
    const [[since, before]] = this.samples;
    const speed = ((sent - before) * 1000) / (now - since); // bytes/s
    const rate = now - since > 500 && speed > 0;
    this.show(
      "sending",
      [
        percent(total ? sent / total : 0),
        _("{sent} of {total}", { sent: bytes(sent), total: bytes(total) }),
        rate && `${bytes(speed)}/s`,
        rate && _("about {time} left", { time: span((total - sent) / speed) }),
      ]
        .filter(Boolean)
        .join(" · "),
    );
  }

  succeed() {
    uploads.delete(this);
    say(_("{name} is uploaded.", { name: this.file.name }));
    this.remove();
    this.end();
    refresh();
  }

  fail(error) {
    const status = error.originalResponse?.getStatus() ?? 0;
    this.cut = status === 0 && Boolean(error.originalRequest);
    if (FINAL.includes(status)) this.refuse(faultSentence(error));
    else this.warn("failed", faultSentence(error));
    this.end();
  }

  refuse(sentence) {
    this.refused = true;
    if (this.upload.url) storage.findUploadsByFingerprint(this.print).then(forgetAll);
    this.warn("refused", sentence);
  }

  warn(state, sentence) {
    this.part("words").setAttribute("role", "alert");
    this.show(state, sentence);
  }
}

const forgetAll = (entries) => entries.forEach(({ urlStorageKey }) => storage.removeUpload(urlStorageKey));

function faultSentence(error) {
  const response = error.originalResponse;
  if (response) return problem(response.getStatus(), response.getBody()).message;
  return error.originalRequest ? _("The server cannot be reached.") : _("The file cannot be read.");
}

function startNext() {
  const waiting = [...uploads].filter((upload) => upload.wanted && !upload.active);
  const free = AT_ONCE - [...uploads].filter((upload) => upload.active).length;
  for (const upload of waiting.slice(0, Math.max(0, free))) upload.start();
}

function add(files) {
  for (const file of files) {
    const print = fingerprint(file);
    const before = [...uploads].find((upload) => upload.print === print);
    if (before && !before.refused) continue;
    before?.cancel();
    for (const hint of hints) if (hint.print === print) hint.remove();
    const upload = new FileUpload(file, print);
    if (file.size === 0) upload.refuse(_("The file is empty."));
    else if (file.size > limitBytes)
      upload.refuse(_("The file is larger than the limit of {limit}.", { limit: bytes(limitBytes) }));
    else upload.queue();
  }
}

/** Show a line for each upload that an earlier visit left unfinished, with its progress. */
const hints = new Set();

async function offerToResume(entry) {
  const [, owner, name, size] = entry.print.split("|");
  if (owner !== person) return;
  const forget = () => storage.removeUpload(entry.urlStorageKey);
  const response = await fetch(entry.uploadUrl, { method: "HEAD", headers: { "Tus-Resumable": "1.0.0" } }).catch(
    () => null,
  );
  if (!response) return;
  const sent = Number(response.headers.get("Upload-Offset"));
  if (!response.ok || sent >= Number(size)) return void forget();
  if ([...uploads].some((upload) => upload.print === entry.print)) return;
  const line = new Row(decodeURIComponent(name), entry.print);
  line.part("bar").value = sent / Number(size);
  line.show(
    "unfinished",
    _("{percent} uploaded. Choose the same file again to resume.", { percent: percent(sent / Number(size)) }),
  );
  line.part("cancel").addEventListener("click", async () => {
    await fetch(entry.uploadUrl, { method: "DELETE", headers: { "Tus-Resumable": "1.0.0", ...headers() } }).catch(
      () => {},
    );
    await forget();
    hints.delete(line);
    line.remove();
  });
  hints.add(line);
}

async function showUnfinished() {
  for (const entry of await storage.findAllUploads()) {
    const print = /^tus::(.*)::\d+$/.exec(entry.urlStorageKey)?.[1] ?? "";
    if (print.startsWith("pod_jobs|")) await offerToResume({ ...entry, print });
  }
}

picker.addEventListener("change", () => {
  add([...picker.files]);
  picker.value = "";
});

let depth = 0; // dragenter less dragleave: both come for every element that the pointer crosses
const holdsFiles = (event) => event.dataTransfer?.types.includes("Files");
addEventListener("dragenter", (event) => holdsFiles(event) && zone.classList.toggle("is-over", ++depth > 0));
addEventListener("dragleave", (event) => holdsFiles(event) && zone.classList.toggle("is-over", --depth > 0));
addEventListener("dragover", (event) => holdsFiles(event) && event.preventDefault());
addEventListener("drop", (event) => {
  if (!holdsFiles(event)) return;
  event.preventDefault(); // on the whole page, because the browser would open a file that is dropped elsewhere
  depth = 0;
  zone.classList.remove("is-over");
  add([...event.dataTransfer.files]);
});

addEventListener("online", () => {
  for (const upload of uploads) if (upload.cut && !upload.wanted) upload.queue();
});

addEventListener("beforeunload", (event) => {
  if ([...uploads].some((upload) => upload.active)) event.preventDefault();
});

showUnfinished();
