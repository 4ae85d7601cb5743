// The player: our controls over a <video>. Every control is a native button, range or select, which keyboards and
// screen readers know how to use.
import { toast } from "../shared/notices.js";
import { openStream } from "./stream.js";
import { Timeline } from "./timeline.js";
import { Tracks } from "./tracks.js";
import { _ } from "../shared/words.js";

const HIDE_AFTER_MS = 2_500;
const STEP_S = 10;
const HOLD_BACK_S = 3; // a part of a segment, so there is a picture
const SHORTCUTS = {
  " ": "playPause",
  k: "playPause",
  j: "back",
  l: "forward",
  ArrowLeft: "backShort",
  ArrowRight: "forwardShort",
  ArrowUp: "louder",
  ArrowDown: "quieter",
  m: "mute",
  f: "fullscreen",
  c: "captions",
  Home: "begin",
  End: "end",
};

export class Player {
  expected = 0; // seconds that the whole recording has, also while only a part of it is encoded

  constructor(element) {
    this.element = element;
    this.media = element.querySelector("video");
    this.timeline = new Timeline(this);
    this.tracks = new Tracks(this);
    this.wireMedia();
    this.wireControls();
    this.wireKeys();
    this.wireHiding();
    this.restoreChoices();
  }

  part(name) {
    return this.element.querySelector(`.player-${name}`);
  }

  /** Show `play`, the addresses that the API gives. The same addresses again change nothing: the position stays. */
  async open(play, { isVideo, duration_s: duration }) {
    this.expected = duration ?? 0;
    this.element.classList.toggle("is-sound", isVideo === false);
    if (play.poster && !this.media.poster && isVideo !== false) this.media.poster = play.poster;
    this.tracks.add(play);
    if (play.storyboard) await this.timeline.addPictures(play.storyboard);
    const source = play.master ?? play.mp4[0]?.url ?? play.audio[0]?.url;
    if (source === this.source) return;
    this.source = source;
    this.stream?.stop();
    this.stream = await openStream(this.media, play, () => this.fail());
  }

  /** Something has begun to play and is not at its end: better not to change it under the viewer. */
  get inUse() {
    return this.media.currentTime > 0 && !this.media.ended;
  }

  get failed() {
    return this.element.classList.contains("has-failed");
  }

  fail() {
    this.element.classList.add("has-failed");
    this.element.classList.remove("is-waiting");
  }

  wireMedia() {
    const on = (names, act) => names.split(" ").forEach((name) => this.media.addEventListener(name, act));
    on("play pause ended", () => {
      const paused = this.media.paused;
      this.element.classList.toggle("is-paused", paused);
      this.label("play", paused ? _("Play") : _("Pause"));
      this.stir();
    });
    on("volumechange", () => this.showVolume());
    on("seeking", () => this.holdBack());
    on("waiting seeking", () => this.element.classList.add("is-waiting"));
    on("playing canplay seeked pause", () => this.element.classList.remove("is-waiting"));
    on("loadedmetadata", () => {
      this.showLevels();
      this.showSounds();
    });
    on("click", () => this.playPause());
    on("dblclick", () => this.fullscreen());
  }

  wireControls() {
    const click = (name, act) => this.part(name).addEventListener("click", act);
    click("play", () => this.playPause());
    click("start", () => this.playPause());
    click("back", () => this.jump(-STEP_S));
    click("forward", () => this.jump(STEP_S));
    click("mute", () => this.mute());
    click("fullscreen", () => this.fullscreen());
    click("pip", () => this.pictureInPicture());
    this.part("pip").hidden = !document.pictureInPictureEnabled;
    this.part("fullscreen").hidden = !document.fullscreenEnabled && !this.media.webkitEnterFullscreen;
    this.part("volume").addEventListener("input", ({ target }) => {
      this.media.volume = Number(target.value);
      this.media.muted = this.media.volume === 0;
    });
    this.part("rate").addEventListener("change", ({ target }) => (this.media.playbackRate = Number(target.value)));
    this.part("quality").addEventListener("change", ({ target }) => this.stream?.setLevel(Number(target.value)));
    this.part("sound").addEventListener("change", ({ target }) => this.stream?.setSound(Number(target.value)));
  }

