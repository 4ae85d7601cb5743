// The player's time line: the position, what is loaded, what is encoded so far, and a picture of where the pointer is.
import { fetchStoryboard, showTile } from "./storyboard.js";
import { _, clock, spoken } from "../shared/words.js";

const TILE_WIDTH_PX = 160;
const BARE_WIDTH_PX = 60; // of the preview when there are no pictures

export class Timeline {
  cues = [];

  constructor(player) {
    this.player = player;
    this.media = player.media;
    this.seek = player.part("seek");
    this.box = player.part("preview");
    for (const name of ["timeupdate", "durationchange", "seeking", "loadedmetadata", "progress"]) {
      this.media.addEventListener(name, () => this.show());
    }
    this.seek.addEventListener("input", () => {
      this.media.currentTime = Math.min(Number(this.seek.value), player.playable);
      this.preview(Number(this.seek.value));
    });
    this.seek.addEventListener("pointermove", (event) => {
      const rail = this.seek.getBoundingClientRect();
      const share = Math.min(1, Math.max(0, (event.clientX - rail.left) / rail.width));
      this.preview(share * player.whole);
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
    this.seek.max = String(whole || 1);
    this.seek.value = String(currentTime);
    this.seek.setAttribute(
      "aria-valuetext",
      _("{time} of {whole}", { time: spoken(currentTime), whole: spoken(whole) }),
    );
    let loaded = 0;
    for (let i = 0; i < buffered.length; i++)
      if (buffered.start(i) <= currentTime) loaded = Math.max(loaded, buffered.end(i));
    const share = (seconds) => `${whole ? (100 * Math.min(seconds, whole)) / whole : 0}%`;
    this.seek.style.setProperty("--played", share(currentTime));
    this.seek.style.setProperty("--loaded", share(Math.max(loaded, currentTime)));
    this.seek.style.setProperty("--encoded", share(playable));
    this.player.part("time").textContent = `${clock(currentTime)} / ${clock(whole)}`;
  }

  preview(time) {
    const { whole, playable } = this.player;
    const rail = this.seek.getBoundingClientRect();
    const width = this.cues.length ? TILE_WIDTH_PX : BARE_WIDTH_PX;
    const centre = whole ? (time / whole) * rail.width : 0;
    showTile(this.box.querySelector(".player-tile"), this.cues, time, TILE_WIDTH_PX);
    this.box.querySelector(".player-when").textContent =
      time > playable + 1 ? _("{time} · not yet encoded", { time: clock(time) }) : clock(time);
    this.box.style.left = `${Math.min(Math.max(centre - width / 2, 0), Math.max(0, rail.width - width))}px`;
    this.box.hidden = false;
  }
}
