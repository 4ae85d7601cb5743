// The player: our controls over a <video>. Every control is a native button, range or select, which keyboards and
// screen readers know how to use. Captions, chapters, time line and other parts are modules beside this one.
import { toast } from "../shared/notices.js";
import { _ } from "../shared/words.js";
import { Captions } from "./captions.js";
import { Chapters } from "./chapters.js";
import { Choices } from "./choices.js";
import { wireKeys } from "./keys.js";
import { Pointer } from "./pointer.js";
import { openStream } from "./stream.js";
import { Timeline } from "./timeline.js";

const STEP_S = 10; // how far the buttons back and forward jump
const HOLD_BACK_S = 3; // less than a segment: so far before the end of what is encoded there is a picture
const MESSAGE_MS = 2_000; // how long a message over the picture stays

export class Player {
  expected = 0; // seconds that the whole recording has, also while only a part of it is encoded

  constructor(element) {
    this.element = element;
    this.media = element.querySelector("video");
    this.timeline = new Timeline(this);
    this.chapters = new Chapters(this);
    this.captions = new Captions(this);
    this.choices = new Choices(this);
    this.pointer = new Pointer(this);
    this.wireMedia();
    this.wireControls();
    wireKeys(this);
  }

  part(name) {
    return this.element.querySelector(`.player-${name}`);
  }

  /** Show `play`, the addresses that the API gives. The same addresses again change nothing: the position stays. */
  async open(play, { isVideo, duration_s: duration }) {
    this.expected = duration ?? 0;
    this.element.classList.toggle("is-sound", isVideo === false);
    if (play.poster && isVideo !== false && this.media.getAttribute("poster") !== play.poster) {
      this.media.poster = play.poster;
    }
    this.captions.add(play);
    this.chapters.add(play.chapters);
    if (play.storyboard) await this.timeline.addPictures(play.storyboard);
    const source = play.master ?? play.mp4[0]?.url ?? play.audio[0]?.url;
    if (source === this.source) return;
    this.source = source;
    this.stream?.stop();
    this.element.classList.remove("has-failed");
    this.stream = await openStream(this.media, play, () => this.fail());
  }

  /** There is nothing to play any more: the encoding that was watched has been stopped. */
  close() {
    this.stream?.stop();
    this.stream = this.source = undefined;
    this.media.pause();
    this.element.classList.remove("has-failed", "is-waiting");
  }

  /** Has the viewer begun to watch, and not reached the end? Then the page should not exchange the video. */
  get inUse() {
    return this.media.currentTime > 0 && !this.media.ended;
  }

  get failed() {
    return this.element.classList.contains("has-failed");
  }

  fail() {
    this.element.classList.add("has-failed");
    this.element.classList.remove("is-waiting");
    this.element.dispatchEvent(new Event("fail"));
  }

  wireMedia() {
    const on = (names, act) => names.split(" ").forEach((name) => this.media.addEventListener(name, act));
    on("play pause ended", () => {
      const paused = this.media.paused;
      this.element.classList.toggle("is-paused", paused);
      this.label("play", paused ? _("Play") : _("Pause"));
      this.pointer.stir();
    });
    on("seeking", () => this.holdBack());
    on("waiting seeking", () => this.element.classList.add("is-waiting"));
    on("playing canplay seeked pause", () => this.element.classList.remove("is-waiting"));
  }

  wireControls() {
    const click = (name, act) => this.part(name).addEventListener("click", act);
    click("play", () => this.playPause());
    click("start", () => this.playPause());
    click("back", () => this.jump(-STEP_S));
    click("forward", () => this.jump(STEP_S));
    click("fullscreen", () => this.fullscreen());
    click("pip", () => this.pictureInPicture());
    this.part("pip").hidden = !document.pictureInPictureEnabled;
    this.part("fullscreen").hidden = !document.fullscreenEnabled && !this.media.webkitEnterFullscreen;
    document.addEventListener("fullscreenchange", () => {
      const full = document.fullscreenElement === this.element;
      this.element.classList.toggle("is-full", full);
      this.label("fullscreen", full ? _("Leave full screen") : _("Full screen"));
    });
  }

  /** How many seconds can be played by now. */
  get playable() {
    const { duration, seekable } = this.media;
    if (Number.isFinite(duration)) return duration;
    return seekable.length ? seekable.end(0) : 0;
  }

  /** How many seconds the time line shows. */
  get whole() {
    // an encoding that is a second shorter than announced is complete, and shows no "not yet encoded" at its end
    return this.expected > this.playable + 1 ? this.expected : this.playable;
  }

  /** While the encoding grows, its very end has no picture yet: go to a place a little before it. */
  holdBack() {
    const isGrowing = this.whole > this.playable;
    if (isGrowing && this.media.currentTime > this.playable - 0.5) this.seek(this.playable - HOLD_BACK_S);
  }

  /** Set the label and the tooltip of a button. */
  label(name, text) {
    this.part(name).setAttribute("aria-label", text);
    this.part(name).title = text;
  }

  /** Show over the picture what a key or a tap did, for a moment; 0 = until something else is said. */
  say(text, stays = MESSAGE_MS) {
    const message = this.part("said");
    message.textContent = text;
    clearTimeout(this.messageTimer);
    if (stays) this.messageTimer = setTimeout(() => (message.textContent = ""), stays);
  }

  // what buttons and keys do

  async playPause() {
    if (!this.media.paused) return this.media.pause();
    if (this.media.ended) this.seek(0);
    try {
      await this.media.play();
    } catch (error) {
      if (error.name === "NotAllowedError") toast(_("The browser did not allow playback; press play once more."));
    }
  }

  /** Go to `seconds`, or to the nearest place that can be played. */
  seek(seconds) {
    this.media.currentTime = Math.min(Math.max(0, seconds), this.playable);
  }

  jump(seconds) {
    this.seek(this.media.currentTime + seconds);
  }

  async fullscreen() {
    if (document.fullscreenElement) await document.exitFullscreen();
    else if (this.element.requestFullscreen) await this.element.requestFullscreen().catch(() => {});
    else this.media.webkitEnterFullscreen?.(); // iPhone: only the picture itself can fill the screen
  }

  async pictureInPicture() {
    if (document.pictureInPictureElement) await document.exitPictureInPicture();
    else await this.media.requestPictureInPicture().catch(() => {});
  }
}