  wireKeys() {
    this.element.addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
      const { target } = event;
      const own = target.matches("select, input")
        ? key.length > 1 || key === " "
        : target.matches("button") && key === " ";
      if (own && !(target === this.part("seek") && key === " ")) return; // the control's own use of the key
      if (/^\d$/.test(key)) this.media.currentTime = (this.playable * Number(key)) / 10;
      else if (SHORTCUTS[key]) this[SHORTCUTS[key]]();
      else return;
      event.preventDefault();
      this.stir();
    });
  }

  /** Controls fade while the picture plays and nothing moves. */
  wireHiding() {
    for (const name of ["pointermove", "pointerdown", "focusin", "keydown"]) {
      this.element.addEventListener(name, () => this.stir());
    }
    document.addEventListener("fullscreenchange", () => {
      const full = document.fullscreenElement === this.element;
      this.element.classList.toggle("is-full", full);
      this.label("fullscreen", full ? _("Leave full screen") : _("Full screen"));
    });
  }

  stir() {
    clearTimeout(this.quiet);
    this.element.classList.remove("is-quiet");
    if (!this.media.paused) this.quiet = setTimeout(() => this.hideControls(), HIDE_AFTER_MS);
  }

  hideControls() {
    const keyboard = this.element.querySelector(".player-bar :focus-visible");
    if (!this.media.paused && !keyboard) this.element.classList.add("is-quiet");
  }

  /** Seconds that can be played by now; and seconds that the time line shows. */
  get playable() {
    return Number.isFinite(this.media.duration)
      ? this.media.duration
      : this.media.seekable.length
        ? this.media.seekable.end(0)
        : 0;
  }

  get whole() {
    // an encode that is nearly the announced length is complete: no sliver of "not yet" at the end
    return this.expected > this.playable + 1 ? this.expected : this.playable;
  }

  /** At the very end of what is encoded by now there is no picture yet: go to a little before it. */
  holdBack() {
    const grows = this.whole > this.playable;
    if (grows && this.media.currentTime > this.playable - 0.5)
      this.media.currentTime = Math.max(0, this.playable - HOLD_BACK_S);
  }

  showVolume() {
    const volume = this.media.muted ? 0 : this.media.volume;
    this.element.classList.toggle("is-muted", volume === 0);
    this.part("volume").value = String(volume);
    this.part("volume").style.setProperty("--played", `${volume * 100}%`);
    this.label("mute", volume === 0 ? _("Unmute") : _("Mute"));
    store("volume", String(this.media.volume));
  }

  showLevels() {
    const select = this.part("quality");
    const levels = this.stream?.levels() ?? [];
    const wanted = levels.map(({ label }) => label).join();
    this.part("quality-field").hidden = levels.length < 2;
    if (select.dataset.levels === wanted) return;
    select.dataset.levels = wanted;
    const automatic = this.stream.level === -1 ? [new Option(_("Auto"), "-1")] : [];
    select.replaceChildren(
      ...automatic,
      ...levels.map(({ index, label }) => new Option(label, String(index))).reverse(),
    );
    select.value = String(this.stream.level);
  }

  /** The sounds of a recording in several languages; one whose language nobody knows has a number for a name. */
  showSounds() {
    const sounds = this.stream?.sounds() ?? [];
    const words = (label) => (Number(label) ? `${_("Sound")} ${label}` : label);
    this.part("sound-field").hidden = sounds.length < 2;
    this.part("sound").replaceChildren(...sounds.map(({ index, label }) => new Option(words(label), String(index))));
    this.part("sound").value = String(this.stream?.sound);
  }

  restoreChoices() {
    const volume = Number(localStorage.getItem("pod_jobs.volume") ?? 1);
    if (volume >= 0 && volume <= 1) this.media.volume = volume;
    this.showVolume();
  }

  label(name, text) {
    this.part(name).setAttribute("aria-label", text);
    this.part(name).title = text;
  }

  // what buttons and keys do

  async playPause() {
    if (!this.media.paused) return this.media.pause();
    try {
      await this.media.play();
    } catch (error) {
      if (error.name === "NotAllowedError") toast(_("The browser did not allow playback; press play once more."));
    }
  }

  jump(seconds) {
    this.media.currentTime = Math.min(Math.max(0, this.media.currentTime + seconds), this.playable);
  }

  back = () => this.jump(-STEP_S);
  forward = () => this.jump(STEP_S);
  backShort = () => this.jump(-STEP_S / 2);
  forwardShort = () => this.jump(STEP_S / 2);
  begin = () => (this.media.currentTime = 0);
  end = () => (this.media.currentTime = this.playable);
  louder = () => this.changeVolume(0.1);
  quieter = () => this.changeVolume(-0.1);
  captions = () => this.tracks.next();
  mute = () => (this.media.muted = !this.media.muted);

  changeVolume(step) {
    this.media.muted = false;
    this.media.volume = Math.min(1, Math.max(0, this.media.volume + step));
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

function store(name, value) {
  try {
    localStorage.setItem(`pod_jobs.${name}`, value);
  } catch {
    // private windows may keep nothing
  }
}
