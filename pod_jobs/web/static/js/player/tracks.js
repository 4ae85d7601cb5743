// The text tracks of the player: captions, in turn, and chapters, as a list beside the video.
import { byId, make } from "../shared/dom.js";
import { toast } from "../shared/notices.js";
import { _, clock, languageName } from "../shared/words.js";

export class Tracks {
  constructor(player) {
    this.media = player.media;
    this.button = player.part("captions");
    this.button.addEventListener("click", () => this.next());
  }

  /** Those of `play` (addresses of the API) that are not there yet. */
  add(play) {
    for (const { language, url } of play.captions) this.addTrack("captions", url, language);
    if (play.chapters) this.addTrack("chapters", play.chapters, "");
    this.button.hidden = play.captions.length === 0;
  }

  addTrack(kind, url, language) {
    if (this.media.querySelector(`track[src="${CSS.escape(url)}"]`)) return;
    const track = make("track", { kind, src: url, srclang: language });
    if (language) track.label = languageName(language);
    if (kind === "chapters") track.addEventListener("load", () => this.showChapters(track.track));
    this.media.append(track);
    if (kind === "chapters") track.track.mode = "hidden";
  }

  /** Off, first language, second language … */
  next() {
    const tracks = Array.from(this.media.textTracks).filter((track) => track.kind === "captions");
    const next = tracks.findIndex((track) => track.mode === "showing") + 1;
    tracks.forEach((track, index) => (track.mode = index === next ? "showing" : "disabled"));
    this.button.setAttribute("aria-pressed", String(next < tracks.length));
    toast(tracks[next] ? _("Captions: {language}", { language: tracks[next].label }) : _("Captions off"));
  }

  showChapters(track) {
    const list = byId("chapters");
    if (!list || !track.cues?.length) return;
    list
      .querySelector("ol")
      .replaceChildren(...Array.from(track.cues, (cue) => make("li", {}, this.chapterButton(cue))));
    list.hidden = false;
  }

  chapterButton(cue) {
    const time = make("span", { className: "chapter-time", textContent: clock(cue.startTime) });
    const button = make("button", { type: "button", className: "chapter" }, time, " ", cue.text);
    button.addEventListener("click", () => {
      this.media.currentTime = cue.startTime;
      this.media.play();
    });
    return button;
  }
}
