// The player's timeline: the position, the loaded part, the part that is encoded so far, chapters, the parts of a cut,
// and a picture of the moment under the pointer.
import { make } from "../shared/dom.js";
import { _, clock, spoken } from "../shared/words.js";
import { loadedUntil, percentAt, secondsAt } from "./rail.js";
import { fetchStoryboard, showTile } from "./storyboard.js";

const TILE_WIDTH_PX = 160;

export class Timeline {
  cues = []; // of the storyboard
  chapterStarts = [];
  parts = []; // [[from, to], …] in seconds: what a cut would keep

  constructor(player) {
    this.player = player;
    this.media = player.media;
    this.seek = player.part("seek");
    this.box = player.part("preview");
    for (const name of ["timeupdate", "durationchange", "seeking", "loadedmetadata", "progress"]) {
      this.media.addEventListener(name, () => this.show());
    }
    this.media.addEventListener("durationchange", () => this.showMarks());
    this.seek.addEventListener("input", () => {
      this.media.currentTime = Math.min(Number(this.seek.value), player.playable);
      this.preview(Number(this.seek.value));
    });
    this.seek.addEventListener("pointermove", (event) => {
      this.preview(secondsAt(event.clientX, this.seek.getBoundingClientRect(), player.whole));
    });
    for (const name of ["pointerleave", "blur", "change"]) {
      this.seek.addEventListener(name, () => (this.box.hidden = true));
    }
  }

  async addPictures(address) {
    if (!this.cues.length) this.cues = await fetchStoryboard(address);
  }

  show() {
    const { currentTime, buffered } = this.media;
    const { whole, playable } = this.player;
    const words = { time: spoken(currentTime), whole: spoken(whole) };
    this.seek.max = String(whole || 1);
    this.seek.value = String(currentTime);
    this.seek.setAttribute("aria-valuetext", _("{time} of {whole}", words));
    const put = (name, seconds) => this.seek.style.setProperty(name, `${percentAt(seconds, whole)}%`);
    put("--played", currentTime);
    put("--loaded", loadedUntil(buffered, currentTime));
    put("--encoded", playable);
    this.player.part("time").textContent = `${clock(currentTime)} / ${clock(whole)}`;
  }

  markChapters(starts) {
    this.chapterStarts = starts.filter((start) => start > 0);
    this.showMarks();
  }

  markParts(parts) {
    this.parts = parts;
    this.showMarks();
  }

  showMarks() {
    const { whole } = this.player;
    if (!whole) return;
    const mark = (className, from, to) => {
      const made = make("i", { className });
      made.style.left = `${percentAt(from, whole)}%`;
      if (to !== undefined) made.style.width = `${percentAt(to, whole) - percentAt(from, whole)}%`;
      return made;
    };
    this.player
      .part("marks")
      .replaceChildren(
        ...this.parts.map(([from, to]) => mark("mark-part", from, to)),
        ...this.chapterStarts.map((start) => mark("mark-chapter", start)),
      );
  }

  preview(time) {
    const { whole, playable, chapters } = this.player;
    const rail = this.seek.getBoundingClientRect();
    showTile(this.box.querySelector(".player-tile"), this.cues, time, TILE_WIDTH_PX);
    const moment = time > playable + 1 ? _("{time} · not yet encoded", { time: clock(time) }) : clock(time);
    this.box.querySelector(".player-when").textContent = moment;
    this.box.querySelector(".player-chapter").textContent = chapters.titleAt(time);
    this.box.hidden = false;
    const width = this.box.offsetWidth;
    const left = (percentAt(time, whole) / 100) * rail.width - width / 2;
    this.box.style.left = `${Math.min(Math.max(left, 0), Math.max(0, rail.width - width))}px`;
  }
}
