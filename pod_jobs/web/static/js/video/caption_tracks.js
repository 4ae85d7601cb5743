// The captions of a video: a link to the editor of each track, files of captions, and captions from nothing.
import { call, root, sendFile } from "../shared/api.js";
import { byId, copyTemplate, fillOnce, make, put, whenConfirmed } from "../shared/dom.js";
import { toast } from "../shared/notices.js";
import { needsOtherFile } from "../shared/state.js";
import { stateWords, toldOf, trackName } from "../shared/tracks.js";
import { _ } from "../shared/words.js";

const form = byId("caption-file");
let path = "";
let order = async (_button, work) => work();
let tracks = [];

/** `run(button, work)` does `work` and shows the result; `ofVideo` is the path of the video in the API. */
export function prepareTracks(ofVideo, run) {
  path = ofVideo;
  order = run;
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    order(event.submitter, () => upload(form.elements.file.files[0]));
  });
  byId("caption-empty").addEventListener("click", ({ currentTarget }) => {
    if (form.elements.language.reportValidity()) order(currentTarget, beginWithNothing);
  });
  whenConfirmed(byId("confirm-track"), "delete", () =>
    order(byId("confirm-track").asked, async () => {
      await call("DELETE", `${path}/captions/${byId("confirm-track").track.id}`);
      toast(_("The captions are deleted."));
    }),
  );
}

export function showTracks(video) {
  tracks = video.play.captions.filter((track) => track.page_url);
  byId("no-caption-tracks").hidden = tracks.length > 0;
  byId("captions-card").hidden = tracks.length === 0 && needsOtherFile(video);
  fillOnce(byId("caption-tracks"), tracks, (track) => {
    const item = copyTemplate("caption-track");
    const [link, button] = [item.querySelector("a"), item.querySelector("button")];
    const name = trackName(track, tracks);
    put(link, name);
    link.href = track.page_url;
    put(item.querySelector("span"), stateWords(track));
    button.setAttribute("aria-label", _("Delete: {name}", { name }));
    button.addEventListener("click", () => {
      const dialog = Object.assign(byId("confirm-track"), { track, asked: button });
      put(byId("confirm-track-name"), name);
      dialog.showModal();
    });
    return item;
  });
}

const addressFor = () => {
  const { language, label } = form.elements;
  return `${path}/captions?${new URLSearchParams({ language: language.value, label: label.value.trim() })}`;
};

async function upload(file) {
  tell([]);
  try {
    const made = await sendFile(addressFor(), file);
    toast(_("The captions are stored."));
    tell(made.remarks);
    form.elements.file.value = "";
  } catch (problem) {
    tell(problem.faults ?? []);
    throw problem;
  }
}

async function beginWithNothing() {
  const { language, label } = form.elements;
  const isThere = (one) => one.language === language.value && one.label === label.value.trim();
  if (tracks.some((one) => one.origin === "upload" && isThere(one))) {
    label.focus();
    toast(_("There are such captions already: correct those, or give these another name."), { error: true });
    return;
  }
  const made = await sendFile(addressFor(), new Blob(["WEBVTT\n"]));
  location.assign(`${root}${path.slice(path.indexOf("videos/"))}/captions/${made.id}`);
}

/** Show what is wrong with a file, or was changed in it. */
function tell(found) {
  byId("caption-told").replaceChildren(...toldOf(found).map((words) => make("li", {}, words)));
}
